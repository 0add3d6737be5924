"""The life of a stack: what is created, updated, replaced, rolled back and deleted, and in which order.

This follows the CloudFormation User Guide (Understand update behaviors of stack resources; Stack failure options) for
what a custom resource can notice: dependencies, replacement with cleanup, rollback, DELETE_FAILED and its retry.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any, Generic, Protocol, TypeVar

WORKERS = 16

# How often CloudFormation tries to delete a resource in a cleanup (User Guide, Monitor the progress of a stack update).
CLEANUP_ATTEMPTS = 3


@dataclass(frozen=True)
class Declaration:
    """A resource as a template declares it.

    Parameters
    ----------
    logical_id : str
        Its name in the template.
    type : str
        Its resource type.
    body : Mapping
        What the template says of it, not resolved.
    depends_on : frozenset of str
        The logical ids that it refers to or names in DependsOn.
    """

    logical_id: str
    type: str
    body: Mapping[str, Any] = field(hash=False)
    depends_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Physical:
    """A resource as it exists.

    Parameters
    ----------
    declaration : Declaration
        What it was made from.
    physical_id : str
        Its physical id.
    properties : Mapping
        Its properties, resolved.
    attributes : Mapping
        What Fn::GetAtt finds, for a custom resource.
    handle : Any
        What its provisioner knows it by.
    """

    declaration: Declaration
    physical_id: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    handle: Any = None


class ResourceError(Exception):
    """A resource could not be created, updated or deleted.

    Parameters
    ----------
    reason : str
        Why.
    physical_id : str, optional
        The physical id that came with the failure: what was begun and has to be deleted.
    """

    def __init__(self, reason: str, physical_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.physical_id = physical_id


Template = Mapping[str, Declaration]


class Provisioner(Protocol):
    """Makes, changes and ends the resources of one stack. Every method raises ResourceError when it can't."""

    def use(self, template: Template) -> None:
        """Resolve references by this template from now on."""

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        """Give a resource's properties with every reference resolved."""

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Create a resource."""

    def update(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Update a resource. Another physical id in the result is a replacement."""

    def delete(self, resource: Physical) -> None:
        """Delete a resource."""


@dataclass(frozen=True)
class Event:
    """One line of a stack's history. The stack itself has the logical id ``""``."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""


class StackLifecycle:
    """One stack and what it consists of. Its operations block, and are called one at a time.

    Parameters
    ----------
    provisioner : Provisioner
        Makes the resources. It may look at `live` to resolve references.
    record : callable
        Takes each event as it happens, one at a time.
    """

    def __init__(self, provisioner: Provisioner, record: Callable[[Event], None]) -> None:
        self._provisioner = provisioner
        self._record = record
        self._lock = threading.Lock()
        self._template: Template = {}
        # What waits for the cleanup of an update: replaced and removed resources.
        self._leftovers: list[Physical] = []
        self._touched: set[str] = set()
        self.live: dict[str, Physical] = {}
        self.status = "REVIEW_IN_PROGRESS"

    def create(self, template: Template) -> None:
        """Create the stack, or roll back to nothing."""
        self._begin("CREATE_IN_PROGRESS", template)
        failed = self._forward(template, self._create_one)
        if not failed:
            self._enter("CREATE_COMPLETE")
            return
        self._enter("ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: {_listed(failed)}.")
        self._delete_all("ROLLBACK", retained=lambda resource: _policy(resource, "DeletionPolicy") == "Retain")

    def update(self, template: Template) -> None:
        """Update the stack to another template, or roll back to the one it has."""
        old_template, old_names = self._template, set(self.live)
        self._begin("UPDATE_IN_PROGRESS", template)
        failed = self._forward(template, self._update_one)
        if not failed:
            self._clean_up(set(template), "UPDATE_COMPLETE")
            return

        self._take(old_template)
        self._enter("UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: {_listed(failed)}.")
        touched = {name: declaration for name, declaration in old_template.items() if name in self._touched}
        failed = self._forward(touched, self._roll_back_one)
        if failed:
            self._enter("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: {_listed(failed)}.")
            return
        self._clean_up(old_names, "UPDATE_ROLLBACK_COMPLETE")

    def delete(self) -> None:
        """Delete the stack. After DELETE_FAILED, another call goes on with what is left."""
        self._enter("DELETE_IN_PROGRESS", "User Initiated")
        self._delete_all("DELETE", retained=lambda resource: _policy(resource, "DeletionPolicy") in _RETAIN)

    def _create_one(self, declaration: Declaration) -> None:
        self._happened(declaration, "", "CREATE_IN_PROGRESS")
        self._touched.add(declaration.logical_id)
        properties: Mapping[str, Any] = {}
        try:
            properties = self._provisioner.resolve(declaration)
            resource = self._provisioner.create(declaration, properties)
        except ResourceError as error:
            if error.physical_id:
                self.live[declaration.logical_id] = Physical(declaration, error.physical_id, properties)
            self._happened(declaration, error.physical_id or "", "CREATE_FAILED", error.reason)
            raise
        self.live[declaration.logical_id] = resource
        self._happened(declaration, resource.physical_id, "CREATE_COMPLETE")

    def _update_one(self, declaration: Declaration) -> None:
        current = self.live.get(declaration.logical_id)
        if current is None:
            self._create_one(declaration)
            return
        properties = self._provisioner.resolve(declaration)
        if properties == current.properties:
            # What changed, if anything, is a policy or a dependency: the template's own business.
            self.live[declaration.logical_id] = replace(current, declaration=declaration)
            return
        self._touched.add(declaration.logical_id)
        self._change(current, declaration, properties)

    def _roll_back_one(self, declaration: Declaration) -> None:
        self._change(self.live[declaration.logical_id], declaration, self._provisioner.resolve(declaration))
        restored = self.live[declaration.logical_id].physical_id
        with self._lock:
            self._leftovers = [left for left in self._leftovers if left.physical_id != restored]

    def _change(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> None:
        self._happened(declaration, current.physical_id, "UPDATE_IN_PROGRESS")
        try:
            resource = self._provisioner.update(current, declaration, properties)
        except ResourceError as error:
            # The rollback sends the failed resource an update too, with what failed as the old properties.
            self.live[declaration.logical_id] = replace(current, properties=properties)
            self._happened(declaration, current.physical_id, "UPDATE_FAILED", error.reason)
            raise
        self.live[declaration.logical_id] = resource
        if resource.physical_id != current.physical_id:
            with self._lock:
                self._leftovers.append(current)
        self._happened(declaration, resource.physical_id, "UPDATE_COMPLETE")

    def _clean_up(self, kept: set[str], status: str) -> None:
        """Delete what was replaced, and what is not among the kept logical ids."""
        self._enter(f"{status}_CLEANUP_IN_PROGRESS")
        removed = [self.live.pop(name) for name in list(self.live) if name not in kept]

        def retained(resource: Physical) -> bool:
            if resource not in removed:
                return _policy(resource, "UpdateReplacePolicy") in _RETAIN
            # In a rollback, what is removed was created by the update that failed.
            return _policy(resource, "DeletionPolicy") in (_RETAIN[:1] if "ROLLBACK" in status else _RETAIN)

        left = [*self._leftovers, *removed]
        self._leftovers = []
        for _ in range(CLEANUP_ATTEMPTS):
            _, left = self._backward(left, retained)
        # What is left by now has no stack any more.
        self._enter(status, "One or more resources could not be deleted." if left else "")

    def _delete_all(self, operation: str, retained: Callable[[Physical], bool]) -> None:
        failed, left = self._backward(list(self.live.values()), retained)
        self.live = {resource.declaration.logical_id: resource for resource in left}
        if left:
            self._enter(f"{operation}_FAILED", f"The following resource(s) failed to delete: {_listed(failed)}.")
        else:
            self._enter(f"{operation}_COMPLETE")

    def _delete_one(self, resource: Physical, retained: Callable[[Physical], bool]) -> None:
        declaration = resource.declaration
        if retained(resource):
            self._happened(declaration, resource.physical_id, "DELETE_SKIPPED")
            return
        self._happened(declaration, resource.physical_id, "DELETE_IN_PROGRESS")
        try:
            self._provisioner.delete(resource)
        except ResourceError as error:
            self._happened(declaration, resource.physical_id, "DELETE_FAILED", error.reason)
            raise
        self._happened(declaration, resource.physical_id, "DELETE_COMPLETE")

    def _forward(self, template: Template, step: Callable[[Declaration], None]) -> list[str]:
        """Take a step for each resource, dependencies first; after a failure begin no other. Returns the failed."""
        graph = {name: declaration.depends_on & template.keys() for name, declaration in template.items()}
        done = _walk(graph, lambda name: step(template[name]), stop_at_failure=True)
        return done.failed

    def _backward(
        self, resources: Sequence[Physical], retained: Callable[[Physical], bool]
    ) -> tuple[list[str], list[Physical]]:
        """Delete resources, dependents first. Returns the logical ids that failed, and every resource left."""
        graph = {
            index: {
                other
                for other, dependent in enumerate(resources)
                if resource.declaration.logical_id in dependent.declaration.depends_on
            }
            for index, resource in enumerate(resources)
        }
        done = _walk(graph, lambda index: self._delete_one(resources[index], retained), stop_at_failure=False)
        failed = [resources[index].declaration.logical_id for index in done.failed]
        return failed, [resource for index, resource in enumerate(resources) if index not in done.succeeded]

    def _begin(self, status: str, template: Template) -> None:
        self._take(template)
        self._touched = set()
        self._enter(status, "User Initiated")

    def _take(self, template: Template) -> None:
        self._template = template
        self._provisioner.use(template)

    def _enter(self, status: str, reason: str = "") -> None:
        self.status = status
        self._tell(Event("", "", "AWS::CloudFormation::Stack", status, reason))

    def _happened(self, declaration: Declaration, physical_id: str, status: str, reason: str = "") -> None:
        self._tell(Event(declaration.logical_id, physical_id, declaration.type, status, reason))

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._record(event)


_RETAIN = ("Retain", "RetainExceptOnCreate")


def _policy(resource: Physical, name: str) -> str:
    return str(resource.declaration.body.get(name, "Delete"))


Node = TypeVar("Node", bound=Hashable)


@dataclass
class _Walked(Generic[Node]):
    succeeded: set[Node] = field(default_factory=set)
    failed: list[Node] = field(default_factory=list)


def _walk(
    graph: Mapping[Node, Collection[Node]], step: Callable[[Node], None], *, stop_at_failure: bool
) -> _Walked[Node]:
    """Take a step for each node after its predecessors, independent ones at the same time."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    walked = _Walked[Node]()
    running: dict[Future[None], Node] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        while True:
            if not (walked.failed and stop_at_failure):
                running.update({pool.submit(step, node): node for node in sorter.get_ready()})
            if not running:
                return walked
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                node = running.pop(future)
                try:
                    future.result()
                except ResourceError:
                    walked.failed.append(node)
                else:
                    walked.succeeded.add(node)
                    sorter.done(node)


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(sorted(names))}]"

"""The operations of a stack: which resources are created, updated, replaced, rolled back and deleted, in which order.

This implements what a custom resource can notice: dependencies, replacement with cleanup, rollback, and what follows
DELETE_FAILED (CloudFormation User Guide, Understand update behaviors of stack resources; Stack failure options).
`sandbox/README.md` has a source for each of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any, Protocol, TypeVar

WORKERS = 16

# How often CloudFormation tries to delete a resource in a cleanup (User Guide, Monitor the progress of a stack update;
# aws-cloudformation/cloudformation-coverage-roadmap 744).
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
        Its part of the template, without resolved references.
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
        The declaration that it was created or updated from.
    physical_id : str
        Its physical id.
    properties : Mapping
        Its properties, resolved.
    attributes : Mapping
        The attributes of a custom resource, for Fn::GetAtt.
    handle : Any
        The object of the provisioner for it.
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
        The physical id in the failed answer: a resource that may exist, and has to be deleted.
    """

    def __init__(self, reason: str, physical_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.physical_id = physical_id


Template = Mapping[str, Declaration]


class Maker(Protocol):
    """Creates, updates and deletes resources. Every method raises ResourceError if it fails."""

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Create a resource."""

    def update(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Update a resource. Another physical id in the result is a replacement."""

    def delete(self, resource: Physical) -> None:
        """Delete a resource."""


class Provisioner(Maker, Protocol):
    """Creates, updates and deletes the resources of one stack that are not custom resources."""

    def use(self, template: Template) -> None:
        """Resolve references with this template from now on."""

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        """Return a resource's properties with every reference resolved, or raise ResourceError."""


@dataclass(frozen=True)
class Event:
    """A stack event. The logical id of the stack itself is ``""``."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str = ""


class StackLifecycle:
    """A stack and its resources. Its operations return when they have ended, and are called one at a time.

    Parameters
    ----------
    provisioner : Provisioner
        Creates, updates and deletes the resources.
    custom : Maker
        The same for custom resources.
    record : callable
        Called with each event, one at a time.
    """

    def __init__(self, provisioner: Provisioner, custom: Maker, record: Callable[[Event], None]) -> None:
        self._provisioner, self._custom = provisioner, custom
        self._record = record
        self._lock = threading.Lock()
        self._template: Template = {}
        # Replaced and removed resources, which the cleanup of the update deletes.
        self._leftovers: list[Physical] = []
        self.live: dict[str, Physical] = {}
        self.status = "REVIEW_IN_PROGRESS"

    @property
    def existing(self) -> list[Physical]:
        """Every resource that exists: those of the stack, and those that a cleanup still has to delete."""
        with self._lock:
            return [*self.live.values(), *self._leftovers]

    def create(self, template: Template) -> None:
        """Create the stack. After a failure, roll back, which deletes everything."""
        self._take(template)
        self._enter("CREATE_IN_PROGRESS", "User Initiated")
        failed = self._forward(template, self._create_one)
        if not failed:
            self._enter("CREATE_COMPLETE")
            return
        self._enter("ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: {_listed(failed)}.")
        self._delete_all("ROLLBACK", retained=lambda resource: _policy(resource, "DeletionPolicy") == "Retain")

    def update(self, template: Template) -> None:
        """Update the stack to another template. After a failure, roll back to the old one."""
        old_template, before = self._template, dict(self.live)
        self._take(template)
        self._enter("UPDATE_IN_PROGRESS", "User Initiated")
        failed = self._forward(template, self._update_one)
        if not failed:
            self._clean_up(set(template), "UPDATE_COMPLETE")
            return

        self._take(old_template)
        self._enter("UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: {_listed(failed)}.")
        changed = {name for name, resource in before.items() if self.live[name].properties != resource.properties}
        for name in before.keys() - changed:  # with the policies that they had
            self._keep(before[name])
        failed = self._forward({name: old_template[name] for name in changed}, self._roll_back_one)
        if failed:
            self._enter("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: {_listed(failed)}.")
            return
        self._clean_up(set(before), "UPDATE_ROLLBACK_COMPLETE")

    def delete(self, retain: Collection[str] = (), *, force: bool = False) -> None:
        """Delete the stack. After DELETE_FAILED, another call deletes the remaining resources.

        Parameters
        ----------
        retain : collection of str
            The logical ids of resources to leave out (RetainResources).
        force : bool, default: False
            Whether to leave out each resource that can't be deleted (FORCE_DELETE_STACK).
        """

        def retained(resource: Physical) -> bool:
            return resource.declaration.logical_id in retain or _policy(resource, "DeletionPolicy") in _RETAIN

        self._enter("DELETE_IN_PROGRESS", "User Initiated")
        self._delete_all("DELETE", retained, force=force)

    def import_resources(self, template: Template, arriving: Mapping[str, Physical]) -> None:
        """Import existing resources, by their logical ids. Nothing else may change."""
        self._enter("IMPORT_IN_PROGRESS", "User Initiated")
        self.refactor(template, arriving)
        for name, resource in arriving.items():
            self._happened(template[name], resource.physical_id, "IMPORT_COMPLETE")
            self._happened(template[name], resource.physical_id, "UPDATE_COMPLETE")
        self._enter("IMPORT_COMPLETE")

    def refactor(self, template: Template, arriving: Mapping[str, Physical]) -> None:
        """Take from other stacks what only the template has. What it no longer has was moved to another stack."""
        with self._lock:
            known = {**arriving, **self.live}
            self.live = {name: replace(known[name], declaration=body) for name, body in template.items()}
        self._take(template)

    def _create_one(self, declaration: Declaration) -> None:
        self._happened(declaration, "", "CREATE_IN_PROGRESS")
        properties: Mapping[str, Any] = {}
        try:
            properties = self._provisioner.resolve(declaration)
            resource = self._maker(declaration).create(declaration, properties)
        except ResourceError as error:
            if error.physical_id:
                self._keep(Physical(declaration, error.physical_id, properties))
            self._happened(declaration, error.physical_id or "", "CREATE_FAILED", error.reason)
            raise
        self._keep(resource)
        self._happened(declaration, resource.physical_id, "CREATE_COMPLETE")

    def _update_one(self, declaration: Declaration) -> None:
        current = self.live.get(declaration.logical_id)
        if current is None:
            self._create_one(declaration)
            return
        properties = self._provisioner.resolve(declaration)
        if properties == current.properties:
            # At most a policy or a dependency has changed, which only the template has.
            self._keep(replace(current, declaration=declaration))
            return
        self._change(current, declaration, properties)

    def _roll_back_one(self, declaration: Declaration) -> None:
        self._change(self.live[declaration.logical_id], declaration, self._provisioner.resolve(declaration))
        restored = self.live[declaration.logical_id].physical_id
        with self._lock:
            self._leftovers = [left for left in self._leftovers if left.physical_id != restored]

    def _change(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> None:
        self._happened(declaration, current.physical_id, "UPDATE_IN_PROGRESS")
        try:
            resource = self._maker(declaration).update(current, declaration, properties)
        except ResourceError as error:
            # The rollback sends the failed resource an update, too, with the failed properties as the old ones, and the
            # physical id of the failed answer.
            adopted = error.physical_id or current.physical_id
            self._keep(replace(current, physical_id=adopted, properties=properties))
            self._happened(declaration, adopted, "UPDATE_FAILED", error.reason)
            raise
        self._keep(resource)
        if resource.physical_id != current.physical_id:
            with self._lock:
                self._leftovers.append(current)
        self._happened(declaration, resource.physical_id, "UPDATE_COMPLETE")

    def _clean_up(self, kept: set[str], status: str) -> None:
        """Delete the replaced resources, and those whose logical ids are not in `kept`."""
        self._enter(f"{status}_CLEANUP_IN_PROGRESS")
        with self._lock:
            removed = [self.live.pop(name) for name in list(self.live) if name not in kept]
            self._leftovers += removed

        def retained(resource: Physical) -> bool:
            if resource not in removed:
                return _policy(resource, "UpdateReplacePolicy") in _RETAIN
            # In a rollback, what is removed was created by the update that failed.
            return _policy(resource, "DeletionPolicy") in (_RETAIN[:1] if "ROLLBACK" in status else _RETAIN)

        for _ in range(CLEANUP_ATTEMPTS):
            self._backward(self._leftovers, retained)
        # Resources that are left now belong to no stack.
        left, self._leftovers = self._leftovers, []
        self._enter(status, "One or more resources could not be deleted." if left else "")

    def _delete_all(self, operation: str, retained: Callable[[Physical], bool], *, force: bool = False) -> None:
        failed = self._backward(list(self.live.values()), retained)
        if failed and not force:
            self._enter(f"{operation}_FAILED", f"The following resource(s) failed to delete: {_listed(failed)}.")
            return
        self.live.clear()
        self._enter(f"{operation}_COMPLETE")

    def _delete_one(self, resource: Physical, retained: Callable[[Physical], bool]) -> None:
        declaration = resource.declaration
        if retained(resource):
            status = "DELETE_SKIPPED"
        else:
            self._happened(declaration, resource.physical_id, "DELETE_IN_PROGRESS")
            try:
                self._maker(declaration).delete(resource)
            except ResourceError as error:
                self._happened(declaration, resource.physical_id, "DELETE_FAILED", error.reason)
                raise
            status = "DELETE_COMPLETE"
        self._lose(resource)
        self._happened(declaration, resource.physical_id, status)

    def _forward(self, template: Template, step: Callable[[Declaration], None]) -> list[str]:
        """Call `step` for each resource, dependencies first, until one fails. Return the logical ids that failed."""
        graph = {name: declaration.depends_on & template.keys() for name, declaration in template.items()}
        return _walk(graph, lambda name: step(template[name]), go_on=False)

    def _backward(self, resources: Sequence[Physical], retained: Callable[[Physical], bool]) -> list[str]:
        """Delete resources, dependents first, and continue after a failure. Return the logical ids that failed."""
        graph = {
            index: {
                other
                for other, dependent in enumerate(resources)
                if resource.declaration.logical_id in dependent.declaration.depends_on
            }
            for index, resource in enumerate(resources)
        }
        failed = _walk(graph, lambda index: self._delete_one(resources[index], retained), go_on=True)
        return [resources[index].declaration.logical_id for index in failed]

    def _maker(self, declaration: Declaration) -> Maker:
        return self._custom if declaration.type.startswith("Custom::") else self._provisioner

    def _keep(self, resource: Physical) -> None:
        with self._lock:
            self.live[resource.declaration.logical_id] = resource

    def _lose(self, resource: Physical) -> None:
        with self._lock:
            self._leftovers = [left for left in self._leftovers if left is not resource]
            if self.live.get(resource.declaration.logical_id) is resource:
                del self.live[resource.declaration.logical_id]

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


def _walk(graph: Mapping[Node, Collection[Node]], step: Callable[[Node], None], *, go_on: bool) -> list[Node]:
    """Call `step` for each node after its predecessors, in parallel for independent nodes. Return those that failed.

    With `go_on`, a failed step counts as done. Otherwise, no other step begins after one.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    failed: list[Node] = []
    running: dict[Future[None], Node] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        while True:
            if go_on or not failed:
                running.update({pool.submit(step, node): node for node in sorter.get_ready()})
            if not running:
                return failed
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                node = running.pop(future)
                try:
                    future.result()
                except ResourceError:
                    failed.append(node)
                sorter.done(node)


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(sorted(names))}]"

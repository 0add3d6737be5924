"""Asks CloudFormation whether a cluster, state machine or application is deleted, or kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from jobs.aws import AwsService
from properties import Container, InvalidPropertyError
from protocol.clock import Clock
from protocol.outcome import Result
from protocol.request import Request, resource_properties
from teardown import Failure, ServiceError, retry

T = TypeVar("T")

# The stack's statuses in which a Delete stops anything. Every other one means that the request was answered before and
# is delivered again, when another stack may use the container's name.
_DELETES = "DELETE_IN_PROGRESS"
_CREATION_FAILED = "ROLLBACK_IN_PROGRESS"
_CLEANS_UP = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
_RETAINING = ("Retain", "RetainExceptOnCreate")
# A resource in these is not in the stack any more (API reference, StackResourceSummary).
_DELETED, _SKIPPED = "DELETE_COMPLETE", "DELETE_SKIPPED"


@dataclass(frozen=True)
class Decision:
    """Whether a Delete stops the jobs in a container.

    Parameters
    ----------
    result : Result or None
        What the Delete achieves without stopping anything, KEPT or GONE. None: it stops the jobs.
    why : str
        Why.
    """

    result: Result | None
    why: str


class Stack:
    """The stack of a request, as CloudFormation describes it. No question is asked twice.

    Parameters
    ----------
    request : Mapping
        The request.
    until : float
        When to give up a question that CloudFormation does not answer, in seconds by the clock.
    clock : Clock, default: the time module
        The clock to go by.
    """

    def __init__(self, request: Request, *, until: float, clock: Clock = time) -> None:
        self._id = str(request["StackId"])
        self._logical_id = str(request["LogicalResourceId"])
        properties = resource_properties(request)
        self._owner = str(properties.get("ContainerLogicalId") or "")
        self._policy_at_synthesis = str(properties.get("ContainerDeletionPolicy") or "")
        self._until = until
        self._clock = clock
        self._service = AwsService("cloudformation")
        self._answers: dict[tuple[str, str], Any] = {}

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._service.calls

    def check(self, container: Container) -> bool:
        """Make every call of `decide` once, so that a missing permission fails the deployment, not the deletion.

        Parameters
        ----------
        container : Container
            What is declared.

        Returns
        -------
        bool
            Whether the stack is rolling back an update, so that the request must not fail.

        Raises
        ------
        ServiceError
            If a call failed.
        InvalidPropertyError
            If ContainerLogicalId or ContainerDeletionPolicy, by which `decide` goes, is missing.
        """
        if self._status.startswith("UPDATE_ROLLBACK_"):
            return True
        template = self._unless_rejected(lambda: self._get_template(self._id)) or {}
        self._unless_rejected(lambda: self._describe_resource(self._logical_id))
        listed = self._unless_rejected(lambda: self._list_resources(self._id)) or []
        # In an update, GetTemplate returns the new template (aws/aws-cdk, docs/CLOUDFORMATION.md).
        self._check_properties(container, template, listed)
        return False

    def decide(self, container: Container) -> Decision:
        """Decide by the stack's status, template and resources. Where an answer is missing, the container is kept.

        Parameters
        ----------
        container : Container
            What the Delete is for.

        Raises
        ------
        ServiceError
            If CloudFormation can't be asked.
        """
        if self._status == _DELETES:
            return self._declared_here(container) if self._owner else self._deleted_with_the_root(container)
        if self._status == _CREATION_FAILED and self._owner:
            return self._declared_here(container)
        if self._status in _CLEANS_UP and self._owner:
            return self._cleaned_up(container)
        if self._status in (_CREATION_FAILED, *_CLEANS_UP):
            return _keep(container, "it is not in this stack, and the stack is not being deleted")
        return _keep(container, f"the stack is {self._status}, so the request was answered before")

    def _check_properties(
        self, container: Container, template: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]
    ) -> None:
        """Find what a resource that was written by hand lacks. The construct sets both properties."""
        names = [found["LogicalResourceId"] for found in _of(container, resources) if _is_there(found)]
        declared = [name for name in names if name in (template or names)]
        if declared and not self._owner:
            rule = f"{container.place} is the resource {declared[0]} of this stack"
            fix = f"Set it to {declared[0]}. In a CDK app, pass that construct, not its name."
            raise InvalidPropertyError("ContainerLogicalId", self._owner, rule, fix)
        policy = template.get(self._owner, {}).get("DeletionPolicy")
        if not self._policy_at_synthesis and policy in _RETAINING:
            rule = f"the DeletionPolicy of {self._owner} is {policy}"
            raise InvalidPropertyError("ContainerDeletionPolicy", "", rule, f"Set it to {policy}.")

    def _declared_here(self, container: Container) -> Decision:
        """Decide in a deletion, or the rollback of a creation, of the stack that declares the container."""
        listed = self._listed(self._id, container)
        template = self._template(self._id) or {}
        names = {self._owner, *(resource["LogicalResourceId"] for resource in listed)}
        policies = [self._policy_at_synthesis, *(template.get(name, {}).get("DeletionPolicy", "") for name in names)]
        if any(self._retains(policy) for policy in policies):
            return _keep(container, "its DeletionPolicy retains it")
        return _if_listed(container, listed, f"{container.place} is deleted with its stack")

    def _deleted_with_the_root(self, container: Container) -> Decision:
        """Decide in a deletion for a container of another stack: an update of the root may delete one nested stack."""
        root = str(self._describe(self._root)["StackStatus"])
        if root == _DELETES:
            return Decision(None, f"the stack that stops jobs in {container.place} is deleted")
        if root == _CREATION_FAILED:
            template = self._template(self._root)
            listed = [found for found in self._listed(self._root, container) if _is_there(found)]
            if template is not None and any(
                not self._retains(template.get(found["LogicalResourceId"], {}).get("DeletionPolicy", ""))
                for found in listed
            ):
                return Decision(None, f"{container.place} is deleted with the root stack")
        return _keep(container, "it is not in this stack, and its root stack is not being deleted")

    def _cleaned_up(self, container: Container) -> Decision:
        """Decide in the cleanup of an update, or of its rollback, in the stack that declared the container."""
        template = self._template(self._id)
        if template is None:
            return _keep(container, "the stack's template is not JSON, so it may still be declared")
        listed = self._listed(self._id, container)
        for found in listed:
            name = found["LogicalResourceId"]
            if name != self._owner and name in template and _is_there(found):
                return _keep(container, f"it is in the template as {name}")
        if self._owner in template and (current := self._physical_id(self._owner)):
            if current in (container.ref, container.id):
                return _keep(container, "it is still in the template")
            if self._retains(template[self._owner].get("UpdateReplacePolicy", ""), is_new=False):
                return _keep(container, "its UpdateReplacePolicy retains it")
            # In a rollback, the current one is the older of the two.
            is_rollback = self._status.startswith("UPDATE_ROLLBACK_")
            if not is_rollback and not any(map(_is_there, listed)) and self._is_new(current):
                return _keep(container, f"it had left the stack before another one was created as {self._owner}")
            return Decision(None, f"{container.place} was replaced")
        # What leaves the template in a rollback was created by the update that is rolled back.
        if self._retains(self._policy_at_synthesis, is_new=self._status.startswith("UPDATE_ROLLBACK_")):
            return _keep(container, "its DeletionPolicy retained it")
        return _if_listed(container, listed, f"{container.place} has left the template")

    def _is_new(self, physical_id: str) -> bool:
        """Tell whether a resource is a new one. One that replaces another is UPDATE_COMPLETE (convox/rack 2151)."""
        return any(
            found.get("PhysicalResourceId") == physical_id
            and found["ResourceStatus"].startswith(("CREATE_", "IMPORT_"))
            for found in self._resources(self._id)
        )

    def _retains(self, policy: object, *, is_new: bool | None = None) -> bool:
        """Tell whether a policy keeps a resource, which may be new in what is being rolled back."""
        if not isinstance(policy, str):
            # {"Ref": ...} is allowed, and its value is unknown (User Guide, function-refs-in-policy-attributes).
            return True
        if policy not in _RETAINING:
            return False
        # Whoever began the operation may have said so for everything new (API reference, Stack, RetainExceptOnCreate).
        is_new = self._is_creation_failed if is_new is None else is_new
        except_on_create = policy == "RetainExceptOnCreate" or self._describe(self._root).get("RetainExceptOnCreate")
        return not (is_new and except_on_create)

    @property
    def _is_creation_failed(self) -> bool:
        """Tell whether the creation of the root is rolled back, in which nested stacks are deleted (aws-cdk 6305)."""
        return _CREATION_FAILED in (self._status, self._describe(self._root)["StackStatus"])

    @property
    def _status(self) -> str:
        return str(self._describe(self._id)["StackStatus"])

    @property
    def _root(self) -> str:
        return str(self._describe(self._id).get("RootId") or self._id)  # API reference, Stack

    def _listed(self, stack_id: str, container: Container) -> list[Mapping[str, Any]]:
        return _of(container, self._resources(stack_id))

    def _describe(self, stack_id: str) -> Mapping[str, Any]:
        def describe() -> Mapping[str, Any]:
            try:
                stacks = self._service.ask("DescribeStacks", "Stacks", each="StackStatus", StackName=stack_id)
            except ServiceError as error:
                if error.code == "ValidationError" and "does not exist" in error.message:
                    # cdkd, for example, deploys without CloudFormation, and makes up a stack's id.
                    text = f"CloudFormation does not have the stack {stack_id}, and StopOnDelete needs its answers."
                    raise error.with_text(f"{text} {error}") from error
                raise
            if not stacks:
                raise ServiceError(Failure.TRANSIENT, "DescribeStacks got an answer without a stack")
            stack: Mapping[str, Any] = stacks[0]
            return stack

        return self._once("DescribeStacks", stack_id, describe)

    def _template(self, stack_id: str) -> Mapping[str, Any] | None:
        """Return the resources of a stack's template, or None if it is not JSON (aws-cdk 13838)."""
        return self._once("GetTemplate", stack_id, lambda: self._get_template(stack_id))

    def _get_template(self, stack_id: str) -> Mapping[str, Any] | None:
        # A template without a transform is the same in both stages (API reference, GetTemplate).
        body = self._service.ask("GetTemplate", "TemplateBody", StackName=stack_id, TemplateStage="Processed")
        resources = body.get("Resources") if isinstance(body, Mapping) else None
        return resources if isinstance(resources, Mapping) else None

    def _resources(self, stack_id: str) -> list[Mapping[str, Any]]:
        return self._once("ListStackResources", stack_id, lambda: self._list_resources(stack_id))

    def _list_resources(self, stack_id: str) -> list[Mapping[str, Any]]:
        pages = self._service.pages(
            "ListStackResources", "StackResourceSummaries", each="ResourceStatus", StackName=stack_id
        )
        return [resource for page in pages for resource in page]

    def _physical_id(self, logical_id: str) -> str:
        """Return a resource's physical id, or ``""`` if the stack does not have it, as with a condition."""
        detail = self._once("DescribeStackResource", logical_id, lambda: self._describe_resource(logical_id))
        physical_id = str((detail or {}).get("PhysicalResourceId") or "")
        if detail is not None and not physical_id:
            text = f"DescribeStackResource got an answer without the physical id of {logical_id}"
            raise ServiceError(Failure.TRANSIENT, text)
        return physical_id

    def _describe_resource(self, logical_id: str) -> Mapping[str, Any] | None:
        try:
            detail: Mapping[str, Any] = self._service.ask(
                "DescribeStackResource", "StackResourceDetail", StackName=self._id, LogicalResourceId=logical_id
            )
        except ServiceError as error:
            # getmoto/moto 4186; the API reference lists no error for it.
            if error.code == "ValidationError" and "does not exist for stack" in error.message:
                return None
            raise
        return detail

    def _once(self, action: str, of: str, call: Callable[[], T]) -> T:
        """Ask a question, and remember the answer."""
        if (action, of) not in self._answers:
            self._answers[action, of] = self._retry(call)
        answer: T = self._answers[action, of]
        return answer

    def _unless_rejected(self, call: Callable[[], T]) -> T | None:
        """Ask about a stack that is being created, which may lack what is asked for; no source says until when."""

        def ask() -> T | None:
            try:
                return call()
            except ServiceError as error:
                if error.failure is not Failure.REJECTED:
                    raise
                return None

        return self._retry(ask)

    def _retry(self, call: Callable[[], T]) -> T:
        return retry(call, until=self._until, clock=self._clock)


def _of(container: Container, resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what CloudFormation lists of a container, under any logical id."""
    return [
        resource
        for resource in resources
        if resource.get("ResourceType") == container.resource_type
        and resource.get("PhysicalResourceId") in (container.ref, container.id)
    ]


def _keep(container: Container, why: str) -> Decision:
    return Decision(Result.KEPT, f"{container.place} is kept: {why}")


def _if_listed(container: Container, listed: list[Mapping[str, Any]], why: str) -> Decision:
    """Stop what CloudFormation still lists: it is about to be deleted. What it does not list is another stack's now."""
    if any(_is_there(resource) for resource in listed):
        return Decision(None, why)
    if any(resource["ResourceStatus"] == _DELETED for resource in listed):
        return Decision(Result.GONE, f"{container.place} is deleted already")
    return _keep(container, "the stack does not have it any more")


def _is_there(resource: Mapping[str, Any]) -> bool:
    return resource["ResourceStatus"] not in (_DELETED, _SKIPPED)

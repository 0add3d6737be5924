"""Asks CloudFormation whether a cluster, state machine or application is deleted, or kept without its resource."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from jobs.aws import AwsService
from properties import Container
from protocol.clock import Clock
from protocol.request import Request, resource_properties
from teardown import ServiceError, Trouble, retry

T = TypeVar("T")

# DeletionPolicy and UpdateReplacePolicy: what keeps a resource (User Guide, aws-attribute-deletionpolicy).
_RETAINS = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Decision:
    """Whether a Delete stops the jobs in a container.

    Parameters
    ----------
    stops : bool
        Whether it does.
    why : str
        Why.
    """

    stops: bool
    why: str


class Stack:
    """The stack of a request, as CloudFormation describes it.

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
        self._properties = resource_properties(request)
        self._until = until
        self._clock = clock
        self._service = AwsService("cloudformation")

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._service.calls

    def check(self) -> bool:
        """Make every call of `decide` once, so that a missing permission fails the deployment, not the deletion.

        Returns
        -------
        bool
            Whether the stack is rolling back an update, so that the request must not fail.

        Raises
        ------
        ServiceError
            If a call failed, or `decide` could not read the template.
        """
        if str(self._stack["StackStatus"]).startswith("UPDATE_ROLLBACK_"):
            return True
        template = self._retry(lambda: _unless_rejected(self._template))
        if template is not None:
            _resources_of(template)
        self._retry(lambda: _unless_rejected(lambda: self._describe_resource(self._logical_id)))
        return False

    def decide(self, container: Container) -> Decision:
        """Decide by the stack's status, by its template, and by the container's physical id now.

        Parameters
        ----------
        container : Container
            What the Delete is for.

        Raises
        ------
        ServiceError
            If CloudFormation can't be asked.
        """
        status = str(self._stack["StackStatus"])
        owner = str(self._properties.get("ContainerLogicalId") or "")
        policy = str(self._properties.get("ContainerDeletionPolicy") or "")
        deleted = Decision(True, f"{container.place} is deleted with its stack")

        def keep(why: str) -> Decision:
            return Decision(False, f"{container.place} is kept: {why}")

        if status == "DELETE_COMPLETE":
            # The request was answered before: another stack may use the container's name by now.
            return keep("its stack is deleted, so this request was delivered twice")
        if status.startswith("DELETE_"):
            if owner and (policy in _RETAINS or self._policy(owner, "DeletionPolicy") in _RETAINS):
                return keep("the template retains it")
            if not owner and not self._is_deleted_with_its_root():
                return keep("it is not in this stack, and of its stacks only this nested one is being deleted")
            return deleted
        if not owner:
            return keep("it is not in this stack, and the stack is not being deleted")
        # A creation that fails deletes what it has created (User Guide, stack-failure-options).
        if status.startswith("ROLLBACK_"):
            is_retained = self._is_retained(self._policy(owner, "DeletionPolicy"), is_new=True)
            return keep("the template retains it") if is_retained else deleted
        detail = self._detail(owner) if owner in self._resources else None
        if detail is None:
            # What leaves the template in a rollback was created by the update that is rolled back.
            if self._is_retained(policy, is_new=status.startswith("UPDATE_ROLLBACK_")):
                return keep("the template that it has left retained it")
            why = "has left the template"
        else:
            current = detail.get("PhysicalResourceId")
            if not current:
                text = f"DescribeStackResource got an answer without the physical id of {owner}"
                raise ServiceError(Trouble.TRANSIENT, text)
            if current in (container.ref, container.id):
                return keep("it is still in the template")
            if self._policy(owner, "UpdateReplacePolicy") in _RETAINS:
                return keep("the template retains what it replaces")
            why = "was replaced"
        if other := self._other_name(container, owner):
            return keep(f"it is in the template as {other}")
        return Decision(True, f"{container.place} {why}")

    def _other_name(self, container: Container, owner: str) -> str:
        """Return another logical id that the container has in the stack, as after a stack refactoring, or ``""``."""
        for logical_id, resource in self._resources.items():
            if logical_id != owner and resource.get("Type") == container.resource_type:
                detail = self._detail(logical_id)
                if detail and detail.get("PhysicalResourceId") in (container.ref, container.id):
                    return logical_id
        return ""

    @cached_property
    def _stack(self) -> Mapping[str, Any]:
        return self._describe(self._id)

    def _describe(self, stack_id: str) -> Mapping[str, Any]:
        def describe() -> Mapping[str, Any]:
            stacks = self._service.ask("DescribeStacks", "Stacks", each="StackStatus", StackName=stack_id)
            if not stacks:
                raise ServiceError(Trouble.TRANSIENT, "DescribeStacks got an answer without a stack")
            stack: Mapping[str, Any] = stacks[0]
            return stack

        return self._retry(describe)

    def _is_deleted_with_its_root(self) -> bool:
        """Tell whether a stack is no nested one, or all of them are deleted: an update of the root may drop one."""
        root = str(self._stack.get("RootId") or self._id)  # API reference, Stack
        return root == self._id or str(self._describe(root)["StackStatus"]).startswith("DELETE_")

    @cached_property
    def _resources(self) -> Mapping[str, Any]:
        return _resources_of(self._retry(self._template))

    def _template(self) -> Any:
        # A template without a transform is the same in both stages (API reference, GetTemplate).
        return self._service.ask("GetTemplate", "TemplateBody", StackName=self._id, TemplateStage="Processed")

    def _detail(self, logical_id: str) -> Mapping[str, Any] | None:
        return self._retry(lambda: self._describe_resource(logical_id))

    def _describe_resource(self, logical_id: str) -> Mapping[str, Any] | None:
        """Describe a resource, if the stack has it: a condition keeps out what its template has."""
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

    def _retry(self, call: Callable[[], T]) -> T:
        return retry(call, until=self._until, clock=self._clock)

    def _policy(self, logical_id: str, attribute: str) -> str:
        return str(self._resources.get(logical_id, {}).get(attribute, ""))

    def _is_retained(self, policy: str, *, is_new: bool) -> bool:
        """Tell whether a DeletionPolicy keeps a container, which may be new in what is being rolled back."""
        # Whoever began the operation may have said so for everything new (API reference, Stack, RetainExceptOnCreate).
        except_on_create = policy == "RetainExceptOnCreate" or self._stack.get("RetainExceptOnCreate")
        return policy in _RETAINS and not (is_new and except_on_create)


def _resources_of(template: object) -> Mapping[str, Any]:
    if not isinstance(template, Mapping) or not isinstance(template.get("Resources"), Mapping):
        raise ServiceError(
            Trouble.UNKNOWN,
            "The stack's template is not JSON, as the CDK writes it, so whether it keeps a container is unknown."
            " Convert it to JSON.",
        )
    resources: Mapping[str, Any] = template["Resources"]
    return resources


def _unless_rejected(call: Callable[[], T]) -> T | None:
    """Make a call of a stack that is being created, which may lack what is asked for; no source says until when."""
    try:
        return call()
    except ServiceError as error:
        if error.trouble is not Trouble.REJECTED:
            raise
        return None

"""Asks CloudFormation whether a container goes away with its resource, or stays in production without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.living_service import LivingService, TroubleError
from properties import Container
from protocol.request import Request, resource_properties
from teardown import Reply, Verdict

# DeletionPolicy and UpdateReplacePolicy: what leaves a resource alone (User Guide, aws-attribute-deletionpolicy).
_RETAINS = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Decision:
    """Whether a Delete stops the jobs of a container.

    Parameters
    ----------
    stops : bool
        Whether it does.
    why : str
        Why, in words.
    """

    stops: bool
    why: str


class Stack:
    """The stack of a request, as CloudFormation tells of it. Any method may raise `TroubleError`.

    Parameters
    ----------
    request : Mapping
        The request.
    """

    def __init__(self, request: Request) -> None:
        self._id = str(request["StackId"])
        self._logical_id = str(request["LogicalResourceId"])
        self._properties = resource_properties(request)
        self.service = LivingService("cloudformation")

    def check(self) -> bool:
        """Make every call of `decide` once, so that a permission that lacks fails a deployment and no teardown.

        Returns
        -------
        bool
            Whether the stack is rolling back, so that nothing may be refused.

        Raises
        ------
        TroubleError
            Also if the template is one that `decide` could not read.
        """
        if self._describe()["StackStatus"].startswith("UPDATE_ROLLBACK_"):
            return True
        calls: tuple[Callable[[], object], ...] = (self._resources, lambda: self._detail(self._logical_id))
        for call in calls:
            try:
                call()
            except TroubleError as trouble:
                # While the stack is being made, CloudFormation may not have these yet; no source says when it does.
                if not trouble.refused:
                    raise
        return False

    def decide(self, container: Container) -> Decision:
        """Decide by the stack's status, by its template, and by the container's physical id now.

        Parameters
        ----------
        container : Container
            What the Delete is for.
        """
        stack = self._describe()
        status = stack["StackStatus"]
        owner = str(self._properties.get("ContainerLogicalId") or "")
        policy = str(self._properties.get("ContainerDeletionPolicy") or "")
        goes, stays = Decision(True, f"{container.place} goes with its stack"), f"{container.place} stays"
        if status == "DELETE_COMPLETE":
            # This request had its answer: what has the container's name by now may be another stack's.
            return Decision(False, f"{stays}: its stack is gone, so this request was delivered twice")
        if status.startswith("DELETE_"):
            if owner and (policy in _RETAINS or _attribute(self._resources(), owner, "DeletionPolicy") in _RETAINS):
                return Decision(False, f"{stays}: the template retains it")
            if not owner and not self._goes_with_its_root(stack):
                return Decision(False, f"{stays}: it is not this stack's, and only this nested stack is being deleted")
            return goes
        if not owner:
            return Decision(False, f"{stays}: it is not this stack's, and the stack is not being deleted")
        resources = self._resources()
        # A create that failed deletes what it has created (User Guide, stack-failure-options).
        if status.startswith("ROLLBACK_"):
            retained = _is_retained(_attribute(resources, owner, "DeletionPolicy"), stack, new=True)
            return Decision(False, f"{stays}: the template retains it") if retained else goes
        detail = self._detail(owner) if owner in resources else None
        if detail is None:
            # What leaves the template in a rollback was created by the update that rolls back.
            if _is_retained(policy, stack, new=status.startswith("UPDATE_ROLLBACK_")):
                return Decision(False, f"{stays}: the template that it has left retained it")
            why = "has left the template"
        else:
            current = detail.get("PhysicalResourceId")
            if not current:
                words = f"DescribeStackResource got an answer without the physical id of {owner}"
                raise TroubleError(Reply(Verdict.PASSING, words))
            if current in (container.ref, container.id):
                return Decision(False, f"{stays}: it is still in the template")
            if _attribute(resources, owner, "UpdateReplacePolicy") in _RETAINS:
                return Decision(False, f"{stays}: the template retains what it replaces")
            why = "was replaced"
        if other := self._other_name(container, owner, resources):
            return Decision(False, f"{stays}: it is in the template as {other}")
        return Decision(True, f"{container.place} {why}")

    def _other_name(self, container: Container, owner: str, resources: Mapping[str, Any]) -> str:
        """Give another logical id that the container has in the stack, as after a refactoring of stacks, or ``""``."""
        for logical_id, resource in resources.items():
            if logical_id != owner and resource.get("Type") == container.resource_type:
                detail = self._detail(logical_id)
                if detail and detail.get("PhysicalResourceId") in (container.ref, container.id):
                    return logical_id
        return ""

    def _describe(self, stack_id: str = "") -> Mapping[str, Any]:
        stacks = self.service.ask("DescribeStacks", "Stacks", each="StackStatus", StackName=stack_id or self._id)
        if not stacks:
            raise TroubleError(Reply(Verdict.PASSING, "DescribeStacks got an answer without a stack"))
        stack: Mapping[str, Any] = stacks[0]
        return stack

    def _goes_with_its_root(self, stack: Mapping[str, Any]) -> bool:
        """Tell whether a stack is no nested one, or all of them go: an update of the root may drop a single one."""
        root = str(stack.get("RootId") or self._id)  # API reference, Stack
        return root == self._id or str(self._describe(root)["StackStatus"]).startswith("DELETE_")

    def _resources(self) -> Mapping[str, Any]:
        # A template without a transform is the same in both stages (API reference, GetTemplate).
        body = self.service.ask("GetTemplate", "TemplateBody", StackName=self._id, TemplateStage="Processed")
        if not isinstance(body, Mapping) or not isinstance(body.get("Resources"), Mapping):
            raise TroubleError(
                Reply(
                    Verdict.REFUSED,
                    "The stack's template is not JSON, as the CDK writes it, so whether a container stays can't be read"
                    " from it. Convert it.",
                )
            )
        resources: Mapping[str, Any] = body["Resources"]
        return resources

    def _detail(self, logical_id: str) -> Mapping[str, Any] | None:
        """Describe a resource, if the stack has it: a condition keeps out what its template has."""
        try:
            detail: Mapping[str, Any] = self.service.ask(
                "DescribeStackResource", "StackResourceDetail", StackName=self._id, LogicalResourceId=logical_id
            )
        except TroubleError as trouble:
            # getmoto/moto 4186; the API reference lists no error for it.
            if trouble.code == "ValidationError" and "does not exist for stack" in str(trouble):
                return None
            raise
        return detail


def _is_retained(policy: str, stack: Mapping[str, Any], *, new: bool) -> bool:
    """Tell whether a DeletionPolicy keeps a container, which may be new in what is being rolled back."""
    # Of everything new, whoever began the operation may have said so (API reference, Stack, RetainExceptOnCreate).
    except_on_create = policy == "RetainExceptOnCreate" or stack.get("RetainExceptOnCreate")
    return policy in _RETAINS and not (new and except_on_create)


def _attribute(resources: Mapping[str, Any], logical_id: str, name: str) -> str:
    return str(resources.get(logical_id, {}).get(name, ""))

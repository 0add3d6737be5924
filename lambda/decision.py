"""Decides whether a Delete stops jobs: asks CloudFormation whether it is deleting what they run in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from jobs.aws import AwsService
from properties import InvalidPropertyError
from properties.container import Container
from protocol.clock import Clock
from protocol.outcome import Result
from protocol.request import Request, StackId, resource_properties
from teardown import Failure, ServiceError, retry

T = TypeVar("T")

# The statuses of the stack in which a Delete may stop jobs. If the stack has another status, the request was answered
# before and is delivered again. By then, the container may belong to another stack.
_DELETING = "DELETE_IN_PROGRESS"
_ROLLING_BACK_CREATION = "ROLLBACK_IN_PROGRESS"
_CLEANING_UP = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
# A resource with one of these statuses is no longer in the stack (API reference, StackResourceSummary).
_DELETED, _SKIPPED = "DELETE_COMPLETE", "DELETE_SKIPPED"


@dataclass(frozen=True)
class Decision:
    """Whether a Delete stops the jobs in a container.

    Parameters
    ----------
    result : Result or None
        None, if the Delete stops the jobs. KEPT or GONE, if it stops nothing.
    why : str
        The cause, for the log.
    """

    result: Result | None
    why: str


class Stack:
    """The stack of a request, as CloudFormation describes it. `decide` makes each call once, and keeps its answer.

    Parameters
    ----------
    request : Mapping
        The request.
    until : float
        When to stop retrying a call, in seconds by the clock.
    clock : Clock
        The clock that `until` refers to.
    """

    def __init__(self, request: Request, *, until: float, clock: Clock) -> None:
        self._id = str(request["StackId"])
        self._region = StackId.parse(self._id).region
        self._logical_id = str(request["LogicalResourceId"])
        properties = resource_properties(request)
        self._container_logical_id = str(properties.get("ContainerLogicalId") or "")
        self._declared_policy = str(properties.get("ContainerDeletionPolicy") or "")
        self._until = until
        self._clock = clock
        self._service = AwsService("cloudformation")
        self._answers: dict[tuple[str, str], Any] = {}

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._service.calls

    def check(self, container: Container) -> None:
        """Call each operation that `decide` uses, so that a missing permission fails the deployment, not the deletion.

        Nothing is asked about the root stack.

        Parameters
        ----------
        container : Container
            The container that the resource declares.

        Raises
        ------
        ServiceError
            If a call failed.
        InvalidPropertyError
            If `decide` needs ContainerLogicalId or ContainerDeletionPolicy, and the resource does not have it, or if
            ContainerDeletionPolicy is not a policy.
        """
        template = self._none_if_rejected(lambda: self._get_template(self._id)) or {}
        self._none_if_rejected(lambda: self._describe_resource(self._logical_id))
        listed = self._none_if_rejected(lambda: self._list_resources(self._id)) or []
        # In an update, GetTemplate returns the new template (CLOUDFORMATION.md of aws/aws-cdk).
        self._check_properties(container, template, listed)

    def decide(self, container: Container) -> Decision:
        """Decide by the stack's status, template and resources. In doubt, keep the jobs running.

        Parameters
        ----------
        container : Container
            The container that the physical id names.

        Raises
        ------
        ServiceError
            If a call to CloudFormation failed.
        """
        if self._status not in (_DELETING, _ROLLING_BACK_CREATION, *_CLEANING_UP):
            return _keep(container, f"the stack is {self._status}, so the request was answered before")
        if self._container_logical_id:
            is_cleanup = self._status in _CLEANING_UP
            return self._decide_in_cleanup(container) if is_cleanup else self._decide_declared_here(container)
        if self._status == _DELETING:
            return self._decide_declared_elsewhere(container)
        return _keep(container, "it is not in this stack, and the stack is not being deleted")

    def _check_properties(
        self, container: Container, template: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]
    ) -> None:
        """Raise an error if a property that `decide` needs is missing. The construct sets both; a template may not."""
        if self._declared_policy not in ("", *_POLICIES):
            rule = f"it must be {', '.join(_POLICIES[:-1])} or {_POLICIES[-1]}"
            fix = "Set it to the DeletionPolicy of the container."
            raise InvalidPropertyError("ContainerDeletionPolicy", self._declared_policy, rule, fix)
        names = [
            found["LogicalResourceId"] for found in self._matching(container, resources) if _is_in_the_stack(found)
        ]
        # A listed resource may have left the template. If the template can't be read, assume that it has not.
        declared = [name for name in names if not template or name in template]
        if declared and not self._container_logical_id:
            rule = f"{container.place} is the resource {declared[0]} of this stack"
            fix = f"Set it to {declared[0]}. In a CDK app, pass that construct, not its name."
            raise InvalidPropertyError("ContainerLogicalId", self._container_logical_id, rule, fix)
        policy = template.get(self._container_logical_id, {}).get("DeletionPolicy")
        if not self._declared_policy and policy in _POLICIES[1:]:
            rule = f"the DeletionPolicy of {self._container_logical_id} is {policy}"
            raise InvalidPropertyError("ContainerDeletionPolicy", "", rule, f"Set it to {policy}.")

    def _decide_declared_here(self, container: Container) -> Decision:
        """Decide for a stack that declares the container, and is being deleted or rolls back its creation."""
        listed = self._listed(self._id, container)
        template = self._template(self._id) or {}
        # Under other logical ids, too: a stack refactoring may have renamed the resource.
        names = {self._container_logical_id, *(resource["LogicalResourceId"] for resource in listed)}
        policies = [self._declared_policy, *(template.get(name, {}).get("DeletionPolicy", "") for name in names)]
        # The root stack is asked about only if a policy may retain the container.
        if retaining := [policy for policy in policies if self._retains(policy)]:
            is_new = self._is_creation_rolled_back and _is_created(listed)
            if any(self._retains(policy, is_new=is_new) for policy in retaining):
                return _keep(container, "its DeletionPolicy retains it")
        return _stop_if_listed(container, listed, f"{container.place} is deleted with its stack")

    def _decide_declared_elsewhere(self, container: Container) -> Decision:
        """Decide for a stack that is being deleted, and did not declare the container.

        If an update of the root stack deletes this nested stack, the container stays, and the jobs keep running.
        """
        if any(map(_is_in_the_stack, self._listed(self._id, container))):  # a stack refactoring has moved it here
            if self._template(self._id) is None:
                return _keep(container, "the stack's template is not JSON, and may retain it")
            return self._decide_declared_here(container)
        root = str(self._describe(self._root)["StackStatus"])
        if root == _DELETING:
            return Decision(None, f"the stack that stops jobs in {container.place} is deleted")
        if root == _ROLLING_BACK_CREATION and (template := self._template(self._root)) is not None:
            for found in self._listed(self._root, container):
                policy = template.get(found["LogicalResourceId"], {}).get("DeletionPolicy", "")
                if _is_in_the_stack(found) and not self._retains(policy, is_new=_is_created([found])):
                    return Decision(None, f"{container.place} is deleted with the root stack")
        return _keep(container, "it is not in this stack, and its root stack is not being deleted")

    def _decide_in_cleanup(self, container: Container) -> Decision:
        """Decide for a stack that declared the container, and cleans up after an update or its rollback."""
        template = self._template(self._id)
        if template is None:
            return _keep(container, "the stack's template is not JSON, and may still declare it")
        listed = self._listed(self._id, container)
        for found in listed:
            name = found["LogicalResourceId"]
            if name != self._container_logical_id and name in template and _is_in_the_stack(found):
                return _keep(container, f"it is in the template as {name}")
        if self._container_logical_id in template and (current := self._physical_id(self._container_logical_id)):
            if current in (container.ref, container.id):
                return _keep(container, "it is still in the template")
            if self._retains(template[self._container_logical_id].get("UpdateReplacePolicy", "")):
                return _keep(container, "its UpdateReplacePolicy retains it")
            # The container may have left the stack in an earlier update, and another one may then have been created or
            # imported with its logical id. In a rollback, this can't be found out: the current resource is the older of
            # the two, and its status says nothing.
            is_listed = any(map(_is_in_the_stack, listed))
            if not (self.is_update_rolled_back or is_listed or self._is_replacement(current)):
                name = self._container_logical_id
                return _keep(container, f"it had left the stack before another one was created as {name}")
            return Decision(None, f"{container.place} was replaced")
        # What leaves the template in a rollback was created by the update that is rolled back.
        if self._retains(self._declared_policy, is_new=self.is_update_rolled_back and _is_created(listed)):
            return _keep(container, "its DeletionPolicy retained it")
        return _stop_if_listed(container, listed, f"{container.place} has left the template")

    def _is_replacement(self, physical_id: str) -> bool:
        """Return whether a resource replaced another one in this update.

        After a replacement, its status is UPDATE_COMPLETE (convox/rack 2151), with a time after the start of the
        update. An imported resource has this status with the time of its import, because an import applies the stack's
        tags by an update (aws-cloudformation/cloudformation-cli-java-plugin 400). No source says that the stack's
        LastUpdatedTime is the start of the update.
        """
        began = self._describe(self._id).get("LastUpdatedTime")
        return not any(
            found.get("PhysicalResourceId") == physical_id
            and (
                found["ResourceStatus"].startswith(("CREATE_", "IMPORT_"))
                or _is_earlier(found.get("LastUpdatedTimestamp"), began)
            )
            for found in self._resources(self._id)
        )

    def _retains(self, policy: object, *, is_new: bool = False) -> bool:
        """Return whether a policy retains a resource.

        Parameters
        ----------
        policy : object
            The DeletionPolicy or UpdateReplacePolicy in the template.
        is_new : bool, default: False
            Whether the operation that is rolled back created the resource.
        """
        if not isinstance(policy, str):
            # A policy may be {"Ref": ...}; its value is unknown here (User Guide, function-refs-in-policy-attributes).
            return True
        if policy in ("", "Delete"):
            return False
        if not is_new:
            return True
        # CreateStack and UpdateStack may set RetainExceptOnCreate for all new resources (API reference, Stack).
        return not (policy == "RetainExceptOnCreate" or self._describe(self._root).get("RetainExceptOnCreate"))

    @property
    def _is_creation_rolled_back(self) -> bool:
        """Whether the creation of this stack, or of its root, is rolled back.

        The rollback of a root deletes its nested stacks (aws-samples/amazon-cloudfront-secure-static-site 39).
        """
        return _ROLLING_BACK_CREATION in (self._status, self._describe(self._root)["StackStatus"])

    @property
    def is_update_rolled_back(self) -> bool:
        """Whether an update of the stack is rolled back. Then a Create or an Update must not fail.

        Raises
        ------
        ServiceError
            If DescribeStacks failed.
        """
        return self._status.startswith("UPDATE_ROLLBACK_")

    @property
    def _status(self) -> str:
        return str(self._describe(self._id)["StackStatus"])

    @property
    def _root(self) -> str:
        return str(self._describe(self._id).get("RootId") or self._id)  # API reference, Stack

    def _listed(self, stack_id: str, container: Container) -> list[Mapping[str, Any]]:
        return self._matching(container, self._resources(stack_id))

    def _matching(self, container: Container, resources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return those of the listed resources that are the container. Their logical ids are not compared."""
        if self._region and container.region not in (None, self._region):
            return []  # a resource may have the same name in the stack's region
        return [
            resource
            for resource in resources
            if resource.get("ResourceType") == container.resource_type
            and resource.get("PhysicalResourceId") in (container.ref, container.id)
        ]

    def _describe(self, stack_id: str) -> Mapping[str, Any]:
        def describe() -> Mapping[str, Any]:
            try:
                stacks = self._service.ask("DescribeStacks", "Stacks", each="StackStatus", StackName=stack_id)
            except ServiceError as error:
                if error.code == "ValidationError" and "does not exist" in error.message:
                    # A tool that deploys without CloudFormation, such as cdkd, generates the id of a stack.
                    text = f"CloudFormation does not have the stack {stack_id}. Was it deployed without CloudFormation?"
                    raise error.with_text(f"{text} {error}") from error
                raise
            if not stacks:
                raise ServiceError(Failure.TRANSIENT, "DescribeStacks got an answer without a stack")
            stack: Mapping[str, Any] = stacks[0]
            return stack

        return self._once("DescribeStacks", stack_id, describe)

    def _template(self, stack_id: str) -> Mapping[str, Any] | None:
        """Return the resources of a stack's template, or None if it is not JSON (aws/aws-cdk 13838)."""
        return self._once("GetTemplate", stack_id, lambda: self._get_template(stack_id))

    def _get_template(self, stack_id: str) -> Mapping[str, Any] | None:
        # Without a transform, the stages Original and Processed are the same (API reference, GetTemplate).
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
        """Return a resource's physical id, or ``""`` if the stack does not have it, for example due to a condition.

        It is not read from ListStackResources, which may list a replaced resource under the same logical id, too (no
        source).
        """

        def ask() -> str:
            detail = self._describe_resource(logical_id)
            if detail is not None and not detail.get("PhysicalResourceId"):
                text = f"DescribeStackResource got an answer without the physical id of {logical_id}"
                raise ServiceError(Failure.TRANSIENT, text)
            return str(detail["PhysicalResourceId"]) if detail else ""

        return self._once("DescribeStackResource", logical_id, ask)

    def _describe_resource(self, logical_id: str) -> Mapping[str, Any] | None:
        try:
            detail: Mapping[str, Any] = self._service.ask(
                "DescribeStackResource", "StackResourceDetail", StackName=self._id, LogicalResourceId=logical_id
            )
        except ServiceError as error:
            # The resource is not in the stack (getmoto/moto 4186; the API reference lists no error for this).
            if error.code == "ValidationError" and "does not exist for stack" in error.message:
                return None
            raise
        return detail

    def _once(self, action: str, of: str, call: Callable[[], T]) -> T:
        """Make a call, with retries, and return its answer. If the same call was made before, return that answer."""
        if (action, of) not in self._answers:
            self._answers[action, of] = self._retry(call)
        answer: T = self._answers[action, of]
        return answer

    def _none_if_rejected(self, call: Callable[[], T]) -> T | None:
        """Make a call, and return None if CloudFormation rejects it.

        A stack that is being created may not have its template and resources yet; no source says until when.
        """

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


def _keep(container: Container, why: str) -> Decision:
    return Decision(Result.KEPT, f"{container.place} is kept: {why}")


def _stop_if_listed(container: Container, listed: list[Mapping[str, Any]], why: str) -> Decision:
    """Stop the jobs if the container is still listed, so that CloudFormation is about to delete it.

    If it is not listed, it is no longer part of this stack, and may belong to another one.
    """
    if any(_is_in_the_stack(resource) for resource in listed):
        return Decision(None, why)
    if any(resource["ResourceStatus"] == _DELETED for resource in listed):
        return Decision(Result.GONE, f"{container.place} is already deleted")
    return _keep(container, "it is no longer in the stack")


def _is_created(listed: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the operation that is rolled back created the container: it neither updated nor imported it.

    No source says whether RetainExceptOnCreate deletes an imported resource, so it is kept.
    """
    return not any(resource["ResourceStatus"].startswith(("IMPORT_", "UPDATE_")) for resource in listed)


def _is_earlier(one: object, other: object) -> bool:
    return isinstance(one, datetime) and isinstance(other, datetime) and one < other


def _is_in_the_stack(resource: Mapping[str, Any]) -> bool:
    return resource["ResourceStatus"] not in (_DELETED, _SKIPPED)

"""When a Delete stops jobs, and when it leaves them running, by what CloudFormation says of the request's stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ownership import Decision, Stack
from properties import Container
from teardown import ServiceError, Trouble
from tests.canned import Answer, Canned, denial, error
from tests.network import SetClock
from tests.requests import STACK_ID, request

CLUSTER_ARN = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
CLUSTER = Container("EcsTasks", CLUSTER_ARN)
STATE_MACHINE = Container("StateMachineExecutions", "arn:aws:states:us-west-2:123456789012:stateMachine:nightly")
APPLICATION = Container("EmrServerlessJobRuns", "00f")
ROOT_ID = "arn:aws:cloudformation:us-west-2:123456789012:stack/Root/1"

DELETED = Decision(True, "cluster prod is deleted with its stack")
LEFT = Decision(True, "cluster prod has left the template")
REPLACED = Decision(True, "cluster prod was replaced")
RETAINED = Decision(False, "cluster prod is kept: the template retains it")
WAS_RETAINED = Decision(False, "cluster prod is kept: the template that it has left retained it")
OLD_RETAINED = Decision(False, "cluster prod is kept: the template retains what it replaces")
RENAMED = Decision(False, "cluster prod is kept: it is in the template as Other")
STILL_THERE = Decision(False, "cluster prod is kept: it is still in the template")
ELSEWHERE = Decision(False, "cluster prod is kept: it is not in this stack, and the stack is not being deleted")
TWICE = Decision(False, "cluster prod is kept: its stack is deleted, so this request was delivered twice")
ONLY_NESTED = Decision(
    False, "cluster prod is kept: it is not in this stack, and of its stacks only this nested one is being deleted"
)

DELETIONS = ("DELETE_IN_PROGRESS", "DELETE_FAILED")
FAILED_CREATIONS = ("ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE")
UPDATES = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "NEW_STATUS")
ROLLBACKS = ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED")
STAYS = (*UPDATES, *ROLLBACKS)
CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"

NO_RESOURCE = error("ValidationError", "Resource Cluster does not exist for stack WorldExport")
NO_STACK = error("ValidationError", f"Stack with id {STACK_ID} does not exist")


@dataclass(frozen=True)
class Case:
    """What CloudFormation says, and the decision."""

    decision: Decision
    statuses: tuple[str, ...]
    policy: str | None = None
    """The ContainerDeletionPolicy of the request's properties."""
    declared: bool = True
    """Whether the properties have the container's logical id, because it is in the same stack."""
    resource: Mapping[str, str] | None = field(default_factory=dict)
    """The container's resource in the template; None if it is not there."""
    current: str | None = "prod"
    """Its physical id now; None if the stack has no such resource."""
    other: str | None = None
    """The physical id of another cluster in the template."""
    except_on_create: bool = False
    """Whether the operation was begun with RetainExceptOnCreate."""


CASES = [
    # The stack is being deleted.
    Case(DELETED, DELETIONS),
    Case(DELETED, DELETIONS, "Delete", resource={"DeletionPolicy": "Delete"}),
    Case(DELETED, DELETIONS, resource=None),
    Case(DELETED, DELETIONS, declared=False),
    Case(DELETED, DELETIONS, "Retain", declared=False),
    Case(DELETED, DELETIONS, resource={"UpdateReplacePolicy": "Retain"}),
    Case(RETAINED, DELETIONS, "Retain"),
    Case(RETAINED, DELETIONS, "Retain", except_on_create=True),
    Case(RETAINED, DELETIONS, "RetainExceptOnCreate"),
    Case(RETAINED, DELETIONS, resource={"DeletionPolicy": "Retain"}),
    Case(RETAINED, DELETIONS, "Delete", resource={"DeletionPolicy": "RetainExceptOnCreate"}),
    # It was deleted before: another stack may use the container's name by now.
    Case(TWICE, ("DELETE_COMPLETE",)),
    Case(TWICE, ("DELETE_COMPLETE",), declared=False),
    # Its creation has failed: all that was created is deleted, except what is always retained.
    Case(DELETED, FAILED_CREATIONS),
    Case(DELETED, FAILED_CREATIONS, "RetainExceptOnCreate", resource={"DeletionPolicy": "RetainExceptOnCreate"}),
    Case(RETAINED, FAILED_CREATIONS, "Retain", resource={"DeletionPolicy": "Retain"}),
    Case(DELETED, FAILED_CREATIONS, resource=None),
    Case(DELETED, FAILED_CREATIONS, "Retain", resource={"DeletionPolicy": "Retain"}, except_on_create=True),
    Case(ELSEWHERE, FAILED_CREATIONS, declared=False),
    # It stays, and so does a container that is not in it, or is still in it.
    Case(ELSEWHERE, STAYS, declared=False),
    Case(STILL_THERE, STAYS),
    Case(STILL_THERE, STAYS, "Retain", resource={"UpdateReplacePolicy": "Retain"}),
    Case(STILL_THERE, UPDATES, current=CLUSTER_ARN),
    # The container has left its template.
    Case(LEFT, STAYS, resource=None, current=None),
    Case(LEFT, STAYS, "Delete", resource=None),
    Case(WAS_RETAINED, STAYS, "Retain", resource=None),
    Case(WAS_RETAINED, UPDATES, "RetainExceptOnCreate", resource=None),
    Case(LEFT, ROLLBACKS, "RetainExceptOnCreate", resource=None),
    Case(LEFT, ROLLBACKS, "Retain", resource=None, except_on_create=True),
    Case(WAS_RETAINED, UPDATES, "Retain", resource=None, except_on_create=True),
    # It is in the template, but a condition keeps it out of the stack.
    Case(LEFT, UPDATES, resource={"Condition": "No"}, current=None),
    Case(WAS_RETAINED, UPDATES, "Retain", resource={"Condition": "No"}, current=None),
    # It is in the template under another logical id than the properties have.
    Case(RENAMED, STAYS, resource=None, other="prod"),
    Case(RENAMED, UPDATES, "Delete", current="prod-2", other=CLUSTER_ARN),
    Case(LEFT, UPDATES, resource=None, other="prod-2"),
    Case(REPLACED, UPDATES, current="prod-2", other="prod-3"),
    # It was replaced.
    Case(REPLACED, STAYS, current="prod-2"),
    Case(REPLACED, UPDATES, "Retain", resource={"DeletionPolicy": "Retain"}, current="prod-2"),
    Case(OLD_RETAINED, UPDATES, resource={"UpdateReplacePolicy": "Retain"}, current="prod-2"),
    Case(OLD_RETAINED, UPDATES, resource={"UpdateReplacePolicy": "RetainExceptOnCreate"}, current="prod-2"),
]


def _described(status: str, **more: str) -> Answer:
    return {"Stacks": [{"StackName": "WorldExport", "StackStatus": status, **more}]}


def _detail(logical_id: str, physical_id: str | None) -> Answer:
    detail = {"LogicalResourceId": logical_id, "PhysicalResourceId": physical_id}
    return {"StackResourceDetail": detail} if physical_id else NO_RESOURCE


def _say(aws: Canned, status: str, resources: Any, *details: Answer, **more: str) -> None:
    aws.answer("DescribeStacks", _described(status, **more))
    aws.answer("GetTemplate", {"TemplateBody": json.dumps({"Resources": resources})})
    aws.answer("DescribeStackResource", *(details or [_detail("Cluster", "prod")]))


def _stack(clock: SetClock | None = None, *, seconds: float = 0, **properties: str | None) -> Stack:
    """Return the stack of a request, which may ask for some seconds."""
    given = {name: value for name, value in properties.items() if value is not None}
    clock = clock or SetClock()
    return Stack(request("Delete", given, LogicalResourceId="Stop"), until=clock.now + seconds, clock=clock)


@pytest.mark.parametrize(("case", "status"), [(case, status) for case in CASES for status in case.statuses], ids=str)
def test_a_delete_stops_jobs_only_if_what_they_run_in_is_deleted(aws: Canned, case: Case, status: str) -> None:
    resources: dict[str, Any] = {"Stop": {}, "Role": {"Type": "AWS::IAM::Role"}}
    details: list[Answer] = []
    if case.resource is not None:
        resources["Cluster"] = {"Type": "AWS::ECS::Cluster", **case.resource}
        details.append(_detail("Cluster", case.current))
    if case.other:
        resources["Other"] = {"Type": "AWS::ECS::Cluster"}
        details.append(_detail("Other", case.other))
    _say(aws, status, resources, *details, RetainExceptOnCreate=str(case.except_on_create).lower())
    owner = "Cluster" if case.declared else None
    assert _stack(ContainerLogicalId=owner, ContainerDeletionPolicy=case.policy).decide(CLUSTER) == case.decision


class TestNestedStack:
    """One that is being deleted with its root, or because an update of the root drops it or rolls it back."""

    def _decide(self, aws: Canned, *root: Answer, root_id: str = ROOT_ID, owner: str | None = None) -> Decision:
        _say(aws, "DELETE_IN_PROGRESS", {"Cluster": {}})
        aws.answer("DescribeStacks", _described("DELETE_IN_PROGRESS", RootId=root_id), *root)
        return _stack(ContainerLogicalId=owner).decide(CLUSTER)

    @pytest.mark.parametrize(
        ("status", "decision"),
        [(status, DELETED) for status in DELETIONS] + [(status, ONLY_NESTED) for status in FAILED_CREATIONS + STAYS],
    )
    def test_stops_jobs_elsewhere_with_its_root_only(self, aws: Canned, status: str, decision: Decision) -> None:
        assert self._decide(aws, _described(status)) == decision
        assert [parameters["StackName"] for _, parameters in aws.calls] == [STACK_ID, ROOT_ID]

    def test_stops_those_of_its_own_container_without_asking_for_the_root(self, aws: Canned) -> None:
        assert self._decide(aws, owner="Cluster") == DELETED
        assert aws.actions == ["DescribeStacks", "GetTemplate"]

    def test_is_none_if_it_is_its_own_root(self, aws: Canned) -> None:
        assert self._decide(aws, root_id=STACK_ID) == DELETED
        assert aws.actions == ["DescribeStacks"]

    def test_decides_nothing_without_its_root(self, aws: Canned) -> None:
        with pytest.raises(ServiceError, match="permission cloudformation:DescribeStacks"):
            self._decide(aws, denial("cloudformation:DescribeStacks"))


@pytest.mark.parametrize(
    ("container", "ref"), [(CLUSTER, "prod"), (STATE_MACHINE, STATE_MACHINE.id), (APPLICATION, "00f")], ids=str
)
def test_a_container_is_still_there_by_its_ref(aws: Canned, container: Container, ref: str) -> None:
    _say(aws, CLEANUP, {"Cluster": {}}, _detail("Cluster", ref))
    decision = _stack(ContainerLogicalId="Cluster").decide(container)
    assert decision == Decision(False, f"{container.place} is kept: it is still in the template")


@pytest.mark.parametrize(
    ("resource_type", "asked"),
    [("AWS::StepFunctions::StateMachine", 1), ("AWS::EMRServerless::Application", 0), ("AWS::ECS::Cluster", 0)],
)
def test_only_a_resource_of_its_type_can_be_the_container(aws: Canned, resource_type: str, asked: int) -> None:
    _say(aws, CLEANUP, {"Other": {"Type": resource_type, "Condition": "No"}}, NO_RESOURCE)
    decision = _stack(ContainerLogicalId="Machine").decide(STATE_MACHINE)
    assert decision == Decision(True, "state machine nightly has left the template")
    assert len(aws.asked("DescribeStackResource")) == asked


class TestCalls:
    def test_are_of_the_requests_stack_by_its_id(self, aws: Canned) -> None:
        _say(aws, CLEANUP, {"Cluster": {}})
        stack = _stack(ContainerLogicalId="Cluster")
        stack.decide(CLUSTER)
        named = {"StackName": STACK_ID, "Version": "2010-05-15"}
        assert aws.calls == [
            ("DescribeStacks", named),
            ("GetTemplate", {**named, "TemplateStage": "Processed"}),
            ("DescribeStackResource", {**named, "LogicalResourceId": "Cluster"}),
        ]
        assert stack.calls == 3

    @pytest.mark.parametrize(
        ("status", "owner", "policy", "calls"),
        [
            ("DELETE_IN_PROGRESS", None, None, ["DescribeStacks"]),
            ("DELETE_IN_PROGRESS", "Cluster", None, ["DescribeStacks", "GetTemplate"]),
            ("DELETE_IN_PROGRESS", "Cluster", "Retain", ["DescribeStacks"]),
            ("DELETE_COMPLETE", "Cluster", None, ["DescribeStacks"]),
            ("ROLLBACK_IN_PROGRESS", "Cluster", None, ["DescribeStacks", "GetTemplate"]),
            ("UPDATE_IN_PROGRESS", None, None, ["DescribeStacks"]),
        ],
    )
    def test_are_as_few_as_can(
        self, aws: Canned, status: str, owner: str | None, policy: str | None, calls: list[str]
    ) -> None:
        _say(aws, status, {"Cluster": {}})
        _stack(ContainerLogicalId=owner, ContainerDeletionPolicy=policy).decide(CLUSTER)
        assert aws.actions == calls

    @pytest.mark.parametrize("failing", ["DescribeStacks", "GetTemplate", "DescribeStackResource"])
    def test_are_retried_each_by_itself(self, aws: Canned, failing: str) -> None:
        answers: dict[str, Answer] = {
            "DescribeStacks": _described(CLEANUP),
            "GetTemplate": {"TemplateBody": '{"Resources": {"Cluster": {}}}'},
            "DescribeStackResource": _detail("Cluster", "prod"),
        }
        for action, answer in answers.items():
            aws.answer(action, *([error("Throttling"), NO_STACK] if action == failing else []), answer)
        assert _stack(seconds=100, ContainerLogicalId="Cluster").decide(CLUSTER) == STILL_THERE
        assert aws.actions == [action for action in answers for _ in range(3 if action == failing else 1)]

    @pytest.mark.parametrize(
        ("answer", "seconds", "tried"),
        [(NO_STACK, 800, 60), (NO_STACK, 30, 30), (error("Throttling"), 100, 100), (error("Throttling"), 0, 0)],
    )
    def test_are_retried_for_the_errors_time(self, aws: Canned, answer: Answer, seconds: float, tried: float) -> None:
        clock = SetClock()
        aws.answer("DescribeStacks", answer)
        with pytest.raises(ServiceError):
            _stack(clock, seconds=seconds).decide(CLUSTER)
        assert clock.now == 1000 + tried


NO_JSON = (
    "The stack's template is not JSON, as the CDK writes it, so whether it keeps a container is unknown."
    " Convert it to JSON."
)
NO_SUCH_STACK = f"ValidationError: Stack with id {STACK_ID} does not exist"
RESOURCE = "DescribeStackResource"
NAMELESS = {"StackResourceDetail": {"LogicalResourceId": "Cluster"}}
ODD = error("OddError", "Cluster does not exist for stack x")
WITHOUT = "DescribeStacks got an answer with"


@pytest.mark.parametrize(
    ("action", "answer", "trouble", "text"),
    [
        ("DescribeStacks", {"Stacks": []}, Trouble.TRANSIENT, f"{WITHOUT}out a stack"),
        (
            "DescribeStacks",
            {"Stacks": [{"StackName": "x"}]},
            Trouble.TRANSIENT,
            f"{WITHOUT} Stacks without StackStatus",
        ),
        ("DescribeStacks", NO_STACK, Trouble.REJECTED, f"DescribeStacks answered {NO_SUCH_STACK}"),
        *(
            ("GetTemplate", {"TemplateBody": body}, Trouble.UNKNOWN, NO_JSON)
            for body in ("Resources:\n  Cluster: {}\n", "[]", "7", '{"Resources": []}', "{}")
        ),
        ("GetTemplate", {}, Trouble.TRANSIENT, "GetTemplate got an answer without TemplateBody"),
        ("GetTemplate", error("Throttling"), Trouble.TRANSIENT, "GetTemplate answered Throttling: No."),
        (RESOURCE, NAMELESS, Trouble.TRANSIENT, f"{RESOURCE} got an answer without the physical id of Cluster"),
        (RESOURCE, NO_STACK, Trouble.REJECTED, f"{RESOURCE} answered {NO_SUCH_STACK}"),
        (RESOURCE, ODD, Trouble.REJECTED, f"{RESOURCE} answered OddError: Cluster does not exist for stack x"),
    ],
)
def test_an_error_is_never_a_decision(aws: Canned, action: str, answer: Answer, trouble: Trouble, text: str) -> None:
    _say(aws, CLEANUP, {"Cluster": {}})
    aws.answer(action, answer)
    with pytest.raises(ServiceError) as raised:
        _stack(ContainerLogicalId="Cluster").decide(CLUSTER)
    assert (raised.value.trouble, str(raised.value)) == (trouble, text)


class TestCheck:
    """Makes every call of a Delete once, when a container is declared."""

    @pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
    def test_asks_for_the_resource_itself(self, aws: Canned, status: str) -> None:
        _say(aws, status, {"Stop": {}}, {"StackResourceDetail": {"LogicalResourceId": "Stop"}})
        assert _stack().check() is False
        assert aws.actions == ["DescribeStacks", "GetTemplate", "DescribeStackResource"]
        assert aws.asked("DescribeStackResource")[0]["LogicalResourceId"] == "Stop"

    @pytest.mark.parametrize("status", ROLLBACKS)
    def test_asks_no_more_in_the_rollback_of_an_update(self, aws: Canned, status: str) -> None:
        _say(aws, status, {"Stop": {}})
        assert _stack().check() is True
        assert aws.actions == ["DescribeStacks"]

    @pytest.mark.parametrize("action", ["GetTemplate", "DescribeStackResource"])
    def test_accepts_at_once_that_something_is_not_there_yet(self, aws: Canned, action: str) -> None:
        clock = SetClock()
        _say(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer(action, error("ValidationError", "Template is not ready"))
        assert _stack(clock, seconds=100).check() is False
        assert aws.actions == ["DescribeStacks", "GetTemplate", "DescribeStackResource"]
        assert clock.now == 1000

    @pytest.mark.parametrize("action", ["DescribeStacks", "GetTemplate", "DescribeStackResource"])
    @pytest.mark.parametrize(
        ("answer", "trouble"), [(denial("cloudformation:x"), Trouble.UNKNOWN), (error("Throttling"), Trouble.TRANSIENT)]
    )
    def test_raises_any_other_error(self, aws: Canned, action: str, answer: Answer, trouble: Trouble) -> None:
        clock = SetClock()
        _say(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer(action, answer)
        with pytest.raises(ServiceError) as raised:
            _stack(clock, seconds=10).check()
        assert (raised.value.trouble, clock.now) == (trouble, 1010)

    def test_rejects_at_once_a_template_that_a_delete_could_not_read(self, aws: Canned) -> None:
        clock = SetClock()
        _say(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer("GetTemplate", {"TemplateBody": "Resources: {}"})
        with pytest.raises(ServiceError) as raised:
            _stack(clock, seconds=100).check()
        assert (str(raised.value), clock.now) == (NO_JSON, 1000)

    def test_needs_a_stack_that_can_be_described(self, aws: Canned) -> None:
        aws.answer("DescribeStacks", NO_STACK)
        with pytest.raises(ServiceError, match="DescribeStacks answered ValidationError"):
            _stack().check()

"""When a Delete stops jobs, and when it leaves them running: the table of DESIGN, by what CloudFormation answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from decision import Decision, Stack
from properties import InvalidPropertyError
from properties.container import Container
from protocol.outcome import Result
from teardown import Failure, ServiceError
from tests.canned import Answer, Canned, denial, error
from tests.network import SetClock
from tests.requests import STACK_ID, request

CLUSTER_ARN = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
CLUSTER = Container("EcsTasks", CLUSTER_ARN)
STATE_MACHINE = Container("StateMachineExecutions", "arn:aws:states:us-west-2:123456789012:stateMachine:nightly")
APPLICATION = Container("EmrServerlessJobRuns", "00f")
ROOT_ID = "arn:aws:cloudformation:us-west-2:123456789012:stack/Root/1"

DELETION, CREATION = "DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"
CLEANUP, ROLLBACK = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"

STOPS = {
    "deleted": Decision(None, "cluster prod is deleted with its stack"),
    "left": Decision(None, "cluster prod has left the template"),
    "replaced": Decision(None, "cluster prod was replaced"),
    "stack": Decision(None, "the stack that stops jobs in cluster prod is deleted"),
    "root": Decision(None, "cluster prod is deleted with the root stack"),
}
GONE = Decision(Result.GONE, "cluster prod is already deleted")
KEEPS = {
    name: Decision(Result.KEPT, f"cluster prod is kept: {why}")
    for name, why in {
        "policy": "its DeletionPolicy retains it",
        "was": "its DeletionPolicy retained it",
        "replaced": "its UpdateReplacePolicy retains it",
        "there": "it is still in the template",
        "other": "it is in the template as Other",
        "moved": "it is no longer in the stack",
        "taken": "it had left the stack before another one was created as Cluster",
        "yaml": "the stack's template is not JSON, and may still declare it",
        "elsewhere": "it is not in this stack, and the stack is not being deleted",
        "nested": "it is not in this stack, and its root stack is not being deleted",
    }.items()
}
YAML = "Resources:\n  Cluster: {}\n"
REF = {"Ref": "Policy"}

NO_RESOURCE_TEXT, NO_STACK_TEXT = (
    "Resource Cluster does not exist for stack WorldExport",
    f"Stack with id {STACK_ID} does not exist",
)
NO_RESOURCE, NO_STACK = (error("ValidationError", text) for text in (NO_RESOURCE_TEXT, NO_STACK_TEXT))
LISTED = "StackResourceSummaries"
NO_ID = {"StackResourceDetail": {"LogicalResourceId": "Cluster"}}


@dataclass(frozen=True)
class Case:
    """What CloudFormation answers, and the decision."""

    decision: Decision
    status: str
    policy: str | None = None
    """The ContainerDeletionPolicy of the request's properties."""
    owner: str | None = "Cluster"
    """The container's logical id in the request's properties; None if it is not in the same stack."""
    template: Mapping[str, Any] | str = field(default_factory=lambda: {"Cluster": {}})
    """The clusters in the template, or the text of one that is not JSON."""
    listed: tuple[tuple[str, str, str], ...] = (("Cluster", "prod", "CREATE_COMPLETE"),)
    """The clusters that ListStackResources shows: logical id, physical id, status."""
    root: str = ""
    """The status of the root, if the stack is a nested one. Then the template and the list are the root's."""
    flag: bool = False
    """Whether the operation was begun with RetainExceptOnCreate."""


def _listed(status: str, logical_id: str = "Cluster", physical_id: str = "prod") -> tuple[tuple[str, str, str], ...]:
    return ((logical_id, physical_id, status),)


RETAIN: Mapping[str, Any] = {"Cluster": {"DeletionPolicy": "Retain"}}
EXCEPT: Mapping[str, Any] = {"Cluster": {"DeletionPolicy": "RetainExceptOnCreate"}}
RETAIN_OTHER: Mapping[str, Any] = {"Other": {"DeletionPolicy": "Retain"}}
REPLACE_RETAIN: Mapping[str, Any] = {"Cluster": {"UpdateReplacePolicy": "Retain"}}
REFERRED: Mapping[str, Any] = {"Cluster": dict.fromkeys(("DeletionPolicy", "UpdateReplacePolicy"), REF)}
BOTH: Mapping[str, Any] = {"Cluster": {}, "Other": {}}
# "Other" is the container under another logical id; the others are another container under its logical id.
OTHER = _listed("x", "Other")
NEW, IMPORTED, REPLACED = (_listed(f"{how}_COMPLETE", physical_id="prod-2") for how in ("CREATE", "IMPORT", "UPDATE"))

_elsewhere = partial(Case, status=DELETION, owner=None)

CASES = {
    # The stack is being deleted, and declares the container.
    "deletion": Case(STOPS["deleted"], DELETION),
    "deletion, listed by its ARN": Case(STOPS["deleted"], DELETION, listed=_listed("x", physical_id=CLUSTER_ARN)),
    "deletion, after a failed one": Case(STOPS["deleted"], DELETION, listed=_listed("DELETE_FAILED")),
    "deletion, another logical id": Case(STOPS["deleted"], DELETION, listed=OTHER),
    "deletion, moved to another stack": Case(KEEPS["moved"], DELETION, template={}, listed=()),
    "deletion, moved, its name is taken": Case(KEEPS["moved"], DELETION, listed=REPLACED),
    "deletion, deleted already": Case(GONE, DELETION, listed=_listed("DELETE_COMPLETE")),
    "deletion, skipped already": Case(KEEPS["moved"], DELETION, listed=_listed("DELETE_SKIPPED")),
    "deletion, Retain at synthesis": Case(KEEPS["policy"], DELETION, "Retain"),
    "deletion, except on create": Case(KEEPS["policy"], DELETION, "RetainExceptOnCreate"),
    "deletion, Retain in the template": Case(KEEPS["policy"], DELETION, "Delete", template=RETAIN),
    "deletion, Retain of the other id": Case(KEEPS["policy"], DELETION, template=RETAIN_OTHER, listed=OTHER),
    "deletion, a policy that is no string": Case(KEEPS["policy"], DELETION, "Delete", template=REFERRED),
    "deletion, UpdateReplacePolicy": Case(STOPS["deleted"], DELETION, template=REPLACE_RETAIN),
    "deletion, YAML": Case(STOPS["deleted"], DELETION, "Delete", template=YAML),
    "deletion, YAML, Retain": Case(KEEPS["policy"], DELETION, "Retain", template=YAML),
    "deletion with the flag": Case(KEEPS["policy"], DELETION, "Retain", flag=True),
    # Its creation is rolled back.
    "creation": Case(STOPS["deleted"], CREATION),
    "creation, except on create": Case(STOPS["deleted"], CREATION, "RetainExceptOnCreate", template=EXCEPT),
    "creation, Retain": Case(KEEPS["policy"], CREATION, "Retain", template=RETAIN),
    "creation, Retain with the flag": Case(STOPS["deleted"], CREATION, "Retain", template=RETAIN, flag=True),
    "creation, a policy that is no string": Case(KEEPS["policy"], CREATION, template=REFERRED, flag=True),
    "creation, YAML": Case(STOPS["deleted"], CREATION, template=YAML),
    "creation, not there": Case(KEEPS["moved"], CREATION, listed=()),
    "creation, elsewhere": Case(KEEPS["elsewhere"], CREATION, owner=None),
    # It cleans up, and has another container in its place.
    "cleanup, moved, and its id is taken": Case(KEEPS["taken"], CLEANUP, listed=NEW),
    "cleanup, orphaned, and another is imported": Case(KEEPS["taken"], CLEANUP, listed=IMPORTED),
    "rollback, replaced one that was never updated": Case(STOPS["replaced"], ROLLBACK, listed=NEW),
    # It cleans up, and declares the container.
    **{
        f"{status}, {name}": case
        for status in (CLEANUP, ROLLBACK)
        for name, case in {
            "still there": Case(KEEPS["there"], status),
            "still there, by its ARN": Case(KEEPS["there"], status, listed=_listed("x", physical_id=CLUSTER_ARN)),
            "replaced": Case(STOPS["replaced"], status, listed=REPLACED),
            "replaced, and both are listed": Case(
                STOPS["replaced"], status, listed=(*NEW, *_listed("CREATE_COMPLETE"))
            ),
            "replaced, Retain": Case(STOPS["replaced"], status, "Retain", template=RETAIN, listed=REPLACED),
            "replaced, kept": Case(KEEPS["replaced"], status, template=REPLACE_RETAIN, listed=REPLACED),
            "replaced, kept with the flag": Case(
                KEEPS["replaced"], status, template=REPLACE_RETAIN, listed=REPLACED, flag=True
            ),
            "replaced, a policy that is no string": Case(KEEPS["replaced"], status, template=REFERRED, listed=REPLACED),
            "replaced, and declared by another id": Case(
                KEEPS["other"], status, template=BOTH, listed=(*REPLACED, *OTHER)
            ),
            "left": Case(STOPS["left"], status, "Delete", template={}),
            "left, by another id": Case(STOPS["left"], status, template={}, listed=OTHER),
            "left, declared by another id": Case(KEEPS["other"], status, template={"Other": {}}, listed=OTHER),
            "left, moved or orphaned": Case(KEEPS["moved"], status, template={}, listed=()),
            "left, deleted by a first try": Case(GONE, status, template={}, listed=_listed("DELETE_COMPLETE")),
            "left, Retain": Case(KEEPS["was"], status, "Retain", template={}),
            "a condition keeps it out": Case(KEEPS["moved"], status, listed=()),
            "YAML": Case(KEEPS["yaml"], status, template=YAML),
            "elsewhere": Case(KEEPS["elsewhere"], status, owner=None),
        }.items()
    },
    "cleanup, left, except on create": Case(KEEPS["was"], CLEANUP, "RetainExceptOnCreate", template={}),
    "cleanup, left, Retain with the flag": Case(KEEPS["was"], CLEANUP, "Retain", template={}, flag=True),
    "rollback, left, except on create": Case(STOPS["left"], ROLLBACK, "RetainExceptOnCreate", template={}),
    "rollback, left, Retain with the flag": Case(STOPS["left"], ROLLBACK, "Retain", template={}, flag=True),
    # Any other status: the request was answered before.
    **{
        status: Case(
            Decision(Result.KEPT, f"cluster prod is kept: the stack is {status}, so the request was answered before"),
            status,
        )
        for status in (
            *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_COMPLETE"),
            *("DELETE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "NEW_STATUS"),
        )
    },
    # The container is of another stack, and this one is being deleted.
    "elsewhere, no nested stack": _elsewhere(STOPS["stack"]),
    "elsewhere, the root is deleted": _elsewhere(STOPS["stack"], root=DELETION),
    "elsewhere, the root is updated": _elsewhere(KEEPS["nested"], root=CLEANUP),
    "elsewhere, the root's creation": _elsewhere(STOPS["root"], root=CREATION),
    "elsewhere, the root's creation, Retain": _elsewhere(KEEPS["nested"], root=CREATION, template=RETAIN),
    "elsewhere, the root's creation, except on create": _elsewhere(STOPS["root"], root=CREATION, template=EXCEPT),
    "elsewhere, the root's creation, not there": _elsewhere(KEEPS["nested"], root=CREATION, listed=()),
    "elsewhere, the root's creation, not in its template": _elsewhere(STOPS["root"], root=CREATION, template={}),
    "elsewhere, the root's creation, YAML": _elsewhere(KEEPS["nested"], root=CREATION, template=YAML),
    # The container is of this nested stack.
    "nested, except on create": Case(KEEPS["policy"], DELETION, root=DELETION, template=EXCEPT),
    "nested, the root's creation, except on create": Case(STOPS["deleted"], DELETION, root=CREATION, template=EXCEPT),
}


def _say(aws: Canned, case: Case) -> None:
    stack = {"StackName": "WorldExport", "StackStatus": case.status}
    flag = {"RetainExceptOnCreate": str(case.flag).lower()}
    root = {"StackName": "Root", "StackStatus": case.root, **flag}
    answers = [{**stack, "RootId": ROOT_ID}, root] if case.root else [{**stack, **flag}]
    aws.answer("DescribeStacks", *({"Stacks": [answer]} for answer in answers))
    resources = case.template
    if not isinstance(resources, str):
        resources = json.dumps({"Resources": {"Stop": {}, **resources}})
    aws.answer("GetTemplate", {"TemplateBody": resources})
    role = {"LogicalResourceId": "R", "PhysicalResourceId": "prod", "ResourceType": "AWS::IAM::Role"}
    names = ("LogicalResourceId", "PhysicalResourceId", "ResourceStatus")
    clusters = [
        {**dict(zip(names, listed, strict=True)), "ResourceType": "AWS::ECS::Cluster"} for listed in case.listed
    ]
    aws.answer("ListStackResources", {LISTED: [{**role, "ResourceStatus": "x"}, *clusters]})
    current = next((id_ for name, id_, status in case.listed if name == "Cluster"), None)
    detail = {"StackResourceDetail": {"LogicalResourceId": "Cluster", "PhysicalResourceId": current}}
    aws.answer("DescribeStackResource", detail if current else NO_RESOURCE)


def _stack(clock: SetClock | None = None, *, seconds: float = 0, **properties: str | None) -> Stack:
    """Return the stack of a request, which may ask for some seconds."""
    given = {name: value for name, value in properties.items() if value is not None}
    clock = clock or SetClock()
    return Stack(request("Delete", given, LogicalResourceId="Stop"), until=clock.now + seconds, clock=clock)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_delete_stops_jobs_only_if_what_they_run_in_is_deleted(aws: Canned, case: Case) -> None:
    _say(aws, case)
    stack = _stack(ContainerLogicalId=case.owner, ContainerDeletionPolicy=case.policy)
    assert stack.decide(CLUSTER) == case.decision
    assert stack.calls == len(aws.calls) == len({(action, parameters["StackName"]) for action, parameters in aws.calls})


@pytest.mark.parametrize(
    ("container", "ref"), [(CLUSTER, "prod"), (STATE_MACHINE, STATE_MACHINE.id), (APPLICATION, "00f")], ids=str
)
def test_a_container_is_found_by_its_type_and_its_ref(aws: Canned, container: Container, ref: str) -> None:
    _say(aws, Case(STOPS["deleted"], DELETION))
    found = {"LogicalResourceId": "C", "PhysicalResourceId": ref, "ResourceStatus": "x"}
    aws.answer("ListStackResources", {LISTED: [{**found, "ResourceType": container.resource_type}]})
    assert _stack(ContainerLogicalId="C").decide(container).result is None


@pytest.mark.parametrize("failing", [0, 1, 2, 3])
def test_a_question_names_the_stack_by_its_id_and_is_retried_by_itself(aws: Canned, failing: int) -> None:
    named = {"StackName": STACK_ID, "Version": "2010-05-15"}
    questions: list[tuple[str, dict[str, str]]] = [
        ("DescribeStacks", named),
        ("GetTemplate", {**named, "TemplateStage": "Processed"}),
        ("ListStackResources", named),
        ("DescribeStackResource", {**named, "LogicalResourceId": "Cluster"}),
    ]
    action = questions[failing][0]
    _say(aws, Case(KEEPS["there"], CLEANUP))
    aws.answer(action, error("Throttling"), NO_STACK, *aws._answers[action])
    assert _stack(seconds=100, ContainerLogicalId="Cluster").decide(CLUSTER) == KEEPS["there"]
    assert aws.calls == [*questions[:failing], *[questions[failing]] * 3, *questions[failing + 1 :]]


@pytest.mark.parametrize(
    ("answer", "seconds", "tried"),
    [(NO_STACK, 800, 60), (NO_STACK, 30, 30), (error("Throttling"), 100, 100), (error("Throttling"), 0, 0)],
)
def test_a_question_is_retried_as_long_as_the_error_is_worth_and_there_is_time(
    aws: Canned, answer: Answer, seconds: float, tried: float
) -> None:
    clock = SetClock()
    aws.answer("DescribeStacks", answer)
    with pytest.raises(ServiceError):
        _stack(clock, seconds=seconds).decide(CLUSTER)
    assert clock.now == 1000 + tried


@pytest.mark.parametrize(
    ("action", "answer", "failure", "text"),
    [
        ("DescribeStacks", {"Stacks": []}, Failure.TRANSIENT, "got an answer without a stack"),
        ("DescribeStacks", {"Stacks": [{}]}, Failure.TRANSIENT, "got an answer with Stacks without StackStatus"),
        ("DescribeStacks", error("ValidationError"), Failure.REJECTED, "answered ValidationError: No."),
        ("GetTemplate", {}, Failure.TRANSIENT, "got an answer without TemplateBody"),
        (
            "ListStackResources",
            {LISTED: [{}]},
            Failure.TRANSIENT,
            f"got an answer with {LISTED} without ResourceStatus",
        ),
        ("DescribeStackResource", NO_ID, Failure.TRANSIENT, "got an answer without the physical id of Cluster"),
        ("DescribeStackResource", NO_STACK, Failure.REJECTED, f"answered ValidationError: {NO_STACK_TEXT}"),
        (
            "DescribeStackResource",
            error("Odd", NO_RESOURCE_TEXT),
            Failure.REJECTED,
            f"answered Odd: {NO_RESOURCE_TEXT}",
        ),
    ],
    ids=str,
)
def test_an_error_is_never_a_decision(aws: Canned, action: str, answer: Answer, failure: Failure, text: str) -> None:
    _say(aws, Case(KEEPS["there"], CLEANUP))
    aws.answer(action, answer)
    with pytest.raises(ServiceError) as raised:
        _stack(ContainerLogicalId="Cluster").decide(CLUSTER)
    assert (raised.value.failure, str(raised.value)) == (failure, f"{action} {text}")


def test_a_stack_that_cloudformation_does_not_have_is_named(aws: Canned) -> None:
    aws.answer("DescribeStacks", NO_STACK)
    with pytest.raises(ServiceError) as raised:
        _stack().decide(CLUSTER)
    assert str(raised.value) == (
        f"CloudFormation does not have the stack {STACK_ID}. Was it deployed without CloudFormation? DescribeStacks"
        f" answered ValidationError: {NO_STACK_TEXT}"
    )


class TestCheck:
    """Makes every call of a Delete once, when a container is declared."""

    CALLS = ("DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources")

    @pytest.mark.parametrize("template", [{"Cluster": {}}, YAML], ids=["JSON", "YAML"])
    def test_asks_for_the_resource_itself(self, aws: Canned, template: Any) -> None:
        _say(aws, Case(GONE, "CREATE_IN_PROGRESS", template=template))
        assert _stack(ContainerLogicalId="Cluster").check(CLUSTER) is False
        assert aws.actions == list(self.CALLS)
        assert aws.asked("DescribeStackResource")[0]["LogicalResourceId"] == "Stop"

    def test_asks_no_more_in_the_rollback_of_an_update(self, aws: Canned) -> None:
        _say(aws, Case(GONE, "UPDATE_ROLLBACK_IN_PROGRESS"))
        assert _stack().check(CLUSTER) is True
        assert aws.actions == ["DescribeStacks"]

    @pytest.mark.parametrize(
        ("owner", "policy", "case", "refused"),
        [
            (None, None, Case(GONE, "", listed=()), ""),
            (None, None, Case(GONE, "", listed=_listed("DELETE_COMPLETE")), ""),
            (None, None, Case(GONE, "", template={}), ""),
            (
                None,
                None,
                Case(GONE, ""),
                "ContainerLogicalId '' is not valid: cluster prod is the resource Cluster of this stack. Set it to"
                " Cluster. In a CDK app, pass that construct, not its name.",
            ),
            (None, None, Case(GONE, "", template=YAML), "ContainerLogicalId '' is not valid"),
            ("Cluster", None, Case(GONE, ""), ""),
            ("Cluster", None, Case(GONE, "", listed=_listed("x", "Other")), ""),
            ("Cluster", None, Case(GONE, "", template=REFERRED), ""),
            ("Cluster", None, Case(GONE, "", template=RETAIN), "ContainerDeletionPolicy '' is not valid: the D"),
            ("Cluster", None, Case(GONE, "", template=EXCEPT), "Set it to RetainExceptOnCreate."),
            ("Cluster", "Delete", Case(GONE, "", template=RETAIN), ""),
        ],
    )
    def test_refuses_a_resource_that_lacks_what_the_construct_sets(
        self, aws: Canned, owner: str | None, policy: str | None, case: Case, refused: str
    ) -> None:
        _say(aws, replace(case, status="UPDATE_IN_PROGRESS"))
        stack = _stack(ContainerLogicalId=owner, ContainerDeletionPolicy=policy)
        if refused:
            with pytest.raises(InvalidPropertyError, match=re.escape(refused)):
                stack.check(CLUSTER)
        else:
            assert stack.check(CLUSTER) is False

    @pytest.mark.parametrize("action", CALLS[1:])
    def test_accepts_at_once_that_something_is_not_there_yet(self, aws: Canned, action: str) -> None:
        clock = SetClock()
        _say(aws, Case(GONE, "CREATE_IN_PROGRESS"))
        aws.answer(action, error("ValidationError", "Not ready"))
        assert _stack(clock, seconds=100, ContainerLogicalId="Cluster").check(CLUSTER) is False
        assert (aws.actions, clock.now) == (list(self.CALLS), 1000)

    @pytest.mark.parametrize("action", CALLS)
    @pytest.mark.parametrize(
        ("answer", "failure"),
        [(denial("cloudformation:x"), Failure.UNKNOWN), (error("Throttling"), Failure.TRANSIENT)],
    )
    def test_retries_and_raises_any_other_error(
        self, aws: Canned, action: str, answer: Answer, failure: Failure
    ) -> None:
        clock = SetClock()
        _say(aws, Case(GONE, "CREATE_IN_PROGRESS"))
        aws.answer(action, answer)
        with pytest.raises(ServiceError) as raised:
            _stack(clock, seconds=10).check(CLUSTER)
        assert (raised.value.failure, clock.now) == (failure, 1010)

"""When a Delete stops jobs, and when it leaves them running: the table of DESIGN, by what CloudFormation answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ownership import Decision, Stack
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

NO_RESOURCE = error("ValidationError", "Resource Cluster does not exist for stack WorldExport")
NO_STACK = error("ValidationError", f"Stack with id {STACK_ID} does not exist")


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
REPLACED = _listed("UPDATE_COMPLETE", physical_id="prod-2")

CASES = {
    # The stack is being deleted, and declares the container.
    "deletion": Case(STOPS["deleted"], DELETION),
    "deletion, listed by its ARN": Case(STOPS["deleted"], DELETION, listed=_listed("x", physical_id=CLUSTER_ARN)),
    "deletion, after a failed one": Case(STOPS["deleted"], DELETION, listed=_listed("DELETE_FAILED")),
    "deletion, another logical id": Case(STOPS["deleted"], DELETION, listed=_listed("x", "Other")),
    "deletion, moved to another stack": Case(KEEPS["moved"], DELETION, template={}, listed=()),
    "deletion, moved, its name is taken": Case(KEEPS["moved"], DELETION, listed=REPLACED),
    "deletion, deleted already": Case(GONE, DELETION, listed=_listed("DELETE_COMPLETE")),
    "deletion, skipped already": Case(KEEPS["moved"], DELETION, listed=_listed("DELETE_SKIPPED")),
    "deletion, Retain at synthesis": Case(KEEPS["policy"], DELETION, "Retain"),
    "deletion, except on create": Case(KEEPS["policy"], DELETION, "RetainExceptOnCreate"),
    "deletion, Retain in the template": Case(KEEPS["policy"], DELETION, "Delete", template=RETAIN),
    "deletion, Retain of the other id": Case(
        KEEPS["policy"], DELETION, template={"Other": RETAIN["Cluster"]}, listed=_listed("x", "Other")
    ),
    "deletion, a policy that is no string": Case(
        KEEPS["policy"], DELETION, "Delete", template={"Cluster": {"DeletionPolicy": REF}}
    ),
    "deletion, UpdateReplacePolicy": Case(
        STOPS["deleted"], DELETION, template={"Cluster": {"UpdateReplacePolicy": "Retain"}}
    ),
    "deletion, YAML": Case(STOPS["deleted"], DELETION, "Delete", template=YAML),
    "deletion, YAML, Retain": Case(KEEPS["policy"], DELETION, "Retain", template=YAML),
    "deletion with the flag": Case(KEEPS["policy"], DELETION, "Retain", flag=True),
    # Its creation is rolled back.
    "creation": Case(STOPS["deleted"], CREATION),
    "creation, except on create": Case(STOPS["deleted"], CREATION, "RetainExceptOnCreate", template=EXCEPT),
    "creation, Retain": Case(KEEPS["policy"], CREATION, "Retain", template=RETAIN),
    "creation, Retain with the flag": Case(STOPS["deleted"], CREATION, "Retain", template=RETAIN, flag=True),
    "creation, a policy that is no string": Case(
        KEEPS["policy"], CREATION, template={"Cluster": {"DeletionPolicy": REF}}, flag=True
    ),
    "creation, YAML": Case(STOPS["deleted"], CREATION, template=YAML),
    "creation, not there": Case(KEEPS["moved"], CREATION, listed=()),
    "creation, elsewhere": Case(KEEPS["elsewhere"], CREATION, owner=None),
    # It cleans up, and has another container in its place.
    "cleanup, moved, and its id is taken": Case(
        KEEPS["taken"], CLEANUP, listed=_listed("CREATE_COMPLETE", physical_id="prod-2")
    ),
    "cleanup, orphaned, and another is imported": Case(
        KEEPS["taken"], CLEANUP, listed=_listed("IMPORT_COMPLETE", physical_id="prod-2")
    ),
    "rollback, replaced one that was never updated": Case(
        STOPS["replaced"], ROLLBACK, listed=_listed("CREATE_COMPLETE", physical_id="prod-2")
    ),
    # It cleans up, and declares the container.
    **{
        f"{status}, {name}": case
        for status in (CLEANUP, ROLLBACK)
        for name, case in {
            "still there": Case(KEEPS["there"], status),
            "still there, by its ARN": Case(KEEPS["there"], status, listed=_listed("x", physical_id=CLUSTER_ARN)),
            "replaced": Case(STOPS["replaced"], status, listed=REPLACED),
            "replaced, and both are listed": Case(
                STOPS["replaced"],
                status,
                listed=(*_listed("CREATE_COMPLETE", physical_id="prod-2"), *_listed("CREATE_COMPLETE")),
            ),
            "replaced, Retain": Case(STOPS["replaced"], status, "Retain", template=RETAIN, listed=REPLACED),
            "replaced, kept": Case(
                KEEPS["replaced"], status, template={"Cluster": {"UpdateReplacePolicy": "Retain"}}, listed=REPLACED
            ),
            "replaced, a policy that is no string": Case(
                KEEPS["replaced"], status, template={"Cluster": {"UpdateReplacePolicy": REF}}, listed=REPLACED
            ),
            "replaced, and declared by another id": Case(
                KEEPS["other"],
                status,
                template={"Cluster": {}, "Other": {}},
                listed=(*REPLACED, ("Other", "prod", "CREATE_COMPLETE")),
            ),
            "left": Case(STOPS["left"], status, "Delete", template={}),
            "left, by another id": Case(STOPS["left"], status, template={}, listed=_listed("x", "Other")),
            "left, declared by another id": Case(
                KEEPS["other"], status, template={"Other": {}}, listed=_listed("x", "Other")
            ),
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
    "elsewhere, no nested stack": Case(STOPS["stack"], DELETION, owner=None),
    "elsewhere, the root is deleted": Case(STOPS["stack"], DELETION, owner=None, root=DELETION),
    "elsewhere, the root is updated": Case(KEEPS["nested"], DELETION, owner=None, root=CLEANUP),
    "elsewhere, the root's creation": Case(STOPS["root"], DELETION, owner=None, root=CREATION),
    "elsewhere, the root's creation, Retain": Case(
        KEEPS["nested"], DELETION, owner=None, root=CREATION, template=RETAIN
    ),
    "elsewhere, the root's creation, except on create": Case(
        STOPS["root"], DELETION, owner=None, root=CREATION, template=EXCEPT
    ),
    "elsewhere, the root's creation, not there": Case(KEEPS["nested"], DELETION, owner=None, root=CREATION, listed=()),
    "elsewhere, the root's creation, YAML": Case(KEEPS["nested"], DELETION, owner=None, root=CREATION, template=YAML),
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
    clusters = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": id_,
            "ResourceType": "AWS::ECS::Cluster",
            "ResourceStatus": status,
        }
        for name, id_, status in case.listed
    ]
    aws.answer("ListStackResources", {"StackResourceSummaries": [{**role, "ResourceStatus": "x"}, *clusters]})
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
    aws.answer("ListStackResources", {"StackResourceSummaries": [{**found, "ResourceType": container.resource_type}]})
    assert _stack(ContainerLogicalId="C").decide(container).result is None


def test_a_question_names_the_stack_by_its_id(aws: Canned) -> None:
    _say(aws, Case(KEEPS["there"], CLEANUP))
    _stack(ContainerLogicalId="Cluster").decide(CLUSTER)
    named = {"StackName": STACK_ID, "Version": "2010-05-15"}
    assert aws.calls == [
        ("DescribeStacks", named),
        ("GetTemplate", {**named, "TemplateStage": "Processed"}),
        ("ListStackResources", named),
        ("DescribeStackResource", {**named, "LogicalResourceId": "Cluster"}),
    ]


@pytest.mark.parametrize("failing", ["DescribeStacks", "GetTemplate", "ListStackResources", "DescribeStackResource"])
def test_a_question_is_retried_by_itself(aws: Canned, failing: str) -> None:
    _say(aws, Case(KEEPS["there"], CLEANUP))
    [answer] = aws._answers[failing]
    aws.answer(failing, error("Throttling"), NO_STACK, answer)
    assert _stack(seconds=100, ContainerLogicalId="Cluster").decide(CLUSTER) == KEEPS["there"]
    actions = ["DescribeStacks", "GetTemplate", "ListStackResources", "DescribeStackResource"]
    assert aws.actions == [action for action in actions for _ in range(3 if action == failing else 1)]


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
        ("DescribeStacks", {"Stacks": []}, Failure.TRANSIENT, "DescribeStacks got an answer without a stack"),
        (
            "DescribeStacks",
            NO_STACK,
            Failure.REJECTED,
            f"CloudFormation does not have the stack {STACK_ID}. Was it deployed without CloudFormation? DescribeStacks"
            f" answered ValidationError: Stack with id {STACK_ID} does not exist",
        ),
        ("GetTemplate", {}, Failure.TRANSIENT, "GetTemplate got an answer without TemplateBody"),
        (
            "ListStackResources",
            {"StackResourceSummaries": [{"LogicalResourceId": "x"}]},
            Failure.TRANSIENT,
            "ListStackResources got an answer with StackResourceSummaries without ResourceStatus",
        ),
        (
            "DescribeStackResource",
            {"StackResourceDetail": {"LogicalResourceId": "Cluster"}},
            Failure.TRANSIENT,
            "DescribeStackResource got an answer without the physical id of Cluster",
        ),
        (
            "DescribeStackResource",
            NO_STACK,
            Failure.REJECTED,
            f"DescribeStackResource answered ValidationError: Stack with id {STACK_ID} does not exist",
        ),
        (
            "DescribeStackResource",
            error("OddError", "Resource Cluster does not exist for stack WorldExport"),
            Failure.REJECTED,
            "DescribeStackResource answered OddError: Resource Cluster does not exist for stack WorldExport",
        ),
    ],
)
def test_an_error_is_never_a_decision(aws: Canned, action: str, answer: Answer, failure: Failure, text: str) -> None:
    _say(aws, Case(KEEPS["there"], CLEANUP))
    aws.answer(action, answer)
    with pytest.raises(ServiceError) as raised:
        _stack(ContainerLogicalId="Cluster").decide(CLUSTER)
    assert (raised.value.failure, str(raised.value)) == (failure, text)


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
            (None, None, Case(GONE, ""), "ContainerLogicalId '' is not valid: cluster prod is the resource Cluster"),
            (None, None, Case(GONE, "", template=YAML), "ContainerLogicalId '' is not valid"),
            ("Cluster", None, Case(GONE, ""), ""),
            ("Cluster", None, Case(GONE, "", listed=_listed("x", "Other")), ""),
            ("Cluster", None, Case(GONE, "", template={"Cluster": {"DeletionPolicy": REF}}), ""),
            (
                "Cluster",
                None,
                Case(GONE, "", template=RETAIN),
                "'' is not valid: the DeletionPolicy of Cluster is Retain",
            ),
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

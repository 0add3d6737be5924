"""When a Delete stops jobs, and when it leaves them running: the table of DESIGN, by what CloudFormation answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
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


def _kept(why: str) -> Decision:
    return Decision(Result.KEPT, f"cluster prod is kept: {why}")


DELETED = Decision(None, "cluster prod is deleted with its stack")
LEFT = Decision(None, "cluster prod has left the template")
REPLACED = Decision(None, "cluster prod was replaced")
STACK_DELETED = Decision(None, "the stack that stops jobs in cluster prod is deleted")
ROOT_DELETED = Decision(None, "cluster prod is deleted with the root stack")
GONE = Decision(Result.GONE, "cluster prod is already deleted")
RETAINED = _kept("its DeletionPolicy retains it")
LEFT_RETAINED = _kept("its DeletionPolicy retained it")
REPLACED_RETAINED = _kept("its UpdateReplacePolicy retains it")
THERE = _kept("it is still in the template")
THERE_AS_OTHER = _kept("it is in the template as Other")
MOVED = _kept("it is no longer in the stack")
TAKEN = _kept("it had left the stack before another one was created as Cluster")
MAYBE_RETAINED = _kept("the stack's template is not JSON, and may retain it")
UNREADABLE = _kept("the stack's template is not JSON, and may still declare it")
ELSEWHERE = _kept("it is not in this stack, and the stack is not being deleted")
ROOT_STAYS = _kept("it is not in this stack, and its root stack is not being deleted")

TRANSIENT, REJECTED = Failure.TRANSIENT, Failure.REJECTED
YAML = "Resources:\n  Cluster: {}\n"
NO_RESOURCE_TEXT = "Resource Cluster does not exist for stack WorldExport"
NO_STACK_TEXT = f"Stack with id {STACK_ID} does not exist"
NO_RESOURCE, NO_STACK = (error("ValidationError", text) for text in (NO_RESOURCE_TEXT, NO_STACK_TEXT))
LISTED = "StackResourceSummaries"
NO_ID = {"StackResourceDetail": {"LogicalResourceId": "Cluster"}}


@dataclass(frozen=True)
class Case:
    """What CloudFormation answers, and the decision.

    Parameters
    ----------
    status : str
        The status of the stack.
    decision : Decision, optional
        The decision.
    policy : str, optional
        The property ContainerDeletionPolicy.
    owner : str or None
        The property ContainerLogicalId. With None, the container is not in the stack.
    template : Mapping or str
        The clusters in the template, or the text of a template that is not JSON.
    listed : tuple
        The clusters that ListStackResources shows, last updated on 2026-01-02: logical id, physical id, status.
    root : str, optional
        The status of the root stack, if the stack is a nested one.
    flag : bool
        Whether the operation was begun with RetainExceptOnCreate.
    of_root : bool
        Whether the template and the list are those of the root stack.
    began : str, optional
        When the update began.
    """

    status: str
    decision: Decision | None = None
    policy: str | None = None
    owner: str | None = "Cluster"
    template: Mapping[str, Any] | str = field(default_factory=lambda: {"Cluster": {}})
    listed: tuple[tuple[str, str, str], ...] = (("Cluster", "prod", "CREATE_COMPLETE"),)
    root: str = ""
    flag: bool = False
    of_root: bool = False
    began: str | None = None


def _listed(status: str, logical_id: str = "Cluster", physical_id: str = "prod") -> tuple[tuple[str, str, str], ...]:
    return ((logical_id, physical_id, status),)


RETAIN: Mapping[str, Any] = {"Cluster": {"DeletionPolicy": "Retain"}}
EXCEPT: Mapping[str, Any] = {"Cluster": {"DeletionPolicy": "RetainExceptOnCreate"}}
RETAIN_OTHER: Mapping[str, Any] = {"Other": {"DeletionPolicy": "Retain"}}
REPLACE_RETAIN: Mapping[str, Any] = {"Cluster": {"UpdateReplacePolicy": "Retain"}}
REF = {"Ref": "Policy"}
REFERRED: Mapping[str, Any] = {"Cluster": dict.fromkeys(("DeletionPolicy", "UpdateReplacePolicy"), REF)}
BOTH: Mapping[str, Any] = {"Cluster": {}, "Other": {}}
# "Other" is the container under another logical id; the others are another container under its logical id.
OTHER = _listed("x", "Other")
CREATED, IMPORTED, UPDATED = (
    _listed(f"{how}_COMPLETE", physical_id="prod-2") for how in ("CREATE", "IMPORT", "UPDATE")
)

_elsewhere = partial(Case, DELETION, owner=None, of_root=True)
_declared = partial(Case, "UPDATE_IN_PROGRESS")

CASES = {
    # The stack is being deleted, and declares the container.
    "deletion": Case(DELETION, DELETED),
    "deletion, listed by its ARN": Case(DELETION, DELETED, listed=_listed("x", physical_id=CLUSTER_ARN)),
    "deletion, after a failed one": Case(DELETION, DELETED, listed=_listed("DELETE_FAILED")),
    "deletion, another logical id": Case(DELETION, DELETED, listed=OTHER),
    "deletion, moved to another stack": Case(DELETION, MOVED, template={}, listed=()),
    "deletion, moved, its name is taken": Case(DELETION, MOVED, listed=UPDATED),
    "deletion, deleted already": Case(DELETION, GONE, listed=_listed("DELETE_COMPLETE")),
    "deletion, skipped already": Case(DELETION, MOVED, listed=_listed("DELETE_SKIPPED")),
    "deletion, Retain at synthesis": Case(DELETION, RETAINED, "Retain"),
    "deletion, except on create": Case(DELETION, RETAINED, "RetainExceptOnCreate"),
    "deletion, Retain in the template": Case(DELETION, RETAINED, "Delete", template=RETAIN),
    "deletion, Retain of the other id": Case(DELETION, RETAINED, template=RETAIN_OTHER, listed=OTHER),
    "deletion, a policy that is no string": Case(DELETION, RETAINED, "Delete", template=REFERRED),
    "deletion, UpdateReplacePolicy": Case(DELETION, DELETED, template=REPLACE_RETAIN),
    "deletion, YAML": Case(DELETION, DELETED, "Delete", template=YAML),
    "deletion, YAML, Retain": Case(DELETION, RETAINED, "Retain", template=YAML),
    "deletion with the flag": Case(DELETION, RETAINED, "Retain", flag=True),
    "deletion, a policy that does not exist": Case(DELETION, RETAINED, "retain"),
    "deletion, moved here": Case(DELETION, DELETED, owner=None),
    "deletion, moved here, Retain": Case(DELETION, RETAINED, owner=None, template=RETAIN),
    "deletion, moved here, YAML": Case(DELETION, MAYBE_RETAINED, owner=None, template=YAML),
    # Its creation is rolled back.
    "creation": Case(CREATION, DELETED),
    "creation, except on create": Case(CREATION, DELETED, "RetainExceptOnCreate", template=EXCEPT),
    "creation, Retain": Case(CREATION, RETAINED, "Retain", template=RETAIN),
    "creation, Retain with the flag": Case(CREATION, DELETED, "Retain", template=RETAIN, flag=True),
    "creation, a policy that is no string": Case(CREATION, RETAINED, template=REFERRED, flag=True),
    "creation, YAML": Case(CREATION, DELETED, template=YAML),
    "creation, not there": Case(CREATION, MOVED, listed=()),
    "creation, elsewhere": Case(CREATION, ELSEWHERE, owner=None),
    "creation, imported": Case(CREATION, RETAINED, template=EXCEPT, listed=_listed("IMPORT_COMPLETE")),
    "creation, imported and tagged": Case(CREATION, RETAINED, template=EXCEPT, listed=_listed("UPDATE_COMPLETE")),
    # It cleans up, and has another container in its place.
    "cleanup, moved, and its id is taken": Case(CLEANUP, TAKEN, listed=CREATED),
    "cleanup, orphaned, and another is imported": Case(CLEANUP, TAKEN, listed=IMPORTED),
    "cleanup, orphaned, and another was imported before": Case(CLEANUP, TAKEN, listed=UPDATED, began="2026-01-03"),
    "cleanup, replaced since the update began": Case(CLEANUP, REPLACED, listed=UPDATED, began="2026-01-02"),
    "rollback, replaced by the one from before": Case(ROLLBACK, REPLACED, listed=UPDATED, began="2026-01-03"),
    "rollback, replaced one that was never updated": Case(ROLLBACK, REPLACED, listed=CREATED),
    # It cleans up, and declares the container.
    **{
        f"{status}, {name}": case
        for status in (CLEANUP, ROLLBACK)
        for name, case in {
            "still there": Case(status, THERE),
            "still there, by its ARN": Case(status, THERE, listed=_listed("x", physical_id=CLUSTER_ARN)),
            "replaced": Case(status, REPLACED, listed=UPDATED),
            "replaced, and both are listed": Case(status, REPLACED, listed=(*CREATED, *_listed("CREATE_COMPLETE"))),
            "replaced, Retain": Case(status, REPLACED, "Retain", template=RETAIN, listed=UPDATED),
            "replaced, kept": Case(status, REPLACED_RETAINED, template=REPLACE_RETAIN, listed=UPDATED),
            "replaced, kept with the flag": Case(
                status, REPLACED_RETAINED, template=REPLACE_RETAIN, listed=UPDATED, flag=True
            ),
            "replaced, a policy that is no string": Case(status, REPLACED_RETAINED, template=REFERRED, listed=UPDATED),
            "replaced, and declared by another id": Case(
                status, THERE_AS_OTHER, template=BOTH, listed=(*UPDATED, *OTHER)
            ),
            "left": Case(status, LEFT, "Delete", template={}),
            "left, by another id": Case(status, LEFT, template={}, listed=OTHER),
            "left, declared by another id": Case(status, THERE_AS_OTHER, template={"Other": {}}, listed=OTHER),
            "left, moved or orphaned": Case(status, MOVED, template={}, listed=()),
            "left, deleted by a first try": Case(status, GONE, template={}, listed=_listed("DELETE_COMPLETE")),
            "left, Retain": Case(status, LEFT_RETAINED, "Retain", template={}),
            "a condition keeps it out": Case(status, MOVED, listed=()),
            "YAML": Case(status, UNREADABLE, template=YAML),
            "elsewhere": Case(status, ELSEWHERE, owner=None),
        }.items()
    },
    "cleanup, left, except on create": Case(CLEANUP, LEFT_RETAINED, "RetainExceptOnCreate", template={}),
    "cleanup, left, Retain with the flag": Case(CLEANUP, LEFT_RETAINED, "Retain", template={}, flag=True),
    "rollback, left, except on create": Case(ROLLBACK, LEFT, "RetainExceptOnCreate", template={}),
    "rollback, left, Retain with the flag": Case(ROLLBACK, LEFT, "Retain", template={}, flag=True),
    "rollback, left, imported": Case(
        ROLLBACK, LEFT_RETAINED, "RetainExceptOnCreate", template={}, listed=_listed("IMPORT_COMPLETE")
    ),
    # Any other status: the request was answered before.
    **{
        status: Case(status, _kept(f"the stack is {status}, so the request was answered before"))
        for status in (
            *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_COMPLETE"),
            *("DELETE_FAILED", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED", "NEW_STATUS"),
        )
    },
    # The container is of another stack, and this one is being deleted.
    "elsewhere, no nested stack": _elsewhere(STACK_DELETED),
    "elsewhere, the root is deleted": _elsewhere(STACK_DELETED, root=DELETION),
    "elsewhere, the root is updated": _elsewhere(ROOT_STAYS, root=CLEANUP),
    "elsewhere, the root's creation": _elsewhere(ROOT_DELETED, root=CREATION),
    "elsewhere, the root's creation, Retain": _elsewhere(ROOT_STAYS, root=CREATION, template=RETAIN),
    "elsewhere, the root's creation, except on create": _elsewhere(ROOT_DELETED, root=CREATION, template=EXCEPT),
    "elsewhere, the root's creation, imported": _elsewhere(
        ROOT_STAYS, root=CREATION, template=EXCEPT, listed=_listed("IMPORT_COMPLETE")
    ),
    "elsewhere, the root's creation, not there": _elsewhere(ROOT_STAYS, root=CREATION, listed=()),
    "elsewhere, the root's creation, not in its template": _elsewhere(ROOT_DELETED, root=CREATION, template={}),
    "elsewhere, the root's creation, YAML": _elsewhere(ROOT_STAYS, root=CREATION, template=YAML),
    # The container is of this nested stack.
    "nested, except on create": Case(DELETION, RETAINED, root=DELETION, template=EXCEPT),
    "nested, the root's creation, except on create": Case(DELETION, DELETED, root=CREATION, template=EXCEPT),
}


def _stack(aws: Canned, case: Case, clock: SetClock | None = None, *, seconds: float = 0) -> Stack:
    """Return the stack of a case, which may ask for some seconds, and set the answers about it."""
    stack = {"StackName": "WorldExport", "StackStatus": case.status}
    if case.began:
        stack["LastUpdatedTime"] = f"{case.began}T00:00:00Z"
    flag = {"RetainExceptOnCreate": str(case.flag).lower()}
    root = {"StackName": "Root", "StackStatus": case.root, **flag}
    answers = [{**stack, "RootId": ROOT_ID}, root] if case.root else [{**stack, **flag}]
    aws.answer("DescribeStacks", *({"Stacks": [answer]} for answer in answers))
    resources = case.template
    if not isinstance(resources, str):
        resources = json.dumps({"Resources": {"Stop": {}, **resources}})
    aws.answer("GetTemplate", {"TemplateBody": resources})
    role = ("R", "prod", "x", "AWS::IAM::Role")
    names = ("LogicalResourceId", "PhysicalResourceId", "ResourceStatus", "ResourceType")
    listed = [role, *((*cluster, CLUSTER.resource_type) for cluster in case.listed)]
    time = {"LastUpdatedTimestamp": "2026-01-02T00:00:00Z"}
    lists: list[Answer] = [{LISTED: [{**dict(zip(names, each, strict=True)), **time} for each in listed]}]
    if case.of_root:
        lists.insert(0, {LISTED: []})
    aws.answer("ListStackResources", *lists)
    current = next((id_ for name, id_, _ in case.listed if name == "Cluster"), None)
    detail = {"StackResourceDetail": {"LogicalResourceId": "Cluster", "PhysicalResourceId": current}}
    aws.answer("DescribeStackResource", detail if current else NO_RESOURCE)
    properties = {"ContainerLogicalId": case.owner, "ContainerDeletionPolicy": case.policy}
    given = {name: value for name, value in properties.items() if value is not None}
    clock = clock or SetClock()
    return Stack(request("Delete", given, LogicalResourceId="Stop"), until=clock.now + seconds, clock=clock)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_delete_stops_jobs_only_if_what_they_run_in_is_deleted(aws: Canned, case: Case) -> None:
    stack = _stack(aws, case)
    assert stack.decide(CLUSTER) == case.decision
    assert stack.calls == len(aws.calls) == len({(action, parameters["StackName"]) for action, parameters in aws.calls})


def test_the_root_stack_is_asked_about_only_if_a_policy_may_retain(aws: Canned) -> None:
    stack = _stack(aws, Case(DELETION, policy="Delete", root=DELETION))
    assert stack.decide(CLUSTER) == DELETED
    assert aws.actions.count("DescribeStacks") == 1


@pytest.mark.parametrize(
    ("container", "ref"), [(CLUSTER, "prod"), (STATE_MACHINE, STATE_MACHINE.id), (APPLICATION, "00f")], ids=str
)
def test_a_container_is_found_by_its_type_and_its_ref(aws: Canned, container: Container, ref: str) -> None:
    stack = _stack(aws, Case(DELETION, owner="C"))
    found = {"LogicalResourceId": "C", "PhysicalResourceId": ref, "ResourceStatus": "x"}
    aws.answer("ListStackResources", {LISTED: [{**found, "ResourceType": container.resource_type}]})
    assert stack.decide(container).result is None


def test_a_cluster_of_the_same_name_in_the_region_of_the_stack_is_another_one(aws: Canned) -> None:
    abroad = Container("EcsTasks", CLUSTER_ARN.replace("us-west-2", "eu-west-1"))
    assert _stack(aws, Case(DELETION)).decide(abroad) == MOVED


def test_a_physical_id_that_is_missing_is_asked_for_again(aws: Canned) -> None:
    stack = _stack(aws, Case(CLEANUP), seconds=100)
    aws.answer("DescribeStackResource", NO_ID, *aws._answers["DescribeStackResource"])
    assert stack.decide(CLUSTER) == THERE


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
    stack = _stack(aws, Case(CLEANUP), seconds=100)
    aws.answer(action, error("Throttling"), NO_STACK, *aws._answers[action])
    assert stack.decide(CLUSTER) == THERE
    assert aws.calls == [*questions[:failing], *[questions[failing]] * 3, *questions[failing + 1 :]]


@pytest.mark.parametrize(
    ("action", "answer", "failure", "text"),
    [
        ("DescribeStacks", {"Stacks": []}, TRANSIENT, "got an answer without a stack"),
        ("DescribeStacks", {"Stacks": [{}]}, TRANSIENT, "got an answer with Stacks without StackStatus"),
        ("DescribeStacks", error("ValidationError"), REJECTED, "answered ValidationError: No."),
        ("GetTemplate", {}, TRANSIENT, "got an answer without TemplateBody"),
        ("ListStackResources", {LISTED: [{}]}, TRANSIENT, f"got an answer with {LISTED} without ResourceStatus"),
        ("DescribeStackResource", NO_ID, TRANSIENT, "got an answer without the physical id of Cluster"),
        ("DescribeStackResource", NO_STACK, REJECTED, f"answered ValidationError: {NO_STACK_TEXT}"),
        ("DescribeStackResource", error("Odd", NO_RESOURCE_TEXT), REJECTED, f"answered Odd: {NO_RESOURCE_TEXT}"),
    ],
    ids=str,
)
def test_an_error_is_never_a_decision(aws: Canned, action: str, answer: Answer, failure: Failure, text: str) -> None:
    stack = _stack(aws, Case(CLEANUP))
    aws.answer(action, answer)
    with pytest.raises(ServiceError) as raised:
        stack.decide(CLUSTER)
    assert (raised.value.failure, str(raised.value)) == (failure, f"{action} {text}")


def test_a_stack_that_cloudformation_does_not_have_is_named(aws: Canned) -> None:
    stack = _stack(aws, Case(CLEANUP))
    aws.answer("DescribeStacks", NO_STACK)
    hint = f"CloudFormation does not have the stack {STACK_ID}. Was it deployed without CloudFormation? DescribeStacks"
    with pytest.raises(ServiceError, match=re.escape(f"{hint} answered ValidationError: {NO_STACK_TEXT}")):
        stack.decide(CLUSTER)


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", ROLLBACK, "UPDATE_IN_PROGRESS", CREATION])
def test_the_rollback_of_an_update_is_known(aws: Canned, status: str) -> None:
    assert _stack(aws, Case(status)).is_update_rolled_back is status.startswith("UPDATE_ROLLBACK")
    assert aws.actions == ["DescribeStacks"]


class TestCheck:
    """Calls each operation of a Delete, when a container is declared."""

    CALLS = ("GetTemplate", "DescribeStackResource", "ListStackResources")

    @pytest.mark.parametrize("template", [{"Cluster": {}}, YAML], ids=["JSON", "YAML"])
    def test_asks_for_the_resource_itself(self, aws: Canned, template: Any) -> None:
        _stack(aws, Case("CREATE_IN_PROGRESS", template=template)).check(CLUSTER)
        assert aws.actions == list(self.CALLS)
        assert aws.asked("DescribeStackResource")[0]["LogicalResourceId"] == "Stop"

    @pytest.mark.parametrize(
        ("case", "refused"),
        [
            (_declared(owner=None, listed=()), ""),
            (_declared(owner=None, listed=_listed("DELETE_COMPLETE")), ""),
            (_declared(owner=None, template={}), ""),
            (
                _declared(owner=None),
                "ContainerLogicalId '' is not valid: cluster prod is the resource Cluster of this stack. Set it to"
                " Cluster. In a CDK app, pass that construct, not its name.",
            ),
            (_declared(owner=None, template=YAML), "ContainerLogicalId '' is not valid"),
            (_declared(), ""),
            (_declared(listed=OTHER), ""),
            (_declared(template=REFERRED), ""),
            (_declared(template=RETAIN), "ContainerDeletionPolicy '' is not valid: the D"),
            (_declared(template=EXCEPT), "Set it to RetainExceptOnCreate."),
            (_declared(policy="Delete", template=RETAIN), ""),
            (
                _declared(policy="retain"),
                "ContainerDeletionPolicy 'retain' is not valid: it must be Delete, Retain or RetainExceptOnCreate. Set"
                " it to the DeletionPolicy of the container.",
            ),
        ],
    )
    def test_refuses_a_resource_that_lacks_what_the_construct_sets(self, aws: Canned, case: Case, refused: str) -> None:
        stack = _stack(aws, case)
        with pytest.raises(InvalidPropertyError, match=re.escape(refused)) if refused else nullcontext():
            stack.check(CLUSTER)

    @pytest.mark.parametrize("action", CALLS)
    def test_accepts_at_once_that_something_is_not_there_yet(self, aws: Canned, action: str) -> None:
        clock = SetClock()
        stack = _stack(aws, Case("CREATE_IN_PROGRESS"), clock, seconds=100)
        aws.answer(action, error("ValidationError", "Not ready"))
        stack.check(CLUSTER)
        assert (aws.actions, clock.now) == (list(self.CALLS), 1000)

    @pytest.mark.parametrize("action", CALLS)
    @pytest.mark.parametrize("answer", [denial("cloudformation:x"), error("Throttling")], ids=["denial", "throttling"])
    def test_retries_and_raises_any_other_error(self, aws: Canned, action: str, answer: Answer) -> None:
        clock = SetClock()
        stack = _stack(aws, Case("CREATE_IN_PROGRESS"), clock, seconds=10)
        aws.answer(action, answer)
        with pytest.raises(ServiceError, match=action):
            stack.check(CLUSTER)
        assert clock.now == 1010

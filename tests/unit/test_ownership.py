"""When a Delete stops jobs, and when it leaves them alone: by what CloudFormation tells of the request's stack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs.living_service import TroubleError
from ownership import Decision, Stack
from properties import Container
from sandbox.loopback import Response
from teardown import Reply, Verdict
from tests.canned import Answer, Canned, denial, error
from tests.requests import STACK_ID, request

CLUSTER_ARN = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
CLUSTER = Container("EcsTasks", CLUSTER_ARN)
STATE_MACHINE = Container("StateMachineExecutions", "arn:aws:states:us-west-2:123456789012:stateMachine:nightly")
APPLICATION = Container("EmrServerlessJobRuns", "00f")

GOES = Decision(True, "cluster prod goes with its stack")
LEFT = Decision(True, "cluster prod has left the template")
REPLACED = Decision(True, "cluster prod was replaced")
RETAINED = Decision(False, "cluster prod stays: the template retains it")
WAS_RETAINED = Decision(False, "cluster prod stays: the template that it has left retained it")
OLD_RETAINED = Decision(False, "cluster prod stays: the template retains what it replaces")
RENAMED = Decision(False, "cluster prod stays: it is in the template as Other")
STILL_THERE = Decision(False, "cluster prod stays: it is still in the template")
OF_OTHERS = Decision(False, "cluster prod stays: it is not this stack's, and the stack is not being deleted")

TWICE = Decision(False, "cluster prod stays: its stack is gone, so this request was delivered twice")
NESTED = Decision(False, "cluster prod stays: it is not this stack's, and only this nested stack is being deleted")

DELETIONS = ("DELETE_IN_PROGRESS", "DELETE_FAILED")
FAILED_CREATES = ("ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE")
CLEANUPS = ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "NEW_STATUS")
ROLLBACKS = ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED")

NO_RESOURCE = error("ValidationError", "Resource Cluster does not exist for stack WorldExport")


@dataclass(frozen=True)
class Case:
    """What CloudFormation tells, and what comes of it."""

    decision: Decision
    statuses: tuple[str, ...]
    policy: str | None = None
    """The ContainerDeletionPolicy of the request's properties."""
    owned: bool = True
    """Whether the properties name the container's logical id."""
    resource: Mapping[str, str] | None = field(default_factory=dict)
    """The container's resource in the template; None if it is not there."""
    current: str | None = "prod"
    """Its physical id now; None if the stack has no such resource."""
    renamed: str | None = None
    """The physical id of another cluster in the template."""
    except_on_create: bool = False
    """Whether the operation was begun with RetainExceptOnCreate."""


ALL = (*DELETIONS, *FAILED_CREATES, *CLEANUPS, *ROLLBACKS)
CASES = [
    # The stack goes.
    Case(GOES, DELETIONS),
    Case(GOES, DELETIONS, "Delete", resource={"DeletionPolicy": "Delete"}),
    Case(GOES, DELETIONS, resource=None),
    Case(GOES, DELETIONS, owned=False),
    Case(GOES, DELETIONS, "Retain", owned=False),
    Case(GOES, DELETIONS, resource={"UpdateReplacePolicy": "Retain"}),
    Case(RETAINED, DELETIONS, "Retain"),
    Case(RETAINED, DELETIONS, "Retain", except_on_create=True),
    Case(RETAINED, DELETIONS, "RetainExceptOnCreate"),
    Case(RETAINED, DELETIONS, resource={"DeletionPolicy": "Retain"}),
    Case(RETAINED, DELETIONS, "Delete", resource={"DeletionPolicy": "RetainExceptOnCreate"}),
    # It has gone: what has the container's name by now may be another stack's.
    Case(TWICE, ("DELETE_COMPLETE",)),
    Case(TWICE, ("DELETE_COMPLETE",), owned=False),
    # A create has failed: all that was created is deleted, but for what is always retained.
    Case(GOES, FAILED_CREATES),
    Case(GOES, FAILED_CREATES, "RetainExceptOnCreate", resource={"DeletionPolicy": "RetainExceptOnCreate"}),
    Case(RETAINED, FAILED_CREATES, "Retain", resource={"DeletionPolicy": "Retain"}),
    Case(GOES, FAILED_CREATES, resource=None),
    Case(GOES, FAILED_CREATES, "Retain", resource={"DeletionPolicy": "Retain"}, except_on_create=True),
    Case(OF_OTHERS, FAILED_CREATES, owned=False),
    # The stack stays, and so does what is not its own, or is still in it.
    Case(OF_OTHERS, (*CLEANUPS, *ROLLBACKS), owned=False),
    Case(STILL_THERE, (*CLEANUPS, *ROLLBACKS)),
    Case(STILL_THERE, (*CLEANUPS, *ROLLBACKS), "Retain", resource={"UpdateReplacePolicy": "Retain"}),
    Case(STILL_THERE, CLEANUPS, current=CLUSTER_ARN),
    # It has left the template.
    Case(LEFT, (*CLEANUPS, *ROLLBACKS), resource=None, current=None),
    Case(LEFT, (*CLEANUPS, *ROLLBACKS), "Delete", resource=None),
    Case(WAS_RETAINED, (*CLEANUPS, *ROLLBACKS), "Retain", resource=None),
    Case(WAS_RETAINED, CLEANUPS, "RetainExceptOnCreate", resource=None),
    Case(LEFT, ROLLBACKS, "RetainExceptOnCreate", resource=None),
    Case(LEFT, ROLLBACKS, "Retain", resource=None, except_on_create=True),
    Case(WAS_RETAINED, CLEANUPS, "Retain", resource=None, except_on_create=True),
    # It is in the template, but a condition keeps it out of the stack.
    Case(LEFT, CLEANUPS, resource={"Condition": "No"}, current=None),
    Case(WAS_RETAINED, CLEANUPS, "Retain", resource={"Condition": "No"}, current=None),
    # It has another logical id in the template than the properties say.
    Case(RENAMED, (*CLEANUPS, *ROLLBACKS), resource=None, renamed="prod"),
    Case(RENAMED, CLEANUPS, "Delete", resource={}, current="prod-2", renamed=CLUSTER_ARN),
    Case(LEFT, CLEANUPS, resource=None, renamed="prod-2"),
    Case(REPLACED, CLEANUPS, resource={}, current="prod-2", renamed="prod-3"),
    # It was replaced.
    Case(REPLACED, (*CLEANUPS, *ROLLBACKS), current="prod-2"),
    Case(REPLACED, CLEANUPS, "Retain", resource={"DeletionPolicy": "Retain"}, current="prod-2"),
    Case(OLD_RETAINED, CLEANUPS, resource={"UpdateReplacePolicy": "Retain"}, current="prod-2"),
    Case(OLD_RETAINED, CLEANUPS, resource={"UpdateReplacePolicy": "RetainExceptOnCreate"}, current="prod-2"),
]


def _tell(aws: Canned, status: str, resources: Any, current: str | None = "prod", **more: str) -> None:
    aws.answer("DescribeStacks", {"Stacks": [{"StackName": "WorldExport", "StackStatus": status, **more}]})
    aws.answer("GetTemplate", {"TemplateBody": json.dumps({"Resources": resources})})
    aws.answer("DescribeStackResource", _detail("Cluster", current))


def _detail(logical_id: str, physical_id: str | None) -> Answer:
    detail = {"LogicalResourceId": logical_id, "PhysicalResourceId": physical_id}
    return {"StackResourceDetail": detail} if physical_id else NO_RESOURCE


def _stack(**properties: str | None) -> Stack:
    given = {name: value for name, value in properties.items() if value is not None}
    return Stack(request("Delete", given, LogicalResourceId="Stop"))


@pytest.mark.parametrize(("case", "status"), [(case, status) for case in CASES for status in case.statuses], ids=str)
def test_a_delete_stops_jobs_only_if_their_container_goes(aws: Canned, case: Case, status: str) -> None:
    resources: dict[str, Any] = {"Stop": {}, "Role": {"Type": "AWS::IAM::Role"}}
    if case.resource is not None:
        resources["Cluster"] = {"Type": "AWS::ECS::Cluster", **case.resource}
    details = [_detail("Cluster", case.current)] if case.resource is not None else []
    if case.renamed:
        resources["Other"] = {"Type": "AWS::ECS::Cluster"}
        details.append(_detail("Other", case.renamed))
    _tell(aws, status, resources, case.current, RetainExceptOnCreate="true" if case.except_on_create else "false")
    if details:
        aws.answer("DescribeStackResource", *details)
    stack = _stack(ContainerLogicalId="Cluster" if case.owned else None, ContainerDeletionPolicy=case.policy)
    assert stack.decide(CLUSTER) == case.decision


ROOT_ID = "arn:aws:cloudformation:us-west-2:123456789012:stack/Root/1"


class TestNestedStack:
    """One that is being deleted, because its root is, or because an update of the root drops it or rolls it back."""

    def _decide(self, aws: Canned, *root_statuses: str, root: str = ROOT_ID, **properties: str) -> Decision:
        _tell(aws, "DELETE_IN_PROGRESS", {"Cluster": {}})
        nested = {"StackName": "WorldExport", "StackStatus": "DELETE_IN_PROGRESS", "RootId": root}
        roots: list[Answer] = [{"Stacks": [{"StackName": "Root", "StackStatus": status}]} for status in root_statuses]
        aws.answer("DescribeStacks", {"Stacks": [nested]}, *roots)
        return _stack(**properties).decide(CLUSTER)

    @pytest.mark.parametrize("status", DELETIONS)
    def test_stops_the_jobs_of_another_stacks_container_with_its_root(self, aws: Canned, status: str) -> None:
        assert self._decide(aws, status) == GOES
        assert [parameters["StackName"] for _, parameters in aws.calls] == [STACK_ID, ROOT_ID]

    @pytest.mark.parametrize("status", [*FAILED_CREATES, *CLEANUPS, *ROLLBACKS])
    def test_leaves_them_alone_without_its_root(self, aws: Canned, status: str) -> None:
        assert self._decide(aws, status) == NESTED

    def test_stops_those_of_its_own_container(self, aws: Canned) -> None:
        assert self._decide(aws, ContainerLogicalId="Cluster") == GOES

    def test_is_none_if_it_is_its_own_root(self, aws: Canned) -> None:
        assert self._decide(aws, root=STACK_ID) == GOES
        assert aws.actions == ["DescribeStacks"]

    def test_whose_root_can_not_be_asked_decides_nothing(self, aws: Canned) -> None:
        _tell(aws, "DELETE_IN_PROGRESS", {})
        nested = {"StackName": "WorldExport", "StackStatus": "DELETE_IN_PROGRESS", "RootId": ROOT_ID}
        aws.answer("DescribeStacks", {"Stacks": [nested]}, denial("cloudformation:DescribeStacks"))
        with pytest.raises(TroubleError, match="cloudformation:DescribeStacks"):
            _stack().decide(CLUSTER)


@pytest.mark.parametrize(
    ("container", "ref"),
    [(CLUSTER, "prod"), (STATE_MACHINE, STATE_MACHINE.id), (APPLICATION, "00f")],
    ids=str,
)
def test_a_container_is_still_there_by_what_ref_gives_for_it(aws: Canned, container: Container, ref: str) -> None:
    _tell(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", {"Cluster": {}}, ref)
    decision = _stack(ContainerLogicalId="Cluster").decide(container)
    assert decision == Decision(False, f"{container.place} stays: it is still in the template")


class TestQuestions:
    def test_are_of_the_requests_stack_by_its_id(self, aws: Canned) -> None:
        _tell(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", {"Cluster": {}})
        _stack(ContainerLogicalId="Cluster").decide(CLUSTER)
        named = {"StackName": STACK_ID, "Version": "2010-05-15"}
        assert aws.calls == [
            ("DescribeStacks", named),
            ("GetTemplate", {**named, "TemplateStage": "Processed"}),
            ("DescribeStackResource", {**named, "LogicalResourceId": "Cluster"}),
        ]

    @pytest.mark.parametrize(
        ("status", "owned", "calls"),
        [
            ("DELETE_IN_PROGRESS", False, ["DescribeStacks"]),
            ("DELETE_IN_PROGRESS", True, ["DescribeStacks", "GetTemplate"]),
            ("ROLLBACK_IN_PROGRESS", True, ["DescribeStacks", "GetTemplate"]),
            ("UPDATE_IN_PROGRESS", False, ["DescribeStacks"]),
        ],
    )
    def test_are_no_more_than_are_needed(self, aws: Canned, status: str, owned: bool, calls: list[str]) -> None:
        _tell(aws, status, {"Cluster": {}})
        _stack(ContainerLogicalId="Cluster" if owned else None).decide(CLUSTER)
        assert aws.actions == calls

    def test_of_the_template_need_no_answer_where_the_properties_say_that_it_is_retained(self, aws: Canned) -> None:
        _tell(aws, "DELETE_IN_PROGRESS", {"Cluster": {}})
        stack = _stack(ContainerLogicalId="Cluster", ContainerDeletionPolicy="Retain")
        assert stack.decide(CLUSTER) == RETAINED
        assert aws.actions == ["DescribeStacks"]


NO_JSON = Reply(
    Verdict.REFUSED,
    "The stack's template is not JSON, as the CDK writes it, so whether a container stays can't be read from it."
    " Convert it.",
)
NO_STACK = Reply(Verdict.PASSING, "DescribeStacks got an answer without a stack")
NO_STATUS = Reply(Verdict.PASSING, "DescribeStacks got an answer with Stacks without StackStatus")
NO_ID = Reply(Verdict.PASSING, "DescribeStackResource got an answer without the physical id of Cluster")
DELETED_LONG_AGO = error("ValidationError", f"Stack with id {STACK_ID} does not exist")


def test_a_resource_of_the_containers_type_that_the_stack_lacks_is_not_the_container(aws: Canned) -> None:
    _tell(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", {"Other": {"Type": "AWS::ECS::Cluster", "Condition": "No"}})
    aws.answer("DescribeStackResource", NO_RESOURCE)
    assert _stack(ContainerLogicalId="Cluster").decide(CLUSTER) == LEFT


class TestTrouble:
    @pytest.mark.parametrize(
        ("action", "answer", "reply"),
        [
            ("DescribeStacks", {"Stacks": []}, NO_STACK),
            ("DescribeStacks", {"Stacks": [{"StackName": "x"}]}, NO_STATUS),
            ("DescribeStacks", {}, Reply(Verdict.PASSING, "DescribeStacks got an answer without Stacks")),
            (
                "DescribeStacks",
                DELETED_LONG_AGO,
                Reply(
                    Verdict.UNKNOWN,
                    f"cloudformation:DescribeStacks answered ValidationError: Stack with id {STACK_ID} does not exist",
                ),
            ),
            ("GetTemplate", {"TemplateBody": "Resources:\n  Cluster:\n    Type: AWS::ECS::Cluster\n"}, NO_JSON),
            ("GetTemplate", {"TemplateBody": "[]"}, NO_JSON),
            ("GetTemplate", {"TemplateBody": "7"}, NO_JSON),
            ("GetTemplate", {"TemplateBody": '{"Resources": []}'}, NO_JSON),
            ("GetTemplate", {"TemplateBody": "{}"}, NO_JSON),
            ("GetTemplate", {}, Reply(Verdict.PASSING, "GetTemplate got an answer without TemplateBody")),
            (
                "GetTemplate",
                error("Throttling", "Rate exceeded"),
                Reply(Verdict.PASSING, "cloudformation:GetTemplate answered Throttling: Rate exceeded"),
            ),
            ("DescribeStackResource", {"StackResourceDetail": {"LogicalResourceId": "Cluster"}}, NO_ID),
            (
                "DescribeStackResource",
                DELETED_LONG_AGO,
                Reply(
                    Verdict.UNKNOWN,
                    "cloudformation:DescribeStackResource answered ValidationError:"
                    f" Stack with id {STACK_ID} does not exist",
                ),
            ),
            (
                "DescribeStackResource",
                error("OddError", "Resource Cluster does not exist for stack WorldExport"),
                Reply(
                    Verdict.UNKNOWN,
                    "cloudformation:DescribeStackResource answered OddError:"
                    " Resource Cluster does not exist for stack WorldExport",
                ),
            ),
        ],
    )
    def test_is_never_a_decision(self, aws: Canned, action: str, answer: Answer, reply: Reply) -> None:
        _tell(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", {"Cluster": {}})
        aws.answer(action, answer)
        with pytest.raises(TroubleError) as trouble:
            _stack(ContainerLogicalId="Cluster").decide(CLUSTER)
        assert trouble.value.reply == reply

    @pytest.mark.parametrize("action", ["DescribeStacks", "GetTemplate", "DescribeStackResource"])
    def test_of_a_permission_names_it(self, aws: Canned, action: str) -> None:
        _tell(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", {"Cluster": {}})
        aws.answer(action, denial(f"cloudformation:{action}"))
        with pytest.raises(TroubleError, match=f"has no permission cloudformation:{action}"):
            _stack(ContainerLogicalId="Cluster").decide(CLUSTER)


class TestCheck:
    @pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
    def test_makes_every_call_once_of_the_resource_itself(self, aws: Canned, status: str) -> None:
        _tell(aws, status, {"Stop": {}})
        assert _stack().check() is False
        assert aws.actions == ["DescribeStacks", "GetTemplate", "DescribeStackResource"]
        assert aws.asked("DescribeStackResource")[0]["LogicalResourceId"] == "Stop"

    @pytest.mark.parametrize("status", ROLLBACKS)
    def test_asks_no_more_in_the_rollback_of_an_update(self, aws: Canned, status: str) -> None:
        _tell(aws, status, {"Stop": {}})
        assert _stack().check() is True
        assert aws.actions == ["DescribeStacks"]

    @pytest.mark.parametrize("action", ["GetTemplate", "DescribeStackResource"])
    def test_needs_no_answer_about_what_is_still_being_made(self, aws: Canned, action: str) -> None:
        _tell(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer(action, error("ValidationError", "Template is not ready"))
        assert _stack().check() is False
        assert aws.actions == ["DescribeStacks", "GetTemplate", "DescribeStackResource"]

    def test_needs_no_physical_id_of_the_resource_itself(self, aws: Canned) -> None:
        _tell(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer("DescribeStackResource", {"StackResourceDetail": {"LogicalResourceId": "Stop"}})
        assert _stack().check() is False

    @pytest.mark.parametrize("action", ["DescribeStacks", "GetTemplate", "DescribeStackResource"])
    @pytest.mark.parametrize(
        "answer", [denial("cloudformation:x"), error("Throttling"), Response(503, b"busy"), Response(200, b"<page/>")]
    )
    def test_raises_what_would_be_trouble_at_a_delete(self, aws: Canned, action: str, answer: Response) -> None:
        _tell(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer(action, answer)
        with pytest.raises(TroubleError):
            _stack().check()

    def test_refuses_a_template_that_could_not_be_read_at_a_delete(self, aws: Canned) -> None:
        _tell(aws, "CREATE_IN_PROGRESS", {"Stop": {}})
        aws.answer("GetTemplate", {"TemplateBody": "Resources: {}"})
        with pytest.raises(TroubleError) as trouble:
            _stack().check()
        assert trouble.value.reply == NO_JSON

    def test_needs_a_stack_that_can_be_described(self, aws: Canned) -> None:
        aws.answer("DescribeStacks", DELETED_LONG_AGO)
        with pytest.raises(TroubleError):
            _stack().check()

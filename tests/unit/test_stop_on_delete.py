"""The contract of StopOnDelete, request by request: what the handler calls and what it answers."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

import stop_on_delete
from jobs.connection import LONGEST_CALL
from jobs.container import SLICE
from properties import _CONTAINERS
from sandbox.cloudformation.custom_resources import ResponseUrls
from tests.canned import Answer, Canned, denial, error
from tests.network import SetClock
from tests.requests import STACK_ID, HurriedClock, Sender, request

CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
OTHER = CLUSTER.replace("prod", "test")
STATE_MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:nightly"
PHYSICAL_ID = f"EcsTasks({CLUSTER})"
QUESTIONS = ["DescribeStacks", "GetTemplate", "DescribeStackResource"]
TASK = "arn:aws:ecs:us-west-2:123456789012:task/prod/1"
RUNNING = {"taskArn": TASK, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING"}
LOOK_AT_NOTHING = ["ListTasks", "ListTasks"]
ADVICE = "Delete the stack again to try again; in an update's cleanup or a rollback, see operators.md of"


@pytest.fixture
def cloudformation(aws: Canned, urls: ResponseUrls, monkeypatch: pytest.MonkeyPatch) -> Sender:
    """Send requests of a stack that is being made, to a cluster without tasks."""
    monkeypatch.setattr(stop_on_delete, "clock", HurriedClock())
    _stack_is(aws, "CREATE_IN_PROGRESS")
    aws.answer("DescribeClusters", {"clusters": [{"status": "ACTIVE"}]})
    aws.answer("ListTasks", {"taskArns": []})
    return Sender(stop_on_delete.handler, urls)


def _stack_is(aws: Canned, status: str, **resources: Any) -> None:
    aws.answer("DescribeStacks", {"Stacks": [{"StackName": "WorldExport", "StackStatus": status}]})
    aws.answer("GetTemplate", {"TemplateBody": json.dumps({"Resources": {"Stop": {}, **resources}})})
    aws.answer("DescribeStackResource", {"StackResourceDetail": {"PhysicalResourceId": "prod"}})


def _task_runs(aws: Canned, *last: dict[str, Any]) -> None:
    """List a task for ever, and describe it at each look as told."""
    look: list[Answer] = [{"taskArns": [TASK]}, {"taskArns": []}]
    aws.answer("ListTasks", *look * 50)
    aws.answer("DescribeTasks", *({"tasks": [{**RUNNING, **told}]} for told in last))


def _create(kind: str = "EcsTasks", container: str = CLUSTER, **more: str) -> dict[str, Any]:
    return request("Create", {"Kind": kind, "Container": container, **more}, LogicalResourceId="Stop")


def _update(container: str, **more: str) -> dict[str, Any]:
    properties = {"Kind": "EcsTasks", "Container": container, **more}
    return request("Update", properties, LogicalResourceId="Stop", PhysicalResourceId=PHYSICAL_ID)


def _delete(physical_id: str | None = PHYSICAL_ID, **more: str) -> dict[str, Any]:
    properties = {"Kind": "EcsTasks", "Container": CLUSTER, **more}
    return request("Delete", properties, LogicalResourceId="Stop", PhysicalResourceId=physical_id)


class TestCreate:
    def test_looks_once_and_makes_the_container_the_physical_id(self, cloudformation: Sender, aws: Canned) -> None:
        answer = cloudformation.send(_create(WaitSeconds="300", BestEffort="false", ProviderStays="true"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
        assert aws.actions == [*QUESTIONS, "DescribeClusters"]
        assert "Data" not in answer

    def test_names_a_family_in_the_physical_id(self, cloudformation: Sender) -> None:
        answer = cloudformation.send(_create(Family="nightly"))
        assert answer["PhysicalResourceId"] == f"EcsTasks({CLUSTER},family=nightly)"

    @pytest.mark.parametrize(
        ("kind", "container", "look", "answer"),
        [
            ("StateMachineExecutions", STATE_MACHINE, "ListExecutions", {"executions": []}),
            ("EmrServerlessJobRuns", "00f", "GetApplication", {"application": {"state": "CREATED"}}),
        ],
    )
    def test_looks_at_the_kind_of_container_that_is_declared(
        self, cloudformation: Sender, aws: Canned, kind: str, container: str, look: str, answer: dict[str, Any]
    ) -> None:
        aws.answer(look, answer)
        assert cloudformation.send(_create(kind, container))["PhysicalResourceId"] == f"{kind}({container})"
        assert aws.actions == [*QUESTIONS, look]

    def test_of_a_container_that_is_not_there_fails_at_once(self, cloudformation: Sender, aws: Canned) -> None:
        aws.answer("DescribeClusters", {"clusters": []})
        answer = cloudformation.send(_create())
        assert answer["Status"] == "FAILED"
        assert answer["Reason"] == "cluster prod can't be taken charge of: There is no such cluster"
        assert answer["PhysicalResourceId"].startswith("never-created-")
        assert aws.actions == [*QUESTIONS, "DescribeClusters"]

    @pytest.mark.parametrize(
        ("properties", "named"),
        [
            ({"Container": "prod"}, "Container 'prod' is not valid: of EcsTasks, it must be the ARN of a cluster"),
            ({"Kind": "Tasks"}, "Kind 'Tasks' is not valid: it must be one of"),
            ({"Family": "nightly:3"}, "Family 'nightly:3' is not valid: it must be letters"),
            ({"WaitSeconds": "900"}, "WaitSeconds '900' is not valid"),
            ({"BestEffort": "maybe"}, "BestEffort 'maybe' is not valid"),
            ({"ProviderStays": "no"}, "ProviderStays 'no' is not valid"),
            (
                {"Container": CLUSTER.replace("123456789012", "210987654321")},
                "it is in the account 210987654321, but the stack in 123456789012",
            ),
            (
                {"Container": CLUSTER.replace("arn:aws", "arn:aws-cn")},
                "it is in the partition aws-cn, but the stack in aws",
            ),
        ],
    )
    def test_with_a_bad_property_fails_without_a_call(
        self, cloudformation: Sender, aws: Canned, properties: dict[str, str], named: str
    ) -> None:
        event = _create()
        event["ResourceProperties"] |= properties
        answer = cloudformation.send(event)
        assert answer["Status"] == "FAILED"
        assert named in answer["Reason"]
        assert aws.calls == []

    @pytest.mark.parametrize("action", [*QUESTIONS, "DescribeClusters"])
    def test_without_a_permission_fails_after_a_minute_and_names_it(
        self, cloudformation: Sender, aws: Canned, monkeypatch: pytest.MonkeyPatch, action: str
    ) -> None:
        clock = SetClock()
        monkeypatch.setattr(stop_on_delete, "clock", clock)
        permission = f"{'ecs' if action == 'DescribeClusters' else 'cloudformation'}:{action}"
        aws.answer(action, denial(permission))
        answer = cloudformation.send(_create())
        assert answer["Status"] == "FAILED"
        assert answer["Reason"].startswith(
            f"cluster prod can't be taken charge of: The handler's role has no permission {permission}: add it"
        )
        assert clock.now - 1000 == 60

    def test_waits_for_a_permission_that_has_just_been_given(self, cloudformation: Sender, aws: Canned) -> None:
        aws.answer("GetTemplate", *[denial("cloudformation:GetTemplate")] * 3, {"TemplateBody": '{"Resources": {}}'})
        assert cloudformation.send(_create())["Status"] == "SUCCESS"

    def test_tries_again_while_there_is_time_what_may_pass(
        self, cloudformation: Sender, aws: Canned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = SetClock()
        monkeypatch.setattr(stop_on_delete, "clock", clock)
        aws.answer("DescribeClusters", error("ThrottlingException", "Rate exceeded"))
        answer = cloudformation.send(_create())
        assert answer["Reason"] == (
            "cluster prod can't be taken charge of: ecs:DescribeClusters answered ThrottlingException: Rate exceeded"
        )
        assert 800 < clock.now - 1000 < 900

    def test_refuses_a_template_that_is_no_json_at_once(self, cloudformation: Sender, aws: Canned) -> None:
        aws.answer("GetTemplate", {"TemplateBody": "Resources: {}"})
        answer = cloudformation.send(_create())
        assert answer["Reason"].startswith("cluster prod can't be taken charge of: The stack's template is not JSON")
        assert aws.actions == ["DescribeStacks", "GetTemplate"]

    def test_that_failed_is_deleted_without_a_call(self, cloudformation: Sender, aws: Canned) -> None:
        physical_id = cloudformation.send(_create(container="prod"))["PhysicalResourceId"]
        assert cloudformation.send(_delete(physical_id))["Status"] == "SUCCESS"
        assert aws.calls == []


class TestUpdate:
    def test_of_the_same_container_calls_nothing(self, cloudformation: Sender, aws: Canned) -> None:
        answer = cloudformation.send(_update(CLUSTER, WaitSeconds="60"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
        assert aws.calls == []

    @pytest.mark.parametrize("properties", [{"Container": OTHER}, {"Container": CLUSTER, "Family": "nightly"}])
    def test_to_another_container_or_filter_is_a_replacement_and_stops_nothing(
        self, cloudformation: Sender, aws: Canned, properties: dict[str, str]
    ) -> None:
        _stack_is(aws, "UPDATE_IN_PROGRESS")
        event = _update(CLUSTER)
        event["ResourceProperties"] |= properties
        answer = cloudformation.send(event)
        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] in (f"EcsTasks({OTHER})", f"EcsTasks({CLUSTER},family=nightly)")
        assert aws.actions == [*QUESTIONS, "DescribeClusters"]

    def test_to_a_container_that_is_not_there_fails_and_keeps_the_old_physical_id(
        self, cloudformation: Sender, aws: Canned
    ) -> None:
        _stack_is(aws, "UPDATE_IN_PROGRESS")
        aws.answer("DescribeClusters", {"clusters": [{"status": "INACTIVE"}]})
        answer = cloudformation.send(_update(OTHER))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", PHYSICAL_ID)
        assert answer["Reason"] == "cluster test can't be taken charge of: There is no such cluster"

    @pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
    def test_back_in_a_rollback_is_accepted_without_a_look(
        self, cloudformation: Sender, aws: Canned, status: str
    ) -> None:
        _stack_is(aws, status)
        aws.answer("DescribeClusters", {"clusters": []})
        answer = cloudformation.send(_update(OTHER))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", f"EcsTasks({OTHER})")
        assert aws.actions == ["DescribeStacks"]


class TestDelete:
    def test_stops_what_runs_and_waits_until_it_has_ended(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        held = {"desiredStatus": "STOPPED", "lastStatus": "DEPROVISIONING"}
        _task_runs(aws, {}, held, held, {"lastStatus": "STOPPED"})
        answer = cloudformation.send(_delete())
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
        [stopped] = aws.asked("StopTask")
        assert stopped["task"] == TASK
        assert stopped["reason"] == "The CloudFormation stack WorldExport lets go of it (StopOnDelete Stop)"
        assert len(aws.asked("DescribeTasks")) == 4

    def test_of_nothing_that_runs_succeeds(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert aws.actions == ["DescribeStacks", *LOOK_AT_NOTHING, *LOOK_AT_NOTHING]

    def test_of_a_container_that_is_gone_succeeds(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        aws.answer("ListTasks", error("ClusterNotFoundException"))
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert aws.actions == ["DescribeStacks", "ListTasks"]

    def test_acts_on_the_physical_id_and_not_on_the_properties(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        cloudformation.send(_delete(f"EcsTasks({OTHER},family=nightly)"))
        assert {(asked["cluster"], asked["family"]) for asked in aws.asked("ListTasks")} == {(OTHER, "nightly")}

    def test_of_a_container_that_stays_touches_nothing(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Cluster={})
        _task_runs(aws, {})
        answer = cloudformation.send(_delete(ContainerLogicalId="Cluster"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
        assert aws.actions == QUESTIONS

    @pytest.mark.parametrize("physical_id", ["never-created-request-1", "WorldExport_Stop_abc", CLUSTER, "", None])
    def test_of_what_names_no_container_calls_nothing(
        self, cloudformation: Sender, aws: Canned, physical_id: str | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            answer = cloudformation.send(_delete(physical_id))
        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"] == physical_id or not physical_id
        assert aws.calls == []
        assert caplog.messages == [
            "Delete of Stop in stack WorldExport: Nothing to stop: the physical id names no container, so the resource"
            " was never created"
        ]

    @pytest.mark.parametrize("properties", [{"WaitSeconds": "soon"}, {"BestEffort": "maybe"}, {"Kind": "x"}, None, []])
    def test_is_not_blocked_by_a_bad_property(self, cloudformation: Sender, aws: Canned, properties: Any) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        assert cloudformation.send({**_delete(), "ResourceProperties": properties})["Status"] == "SUCCESS"
        assert "ListTasks" in aws.actions

    def test_that_can_not_ask_fails_after_a_minute_and_stops_nothing(
        self, cloudformation: Sender, aws: Canned, caplog: pytest.LogCaptureFixture
    ) -> None:
        aws.answer("DescribeStacks", denial("cloudformation:DescribeStacks"))
        answer = cloudformation.send(_delete())
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", PHYSICAL_ID)
        assert answer["Reason"].startswith(
            "CloudFormation can't be asked whether cluster prod goes, so nothing was stopped. The handler's role has no"
            " permission cloudformation:DescribeStacks: add it"
        )
        assert set(aws.actions) == {"DescribeStacks"}
        fields = caplog.records[-1].__dict__
        assert 60 <= fields["seconds"] < 62
        assert fields["calls"] == len(aws.calls)

    def test_asks_again_while_there_is_time_for_an_answer(
        self,
        cloudformation: Sender,
        aws: Canned,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        aws.answer("DescribeStacks", error("Throttling", "Rate exceeded"))
        answer = cloudformation.send(_delete(), seconds=300)
        assert answer["Reason"].startswith(
            "CloudFormation can't be asked whether cluster prod goes, so nothing was stopped."
            " cloudformation:DescribeStacks answered Throttling: Rate exceeded"
        )
        kept_back = 10 + LONGEST_CALL
        assert 300 - kept_back - 3 < caplog.records[-1].__dict__["seconds"] < 300 - kept_back + 1

    def test_keeps_back_the_time_for_a_round_and_a_call(
        self,
        cloudformation: Sender,
        aws: Canned,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        aws.answer("ListTasks", error("ThrottlingException", "Rate exceeded"))
        answer = cloudformation.send(_delete(), seconds=300)
        assert answer["Reason"].startswith(
            "The work in cluster prod could not be ended in time. ecs:ListTasks answered ThrottlingException: Rate"
        )
        kept_back = 10 + LONGEST_CALL + SLICE
        assert 300 - kept_back - 3 < caplog.records[-1].__dict__["seconds"] < 300 - kept_back + 1

    def test_of_a_template_that_is_no_json_fails_at_once(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        aws.answer("GetTemplate", {"TemplateBody": "Resources: {}"})
        answer = cloudformation.send(_delete(ContainerLogicalId="Cluster"))
        assert answer["Status"] == "FAILED"
        assert "The stack's template is not JSON" in answer["Reason"]
        assert aws.actions == ["DescribeStacks", "GetTemplate"]

    def test_fails_when_something_runs_after_the_wait_and_names_it(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        _task_runs(aws, {"desiredStatus": "STOPPED", "lastStatus": "STOPPING"})
        reason = cloudformation.send(_delete(WaitSeconds="60"))["Reason"]
        assert reason.startswith(
            "The work in cluster prod is still running (0 of 1 tasks stopped, but not 1) after a wait of 60 s. Delete"
        )
        assert ADVICE in reason

    def test_with_a_wait_of_0_stops_and_does_not_look(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        _task_runs(aws, {})
        assert cloudformation.send(_delete(WaitSeconds="0"))["Status"] == "SUCCESS"
        assert aws.actions == ["DescribeStacks", "ListTasks", "DescribeTasks", "StopTask", "ListTasks"]

    def test_advises_to_stop_the_jobs_and_let_go_of_it_alone_where_the_function_goes_with_the_stack(
        self, cloudformation: Sender, aws: Canned
    ) -> None:
        aws.answer("DescribeStacks", denial("cloudformation:DescribeStacks"))
        reason = cloudformation.send(_delete(ProviderStays="false"))["Reason"]
        assert "stop them yourself, and then let go of this resource: aws cloudformation delete-stack" in reason
        assert "--stack-name WorldExport --retain-resources Stop (" in reason
        assert "the job:" not in reason

    @pytest.mark.parametrize("physical_id", ["BatchJobs(arn:x)", "EcsTasks(prod)", "EcsTasks("])
    def test_of_an_id_that_only_another_version_can_read_is_failed_and_touches_nothing(
        self, cloudformation: Sender, aws: Canned, physical_id: str
    ) -> None:
        answer = cloudformation.send(_delete(physical_id))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", physical_id)
        assert answer["Reason"].startswith(
            "This version of the handler can't read which container is meant, so nothing was stopped. "
        )
        assert aws.calls == []

    def test_with_best_effort_answers_success_with_an_error_in_the_log(
        self, cloudformation: Sender, aws: Canned, caplog: pytest.LogCaptureFixture
    ) -> None:
        aws.answer("DescribeStacks", denial("cloudformation:DescribeStacks"))
        assert cloudformation.send(_delete(BestEffort="true"))["Status"] == "SUCCESS"
        assert [record.levelname for record in caplog.records] == ["ERROR"]

    def test_delivered_twice_ends_the_same_way(self, cloudformation: Sender, aws: Canned) -> None:
        _stack_is(aws, "DELETE_COMPLETE")
        event = _delete()
        assert cloudformation.send(event) == cloudformation.send(event)


class TestBrokenBotocore:
    """Here a Create needs AWS, so it fails with the reason; so does a Delete."""

    @pytest.fixture(autouse=True)
    def _broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stop_on_delete, "_broken", ImportError("cannot import name 'EnvProvider'"))

    @pytest.mark.parametrize("event", [_create(), _update(OTHER), _delete()], ids=["Create", "Update", "Delete"])
    def test_fails_a_request_that_needs_it_with_the_reason(
        self, cloudformation: Sender, aws: Canned, event: dict[str, Any]
    ) -> None:
        answer = cloudformation.send(event)
        assert answer["Status"] == "FAILED"
        assert answer["Reason"].startswith(
            "The handler can't load what it calls AWS with: ImportError(\"cannot import name 'EnvProvider'\")"
        )
        assert aws.calls == []

    def test_fails_no_other(self, cloudformation: Sender) -> None:
        assert cloudformation.send(_update(CLUSTER))["Status"] == "SUCCESS"
        assert cloudformation.send(_delete("never-created-1"))["Status"] == "SUCCESS"


class TestLog:
    @pytest.fixture(autouse=True)
    def _from_info_on(self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "stop-on-delete")
        with caplog.at_level(logging.INFO):
            yield

    def test_of_a_delete_has_the_container_the_outcome_the_seconds_the_calls_and_the_metrics(
        self, cloudformation: Sender, aws: Canned, caplog: pytest.LogCaptureFixture
    ) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        _task_runs(aws, {}, {"lastStatus": "STOPPED"})
        cloudformation.send(_delete())
        stops, record = caplog.records
        assert stops.__dict__["stopped"] == [TASK]
        fields = record.__dict__
        assert record.levelname == "INFO"
        assert record.getMessage() == (
            f"Delete of Stop in stack WorldExport: Teardown of {PHYSICAL_ID}: stopped: 1 tasks stopped"
        )
        assert (fields["container"], fields["outcome"], fields["detail"]) == (
            PHYSICAL_ID,
            "stopped",
            "1 tasks stopped",
        )
        assert fields["calls"] == len(aws.calls)
        assert (fields["stack"], fields["logical_id"], fields["request_type"]) == (STACK_ID, "Stop", "Delete")
        assert (fields["FunctionName"], fields["Service"]) == ("stop-on-delete", "StopOnDelete")
        assert (fields["Teardowns"], fields["LeftRunning"], fields["TeardownSeconds"]) == (1, 0, fields["seconds"])
        [metrics] = fields["_aws"]["CloudWatchMetrics"]
        assert (metrics["Namespace"], metrics["Dimensions"]) == ("StopOnDelete", [["FunctionName"], ["Service"]])

    def test_of_what_is_left_alone_says_so_and_why(
        self, cloudformation: Sender, aws: Canned, caplog: pytest.LogCaptureFixture
    ) -> None:
        _stack_is(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        cloudformation.send(_delete())
        [record] = caplog.records
        fields = record.__dict__
        assert (record.levelname, fields["outcome"]) == ("INFO", "left running on purpose")
        assert fields["detail"] == "cluster prod stays: it is not this stack's, and the stack is not being deleted"
        assert (fields["LeftRunning"], fields["calls"]) == (0, 1)

    def test_of_what_is_left_alone_has_the_seconds_that_it_took_to_ask_in_thousandths(
        self, cloudformation: Sender, aws: Canned, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = SetClock()
        monkeypatch.setattr(stop_on_delete, "clock", clock)
        monkeypatch.setattr(clock, "monotonic", itertools.count(1000.0, 0.2501).__next__)
        _stack_is(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        cloudformation.send(_delete())
        [record] = caplog.records
        seconds = record.__dict__["seconds"]
        assert 0 < seconds < 3
        assert seconds == round(seconds, 3) != round(seconds)

    def test_of_a_failure_counts_what_is_left_running(
        self, cloudformation: Sender, aws: Canned, caplog: pytest.LogCaptureFixture
    ) -> None:
        _stack_is(aws, "DELETE_IN_PROGRESS")
        aws.answer("ListTasks", denial("ecs:ListTasks"))
        cloudformation.send(_delete())
        [record] = caplog.records
        fields = record.__dict__
        assert (record.levelname, fields["outcome"], fields["LeftRunning"]) == ("ERROR", "failed", 1)
        assert fields["calls"] == len(aws.calls)
        assert "has no permission ecs:ListTasks" in fields["detail"]


def test_every_kind_that_a_property_may_name_is_known() -> None:
    assert set(stop_on_delete._MODULES) == set(_CONTAINERS)

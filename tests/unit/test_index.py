"""The contract, request by request: what the handler calls and what it answers, for both resource types."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import Mock

import pytest

import index
from jobs.aws import LONGEST_CALL
from jobs.running_jobs import STEP_SECONDS
from jobs.world_export_job import WorldExportJob
from properties import SERVICES
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import THROTTLED, Fault, RoboMaker
from stop_on_delete import KINDS
from tests.canned import Answer, Canned, denial, error
from tests.network import SetClock
from tests.requests import JOB_1, JOB_2, Sender, request

Log = pytest.LogCaptureFixture
Event = dict[str, Any]
Answers = Mapping[str, Answer]

CANCEL, DESCRIBE = "CancelWorldExportJob", "DescribeWorldExportJob"
FOREIGN, UNKNOWN_REGION = JOB_1.replace("123456789012", "999999999999"), JOB_2.replace("us-west-2", "sa-east-1")
GOVERNMENT = JOB_1.replace("us-west-2", "us-gov-west-1").replace("aws", "aws-us-gov")
CREATE_JOB = request("Create", {"JobArn": JOB_1, "WaitSeconds": "300", "BestEffort": "false"})
UPDATE_JOB, DELETE_JOB = (request(each, {"JobArn": JOB_1}, PhysicalResourceId=JOB_1) for each in ("Update", "Delete"))

CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
OTHER = CLUSTER.replace("prod", "test")
STATE_MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:nightly"
TASKS = f"EcsTasks({CLUSTER})"
TASK = "arn:aws:ecs:us-west-2:123456789012:task/prod/1"
RUNNING = {"taskArn": TASK, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING"}
QUESTIONS = ["DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources"]
CREATE_STOP = request("Create", {"Kind": "EcsTasks", "Container": CLUSTER}, LogicalResourceId="Stop")
UPDATE_STOP, DELETE_STOP = (
    {**CREATE_STOP, "RequestType": each, "PhysicalResourceId": TASKS} for each in ("Update", "Delete")
)


def _with(event: Event, **properties: object) -> Event:
    return {**event, "ResourceProperties": {**event["ResourceProperties"], **properties}}


def _of(physical_id: str, event: Event) -> Event:
    return {**event, "PhysicalResourceId": physical_id}


@pytest.fixture
def send(urls: ResponseUrls, hurried: SetClock) -> Sender:  # noqa: ARG001
    """Send requests to a handler whose pauses take no time."""
    return Sender(index.handler, urls)


@pytest.fixture
def aws(aws: Canned) -> Canned:
    """Have a cluster without tasks, which is not in the request's stack."""
    aws.stack_is("CREATE_IN_PROGRESS")
    aws.answer("DescribeClusters", {"clusters": [{"status": "ACTIVE"}]})
    aws.answer("ListTasks", {"taskArns": []})
    return aws


LOOK = [*QUESTIONS, "DescribeClusters"]
NO_CLUSTER: Answers = {"DescribeClusters": {"clusters": []}}
ROLLBACK: Answers = {"DescribeStacks": {"Stacks": [{"StackStatus": "UPDATE_ROLLBACK_IN_PROGRESS"}]}}
IN_THE_STACK = {"LogicalResourceId": "Cluster", "PhysicalResourceId": "prod", "ResourceStatus": "CREATE_COMPLETE"}
LISTED: Answers = {
    "ListStackResources": {"StackResourceSummaries": [{**IN_THE_STACK, "ResourceType": "AWS::ECS::Cluster"}]}
}

# A Create or an Update -> what services answer, the physical id, and the calls.
ACCEPTED: dict[str, tuple[Event, Answers, str, list[str]]] = {
    "a job": (CREATE_JOB, {}, JOB_1, []),
    "the same job": (_with(UPDATE_JOB, WaitSeconds="60"), {}, JOB_1, []),
    "another job": (_with(UPDATE_JOB, JobArn=JOB_2), {}, JOB_2, []),
    # An older version accepted these two.
    "another job, in an unknown region": (_with(UPDATE_JOB, JobArn=UNKNOWN_REGION), {}, UNKNOWN_REGION, []),
    "the same job, of another account": (_of(FOREIGN, _with(UPDATE_JOB, JobArn=FOREIGN)), {}, FOREIGN, []),
    "tasks": (_with(CREATE_STOP, WaitSeconds="300", BestEffort="false"), {}, TASKS, LOOK),
    "executions": (
        _with(CREATE_STOP, Kind="StateMachineExecutions", Container=STATE_MACHINE),
        {"ListExecutions": {"executions": []}},
        f"StateMachineExecutions({STATE_MACHINE})",
        [*QUESTIONS, "ListExecutions"],
    ),
    "job runs": (
        _with(CREATE_STOP, Kind="EmrServerlessJobRuns", Container="00f"),
        {"GetApplication": {"application": {"state": "CREATED"}}},
        "EmrServerlessJobRuns(00f)",
        [*QUESTIONS, "GetApplication"],
    ),
    "another cluster": (_with(UPDATE_STOP, Container=OTHER), {}, f"EcsTasks({OTHER})", LOOK),
    "another option": (_with(UPDATE_STOP, Family="nightly"), {}, f"EcsTasks({CLUSTER},family=nightly)", LOOK),
    "the same cluster": (_with(UPDATE_STOP, WaitSeconds="60"), NO_CLUSTER, TASKS, []),
    "another cluster, in a rollback": (
        _with(UPDATE_STOP, Container=OTHER),
        {**ROLLBACK, **NO_CLUSTER},
        f"EcsTasks({OTHER})",
        ["DescribeStacks"],
    ),
}
# The same, with the beginning of the reason.
REJECTED: dict[str, tuple[Event, Answers, str, list[str]]] = {
    **{
        f"a job in another {place}": (_with(CREATE_JOB, JobArn=arn), {}, f"JobArn '{arn}' is not valid: ", [])
        for place, arn in {"account": FOREIGN, "partition": GOVERNMENT, "region": UNKNOWN_REGION}.items()
    },
    "a property of a job": (_with(CREATE_JOB, ProviderOutlivesStack="no"), {}, "ProviderOutlivesStack 'no' ", []),
    "another job that is none": (_with(UPDATE_JOB, JobArn="job-2"), {}, "JobArn 'job-2' is not valid: ", []),
    "no job": (_with(UPDATE_JOB, JobArn=None), {}, "JobArn None is not valid: ", []),
    "an unknown kind": (_with(CREATE_STOP, Kind="Tasks"), {}, "Kind 'Tasks' is not valid: ", []),
    **{
        f"a cluster in another {place}": (_with(CREATE_STOP, Container=arn), {}, f"Container '{arn}' is not valid", [])
        for place, arn in {
            "account": CLUSTER.replace("123456789012", "210987654321"),
            "partition": CLUSTER.replace("arn:aws", "arn:aws-cn"),
        }.items()
    },
    "a cluster in the stack": (CREATE_STOP, LISTED, "ContainerLogicalId '' is not valid: cluster prod is", QUESTIONS),
    "no cluster": (CREATE_STOP, NO_CLUSTER, "The cluster prod does not exist.", LOOK),
}


class TestDeclaration:
    """A Create or an Update, which stops nothing."""

    @pytest.fixture(autouse=True)
    def _no_call_of_robomaker(self, robomaker: RoboMaker) -> Iterator[None]:
        yield
        assert robomaker.calls == []

    @pytest.mark.parametrize(("event", "answers", "physical_id", "actions"), ACCEPTED.values(), ids=ACCEPTED)
    def test_is_accepted(
        self, send: Sender, aws: Canned, event: Event, answers: Answers, physical_id: str, actions: list[str]
    ) -> None:
        aws.answer_all(answers)
        answer = send.send(event)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
        assert answer.get("Data") == ({"JobArn": physical_id} if "(" not in physical_id else None)
        assert aws.actions == actions

    @pytest.mark.parametrize(("event", "answers", "reason", "actions"), REJECTED.values(), ids=REJECTED)
    def test_is_rejected_at_once(
        self, send: Sender, aws: Canned, event: Event, answers: Answers, reason: str, actions: list[str]
    ) -> None:
        aws.answer_all(answers)
        assert send.send(event)["Reason"].startswith(reason)
        assert aws.actions == actions

    @pytest.mark.parametrize("permission", ["cloudformation:DescribeStacks", "ecs:DescribeClusters"])
    def test_without_a_permission_fails_after_a_minute(self, send: Sender, aws: Canned, permission: str) -> None:
        action = permission.partition(":")[2]
        aws.answer(action, denial(permission))
        reason = send.send(CREATE_STOP)["Reason"]
        assert reason.startswith(f"cluster prod can't be checked: The function's role has no permission {permission}.")
        assert 5 < len(aws.asked(action)) < 20


class TestWorldExportJob:
    """The Delete of a `Custom::ManagedWorldExportJob`."""

    def test_gives_the_job_the_clock_and_a_look_at_the_host_of_the_response_url(
        self, send: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = Mock(side_effect=WorldExportJob)
        monkeypatch.setattr(index, "WorldExportJob", job)
        send.send(DELETE_JOB)
        assert job.call_args.kwargs["clock"] is index.clock
        assert job.call_args.kwargs["others_connect"]() is True

    def test_cancels_the_job_of_the_physical_id(self, send: Sender, robomaker: RoboMaker, caplog: Log) -> None:
        for job in (JOB_1, JOB_2):
            robomaker.start_job(job)
        robomaker.switch_on(Fault(message='{"status": "Canceling"}', status=200, operation=DESCRIBE), times=3)
        with caplog.at_level(logging.INFO):
            answer = send.send(_with(DELETE_JOB, JobArn=JOB_2))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)
        assert [call.operation for call in robomaker.calls] == [CANCEL] + [DESCRIBE] * 4
        assert (robomaker.status(JOB_1), robomaker.status(JOB_2)) == ("Canceled", "Running")
        line = caplog.records[-1].__dict__
        assert (line["physical_id"], line["Service"], line["calls"]) == (JOB_1, "RoboMaker", 5)

    @pytest.mark.parametrize(
        "physical_id",
        ["never-created-1", "WorldExport_Job_abc", CLUSTER, JOB_1.replace("job-1", "*"), f"{JOB_1}(", "my job (1)"],
    )
    def test_of_what_was_never_created_calls_nothing(
        self, send: Sender, robomaker: RoboMaker, physical_id: str, caplog: Log
    ) -> None:
        with caplog.at_level(logging.INFO):
            answer = send.send(_of(physical_id, DELETE_JOB))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
        assert robomaker.calls == []
        [line] = caplog.messages
        assert line.endswith(": There is nothing to stop, because the resource was never created")

    @pytest.mark.parametrize("properties", [{"WaitSeconds": "soon", "BestEffort": "maybe", "JobArn": "x"}, None])
    def test_is_not_blocked_by_a_bad_property(self, send: Sender, robomaker: RoboMaker, properties: Any) -> None:
        robomaker.start_job(JOB_1)
        assert send.send({**DELETE_JOB, "ResourceProperties": properties})["Status"] == "SUCCESS"
        assert robomaker.status(JOB_1) == "Canceled"


def _task_runs(aws: Canned, *last: dict[str, Any]) -> None:
    """List a task at each look, and describe it as told."""
    look: list[Answer] = [{"taskArns": [TASK]}, {"taskArns": []}]
    aws.answer("ListTasks", *look * 50)
    aws.answer("DescribeTasks", *({"tasks": [{**RUNNING, **told}]} for told in last))
    aws.answer("ListDaemons", {"daemonSummariesList": []})


class TestStopOnDelete:
    """The Delete of a `Custom::StopOnDelete`."""

    @pytest.fixture(autouse=True)
    def _is_deleted(self, aws: Canned) -> None:
        aws.stack_is("DELETE_IN_PROGRESS")

    def test_stops_what_runs_and_waits(self, send: Sender, aws: Canned, caplog: Log, hurried: SetClock) -> None:
        held = {"desiredStatus": "STOPPED", "lastStatus": "DEPROVISIONING"}
        _task_runs(aws, {}, held, held, {"lastStatus": "STOPPED"})
        with caplog.at_level(logging.INFO):
            answer = send.send(DELETE_STOP)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", TASKS)
        [stop] = aws.asked("StopTask")
        reason = "CloudFormation stack WorldExport deletes it or no longer declares it (Stop)"
        assert (stop["task"], stop["reason"]) == (TASK, reason)
        assert len(aws.asked("DescribeTasks")) == 4
        stops, line = (record.__dict__ for record in caplog.records)
        assert stops["stopped"] == [TASK]
        assert (line["physical_id"], line["Service"], line["outcome"]) == (TASKS, "ECS", "stopped")
        assert (line["detail"], line["calls"]) == ("1 tasks stopped", len(aws.calls))
        assert hurried.pauses[-1] == 2, "the last list is read twice"

    def test_acts_on_the_physical_id_not_on_the_properties(self, send: Sender, aws: Canned) -> None:
        send.send(_of(f"EcsTasks({OTHER},family=nightly)", DELETE_STOP))
        assert {(asked["cluster"], asked["family"]) for asked in aws.asked("ListTasks")} == {(OTHER, "nightly")}

    def test_of_a_container_that_is_kept_says_why(
        self, send: Sender, aws: Canned, caplog: Log, hurried: SetClock
    ) -> None:
        aws.stack_is("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        template = {"TemplateBody": '{"Resources": {"Cluster": {}}}'}
        aws.answer("GetTemplate", error("Throttling"), template)
        with caplog.at_level(logging.INFO):
            answer = send.send(_with(DELETE_STOP, ContainerLogicalId="Cluster"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", TASKS)
        assert set(aws.actions) == set(QUESTIONS)
        line = caplog.records[-1].__dict__
        assert (line["outcome"], line["LeftRunning"], line["calls"]) == ("kept", 0, 5)
        assert line["seconds"] == round(hurried.now - 1000, 3)
        assert line["detail"] == "cluster prod is kept: it is still in the template"

    def test_counts_the_time_and_the_calls_of_the_decision(
        self, send: Sender, aws: Canned, caplog: Log, hurried: SetClock
    ) -> None:
        aws.answer("DescribeStacks", error("Throttling"), {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]})
        with caplog.at_level(logging.INFO):
            assert send.send(_with(DELETE_STOP))["Status"] == "SUCCESS"
        line = caplog.records[-1].__dict__
        assert (line["seconds"], line["calls"]) == (round(hurried.now - 1000, 3), len(aws.calls))

    def test_with_a_wait_of_0_stops_and_does_not_look_again(self, send: Sender, aws: Canned) -> None:
        _task_runs(aws, {})
        assert send.send(_with(DELETE_STOP, WaitSeconds="0"))["Status"] == "SUCCESS"
        calls = ["ListTasks", "DescribeTasks", "ListDaemons", "StopTask", "ListTasks"]
        assert aws.actions == ["DescribeStacks", "ListStackResources", *calls]

    @pytest.mark.parametrize(
        ("physical_id", "named", "service"),
        [
            ("BatchJobs(arn:x)", "Kind", "unknown"),
            ("EcsTasks(prod)", "Container", "ECS"),
            ("EcsTasks(", "PhysicalResourceId", "ECS"),
        ],
    )
    def test_of_an_id_of_another_version_fails(
        self, send: Sender, aws: Canned, caplog: Log, physical_id: str, named: str, service: str
    ) -> None:
        answer = send.send(_of(physical_id, DELETE_STOP))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", physical_id)
        assert answer["Reason"].startswith("The function can't read the resource's physical id, so nothing was stopped")
        assert f" that created the resource. {named} " in answer["Reason"]
        assert caplog.records[-1].__dict__["Service"] == service
        assert aws.calls == []


@pytest.mark.parametrize(
    ("event", "action", "reason", "kept"),
    [
        (DELETE_JOB, CANCEL, "CancelWorldExportJob answered ThrottlingException: Rate exceeded.", 0),
        (DELETE_STOP, "DescribeStacks", "The function could not ask CloudFormation whether it is deleting", 0),
        (DELETE_STOP, "StopTask", "StopTask answered Throttling: Rate exceeded. Tasks in cluster prod", STEP_SECONDS),
    ],
)
def test_a_delete_retries_while_there_is_time_for_a_call_and_an_answer(
    send: Sender, robomaker: RoboMaker, aws: Canned, caplog: Log, event: Event, action: str, reason: str, kept: float
) -> None:
    robomaker.switch_on(THROTTLED)
    aws.stack_is("DELETE_IN_PROGRESS")
    _task_runs(aws, {})
    aws.answer(action, error("Throttling", "Rate exceeded"))
    assert send.send(event, seconds=300)["Reason"].startswith(reason)
    line = caplog.records[-1].__dict__
    assert line["seconds"] == pytest.approx(300 - 10 - LONGEST_CALL - kept, abs=3)
    assert line["seconds"] == round(index.clock.monotonic() - 1000, 3)
    assert line["calls"] == len(aws.calls) + len(robomaker.calls)


class TestBrokenBotocore:
    """Lambda updates botocore by itself; here one lacks a class that the handler imports."""

    @pytest.fixture
    def send(self, urls: ResponseUrls, monkeypatch: pytest.MonkeyPatch) -> Sender:
        monkeypatch.delattr("botocore.credentials.EnvProvider")
        for name in list(sys.modules):
            if name.partition(".")[0] in ("index", "jobs"):
                monkeypatch.delitem(sys.modules, name)
        return Sender(importlib.import_module("index").handler, urls)

    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (DELETE_JOB, "so nothing was stopped"),
            (DELETE_STOP, "so nothing was stopped"),
            (CREATE_STOP, "so cluster prod can't be checked"),
            (_with(UPDATE_STOP, Container=OTHER), "so cluster test can't be checked"),
        ],
    )
    def test_fails_a_request_that_needs_it(self, send: Sender, event: Event, reason: str) -> None:
        problem = f"The function can't load the AWS SDK, {reason}: ImportError(\"cannot import name 'EnvProvider'"
        assert send.send(event)["Reason"].startswith(problem)

    @pytest.mark.parametrize(
        "event", [CREATE_JOB, _with(UPDATE_JOB, JobArn=JOB_2), _of("never-created-1", DELETE_JOB), UPDATE_STOP]
    )
    def test_fails_no_other(self, send: Sender, event: Event) -> None:
        assert send.send(event)["Status"] == "SUCCESS"


def test_every_kind_that_a_property_may_name_has_its_jobs_and_its_service() -> None:
    assert {"WorldExportJobs", *KINDS} == set(SERVICES)

"""The contract, request by request: what the handler calls and what it answers, for both resource types."""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from unittest.mock import Mock

import pytest

import index
from jobs.aws import LONGEST_CALL
from jobs.running_jobs import STEP_SECONDS
from jobs.world_export_job import WorldExportJob
from properties import SERVICES
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import Fault, RoboMaker
from stop_on_delete import KINDS
from tests.canned import Answer, Canned, denial, error
from tests.network import SetClock
from tests.requests import JOB_1, JOB_2, Sender, request

Log = pytest.LogCaptureFixture
CANCEL, DESCRIBE = "CancelWorldExportJob", "DescribeWorldExportJob"
CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
OTHER = CLUSTER.replace("prod", "test")
STATE_MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:nightly"
TASKS = f"EcsTasks({CLUSTER})"
QUESTIONS = ["DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources"]
TASK = "arn:aws:ecs:us-west-2:123456789012:task/prod/1"
CREATE = request("Create", {"JobArn": JOB_1, "WaitSeconds": "300", "BestEffort": "false"})
RUNNING = {"taskArn": TASK, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING"}


@pytest.fixture
def send(urls: ResponseUrls, hurried: SetClock) -> Sender:  # noqa: ARG001
    """Send requests to a handler whose pauses take no time."""
    return Sender(index.handler, urls)


class TestWorldExportJob:
    """`Custom::ManagedWorldExportJob`."""

    @staticmethod
    def update(job: object, **properties: str) -> dict[str, Any]:
        old = {"JobArn": JOB_1}
        return request("Update", {"JobArn": job, **properties}, PhysicalResourceId=JOB_1, OldResourceProperties=old)

    @staticmethod
    def delete(job: str = JOB_1, **properties: str) -> dict[str, Any]:
        return request("Delete", {"JobArn": JOB_1, **properties}, PhysicalResourceId=job)

    def test_delete_gives_the_job_the_clock_and_a_look_at_another_host(
        self, send: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = Mock(side_effect=WorldExportJob)
        monkeypatch.setattr(index, "WorldExportJob", job)
        send.send(self.delete())
        assert job.call_args.kwargs["clock"] is index.clock
        assert job.call_args.kwargs["others_connect"]() is True  # the response URL

    def test_create_makes_the_arn_the_physical_id_and_calls_nothing(self, send: Sender, robomaker: RoboMaker) -> None:
        answer = send.send(CREATE)
        assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == ("SUCCESS", JOB_1, {"JobArn": JOB_1})
        assert robomaker.calls == []

    @pytest.mark.parametrize(
        ("properties", "named"),
        [
            ({"JobArn": JOB_1.replace("123456789012", "999999999999")}, "account 999999999999"),
            ({"JobArn": JOB_1.replace("us-west-2", "us-gov-west-1").replace("aws", "aws-us-gov")}, "partition"),
            ({"JobArn": JOB_1.replace("us-west-2", "sa-east-1")}, "never in the region sa-east-1"),
            ({"ProviderOutlivesStack": "no"}, "ProviderOutlivesStack"),
        ],
    )
    def test_create_checks(self, send: Sender, robomaker: RoboMaker, properties: dict[str, Any], named: str) -> None:
        answer = send.send(request("Create", {"JobArn": JOB_1, **properties}))
        assert answer["Status"] == "FAILED"
        assert named in answer["Reason"]
        assert robomaker.calls == []

    @pytest.mark.parametrize(
        "job",
        [JOB_1, JOB_2, JOB_2.replace("us-west-2", "sa-east-1")],
        ids=["the same", "another", "one that an older version accepted"],
    )
    def test_update_makes_its_arn_the_physical_id(self, send: Sender, robomaker: RoboMaker, job: str) -> None:
        robomaker.start_job(JOB_1)
        answer = send.send(self.update(job, WaitSeconds="60"))
        assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == ("SUCCESS", job, {"JobArn": job})
        assert robomaker.calls == []

    def test_update_with_the_arn_that_was_accepted_once_checks_no_rule(self, send: Sender) -> None:
        old = JOB_1.replace("123456789012", "999999999999")
        event = request("Update", {"JobArn": old, "WaitSeconds": "60"}, PhysicalResourceId=old)
        answer = send.send(event)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", old)

    @pytest.mark.parametrize("job", ["job-2", None])
    def test_update_to_a_bad_arn_keeps_the_old_id(self, send: Sender, robomaker: RoboMaker, job: str | None) -> None:
        answer = send.send(self.update(job))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", JOB_1)
        assert f"JobArn {job!r} is not valid" in answer["Reason"]
        assert robomaker.calls == []

    def test_delete_cancels_the_job_of_the_physical_id(self, send: Sender, robomaker: RoboMaker, caplog: Log) -> None:
        for job in (JOB_1, JOB_2):
            robomaker.start_job(job)
        robomaker.switch_on(Fault(message='{"status": "Canceling"}', status=200, operation=DESCRIBE), times=3)
        with caplog.at_level(logging.INFO):
            answer = send.send(request("Delete", {"JobArn": JOB_2}, PhysicalResourceId=JOB_1))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)
        assert [call.operation for call in robomaker.calls] == [CANCEL] + [DESCRIBE] * 4
        assert (robomaker.status(JOB_1), robomaker.status(JOB_2)) == ("Canceled", "Running")
        line = caplog.records[-1].__dict__
        assert (line["physical_id"], line["Service"], line["calls"]) == (JOB_1, "RoboMaker", 5)

    def test_delete_waits_no_longer_than_the_function_has(self, send: Sender, robomaker: RoboMaker) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        answer = send.send(self.delete(WaitSeconds="840"), seconds=60)
        waited = re.search(r"job-1 is Canceling\. Waited (\d+) s", answer["Reason"])
        assert waited is not None
        assert 15 < int(waited[1]) <= 60 - 10 - LONGEST_CALL, "the time to answer in and the longest call are kept back"

    @pytest.mark.parametrize(
        "physical_id",
        ["never-created-1", "WorldExport_Job_abc", CLUSTER, JOB_1.replace("job-1", "*"), f"{JOB_1}(", "my job (1)"],
    )
    def test_delete_of_what_was_never_created(
        self, send: Sender, robomaker: RoboMaker, physical_id: str, caplog: Log
    ) -> None:
        with caplog.at_level(logging.INFO):
            answer = send.send(self.delete(physical_id))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", physical_id)
        assert robomaker.calls == []
        assert caplog.messages == [
            "Delete of WorldExportJob9F8FED21 in stack WorldExport: There is nothing to stop, because the resource was"
            " never created"
        ]

    @pytest.mark.parametrize("properties", [{"WaitSeconds": "soon", "BestEffort": "maybe", "JobArn": "x"}, None])
    def test_delete_is_not_blocked_by_a_bad_property(self, send: Sender, robomaker: RoboMaker, properties: Any) -> None:
        robomaker.start_job(JOB_1)
        event = {**self.delete(), "ResourceProperties": properties}
        assert send.send(event)["Status"] == "SUCCESS"
        assert robomaker.status(JOB_1) == "Canceled"


class TestStopOnDelete:
    """`Custom::StopOnDelete`."""

    @pytest.fixture(autouse=True)
    def _cluster_without_tasks(self, aws: Canned) -> None:
        self.stack_is(aws, "CREATE_IN_PROGRESS")
        aws.answer("DescribeClusters", {"clusters": [{"status": "ACTIVE"}]})
        aws.answer("ListTasks", {"taskArns": []})

    @staticmethod
    def stack_is(aws: Canned, status: str, **resources: Any) -> None:
        aws.answer("DescribeStacks", {"Stacks": [{"StackName": "WorldExport", "StackStatus": status}]})
        aws.answer("GetTemplate", {"TemplateBody": json.dumps({"Resources": {"Stop": {}, **resources}})})
        aws.answer("DescribeStackResource", {"StackResourceDetail": {"PhysicalResourceId": "prod"}})
        aws.answer("ListStackResources", {"StackResourceSummaries": []})

    @staticmethod
    def task_runs(aws: Canned, *last: dict[str, Any]) -> None:
        """List a task at each look, and describe it as told."""
        look: list[Answer] = [{"taskArns": [TASK]}, {"taskArns": []}]
        aws.answer("ListTasks", *look * 50)
        aws.answer("DescribeTasks", *({"tasks": [{**RUNNING, **told}]} for told in last))
        aws.answer("ListDaemons", {"daemonSummariesList": []})

    @staticmethod
    def create(kind: str = "EcsTasks", container: str = CLUSTER, **more: str) -> dict[str, Any]:
        return request("Create", {"Kind": kind, "Container": container, **more}, LogicalResourceId="Stop")

    @staticmethod
    def update(container: str, **more: str) -> dict[str, Any]:
        properties = {"Kind": "EcsTasks", "Container": container, **more}
        return request("Update", properties, LogicalResourceId="Stop", PhysicalResourceId=TASKS)

    @staticmethod
    def delete(physical_id: str = TASKS, **more: str) -> dict[str, Any]:
        properties = {"Kind": "EcsTasks", "Container": CLUSTER, **more}
        return request("Delete", properties, LogicalResourceId="Stop", PhysicalResourceId=physical_id)

    @pytest.mark.parametrize(
        ("kind", "container", "look", "found"),
        [
            ("EcsTasks", CLUSTER, "DescribeClusters", {"clusters": [{"status": "ACTIVE"}]}),
            ("StateMachineExecutions", STATE_MACHINE, "ListExecutions", {"executions": []}),
            ("EmrServerlessJobRuns", "00f", "GetApplication", {"application": {"state": "CREATED"}}),
        ],
    )
    def test_create_looks(
        self, send: Sender, aws: Canned, kind: str, container: str, look: str, found: dict[str, Any]
    ) -> None:
        aws.answer(look, found)
        answer = send.send(self.create(kind, container, WaitSeconds="300", BestEffort="false"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", f"{kind}({container})")
        assert aws.actions == [*QUESTIONS, look]
        assert "Data" not in answer

    @pytest.mark.parametrize(
        ("properties", "named"),
        [
            ({"Kind": "Tasks"}, "Kind 'Tasks' is not valid: it must be one of"),
            ({"Container": CLUSTER.replace("123456789012", "210987654321")}, "account 210987654321, but the stack"),
            ({"Container": CLUSTER.replace("arn:aws", "arn:aws-cn")}, "partition aws-cn, but the stack is in aws"),
        ],
    )
    def test_create_checks(self, send: Sender, aws: Canned, properties: dict[str, Any], named: str) -> None:
        event = self.create()
        event["ResourceProperties"] |= properties
        answer = send.send(event)
        assert answer["Status"] == "FAILED"
        assert named in answer["Reason"]
        assert aws.calls == []

    def test_create_checks_what_the_stack_says(self, send: Sender, aws: Canned) -> None:
        self.stack_is(aws, "CREATE_IN_PROGRESS", Cluster={})
        listed = {"LogicalResourceId": "Cluster", "PhysicalResourceId": "prod", "ResourceStatus": "CREATE_COMPLETE"}
        aws.answer("ListStackResources", {"StackResourceSummaries": [{**listed, "ResourceType": "AWS::ECS::Cluster"}]})
        answer = send.send(self.create())
        assert answer["Status"] == "FAILED"
        assert answer["Reason"].startswith("ContainerLogicalId '' is not valid: cluster prod is the resource Cluster")
        assert aws.actions == QUESTIONS

    def test_create_for_what_does_not_exist_fails_at_once(self, send: Sender, aws: Canned) -> None:
        aws.answer("DescribeClusters", {"clusters": []})
        answer = send.send(self.create())
        reason = "The cluster prod does not exist. Create it first, or correct the property Container."
        assert (answer["Status"], answer["Reason"]) == ("FAILED", reason)
        assert aws.actions == [*QUESTIONS, "DescribeClusters"]

    @pytest.mark.parametrize("permission", ["cloudformation:DescribeStacks", "ecs:DescribeClusters"])
    def test_create_without_a_permission_fails_after_a_minute(self, send: Sender, aws: Canned, permission: str) -> None:
        action = permission.partition(":")[2]
        aws.answer(action, denial(permission))
        reason = send.send(self.create())["Reason"]
        assert reason.startswith(f"cluster prod can't be checked: The function's role has no permission {permission}.")
        assert 5 < len(aws.asked(action)) < 20

    @pytest.mark.parametrize("properties", [{"Container": OTHER}, {"Family": "nightly"}])
    def test_update_to_another_container_replaces(self, send: Sender, aws: Canned, properties: dict[str, str]) -> None:
        event = self.update(CLUSTER)
        event["ResourceProperties"] |= properties
        answer = send.send(event)
        assert answer["PhysicalResourceId"] in (f"EcsTasks({OTHER})", f"EcsTasks({CLUSTER},family=nightly)")
        assert aws.actions == [*QUESTIONS, "DescribeClusters"]

    def test_update_of_the_same_container_calls_nothing(self, send: Sender, aws: Canned) -> None:
        answer = send.send(self.update(CLUSTER, WaitSeconds="60"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", TASKS)
        assert aws.calls == []

    def test_update_in_a_rollback_is_accepted_without_a_look(self, send: Sender, aws: Canned) -> None:
        self.stack_is(aws, "UPDATE_ROLLBACK_IN_PROGRESS")
        aws.answer("DescribeClusters", {"clusters": []})
        answer = send.send(self.update(OTHER))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", f"EcsTasks({OTHER})")
        assert aws.actions == ["DescribeStacks"]

    def test_delete_stops_what_runs_and_waits(self, send: Sender, aws: Canned, caplog: Log, hurried: SetClock) -> None:
        self.stack_is(aws, "DELETE_IN_PROGRESS")
        held = {"desiredStatus": "STOPPED", "lastStatus": "DEPROVISIONING"}
        self.task_runs(aws, {}, held, held, {"lastStatus": "STOPPED"})
        with caplog.at_level(logging.INFO):
            answer = send.send(self.delete())
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", TASKS)
        [stop] = aws.asked("StopTask")
        assert stop["task"] == TASK
        assert stop["reason"] == "CloudFormation stack WorldExport deletes it or no longer declares it (Stop)"
        assert len(aws.asked("DescribeTasks")) == 4
        stops, line = (record.__dict__ for record in caplog.records)
        assert stops["stopped"] == [TASK]
        assert (line["physical_id"], line["Service"], line["outcome"]) == (TASKS, "ECS", "stopped")
        assert (line["detail"], line["calls"]) == ("1 tasks stopped", len(aws.calls))
        assert hurried.pauses[-1] == 2, "the last list is read twice"

    def test_delete_acts_on_the_physical_id_not_on_the_properties(self, send: Sender, aws: Canned) -> None:
        self.stack_is(aws, "DELETE_IN_PROGRESS")
        send.send(self.delete(f"EcsTasks({OTHER},family=nightly)"))
        assert {(asked["cluster"], asked["family"]) for asked in aws.asked("ListTasks")} == {(OTHER, "nightly")}

    def test_delete_of_a_container_that_is_kept_says_why(
        self, send: Sender, aws: Canned, caplog: Log, hurried: SetClock
    ) -> None:
        self.stack_is(aws, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Cluster={})
        [template] = aws._answers["GetTemplate"]
        aws.answer("GetTemplate", error("Throttling"), template)
        with caplog.at_level(logging.INFO):
            answer = send.send(self.delete(ContainerLogicalId="Cluster"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", TASKS)
        assert set(aws.actions) == set(QUESTIONS)
        line = caplog.records[-1].__dict__
        assert (line["outcome"], line["LeftRunning"], line["calls"]) == ("kept", 0, 5)
        assert line["seconds"] == round(hurried.now - 1000, 3)
        assert line["detail"] == "cluster prod is kept: it is still in the template"

    @pytest.mark.parametrize(
        ("action", "reason", "kept_back"),
        [
            (
                "DescribeStacks",
                "The function could not ask CloudFormation whether it is deleting cluster prod, so it stopped nothing."
                " DescribeStacks answered Throttling: Rate exceeded",
                10 + LONGEST_CALL,
            ),
            (
                "StopTask",
                "StopTask answered Throttling: Rate exceeded. Tasks in cluster prod are still running: 1.",
                10 + LONGEST_CALL + STEP_SECONDS,
            ),
        ],
    )
    def test_delete_retries_while_there_is_time_for_a_call_and_an_answer(
        self, send: Sender, aws: Canned, caplog: Log, hurried: SetClock, action: str, reason: str, kept_back: float
    ) -> None:
        self.stack_is(aws, "DELETE_IN_PROGRESS")
        self.task_runs(aws, {})
        aws.answer(action, error("Throttling", "Rate exceeded"))
        assert send.send(self.delete(), seconds=300)["Reason"].startswith(reason)
        line = caplog.records[-1].__dict__
        assert 300 - kept_back - 3 < line["seconds"] < 300 - kept_back + 1
        assert (line["seconds"], line["calls"]) == (round(hurried.now - 1000, 3), len(aws.calls))

    def test_delete_with_a_wait_of_0_stops_and_does_not_look_again(self, send: Sender, aws: Canned) -> None:
        self.stack_is(aws, "DELETE_IN_PROGRESS")
        self.task_runs(aws, {})
        assert send.send(self.delete(WaitSeconds="0"))["Status"] == "SUCCESS"
        assert aws.actions == ["DescribeStacks", "ListTasks", "DescribeTasks", "ListDaemons", "StopTask", "ListTasks"]

    @pytest.mark.parametrize(
        ("physical_id", "named", "service"),
        [
            ("BatchJobs(arn:x)", "Kind", "unknown"),
            ("EcsTasks(prod)", "Container", "ECS"),
            ("EcsTasks(", "PhysicalResourceId", "ECS"),
        ],
    )
    def test_delete_of_an_id_of_another_version_fails(
        self, send: Sender, aws: Canned, caplog: Log, physical_id: str, named: str, service: str
    ) -> None:
        answer = send.send(self.delete(physical_id))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", physical_id)
        assert caplog.records[-1].__dict__["Service"] == service
        assert answer["Reason"].startswith(
            "The function can't read the resource's physical id, so nothing was stopped. Deploy the version of the"
            f" provider that created the resource. {named} "
        )
        assert aws.calls == []


class TestBrokenBotocore:
    """Lambda updates botocore by itself; here one lacks what the handler imports."""

    @pytest.fixture(autouse=True)
    def _import_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(index, "_import_error", ImportError("cannot import name 'EnvProvider'"))

    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (TestWorldExportJob.delete(), "so nothing was stopped"),
            (TestStopOnDelete.delete(), "so nothing was stopped"),
            (TestStopOnDelete.create(), "so cluster prod can't be checked"),
            (TestStopOnDelete.update(OTHER), "so cluster test can't be checked"),
        ],
    )
    def test_fails_a_request_that_needs_it(self, send: Sender, event: dict[str, Any], reason: str) -> None:
        assert send.send(event)["Reason"].startswith(
            f"The function can't load the AWS SDK, {reason}: ImportError(\"cannot import name 'EnvProvider'\")"
        )

    @pytest.mark.parametrize(
        "event",
        [
            CREATE,
            TestWorldExportJob.update(JOB_2),
            TestWorldExportJob.delete("never-created-1"),
            TestStopOnDelete.update(CLUSTER),
        ],
    )
    def test_fails_no_other(self, send: Sender, event: dict[str, Any]) -> None:
        assert send.send(event)["Status"] == "SUCCESS"


def test_every_kind_that_a_property_may_name_has_its_jobs_and_its_service() -> None:
    assert {"WorldExportJob", *KINDS} == set(SERVICES)

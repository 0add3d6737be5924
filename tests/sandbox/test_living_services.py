"""The living services of the local AWS, as boto3 meets them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.local_aws import ACCOUNT, REGION, LocalAws
from sandbox.services.jobs import NEVER

ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
FOR_A_MOMENT = 0.1  # seconds


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with closing(LocalAws()) as aws:
        yield aws


def _client(aws: LocalAws, service: str, **config: Any) -> Any:
    settings = Config(retries={"total_max_attempts": 1}, **config)
    make: Any = boto3.client  # typed for the names of services only
    return make(service, endpoint_url=aws.url, region_name=REGION, config=settings)


def _until(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(0.01)


def _refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str]:
    """Make a call that is refused and give the code and the message of the error."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def ecs(aws: LocalAws) -> Any:
    client = _client(aws, "ecs")
    client.create_cluster(clusterName="prod")
    return client


class TestEcs:
    def _look(self, ecs: Any, task: str) -> tuple[str, str]:
        [found] = ecs.describe_tasks(cluster="prod", tasks=[task])["tasks"]
        return found["desiredStatus"], found["lastStatus"]

    def test_a_task_that_is_told_to_stop_takes_its_time(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod", stop_seconds=FOR_A_MOMENT)
        told = ecs.stop_task(cluster="prod", task=task, reason="a reason")["task"]
        assert (told["desiredStatus"], told["lastStatus"], told["stoppedReason"]) == ("STOPPED", "STOPPING", "a reason")
        _until(lambda: self._look(ecs, task) == ("STOPPED", "STOPPED"))

    def test_a_task_is_listed_by_what_is_desired_of_it_which_is_by_default_to_run(
        self, aws: LocalAws, ecs: Any
    ) -> None:
        running, stopping = aws.ecs.start_task("prod"), aws.ecs.start_task("prod", stop_seconds=NEVER)
        ecs.stop_task(cluster="prod", task=stopping)
        assert ecs.list_tasks(cluster="prod")["taskArns"] == [running]
        assert ecs.list_tasks(cluster="prod", desiredStatus="STOPPED")["taskArns"] == [stopping]

    def test_a_listing_has_pages_of_a_hundred(self, aws: LocalAws, ecs: Any) -> None:
        tasks = {aws.ecs.start_task("prod") for _ in range(102)}
        pages = [page["taskArns"] for page in ecs.get_paginator("list_tasks").paginate(cluster="prod")]
        assert [len(page) for page in pages] == [100, 2]
        assert {task for page in pages for task in page} == tasks

    def test_a_listing_by_started_by_takes_no_other_filter(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod", started_by="a rule")
        assert ecs.list_tasks(cluster="prod", startedBy="a rule")["taskArns"] == [task]
        for other in ({"desiredStatus": "RUNNING"}, {"family": "work"}):
            code, _ = _refused(ecs.list_tasks, cluster="prod", startedBy="a rule", **other)
            assert code == "InvalidParameterException"

    def test_a_task_of_a_managed_daemon_comes_back(self, aws: LocalAws, ecs: Any) -> None:
        aws.ecs.start_task("prod")
        task = aws.ecs.start_task("prod", daemon="agent")
        [daemon] = ecs.list_daemons(clusterArn="prod")["daemonSummariesList"]
        assert daemon["daemonArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:daemon/prod/agent"
        assert ecs.list_tasks(cluster="prod", daemonName="agent")["taskArns"] == [task]
        ecs.stop_task(cluster="prod", task=task)
        [other] = ecs.list_tasks(cluster="prod", daemonName="agent")["taskArns"]
        assert other != task

    def test_a_task_on_a_dead_host_never_stops(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod", host_is_dead=True)
        ecs.stop_task(cluster="prod", task=task)
        assert self._look(ecs, task) == ("STOPPED", "RUNNING")

    def test_a_task_that_is_not_there_or_has_stopped_can_not_be_stopped(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod")
        ecs.stop_task(cluster="prod", task=task)
        for name in (task, "nonsense"):
            refused = _refused(ecs.stop_task, cluster="prod", task=name)
            assert refused == ("InvalidParameterException", "The referenced task was not found.")

    @pytest.mark.parametrize("exists", [False, True])
    def test_an_unknown_or_deleted_cluster_has_no_tasks(self, ecs: Any, *, exists: bool) -> None:
        if exists:
            ecs.create_cluster(clusterName="test")
            ecs.delete_cluster(cluster="test")
        for call, parameters in (
            (ecs.list_tasks, {}),
            (ecs.describe_tasks, {"tasks": ["a-task"]}),
            (ecs.stop_task, {"task": "a-task"}),
        ):
            code, _ = _refused(call, cluster="test", **parameters)
            assert code == "ClusterNotFoundException"

    def test_a_cluster_with_tasks_that_have_not_stopped_is_not_deleted(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod", stop_seconds=NEVER)
        for _ in ("running", "stopping"):
            code, message = _refused(ecs.delete_cluster, cluster="prod")
            assert (code, message) == (
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
            ecs.stop_task(cluster="prod", task=task)

    def test_a_deleted_cluster_stays_visible(self, aws: LocalAws, ecs: Any) -> None:
        ecs.stop_task(cluster="prod", task=aws.ecs.start_task("prod"))
        ecs.delete_cluster(cluster="prod")
        [cluster] = ecs.describe_clusters(clusters=["prod"])["clusters"]
        assert cluster["status"] == "INACTIVE"


@pytest.fixture
def sfn(aws: LocalAws) -> Any:
    return _client(aws, "stepfunctions")


@pytest.fixture
def machine(sfn: Any) -> str:
    return str(sfn.create_state_machine(name="flow", definition="{}", roleArn=ROLE)["stateMachineArn"])


class TestStepFunctions:
    def _running(self, sfn: Any, machine: str) -> list[str]:
        listed = sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        return [execution["executionArn"] for execution in listed]

    def test_an_execution_is_stopped_with_an_error_and_a_cause(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        execution = aws.step_functions.start_execution(machine)
        sfn.stop_execution(executionArn=execution, error="StackDeleted", cause="The stack is gone.")
        found = sfn.describe_execution(executionArn=execution)
        assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "StackDeleted", "The stack is gone.")

    def test_an_execution_that_has_ended_stays_as_it_is(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        execution = aws.step_functions.start_execution(machine)
        aws.step_functions.settle(execution, "SUCCEEDED")
        sfn.stop_execution(executionArn=execution)
        assert sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"

    def test_a_listing_may_lag_behind_for_some_looks(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        aws.step_functions.stale_looks = 1
        execution = aws.step_functions.start_execution(machine)
        assert [self._running(sfn, machine) for _ in range(2)] == [[], [execution]]
        sfn.stop_execution(executionArn=execution)
        assert [self._running(sfn, machine) for _ in range(2)] == [[execution], []]

    def test_the_executions_of_an_express_machine_are_not_listed(self, sfn: Any) -> None:
        made = sfn.create_state_machine(name="fast", definition="{}", roleArn=ROLE, type="EXPRESS")
        code, _ = _refused(sfn.list_executions, stateMachineArn=made["stateMachineArn"])
        assert code == "StateMachineTypeNotSupported"

    def test_pending_redrive_is_no_filter_for_a_state_machine(self, sfn: Any, machine: str) -> None:
        code, _ = _refused(sfn.list_executions, stateMachineArn=machine, statusFilter="PENDING_REDRIVE")
        assert code == "ValidationException"

    def test_a_deletion_waits_for_the_executions(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        execution = aws.step_functions.start_execution(machine)
        sfn.delete_state_machine(stateMachineArn=machine)
        assert sfn.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
        assert aws.step_functions.is_deleting(machine)
        assert self._running(sfn, machine) == [execution]
        for call, parameters in (
            (sfn.start_execution, {"stateMachineArn": machine}),
            (sfn.create_state_machine, {"name": "flow", "definition": "{}", "roleArn": ROLE}),
        ):
            code, _ = _refused(call, **parameters)
            assert code == "StateMachineDeleting"
        sfn.stop_execution(executionArn=execution)
        for call in (sfn.describe_state_machine, sfn.list_executions):
            code, _ = _refused(call, stateMachineArn=machine)
            assert code == "StateMachineDoesNotExist"


@pytest.fixture
def emr(aws: LocalAws) -> Any:
    return _client(aws, "emr-serverless")


@pytest.fixture
def application(emr: Any) -> str:
    return str(emr.create_application(name="spark", releaseLabel="emr-7.10.0", type="SPARK")["applicationId"])


class TestEmrServerless:
    def _state(self, emr: Any, application: str) -> str:
        return str(emr.get_application(applicationId=application)["application"]["state"])

    def test_an_application_starts_with_its_first_job_run_and_in_its_time(
        self, aws: LocalAws, emr: Any, application: str
    ) -> None:
        aws.emr_serverless.start_seconds = FOR_A_MOMENT
        assert self._state(emr, application) == "CREATED"
        started = emr.start_job_run(applicationId=application, executionRoleArn=ROLE)
        assert self._state(emr, application) == "STARTING"
        assert aws.emr_serverless.state(application, started["jobRunId"]) == "RUNNING"
        _until(lambda: self._state(emr, application) == "STARTED")

    def test_an_application_that_may_not_start_by_itself_takes_no_job_runs(self, emr: Any) -> None:
        made = emr.create_application(
            name="manual", releaseLabel="emr-7.10.0", type="SPARK", autoStartConfiguration={"enabled": False}
        )
        code, _ = _refused(emr.start_job_run, applicationId=made["applicationId"], executionRoleArn=ROLE)
        assert code == "ValidationException"

    def test_a_job_run_takes_its_time_to_be_cancelled(self, aws: LocalAws, emr: Any, application: str) -> None:
        job_run = aws.emr_serverless.start_job_run(application, stop_seconds=FOR_A_MOMENT)
        emr.cancel_job_run(applicationId=application, jobRunId=job_run)

        def state() -> str:
            found = emr.get_job_run(applicationId=application, jobRunId=job_run)
            return str(found["jobRun"]["state"])

        assert state() == "CANCELLING"
        _until(lambda: state() == "CANCELLED")
        code, _ = _refused(emr.cancel_job_run, applicationId=application, jobRunId=job_run)
        assert code == "ValidationException"

    def test_a_listing_has_pages_of_fifty_and_the_states_that_are_asked_for(
        self, aws: LocalAws, emr: Any, application: str
    ) -> None:
        for state in ("QUEUED", "RUNNING", "SUCCESS"):
            for _ in range(30):
                aws.emr_serverless.start_job_run(application, state=state)
        pages = emr.get_paginator("list_job_runs").paginate(applicationId=application, states=["QUEUED", "RUNNING"])
        states = [[job_run["state"] for job_run in page["jobRuns"]] for page in pages]
        assert states == [["RUNNING"] * 30 + ["QUEUED"] * 20, ["QUEUED"] * 10]

    def test_a_job_run_is_cancelled_at_the_end_of_its_grace_period(
        self, aws: LocalAws, emr: Any, application: str
    ) -> None:
        job_run = aws.emr_serverless.start_job_run(application, stop_seconds=NEVER)
        emr.cancel_job_run(applicationId=application, jobRunId=job_run, shutdownGracePeriodInSeconds=1)
        assert aws.emr_serverless.state(application, job_run) == "CANCELLING"
        _until(lambda: aws.emr_serverless.state(application, job_run) == "CANCELLED")

    def test_sessions_are_listed_and_terminated_before_their_application_is_stopped(
        self, aws: LocalAws, emr: Any, application: str
    ) -> None:
        sessions = [aws.emr_serverless.start_session(application, state=state) for state in ["STARTED", "BUSY"] * 26]
        asked = {"applicationId": application, "states": ["STARTED", "BUSY"]}
        first = emr.list_sessions(**asked)
        second = emr.list_sessions(**asked, nextToken=first["nextToken"])
        listed = [session["sessionId"] for page in (first, second) for session in page["sessions"]]
        assert (len(first["sessions"]), sorted(listed)) == (50, sorted(sessions))
        for session in sessions:
            code, _ = _refused(emr.stop_application, applicationId=application)
            assert code == "ValidationException"
            emr.terminate_session(applicationId=application, sessionId=session)
        assert aws.emr_serverless.state(application, sessions[0]) == "TERMINATED"
        assert emr.list_sessions(**asked)["sessions"] == []
        emr.stop_application(applicationId=application)

    def test_an_application_is_stopped_after_its_job_runs_and_in_its_time(
        self, aws: LocalAws, emr: Any, application: str
    ) -> None:
        aws.emr_serverless.application_stop_seconds = FOR_A_MOMENT
        job_run = aws.emr_serverless.start_job_run(application, stop_seconds=NEVER)
        for _ in ("RUNNING", "CANCELLING"):
            code, _ = _refused(emr.stop_application, applicationId=application)
            assert code == "ValidationException"
            emr.cancel_job_run(applicationId=application, jobRunId=job_run)
        aws.emr_serverless.settle(application, job_run, "CANCELLED")
        emr.stop_application(applicationId=application)
        assert self._state(emr, application) == "STOPPING"
        _until(lambda: self._state(emr, application) == "STOPPED")

    def test_an_application_that_is_not_started_can_not_be_stopped(self, emr: Any, application: str) -> None:
        assert _refused(emr.stop_application, applicationId=application) == (
            "ValidationException",
            "Application cannot be STOPPED. Applications must be in one of the following statuses: [STARTING, STARTED]",
        )

    def test_a_started_application_is_not_deleted(self, emr: Any, application: str) -> None:
        emr.start_application(applicationId=application)
        code, _ = _refused(emr.delete_application, applicationId=application)
        assert code == "ValidationException"
        emr.stop_application(applicationId=application)
        emr.delete_application(applicationId=application)
        assert self._state(emr, application) == "TERMINATED"

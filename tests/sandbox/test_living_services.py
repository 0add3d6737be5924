"""The living services of the local AWS, as boto3 meets them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from sandbox.faults import ACCESS_DENIED, CONNECTION_DROPPED, SERVER_ERROR, THROTTLED, Fault
from sandbox.local_aws import ACCOUNT, REGION, LocalAws
from sandbox.services.later import NEVER

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

    def test_a_task_runs_however_often_one_looks(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod")
        assert [self._look(ecs, task) for _ in range(3)] == [("RUNNING", "RUNNING")] * 3

    def test_a_task_that_is_told_to_stop_takes_its_time(self, aws: LocalAws, ecs: Any) -> None:
        task = aws.ecs.start_task("prod", stop_seconds=FOR_A_MOMENT)
        told = ecs.stop_task(cluster="prod", task=task, reason="a reason")["task"]
        assert (told["desiredStatus"], told["lastStatus"], told["stoppedReason"]) == ("STOPPED", "STOPPING", "a reason")
        _until(lambda: self._look(ecs, task) == ("STOPPED", "STOPPED"))

    def test_a_task_may_never_stop(self, aws: LocalAws, ecs: Any) -> None:
        aws.ecs.stop_seconds = NEVER
        task = aws.ecs.start_task("prod")
        for _ in range(2):
            ecs.stop_task(cluster="prod", task=task)
        assert self._look(ecs, task) == ("STOPPED", "STOPPING")
        aws.ecs.settle(task, "STOPPED")
        assert self._look(ecs, task) == ("STOPPED", "STOPPED")

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

    def test_a_listing_has_the_tasks_of_one_cluster_and_one_family(self, aws: LocalAws, ecs: Any) -> None:
        ecs.create_cluster(clusterName="prod-2")
        aws.ecs.start_task("prod-2")
        aws.ecs.start_task("prod", family="nightly-2")
        task = aws.ecs.start_task("prod", family="nightly")
        assert ecs.list_tasks(cluster="prod", family="nightly")["taskArns"] == [task]

    def test_a_task_has_its_group(self, aws: LocalAws, ecs: Any) -> None:
        tasks = [aws.ecs.start_task("prod"), aws.ecs.start_task("prod", group="service:web")]
        described = ecs.describe_tasks(cluster="prod", tasks=tasks)["tasks"]
        assert [task["group"] for task in described] == ["family:work", "service:web"]

    def test_a_task_that_is_not_there_is_a_failure_of_the_description(self, ecs: Any) -> None:
        assert ecs.describe_tasks(cluster="prod", tasks=["nonsense"])["failures"] == [
            {"arn": "nonsense", "reason": "MISSING"}
        ]

    def test_no_more_than_a_hundred_tasks_are_described_at_once(self, ecs: Any) -> None:
        code, _ = _refused(ecs.describe_tasks, cluster="prod", tasks=["a-task"] * 101)
        assert code == "InvalidParameterException"

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

    def test_an_execution_may_take_time_to_stop(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        aws.step_functions.stop_seconds = FOR_A_MOMENT
        execution = aws.step_functions.start_execution(machine)
        sfn.stop_execution(executionArn=execution)
        assert self._running(sfn, machine) == [execution]
        _until(lambda: self._running(sfn, machine) == [])

    def test_one_execution_may_take_longer_to_stop_than_others(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        stays, stops = (
            aws.step_functions.start_execution(machine, stop_seconds=NEVER),
            aws.step_functions.start_execution(machine),
        )
        for execution in (stays, stops):
            sfn.stop_execution(executionArn=execution)
        assert self._running(sfn, machine) == [stays]

    def test_an_execution_that_has_ended_stays_as_it_is(self, aws: LocalAws, sfn: Any, machine: str) -> None:
        execution = aws.step_functions.start_execution(machine)
        aws.step_functions.settle(execution, "SUCCEEDED")
        sfn.stop_execution(executionArn=execution)
        assert sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"

    def test_a_listing_has_pages_that_hold_still_while_executions_are_stopped(
        self, aws: LocalAws, sfn: Any, machine: str
    ) -> None:
        executions = {aws.step_functions.start_execution(machine) for _ in range(5)}
        listed = []
        pages = sfn.get_paginator("list_executions").paginate(
            stateMachineArn=machine, statusFilter="RUNNING", PaginationConfig={"PageSize": 2}
        )
        for page in pages:
            for execution in page["executions"]:
                listed.append(execution["executionArn"])
                sfn.stop_execution(executionArn=execution["executionArn"])
        assert (len(listed), set(listed)) == (5, executions)

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

    def test_a_machine_without_executions_is_deleted_at_once(self, sfn: Any, machine: str) -> None:
        sfn.delete_state_machine(stateMachineArn=machine)
        code, _ = _refused(sfn.describe_state_machine, stateMachineArn=machine)
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

    def test_an_application_without_job_runs_has_an_empty_listing(self, emr: Any, application: str) -> None:
        assert emr.list_job_runs(applicationId=application)["jobRuns"] == []

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

    def test_an_application_that_never_was_is_not_found(self, emr: Any) -> None:
        code, _ = _refused(emr.get_application, applicationId="00nonsense")
        assert code == "ResourceNotFoundException"


CALLS: dict[str, Callable[[LocalAws], Any]] = {
    "ListTasks": lambda aws: _client(aws, "ecs").list_tasks(),
    "ListExecutions": lambda aws: _client(aws, "stepfunctions").list_executions(
        stateMachineArn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:flow"
    ),
    "ListJobRuns": lambda aws: _client(aws, "emr-serverless").list_job_runs(applicationId="00f"),
    "DescribeStacks": lambda aws: _client(
        aws, "cloudformation", user_agent_extra="exec-env/AWS_Lambda_python3.13"
    ).describe_stacks(StackName="Stack"),
}


@pytest.mark.parametrize("operation", CALLS)
class TestFront:
    @pytest.mark.parametrize("fault", [THROTTLED, ACCESS_DENIED, SERVER_ERROR], ids=str)
    def test_answers_with_an_error(self, aws: LocalAws, operation: str, fault: Fault) -> None:
        aws.front.switch_on(fault)
        with pytest.raises(ClientError) as refused:
            CALLS[operation](aws)
        error, metadata = refused.value.response["Error"], refused.value.response["ResponseMetadata"]
        assert (error["Code"], error["Message"]) == (fault.code, fault.message)
        assert metadata["HTTPStatusCode"] == fault.status

    def test_drops_a_connection(self, aws: LocalAws, operation: str) -> None:
        aws.front.switch_on(CONNECTION_DROPPED)
        with pytest.raises((ConnectionClosedError, HTTPClientError)):
            CALLS[operation](aws)

    def test_answers_with_a_page(self, aws: LocalAws, operation: str) -> None:
        aws.front.switch_on(Fault(message="<html><body>Sorry</body></html>", status=503))
        with pytest.raises(ClientError) as refused:
            CALLS[operation](aws)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503

    def test_answers_so_for_as_many_calls_as_it_is_told(self, aws: LocalAws, operation: str) -> None:
        aws.front.switch_on(Fault("Nonsense", "No.", operation=operation), times=1)
        assert _refused(CALLS[operation], aws=aws) == ("Nonsense", "No.")
        code, _ = _refused(CALLS[operation], aws=aws)
        assert code != "Nonsense"

    def test_lets_other_operations_through(self, aws: LocalAws, operation: str) -> None:
        aws.front.switch_on(Fault("Nonsense", "No.", operation="AnotherOperation"))
        code, _ = _refused(CALLS[operation], aws=aws)
        assert code != "Nonsense"

    def test_keeps_a_record(self, aws: LocalAws, operation: str) -> None:
        _refused(CALLS[operation], aws=aws)
        [call] = aws.front.calls
        assert (call.operation, call.region) == (operation, REGION)


class TestLimits:
    def test_throttle_what_goes_beyond_them(self, aws: LocalAws, ecs: Any) -> None:
        aws.front.limit({"StopTask": (2, 1)})
        codes = [_refused(ecs.stop_task, cluster="prod", task="nonsense")[0] for _ in range(3)]
        assert codes == ["InvalidParameterException"] * 2 + ["ThrottlingException"]

    def test_let_calls_through_again_after_a_while(self, aws: LocalAws, ecs: Any) -> None:
        aws.front.limit({"StopTask": (1, 20)})
        parameters = {"cluster": "prod", "task": "nonsense"}
        _refused(ecs.stop_task, **parameters)
        _until(lambda: _refused(ecs.stop_task, **parameters)[0] == "InvalidParameterException")

    def test_hold_until_they_are_switched_off(self, aws: LocalAws, ecs: Any) -> None:
        aws.front.limit({"ListTasks": (1, 0)})
        ecs.list_tasks(cluster="prod")
        assert _refused(ecs.list_tasks, cluster="prod") == ("ThrottlingException", "Rate exceeded")
        aws.front.switch_off()
        assert ecs.list_tasks(cluster="prod")["taskArns"] == []


def test_what_the_cdk_cli_asks_of_cloudformation_is_neither_recorded_nor_disturbed(aws: LocalAws) -> None:
    aws.front.switch_on(THROTTLED)
    code, _ = _refused(_client(aws, "cloudformation").describe_stacks, StackName="Stack")
    assert code == "ValidationError"
    assert aws.front.calls == []


def test_whoever_watches_hears_of_what_others_run(aws: LocalAws, ecs: Any) -> None:
    ecs.register_task_definition(family="nightly", containerDefinitions=[{"name": "a", "image": "a", "memory": 128}])
    [task] = ecs.run_task(cluster="prod", taskDefinition="nightly", launchType="FARGATE")["tasks"]
    assert aws.living_jobs == {task["taskArn"]: "RUNNING"}


def test_whoever_watches_hears_of_every_change() -> None:
    heard: list[tuple[str, str]] = []
    stopped = threading.Event()

    def job_changed(job: Any) -> None:
        heard.append((job.arn.rpartition("/")[2], job.status))
        if job.status == "STOPPED":
            stopped.set()

    with closing(LocalAws(job_changed=job_changed)) as aws:
        ecs = _client(aws, "ecs")
        ecs.create_cluster(clusterName="prod")
        ecs.stop_task(cluster="prod", task=aws.ecs.start_task("prod", name="task-1", stop_seconds=FOR_A_MOMENT))
        stopped.wait()
    assert heard == [("task-1", "RUNNING"), ("task-1", "STOPPING"), ("task-1", "STOPPED")]

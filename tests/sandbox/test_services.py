"""What the services of the local AWS refuse while jobs run. Without that, no story would need jobs to be stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local_aws import ACCOUNT, LocalAws
from sandbox.services.jobs import NEVER

ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with closing(LocalAws()) as aws:
        yield aws


def _refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """Make a call that is refused, and give the code of the error."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def test_a_cluster_with_tasks_that_have_not_stopped_is_not_deleted(aws: LocalAws) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="prod")
    task = aws.ecs.start_task("prod", stop_seconds=NEVER)
    for _ in ("running", "stopping"):
        assert _refusal(ecs.delete_cluster, cluster="prod") == "ClusterContainsTasksException"
        ecs.stop_task(cluster="prod", task=task)
    aws.ecs.settle(task, "STOPPED")
    ecs.delete_cluster(cluster="prod")


def test_tasks_are_listed_by_started_by_alone_and_a_managed_daemon_replaces_its_own(aws: LocalAws) -> None:
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="prod")
    asked = {"cluster": "prod", "startedBy": "a rule"}
    assert ecs.list_tasks(**asked)["taskArns"] == []
    for other in ({"desiredStatus": "RUNNING"}, {"family": "work"}):
        assert _refusal(ecs.list_tasks, **asked, **other) == "InvalidParameterException"
    task = aws.ecs.start_task("prod", daemon="agent")
    ecs.stop_task(cluster="prod", task=task)
    [replacement] = ecs.list_tasks(cluster="prod", daemonName="agent")["taskArns"]
    assert replacement != task


def test_a_state_machine_is_deleted_after_its_executions_which_may_lag_behind(aws: LocalAws) -> None:
    sfn = aws.client("stepfunctions")
    machine = sfn.create_state_machine(name="flow", definition="{}", roleArn=ROLE)["stateMachineArn"]

    def running() -> list[str]:
        listed = sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        return [execution["executionArn"] for execution in listed]

    aws.step_functions.stale_looks = 1
    execution = aws.step_functions.start_execution(machine)
    assert [running(), running()] == [[], [execution]]
    sfn.delete_state_machine(stateMachineArn=machine)
    assert sfn.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
    assert running() == [execution]
    assert _refusal(sfn.start_execution, stateMachineArn=machine) == "StateMachineDeleting"
    sfn.stop_execution(executionArn=execution)
    assert _refusal(sfn.describe_state_machine, stateMachineArn=machine) == "StateMachineDoesNotExist"


def test_an_application_is_stopped_after_its_jobs_and_deleted_after_that(aws: LocalAws) -> None:
    emr = aws.client("emr-serverless")
    made = emr.create_application(name="spark", releaseLabel="emr-7.10.0", type="SPARK")
    application = {"applicationId": made["applicationId"]}

    def state() -> str:
        return str(emr.get_application(**application)["application"]["state"])

    assert _refusal(emr.stop_application, **application) == "ValidationException", "it was not started"
    aws.emr_serverless.start_seconds = NEVER
    job_run = emr.start_job_run(**application, executionRoleArn=ROLE)["jobRunId"]
    assert state() == "STARTING"
    for call in (emr.stop_application, emr.delete_application):
        assert _refusal(call, **application) == "ValidationException"
    emr.cancel_job_run(**application, jobRunId=job_run)
    session = aws.emr_serverless.start_session(application["applicationId"])
    for call in (emr.stop_application, emr.delete_application):
        assert _refusal(call, **application) == "ValidationException"
    emr.terminate_session(**application, sessionId=session)
    assert _refusal(emr.delete_application, **application) == "ValidationException"
    emr.stop_application(**application)
    emr.delete_application(**application)
    assert state() == "TERMINATED"

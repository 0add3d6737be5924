"""What the local AWS refuses, as far as no story of `verify` shows it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local_aws import ACCOUNT, LocalAws
from sandbox.services.jobs import NEVER


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with closing(LocalAws()) as aws:
        yield aws


def _refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """Make a call that is refused, and give the error."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value)


def test_tasks_are_listed_by_started_by_alone(aws: LocalAws) -> None:
    ecs = aws.client("ecs")
    asked = {"cluster": ecs.create_cluster(clusterName="prod")["cluster"]["clusterArn"], "startedBy": "a rule"}
    for other in ({"desiredStatus": "RUNNING"}, {"family": "work"}):
        assert "InvalidParameterException" in _refusal(ecs.list_tasks, **asked, **other)
    assert ecs.list_tasks(**asked)["taskArns"] == []


def test_an_application_is_stopped_after_its_jobs_and_deleted_after_that(aws: LocalAws) -> None:
    emr = aws.client("emr-serverless")
    made = emr.create_application(name="spark", releaseLabel="emr-7.10.0", type="SPARK")
    application = {"applicationId": made["applicationId"]}
    aws.emr_serverless.start_seconds = NEVER
    job_run = emr.start_job_run(**application, executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/role")["jobRunId"]
    for call in (emr.stop_application, emr.delete_application):
        assert "ValidationException" in _refusal(call, **application)
    emr.cancel_job_run(**application, jobRunId=job_run)
    assert "ValidationException" in _refusal(emr.delete_application, **application)
    emr.stop_application(**application)
    emr.delete_application(**application)
    assert emr.get_application(**application)["application"]["state"] == "TERMINATED"


def test_a_stack_is_deleted_without_some_resources_only_after_it_has_failed(aws: LocalAws) -> None:
    cloudformation, stack, change = aws.client("cloudformation"), {"StackName": "Stack"}, {"ChangeSetName": "change"}
    kept = {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain"}
    cluster = {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "prod"}}
    template = json.dumps({"Resources": {"Kept": kept, "Cluster": cluster}})

    def settled() -> str:
        while "IN_PROGRESS" in (status := aws.stacks().get("Stack", "")):
            time.sleep(0.01)
        return status

    cloudformation.create_change_set(**stack, **change, ChangeSetType="CREATE", TemplateBody=template)
    cloudformation.execute_change_set(**stack, **change)
    assert settled() == "CREATE_COMPLETE"
    for how in ({"RetainResources": ["Cluster"]}, {"DeletionMode": "FORCE_DELETE_STACK"}):
        refusal = _refusal(cloudformation.delete_stack, **stack, **how)
        assert "only when the stack is in the DELETE_FAILED state" in refusal

    aws.ecs.start_task("prod")
    cloudformation.delete_stack(**stack)
    assert settled() == "DELETE_FAILED"
    for name in ("Kept", "Nonsense"):  # what was retained is no longer there
        refusal = _refusal(cloudformation.delete_stack, **stack, RetainResources=["Cluster", name])
        assert "resources to retain must be in a valid state" in refusal
    cloudformation.delete_stack(**stack, RetainResources=["Cluster"])
    assert settled() == ""

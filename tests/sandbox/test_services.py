"""What the services of the local AWS refuse while jobs run, as far as no story of `verify` shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local_aws import ACCOUNT, LocalAws
from sandbox.services.jobs import NEVER


def _refusal(call: Callable[..., Any], **parameters: Any) -> str:
    """Make a call that is refused, and give the code of the error."""
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def test_tasks_are_listed_by_started_by_alone() -> None:
    with closing(LocalAws()) as aws:
        ecs = aws.client("ecs")
        asked = {"cluster": ecs.create_cluster(clusterName="prod")["cluster"]["clusterArn"], "startedBy": "a rule"}
        for other in ({"desiredStatus": "RUNNING"}, {"family": "work"}):
            assert _refusal(ecs.list_tasks, **asked, **other) == "InvalidParameterException"
        assert ecs.list_tasks(**asked)["taskArns"] == []


def test_an_application_is_stopped_after_its_jobs_and_deleted_after_that() -> None:
    with closing(LocalAws()) as aws:
        emr = aws.client("emr-serverless")
        made = emr.create_application(name="spark", releaseLabel="emr-7.10.0", type="SPARK")
        application = {"applicationId": made["applicationId"]}
        aws.emr_serverless.start_seconds = NEVER
        job_run = emr.start_job_run(**application, executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/role")["jobRunId"]
        for call in (emr.stop_application, emr.delete_application):
            assert _refusal(call, **application) == "ValidationException"
        emr.cancel_job_run(**application, jobRunId=job_run)
        assert _refusal(emr.delete_application, **application) == "ValidationException"
        emr.stop_application(**application)
        emr.delete_application(**application)
        assert emr.get_application(**application)["application"]["state"] == "TERMINATED"

"""The handler works the same on the oldest boto3 that it claims and on the newest, which has no RoboMaker client."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls
from sandbox.lambda_service import RUNTIME_PYTHON, ExecutionEnvironment, Function, zipped
from sandbox.robomaker import RETIRED, RoboMaker
from tests.requests import JOB_1, request

OLDEST = PROJECT / ".runtime-oldest" / "bin" / "python"


@pytest.mark.parametrize(
    ("python", "has_a_client"), [(OLDEST, True), (RUNTIME_PYTHON, False)], ids=["oldest", "newest"]
)
def test_a_job_that_is_missing_runs_or_was_retired(
    tmp_path: Path, robomaker: RoboMaker, urls: ResponseUrls, python: Path, has_a_client: bool
) -> None:
    listed = subprocess.check_output([python, "-c", "import boto3; print(boto3.Session().get_available_services())"])
    assert (b"'robomaker'" in listed) is has_a_client
    # Not before: every worker reads this module, and the CDK takes most of a gigabyte of each.
    from cdk_stop_on_delete._handler_code import bundle

    bundle(tmp_path)
    arn = "arn:aws:lambda:us-west-2:123456789012:function:handler"
    properties = {"Handler": "index.handler", "Timeout": 900, "LoggingConfig": {"LogFormat": "JSON"}}
    function = Function(arn, zipped(tmp_path), properties)
    endpoint = {"AWS_ENDPOINT_URL": robomaker.url}
    with closing(
        ExecutionEnvironment(function, endpoint, lambda _: None, [str(python), "-m", "awslambdaric"])
    ) as runtime:

        def delete() -> str:
            exchange = Exchange(request("Delete", {"JobArn": JOB_1}, PhysicalResourceId=JOB_1))
            runtime.invoke({**exchange.event, "ResponseURL": urls.open(exchange)})
            return str(exchange.answer["Status"])

        assert delete() == "SUCCESS"
        robomaker.start_job(JOB_1)
        assert delete() == "SUCCESS"
        assert robomaker.status(JOB_1) == "Canceled"
        robomaker.switch_on(RETIRED)
        assert delete() == "SUCCESS"

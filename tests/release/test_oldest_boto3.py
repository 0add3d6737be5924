"""The handler works the same on the oldest boto3 that it claims and on the newest, which has no RoboMaker client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls
from sandbox.lambda_service import RUNTIME_PYTHON, ExecutionEnvironment, Function, zipped
from sandbox.robomaker import RETIRED, RoboMaker
from tests.requests import JOB_1, request

OLDEST = PROJECT / ".runtime-oldest" / "bin" / "python"

EACH = pytest.mark.parametrize("python", [OLDEST, RUNTIME_PYTHON], ids=["oldest", "newest"])


@pytest.fixture
def function(tmp_path: Path) -> Function:
    # Not before: every worker reads this module, and the CDK takes most of a gigabyte of each.
    from cdk_stop_on_delete._bundling import bundle

    folder = tmp_path / "asset"
    folder.mkdir()
    bundle(folder)
    arn = "arn:aws:lambda:us-west-2:123456789012:function:handler"
    return Function(arn, zipped(folder), "index.handler", 900, log_format="JSON")


@pytest.fixture
def environment(function: Function, python: Path, robomaker: RoboMaker) -> Iterator[ExecutionEnvironment]:
    environment = ExecutionEnvironment(
        function, {"AWS_ENDPOINT_URL": robomaker.url}, lambda _: None, [str(python), "-m", "awslambdaric"]
    )
    yield environment
    environment.close()


def _answer(environment: ExecutionEnvironment, urls: ResponseUrls) -> str:
    exchange = Exchange(request("Delete", {"JobArn": JOB_1}, PhysicalResourceId=JOB_1))
    environment.invoke({**exchange.event, "ResponseURL": urls.open(exchange)})
    return str(exchange.answer["Status"])


@EACH
def test_a_job_is_canceled(environment: ExecutionEnvironment, urls: ResponseUrls, robomaker: RoboMaker) -> None:
    robomaker.start_job(JOB_1)
    assert _answer(environment, urls) == "SUCCESS"
    assert robomaker.status(JOB_1) == "Canceled"


@EACH
def test_a_retired_service_is_known(
    environment: ExecutionEnvironment, urls: ResponseUrls, robomaker: RoboMaker
) -> None:
    robomaker.switch_on(RETIRED)
    assert _answer(environment, urls) == "SUCCESS"


@EACH
def test_a_missing_job_is_known(environment: ExecutionEnvironment, urls: ResponseUrls) -> None:
    assert _answer(environment, urls) == "SUCCESS"


def test_the_oldest_has_a_client_for_robomaker_and_the_newest_has_none() -> None:
    code = "import boto3; print(boto3.__version__, 'robomaker' in boto3.Session().get_available_services())"
    said = [
        subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for python in (OLDEST, RUNTIME_PYTHON)
    ]
    assert said[0] == ["1.28.0", "True"]
    assert said[1][1] == "False"

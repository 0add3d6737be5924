"""The stand-in for Lambda runs deployed code as Lambda does: with its own variables, and up to three times."""

from __future__ import annotations

import io
import json
import time
import zipfile
from contextlib import closing

import pytest

from sandbox.lambda_service import ExecutionEnvironment, Function, LambdaService

ARN = "arn:aws:lambda:us-west-2:123456789012:function:example"


def _function(body: str, **variables: str) -> Function:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", f"import os\ndef handler(event, context): {body}")
    settings = {"Environment": {"Variables": variables}, "LoggingConfig": {"ApplicationLogLevel": "DEBUG"}}
    return Function(ARN, package.getvalue(), {"Handler": "index.handler", "Timeout": 10, **settings})


def test_the_function_sees_its_own_variables_and_lambdas_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    with closing(ExecutionEnvironment(_function("return dict(os.environ)", COLOR="red"), {}, print)) as environment:
        seen = json.loads(environment.invoke({}))
    lambdas = {"AWS_REGION": "us-west-2", "AWS_LAMBDA_FUNCTION_NAME": "example", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    assert seen.items() >= {"COLOR": "red", **lambdas}.items()
    assert "SECRET_OF_THE_MACHINE" not in seen


def test_an_asynchronous_event_that_fails_is_tried_three_times() -> None:
    log: list[str] = []
    with closing(LambdaService(lambda _: _function("raise KeyError('x')"), {}, log.append)) as service:
        service.invoke(ARN, {})
        while not any("Invocation 3 of 3 failed" in line for line in log):
            time.sleep(0.02)
    failed = [line for line in log if line.startswith("Invocation")]
    assert [line.partition(" failed")[0] for line in failed] == [f"Invocation {number} of 3" for number in (1, 2, 3)]
    assert all("KeyError" in line for line in failed)

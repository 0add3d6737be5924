"""The stand-in for Lambda runs deployed code as Lambda does: its own variables and its retries."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator

import pytest

from sandbox.lambda_service import ExecutionEnvironment, Function, FunctionError, LambdaService

ARN = "arn:aws:lambda:us-west-2:123456789012:function:example"


def function_with(code: str, *, timeout: float = 10, **settings: object) -> Function:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", code)
    return Function(ARN, package.getvalue(), "index.handler", timeout, **settings)  # type: ignore[arg-type]  # a test's own


Run = Callable[[Function], ExecutionEnvironment]


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def run(log: list[str]) -> Iterator[Run]:
    started: list[ExecutionEnvironment] = []

    def start(function: Function) -> ExecutionEnvironment:
        started.append(ExecutionEnvironment(function, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, log.append))
        return started[-1]

    yield start
    for environment in started:
        environment.close()


def test_the_function_sees_its_own_variables_and_lambdas_and_no_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_MACHINE", "x")
    code = "import os\ndef handler(event, context): return dict(os.environ)"
    seen = json.loads(run(function_with(code, environment={"COLOR": "red"}, log_level="DEBUG")).invoke({}))
    assert seen["COLOR"] == "red"
    assert seen["AWS_REGION"] == "us-west-2"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "example"
    assert seen["AWS_LAMBDA_LOG_LEVEL"] == "DEBUG"
    assert "SECRET_OF_THE_MACHINE" not in seen


def test_a_function_that_is_not_there_is_an_error_at_once() -> None:
    def find(arn: str) -> Function:
        raise FunctionError(f"Function not found: {arn}")

    with pytest.raises(FunctionError, match=f"Function not found: {ARN}"):
        LambdaService(find, {}).invoke(ARN, {})


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (function_with("def handler(event, context): raise KeyError('x')"), "KeyError"),
        (Function(ARN, b"no zip file", "index.handler", 10), "BadZipFile"),
    ],
    ids=["the function", "the sandbox"],
)
def test_an_asynchronous_event_that_fails_is_tried_three_times(log: list[str], function: Function, said: str) -> None:
    service = LambdaService(lambda _: function, {}, log.append)
    service.invoke(ARN, {})
    for _ in range(400):
        if any("Invocation 3 of 3 failed" in line for line in log):
            break
        time.sleep(0.02)
    service.close()
    assert [line.split(" failed")[0] for line in log if line.startswith("Invocation")] == [
        "Invocation 1 of 3",
        "Invocation 2 of 3",
        "Invocation 3 of 3",
    ]
    assert all(said in line for line in log if line.startswith("Invocation"))

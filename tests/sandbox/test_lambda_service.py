"""The stand-in for Lambda runs deployed code as Lambda does: its own process, variables, time-out and retries."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import lambda_service
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


def test_the_handler_gets_the_event_and_its_time_left(run: Run) -> None:
    code = "def handler(event, context): return [event, context.get_remaining_time_in_millis()]"
    event, left = json.loads(run(function_with(code, timeout=7)).invoke({"x": 1}))
    assert event == {"x": 1}
    assert 5000 < left <= 7000


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


@pytest.mark.parametrize("installed", [True, False])
def test_a_runtime_is_that_python_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: bool
) -> None:
    monkeypatch.setattr(lambda_service, "PROJECT", tmp_path)
    own = tmp_path / ".runtime-3.99" / "bin" / "python"
    if installed:
        own.parent.mkdir(parents=True)
        own.touch()
        (tmp_path / ".runtime-3.99" / "pyvenv.cfg").write_text("home = /usr\nversion = 3.99.1\n")
    python = lambda_service.python_for("python3.99")
    assert python == (own if installed else lambda_service.RUNTIME_PYTHON)
    assert (lambda_service.version_of(python) == "3.99") is installed


def test_a_function_is_told_the_python_that_runs_it_and_the_log_says_it_once(log: list[str]) -> None:
    code = "import os, sys\ndef handler(*_): print(sys.version_info[:2], os.environ['AWS_EXECUTION_ENV'], flush=True)"
    function = function_with(code, runtime="python3.99")
    with closing(LambdaService(lambda _: function, {}, log.append)) as service:
        for lines in (2, 3):
            service.invoke(ARN, {})
            while len(log) < lines:
                time.sleep(0.02)
    version = lambda_service.version_of(lambda_service.RUNTIME_PYTHON)
    numbers = tuple(int(part) for part in version.split("."))
    assert log == [
        f"The runtime python3.99 runs here on Python {version}",
        *[f"{numbers} AWS_Lambda_python{version}"] * 2,
    ]


def _wait_for(log: list[str], lines: int) -> None:
    while len(log) < lines:
        time.sleep(0.02)


def _is_alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_too_much_at_once_waits_and_takes_a_warm_process(
    monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    monkeypatch.setattr(lambda_service, "CONCURRENCY", 2)
    function = function_with("import os, time\ndef handler(*_): time.sleep(0.2); print(os.getpid(), flush=True)")
    with closing(LambdaService(lambda _: function, {}, log.append)) as service:
        for _ in range(6):
            service.invoke(ARN, {})
        _wait_for(log, 6)
    assert len(set(log)) == 2


def test_the_warm_process_of_a_function_that_is_gone_ends(log: list[str]) -> None:
    package = function_with("import os\ndef handler(*_): print(os.getpid(), flush=True)")
    functions = {arn: replace(package, arn=arn) for arn in (f"{ARN}-1", f"{ARN}-2")}

    def find(arn: str) -> Function:
        if arn not in functions:
            raise FunctionError(arn)
        return functions[arn]

    with closing(LambdaService(find, {}, log.append)) as service:
        service.invoke(f"{ARN}-1", {})
        _wait_for(log, 1)
        del functions[f"{ARN}-1"]
        service.invoke(f"{ARN}-2", {})
        _wait_for(log, 2)
        while _is_alive(log[0]):
            time.sleep(0.02)
        assert _is_alive(log[1])


def test_a_process_stays_warm(run: Run) -> None:
    environment = run(function_with("calls = []\ndef handler(event, context): calls.append(1); return len(calls)"))
    assert [environment.invoke({}), environment.invoke({})] == [b"1", b"2"]


def test_what_it_prints_is_the_log(run: Run, log: list[str]) -> None:
    run(function_with("def handler(event, context): print('hello', flush=True)")).invoke({})
    for _ in range(100):
        if "hello" in log:
            break
        time.sleep(0.02)
    assert "hello" in log


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def handler(event, context): raise KeyError('x')", "KeyError"),
        ("import nothing_like_it\ndef handler(event, context): pass", "ImportModuleError"),
        ("import os\ndef handler(event, context): os._exit(3)", "exit status 3"),
    ],
    ids=["exception", "import", "exit"],
)
def test_an_error_is_an_error(run: Run, code: str, said: str) -> None:
    with pytest.raises(FunctionError, match=said):
        run(function_with(code)).invoke({})


def test_a_time_out_ends_the_process(run: Run) -> None:
    environment = run(function_with("import time\ndef handler(event, context): time.sleep(60)", timeout=1))
    with pytest.raises(FunctionError, match=r"Task timed out after 1\.00 seconds"):
        environment.invoke({})
    assert not environment.alive


def test_a_runtime_that_ends_before_it_takes_an_event_is_an_error_at_once() -> None:
    function = function_with("", timeout=60)
    with closing(ExecutionEnvironment(function, {}, lambda _: None, ["/bin/false"])) as environment:
        for _ in range(2):
            with pytest.raises(FunctionError, match="The runtime ended with exit status 1"):
                environment.invoke({})


def test_the_peak_of_the_memory_outlives_its_use(run: Run) -> None:
    environment = run(function_with("def handler(event, context): b'x' * event['bytes']"))
    environment.invoke({"bytes": 0})
    before = environment.peak_memory
    environment.invoke({"bytes": 100 * 2**20})
    environment.invoke({"bytes": 0})
    assert 95 * 1024 < environment.peak_memory - before < 150 * 1024


def test_functions_that_take_turns_stay_warm() -> None:
    code = "import os\ndef handler(event, context): print(os.getpid(), flush=True)"
    functions = {arn: replace(function_with(code), arn=arn) for arn in (ARN, f"{ARN}-2")}
    pids: list[str] = []
    with closing(LambdaService(functions.__getitem__, {}, pids.append)) as service:
        for arn in [*functions] * 3:
            before = len(pids)
            service.invoke(arn, {})
            for _ in range(500):
                if len(pids) > before:
                    break
                time.sleep(0.02)
            for _ in range(500):
                if any(function.arn == arn for function, *_ in service._idle):
                    break
                time.sleep(0.02)
    assert len(pids) == 6
    assert len(set(pids)) == 2


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

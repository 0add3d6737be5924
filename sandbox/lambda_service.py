"""Lambda: runs the deployed code of functions with Lambda's runtime client, in a process for each concurrent event."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import PROJECT
from .loopback import LoopbackServer, Request, Response

# The Python that runs a function without a `runtime`, or with one that is not installed.
RUNTIME_PYTHON = PROJECT / ".runtime" / "bin" / "python"
PYTHON_RUNTIME = (str(RUNTIME_PYTHON), "-m", "awslambdaric")

# Lambda retries a failed asynchronous event twice, after one and two minutes (Lambda Developer Guide,
# invocation-async-error-handling). Here, the pauses are shorter.
ATTEMPTS = 3
RETRY_PAUSE = 0.5

# How many invocations run at the same time. Others are queued, as in an account without free executions (Lambda
# Developer Guide, invocation-async-error-handling). An account has more; a small machine runs this many.
CONCURRENCY = 12

_API = "/2018-06-01/runtime"


def zipped(folder: Path) -> bytes:
    """Return a deployment package with the files of a folder."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return package.getvalue()


def _version_of(python: Path | str) -> str:
    """Return a Python's version, such as ``python3.13``: a virtual environment's is a link to a file of this name."""
    return Path(python).resolve().name


@dataclass(frozen=True)
class Function:
    """A function as it is deployed.

    Parameters
    ----------
    arn : str
        Its ARN.
    code : bytes
        The deployment package, a zip file.
    properties : Mapping
        The properties of AWS::Lambda::Function, of which these are used: Environment, Handler, LoggingConfig,
        MemorySize, Runtime, and Timeout.
    """

    arn: str
    code: bytes
    properties: Mapping[str, Any]

    @property
    def timeout(self) -> float:
        """Its time-out, in seconds."""
        return float(self.properties.get("Timeout", 3))

    @property
    def python(self) -> Path:
        """The Python that runs it: the version that it asks for if that is installed, otherwise another."""
        own = PROJECT / f".runtime-{self.properties.get('Runtime', '').removeprefix('python')}" / "bin" / "python"
        return own if own.exists() else RUNTIME_PYTHON


class FunctionError(Exception):
    """An invocation ended with an error: an exception, a time-out or an end of the process."""


@dataclass
class _Invocation:
    event: dict[str, Any]
    deadline: float
    result: Future[bytes] = field(default_factory=Future)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class ExecutionEnvironment:
    """A process that runs a function, and the Runtime API from which it gets its invocations.

    Parameters
    ----------
    function : Function
        The function.
    variables : Mapping
        What Lambda and the local AWS add to the function's environment variables.
    log : callable
        Takes each line that the process writes.
    runtime : sequence of str, optional
        The command that runs a handler. Default: Lambda's runtime client, beside the newest boto3, on the Python that
        the function asks for, if it is installed.

    Attributes
    ----------
    process : Popen
        The process.
    """

    def __init__(
        self,
        function: Function,
        variables: Mapping[str, str],
        log: Callable[[str], None],
        runtime: Sequence[str] = (),
    ) -> None:
        self._function = function
        self._log = log
        self._handed_over: queue.Queue[_Invocation] = queue.Queue()
        self._invocation = _Invocation({}, 0)  # the last one
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        with zipfile.ZipFile(io.BytesIO(function.code)) as package:
            package.extractall(self._folder.name)
        self._api = LoopbackServer(self._answer)
        runtime = runtime or (str(function.python), *PYTHON_RUNTIME[1:])
        environment = {
            **_lambda_variables(function, self._folder.name, _version_of(runtime[0])),
            **variables,
            **function.properties.get("Environment", {}).get("Variables", {}),
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
        }
        self.process = subprocess.Popen(
            [*runtime, function.properties["Handler"]],
            cwd=self._folder.name,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def invoke(self, event: dict[str, Any]) -> bytes:
        """Invoke the function and wait for its result.

        Raises
        ------
        FunctionError
            If it ended with an error. After a time-out the process is gone.
        """
        invocation = self._invocation = _Invocation(event, time.time() + self._function.timeout)
        self._handed_over.put(invocation)
        if not self.alive:
            self._give_up()
        try:
            return invocation.result.result(self._function.timeout)
        except FutureTimeoutError:
            self.close()
            raise FunctionError(f"Task timed out after {self._function.timeout:.2f} seconds") from None

    @property
    def alive(self) -> bool:
        """Whether the process can take another invocation."""
        return self.process.poll() is None

    def close(self) -> None:
        """End the process and release everything."""
        if self.alive:  # or its id may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(1)
        self._handed_over.put(_Invocation({}, 0))  # lets go of a request for the next invocation
        self._api.close()
        self._folder.cleanup()

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it was opened as a pipe
        for line in self.process.stdout:
            self._log(line.rstrip("\n"))
        self.process.wait()
        self._give_up()

    def _give_up(self) -> None:
        """Fail the invocation that the process had, because it has ended."""
        with contextlib.suppress(InvalidStateError):
            error = FunctionError(f"The runtime ended with exit status {self.process.returncode}")
            self._invocation.result.set_exception(error)

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix(_API)
        if path == "/invocation/next":
            invocation = self._handed_over.get()
            return Response(
                200,
                json.dumps(invocation.event).encode(),
                {
                    "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": invocation.id,
                    "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": self._function.arn,
                },
            )
        if path == "/init/error":
            self._handed_over.get()  # it fails the first invocation, which may be yet to come
        if path.endswith("/error"):
            self._invocation.result.set_exception(FunctionError(request.body.decode()))
        else:
            self._invocation.result.set_result(request.body)
        return Response(202, b'{"status":"OK"}')


class LambdaService:
    """Invokes functions, and keeps their processes warm.

    Parameters
    ----------
    find : callable
        Returns the deployed function with an ARN, or None.
    variables : Mapping
        The environment variables that the local AWS adds to every function: its endpoints.
    log : callable, optional
        Called with each line that a function logs.
    """

    def __init__(
        self,
        find: Callable[[str], Function | None],
        variables: Mapping[str, str],
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._find = find
        self._variables = variables
        self._log = log
        self._lock = threading.Lock()
        self._idle: list[tuple[Function, ExecutionEnvironment]] = []
        self._all: set[ExecutionEnvironment] = set()
        self._slots = threading.Semaphore(CONCURRENCY)
        self._closed = False
        self._said: set[str] = set()

    def invoke(self, arn: str, event: dict[str, Any]) -> None:
        """Invoke a function asynchronously, with the retries that Lambda gives a failed event.

        Raises
        ------
        FunctionError
            If there is no such function.
        """
        self._function(arn)
        threading.Thread(target=self._run, args=(arn, event), daemon=True).start()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            environments = list(self._all)
        for environment in environments:
            environment.close()

    def _run(self, arn: str, event: dict[str, Any]) -> None:
        for attempt in range(ATTEMPTS):
            time.sleep(RETRY_PAUSE * attempt)
            try:
                with self._slots, self._environment(self._function(arn)) as environment:
                    environment.invoke(event)
            except Exception as error:  # also the sandbox's own: a request must not be lost in silence
                if self._closed:
                    return
                said = error if isinstance(error, FunctionError) else repr(error)
                self._log(f"Invocation {attempt + 1} of {ATTEMPTS} failed: {said}")
            else:
                return

    def _function(self, arn: str) -> Function:
        function = self._find(arn)
        if function is None:
            raise FunctionError(f"Function not found: {arn}")
        return function

    @contextlib.contextmanager
    def _environment(self, function: Function) -> Iterator[ExecutionEnvironment]:
        """Yield a process that runs the function as it is deployed now, and keep the process for the next event."""
        with self._lock:
            if self._closed:
                raise FunctionError("Lambda is closed")
            environment = self._warm(function) or self._start(function)
        try:
            yield environment
        finally:
            with self._lock:
                self._idle.append((function, environment))

    def _warm(self, function: Function) -> ExecutionEnvironment | None:
        """Return an idle process of a function, and end idle processes of functions that have changed."""
        for idle in list(self._idle):
            deployed, environment = idle
            if deployed != self._find(deployed.arn) or not environment.alive:
                self._idle.remove(idle)
                threading.Thread(target=environment.close, daemon=True).start()
            elif deployed == function:
                self._idle.remove(idle)
                return environment
        return None

    def _start(self, function: Function) -> ExecutionEnvironment:
        python = _version_of(function.python)
        asked = str(function.properties.get("Runtime", python))
        if asked not in {python, *self._said}:
            self._said.add(asked)
            self._log(f"{asked} is not installed here, so the function runs on {python}")
        environment = ExecutionEnvironment(function, self._variables, self._log)
        self._all.add(environment)
        return environment


def _lambda_variables(function: Function, folder: str, python: str) -> dict[str, str]:
    """Return the variables that Lambda sets (Lambda Developer Guide, configuration-envvars)."""
    region, logging = function.arn.split(":")[3], function.properties.get("LoggingConfig", {})
    level = logging.get("ApplicationLogLevel")
    return {
        "PATH": os.defpath,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
        "PYTHONPATH": folder,
        "LAMBDA_TASK_ROOT": folder,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{python}",
        "AWS_LAMBDA_FUNCTION_NAME": function.arn.split(":")[6],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.properties.get("MemorySize", 128)),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat", "Text"),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_SESSION_TOKEN": "sandbox",
        **({"AWS_LAMBDA_LOG_LEVEL": level} if level else {}),
    }

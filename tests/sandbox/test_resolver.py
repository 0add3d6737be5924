"""The resolver in front of a function: the function's own process looks names up, and finds what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.lambda_service import LambdaService
from sandbox.resolver import (
    NXDOMAIN,
    NXDOMAIN_AS_BUSY,
    SERVFAIL,
    SERVFAIL_AS_BUSY,
    SERVFAIL_AS_NODATA,
    Answer,
    SilentListener,
    found_at,
)
from sandbox.robomaker import RoboMaker
from tests.network import certificate
from tests.sandbox.test_lambda_service import ARN, function_with

NAME = "robomaker.us-west-2.amazonaws.com"
LOOK_UP = f"""
import os, socket
def look_up(family):
    try:
        return [entry[4] for entry in socket.getaddrinfo("{NAME}", 443, family, socket.SOCK_STREAM)]
    except OSError as error:
        return [type(error).__name__, error.errno]
def handler(event, context):
    import json
    endpoints = [name for name in os.environ if name.startswith("AWS_ENDPOINT")]
    print(json.dumps([look_up(0), look_up(socket.AF_INET), endpoints]), flush=True)
"""
CONNECT = f"""
import socket
def handler(event, context):
    try:
        socket.create_connection(("{NAME}", 443), 0.5)
        print("connected", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""
CALL = f"""
import os, urllib.request
def handler(event, context):
    request = urllib.request.Request("https://{NAME}/describeWorldExportJob", b'{{"job": "job-1"}}')
    print(urllib.request.urlopen(request, cafile=os.environ["AWS_CA_BUNDLE"]).read().decode(), flush=True)
"""


class Log:
    """What a function printed, a line at a time."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._news = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._news:
            self._lines.append(line)
            self._news.notify_all()

    def next(self) -> str:
        with self._news:
            self._news.wait_for(lambda: self._lines)
            return self._lines.pop(0)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def service(log: Log, request: pytest.FixtureRequest) -> Iterator[LambdaService]:
    function = function_with(request.param)
    with closing(LambdaService(lambda _: function, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, log)) as service:
        yield service


@pytest.mark.parametrize("service", [LOOK_UP], indirect=True)
@pytest.mark.parametrize(
    ("answer", "of_any_family", "of_ipv4"),
    [
        (NXDOMAIN, ["gaierror", -2], ["gaierror", -2]),
        (NXDOMAIN_AS_BUSY, ["OSError", 16], ["gaierror", -2]),
        (SERVFAIL, ["gaierror", -3], ["gaierror", -3]),
        (SERVFAIL_AS_BUSY, ["OSError", 16], ["gaierror", -3]),
        (SERVFAIL_AS_NODATA, ["gaierror", -5], ["gaierror", -3]),
        (found_at("127.0.0.1:4711"), [["127.0.0.1", 4711]], [["127.0.0.1", 4711]]),
    ],
    ids=["NXDOMAIN", "NXDOMAIN as busy", "SERVFAIL", "SERVFAIL as busy", "SERVFAIL as no data", "an address"],
)
def test_a_name_resolves_as_told(
    service: LambdaService, log: Log, answer: Answer, of_any_family: list[object], of_ipv4: list[object]
) -> None:
    service.resolve({NAME: answer})
    service.invoke(ARN, {})
    assert json.loads(log.next()) == [of_any_family, of_ipv4, []]


@pytest.mark.parametrize(
    "service", ["import os\ndef handler(*_): print(os.environ.get('AWS_ENDPOINT_URL'), flush=True)"], indirect=True
)
def test_processes_that_start_after_it_was_undone_are_as_ever(service: LambdaService, log: Log) -> None:
    service.resolve({NAME: NXDOMAIN})
    service.invoke(ARN, {})
    assert log.next() == "None"
    service.resolve_as_ever()
    service.invoke(ARN, {})
    assert log.next() == "http://127.0.0.1:9"


@pytest.mark.parametrize("service", [CONNECT], indirect=True)
def test_a_silent_listener_lets_every_connect_time_out(service: LambdaService, log: Log) -> None:
    with closing(SilentListener()) as silent:
        service.resolve({NAME: found_at(silent.address)})
        for _ in range(3):
            service.invoke(ARN, {})
            assert log.next() == "TimeoutError"


@pytest.mark.parametrize("service", [CALL], indirect=True)
def test_robomakers_own_name_reaches_the_local_one_over_tls(service: LambdaService, log: Log, tmp_path: Path) -> None:
    tls = certificate(NAME, tmp_path / "ca.pem")
    with closing(RoboMaker()) as robomaker, closing(robomaker.listen(tls)) as server:
        robomaker.start_job("job-1")
        service.resolve({NAME: found_at(server.address)}, AWS_CA_BUNDLE=str(tmp_path / "ca.pem"))
        service.invoke(ARN, {})
        assert json.loads(log.next())["status"] == "Running"

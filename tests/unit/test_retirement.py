"""The signs that RoboMaker has been retired, in the errors of one Delete."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from unittest.mock import Mock

import pytest

from jobs import world_export_job
from jobs.aws import ConnectionFailedError
from jobs.retirement import MESSAGES, Retirement
from jobs.world_export_job import WorldExportJob
from properties.job_arn import JobArn
from protocol.outcome import Result
from teardown import Failure, ServiceError
from tests.network import ROBOMAKER, Names, SetClock, SilentListener
from tests.requests import JOB_1

Patch = pytest.MonkeyPatch

OWN, CHINA = f"https://{ROBOMAKER}", "https://robomaker.cn-north-1.amazonaws.com.cn"
GONE, SILENT = "RoboMaker's endpoint is no longer in DNS", "RoboMaker's endpoint drops every connection"
CANCEL = "CancelWorldExportJob"
DENIAL = "User: arn is not authorized to perform: robomaker:Cancel"


def _answer(status: int, code: str = "", message: str = "No.") -> ServiceError:
    return ServiceError(Failure.REJECTED, "The answer", code=code, message=message, status=status)


def _no_answer(*, no_such_name: bool = False, timed_out: bool = False) -> ServiceError:
    return ConnectionFailedError(Failure.UNKNOWN, "No answer", no_such_name=no_such_name, timed_out=timed_out)


NO_SUCH_NAME, TIME_OUT, REFUSED = _no_answer(no_such_name=True), _no_answer(timed_out=True), _no_answer()
NOT_CALLED = ServiceError(Failure.UNKNOWN, "There is no client")


def _signs(
    *errors: tuple[float, ServiceError], endpoint: str = OWN, region: str = "us-west-2", others_connect: bool = True
) -> list[str]:
    """Give the sign that is found in each error, which comes some seconds after the one before."""
    clock = SetClock()
    retirement = Retirement(lambda: endpoint, region, lambda: others_connect, clock)
    signs = []
    for seconds, error in errors:
        clock.now += seconds
        signs.append(retirement.find_sign(error))
    return signs


def test_every_sign_has_its_source() -> None:
    assert all(MESSAGES.values())


# tests/faults.py has what RoboMaker was seen to say, and what only sounds like it.
@pytest.mark.parametrize(
    ("errors", "sign"),
    [
        *(
            ([(0, _answer(400, "AnyException", message))], "The answer")
            for message in ("Its support has ended", "ITS SUPPORT HAS ENDED", "Support \nfor it\nhas ended")
        ),
        # RoboMaker no longer has the operation.
        *(([(0, _answer(status, "UnknownOperationException"))], "The answer") for status in (200, 400, 404)),
        *(([(0, _answer(status))], "The answer") for status in (404, 410)),
        ([(0, _answer(404, "ResourceNotFoundException"))], ""),
        ([(0, _answer(404, "InvalidParameterException"))], ""),
        ([(0, _answer(410, "ThrottlingException"))], ""),
        ([(0, _answer(404, "AccessDeniedException", DENIAL))], ""),
        ([(0, _answer(403))], ""),
        ([(0, _answer(200, "InternalFailure"))], ""),
        ([(0, NOT_CALLED)], ""),
        # The name is missing twice, with five seconds between.
        ([(0, NO_SUCH_NAME), (4, NO_SUCH_NAME), (1, NO_SUCH_NAME)], f"{GONE}: No answer"),
        ([(0, NO_SUCH_NAME), (0, NOT_CALLED), (5, NO_SUCH_NAME)], f"{GONE}: No answer"),
        *(
            ([(0, NO_SUCH_NAME), (0, other), (5, NO_SUCH_NAME), (5, NO_SUCH_NAME)], f"{GONE}: No answer")
            for other in (REFUSED, _answer(500))
        ),
        # Each call times out for 30 seconds.
        ([(0, TIME_OUT), (30, TIME_OUT)], f"{SILENT}: No answer"),
        ([(0, TIME_OUT), (10, TIME_OUT), (19, TIME_OUT), (1, TIME_OUT)], f"{SILENT}: No answer"),
        ([(0, TIME_OUT), (15, REFUSED), (15, TIME_OUT), (29, TIME_OUT), (1, TIME_OUT)], f"{SILENT}: No answer"),
        *(([(0, _answer(status)), (0, TIME_OUT), (30, TIME_OUT)], "") for status in (200, 500)),
    ],
)
def test_only_the_last_of_these_errors_is_a_sign(
    errors: list[tuple[float, ServiceError]], sign: str, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("FUNCTION_OUTSIDE_VPC", "true")
    monkeypatch.setattr("jobs.retirement._drops_connections", lambda endpoint: endpoint == OWN)
    assert _signs(*errors) == [*[""] * (len(errors) - 1), sign]


@pytest.mark.parametrize("error", [_answer(404), NO_SUCH_NAME, TIME_OUT], ids=["answer", "no such name", "time-out"])
@pytest.mark.parametrize(
    ("endpoint", "region", "variables", "is_sign"),
    [
        (OWN, "us-west-2", {}, True),
        (CHINA, "cn-north-1", {}, True),
        ("https://vpce-0typo.robomaker.us-west-2.vpce.amazonaws.com", "us-west-2", {}, False),
        ("https://robomaker.us-wset-2.amazonaws.com", "us-west-2", {}, False),
        (OWN, "us-west-2", {"HTTPS_PROXY": "http://127.0.0.1:9"}, False),
        (OWN, "us-west-2", {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ROBOMAKER}, True),
    ],
)
def test_only_robomakers_own_endpoint_without_a_proxy_proves_something(
    error: ServiceError, endpoint: str, region: str, variables: dict[str, str], is_sign: bool, monkeypatch: Patch
) -> None:
    for name, value in {"FUNCTION_OUTSIDE_VPC": "true", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("jobs.retirement._drops_connections", lambda _: True)
    assert any(_signs((0, error), (30, error), endpoint=endpoint, region=region)) is is_sign


TWICE = ((0, TIME_OUT), (30, TIME_OUT))


@pytest.fixture
def names(monkeypatch: Patch) -> Iterator[Names]:
    """Lead RoboMaker's own name to an address that does not answer."""
    monkeypatch.setenv("FUNCTION_OUTSIDE_VPC", "true")
    for module in ("aws", "retirement"):
        monkeypatch.setattr(f"jobs.{module}.CONNECT_TIMEOUT", 0.05)
    names = Names(monkeypatch)
    with closing(SilentListener()) as hole:
        names.lead(ROBOMAKER, hole.address)
        yield names


@pytest.mark.parametrize("others", ["refusing", "accepting"])
def test_time_outs_of_one_address_among_several_are_no_sign(names: Names, others: str) -> None:
    with closing(SilentListener()) as hole, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if others == "accepting":
            other.listen()
        names.lead(ROBOMAKER, hole.address, f"127.0.0.1:{other.getsockname()[1]}")
        assert _signs(*TWICE) == ["", ""]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(("outside", "others_connect"), [("", True), ("false", True), ("true", False)])
def test_time_outs_in_a_vpc_or_of_every_host_are_no_sign(
    monkeypatch: Patch, outside: str, others_connect: bool
) -> None:
    monkeypatch.setenv("FUNCTION_OUTSIDE_VPC", outside)
    assert _signs(*TWICE, others_connect=others_connect) == ["", ""]


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("error", [OSError("no name"), ValueError("no address")], ids=str)
def test_time_outs_of_a_name_that_is_gone_by_now_are_no_sign(monkeypatch: Patch, error: Exception) -> None:
    monkeypatch.setattr("jobs.retirement.addresses", Mock(side_effect=error))
    assert _signs(*TWICE) == ["", ""]


@pytest.mark.parametrize(
    ("is_missing", "sign"),
    [
        (True, f"{GONE}: {CANCEL} could not connect: Could not"),
        (False, f"{SILENT}: {CANCEL} could not connect: Connect"),
    ],
)
def test_the_cancel_of_a_job_ends_with_the_sign(names: Names, is_missing: bool, sign: str) -> None:
    if is_missing:
        missing = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        names.fail(ROBOMAKER, together=missing, ipv4=missing)
    clock = SetClock()
    world_export_job._client.cache_clear()
    job = WorldExportJob(JobArn.parse(JOB_1), others_connect=lambda: True, clock=clock)
    with pytest.raises(ServiceError):
        job.advance()
    clock.now += 30
    step = job.advance()
    world_export_job._client.cache_clear()
    assert step.result is Result.RETIRED
    assert step.detail.startswith(sign)

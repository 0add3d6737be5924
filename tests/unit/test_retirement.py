"""The signs that RoboMaker has been retired, at its own endpoint: its real name, real TLS, and set look-ups."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from jobs.aws import ConnectionFailedError
from jobs.retirement import MESSAGES, Retirement
from jobs.world_export_job import WorldExportJob, _client, _RoboMaker
from properties.job_arn import JobArn
from protocol.outcome import Result
from sandbox.loopback import LoopbackServer, Response
from sandbox.resolver import SilentListener
from teardown import Failure, ServiceError
from tests.network import ROBOMAKER, Names, Proxy, SetClock, certificate
from tests.requests import JOB_1

Patch = pytest.MonkeyPatch

NO_SUCH_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")

# How Amazon's Coral wraps an error, with any status (aws-amplify/amplify-flutter 5675).
CORAL = b'{"Output": {"__type": "com.amazon.coral.service#%s"}, "Version": "1.0"}'
NOT_FOUND = Response(404, b"<html>Not Found</html>")

GONE_FROM_DNS, SILENT = "RoboMaker's endpoint is no longer in DNS: ", "RoboMaker's endpoint drops every connection: "


def _error(status: int, code: str, message: str = "No.") -> Response:
    return Response(status, json.dumps({"message": message}).encode(), {"x-amzn-ErrorType": code})


class Calls:
    """Calls RoboMaker, and keeps the signs of retirement that one Delete would have met."""

    def __init__(self, region: str = "us-west-2", *, others_connect: bool = True) -> None:
        self._clock = SetClock()
        self._robomaker = _RoboMaker("RoboMaker", region)
        self.retirement = Retirement(lambda: self._robomaker.endpoint, region, lambda: others_connect, self._clock)

    def find_sign(self, pause: float = 0) -> str:
        """Make one call after a pause, and give the sign that it meets."""
        self._clock.now += pause
        try:
            self._robomaker.call("CancelWorldExportJob", job="arn:aws:robomaker:::world-export-job/job-1")
        except ServiceError as error:
            return self.retirement.find_sign(error)
        self.retirement.note_answer()
        return ""

    def signs(self, *pauses: float) -> list[bool]:
        """Make a call after each pause, and tell which of them meet a sign."""
        return [bool(self.find_sign(pause)) for pause in pauses]


@pytest.fixture(autouse=True)
def _fresh_client() -> Iterator[None]:
    _client.cache_clear()
    yield
    _client.cache_clear()


@pytest.fixture
def names(monkeypatch: Patch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def calls() -> Calls:
    return Calls()


Serve = Callable[[Response], None]


@pytest.fixture
def serve(names: Names, monkeypatch: Patch, tmp_path: Path) -> Iterator[Serve]:
    """Serve RoboMaker's own name, with a certificate that AWS_CA_BUNDLE vouches for."""
    tls = certificate(ROBOMAKER, tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    answers: list[Response] = []
    with closing(LoopbackServer(lambda _: answers[-1], tls=tls)) as server:
        names.lead(ROBOMAKER, server.address)
        yield answers.append


def test_every_sign_has_its_source() -> None:
    assert all(MESSAGES.values())


# tests/faults.py has what RoboMaker was seen to say, and what only sounds like it.
@pytest.mark.parametrize("said", ["Its support has ended", "ITS SUPPORT HAS ENDED", "Support \nfor it\nhas ended"])
def test_words_are_known_in_any_case_and_over_several_lines(calls: Calls, said: str) -> None:
    error = ServiceError(Failure.REJECTED, "The text", code="AnyException", message=said, status=400)
    assert calls.retirement.find_sign(error) == "The text"


class TestOperation:
    """RoboMaker's own endpoint answers, and no longer knows what is asked, or does."""

    @pytest.mark.parametrize(
        ("is_sign", "answer"),
        [
            (True, _error(404, "UnknownOperationException")),
            (True, Response(400, b'{"__type": "UnknownOperationException"}')),
            (True, Response(200, b'{"__type": "UnknownOperationException"}')),
            (True, Response(200, CORAL % b"UnknownOperationException")),
            (True, Response(400, CORAL % b"UnknownOperationException")),
            (True, NOT_FOUND),
            (True, Response(410, b'{"message": "Gone"}')),
            (False, _error(404, "ResourceNotFoundException")),
            (False, _error(404, "InvalidParameterException")),
            (False, _error(410, "ThrottlingException")),
            (False, _error(404, "AccessDeniedException", "User: arn is not authorized to perform: robomaker:Cancel")),
            (False, Response(403, b"<html>Forbidden</html>")),
            (False, Response(200, CORAL % b"InternalFailure")),
        ],
        ids=str,
    )
    def test_that_is_not_known_is_a_sign(self, serve: Serve, calls: Calls, is_sign: bool, answer: Response) -> None:
        serve(answer)
        assert calls.find_sign().startswith("CancelWorldExportJob ") is is_sign

    def test_not_known_through_a_proxy_is_none(self, monkeypatch: Patch, serve: Serve, calls: Calls) -> None:
        serve(NOT_FOUND)
        with closing(LoopbackServer(lambda _: NOT_FOUND)) as ignorant, closing(Proxy()) as proxy:
            for url in (ignorant.url, f"http://{proxy.address}"):
                monkeypatch.setenv("HTTPS_PROXY", url)
                _client.cache_clear()
                assert calls.find_sign() == ""
            assert proxy.requests

    def test_that_is_not_known_past_the_proxy_is_a_sign(self, monkeypatch: Patch, serve: Serve, calls: Calls) -> None:
        serve(NOT_FOUND)
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", ROBOMAKER)
        assert calls.find_sign()


class TestName:
    """RoboMaker's own name is looked up. Which look-ups find that there is no such name, test_aws.py has."""

    def test_that_does_not_exist_twice_is_a_sign(self, names: Names, calls: Calls) -> None:
        names.fail(ROBOMAKER, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert calls.signs(0, 4) == [False, False]
        said = "CancelWorldExportJob could not connect: Could not connect to the endpoint URL:"
        assert calls.find_sign(1).startswith(f'{GONE_FROM_DNS}{said} "https://{ROBOMAKER}/cancelWorldExportJob"')

    def test_of_china_that_does_not_exist_is_a_sign_too(self, names: Names) -> None:
        names.fail("robomaker.cn-north-1.amazonaws.com.cn", together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert Calls("cn-north-1").signs(0, 5) == [False, True]

    @pytest.mark.parametrize(
        ("error", "signs"),
        [
            (ConnectionFailedError(Failure.TRANSIENT, "Try again", no_such_name=False, timed_out=False), [False, True]),
            (ServiceError(Failure.TRANSIENT, "Busy", status=500), [False, True]),
            (ServiceError(Failure.UNKNOWN, "It can't be called"), [True, True]),
        ],
        ids=str,
    )
    def test_is_missed_twice_again_once_it_was_there(
        self, names: Names, calls: Calls, error: ServiceError, signs: list[bool]
    ) -> None:
        names.fail(ROBOMAKER, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        calls.find_sign()
        calls.retirement.find_sign(error)
        assert calls.signs(5, 5) == signs

    @pytest.mark.parametrize(
        "host",
        ["vpce-0typo.robomaker.us-west-2.vpce.amazonaws.com", "robomaker.us-wset-2.amazonaws.com"],
    )
    def test_of_ones_own_endpoint_proves_nothing(
        self, monkeypatch: Patch, names: Names, calls: Calls, host: str
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", f"https://{host}")
        names.fail(host, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert calls.signs(0, 5, 600) == [False] * 3


class TestSilence:
    """RoboMaker's own name resolves, and connections are dropped without a word."""

    @pytest.fixture(autouse=True)
    def _hole(self, names: Names, monkeypatch: Patch) -> Iterator[None]:
        monkeypatch.setenv("FUNCTION_OUTSIDE_VPC", "true")
        monkeypatch.setattr("jobs.aws.CONNECT_TIMEOUT", 0.05)
        monkeypatch.setattr("jobs.retirement.CONNECT_TIMEOUT", 0.05)
        with closing(SilentListener()) as hole:
            names.lead(ROBOMAKER, hole.address)
            yield

    @pytest.mark.parametrize(
        ("pauses", "is_sign"),
        [
            ([0, 30], True),  # with the look at the addresses, these are three connections
            ([0, 15, 15], True),
            ([0, 29], False),
            ([0, 10, 10, 9], False),
        ],
        ids=str,
    )
    def test_over_thirty_seconds_is_a_sign(self, calls: Calls, pauses: list[float], is_sign: bool) -> None:
        *before, last = pauses
        assert not any(calls.signs(*before))
        said = f"{SILENT}CancelWorldExportJob could not connect: Connect timeout on endpoint URL:"
        assert calls.find_sign(last).startswith(said) is is_sign

    def test_is_noticed_by_the_cancel_of_a_job(self) -> None:
        clock = SetClock()
        job = WorldExportJob(JobArn.parse(JOB_1), others_connect=lambda: True, clock=clock)
        with pytest.raises(ServiceError):
            job.advance()
        clock.now += 30
        assert job.advance().result is Result.RETIRED

    @pytest.mark.parametrize("others", ["refusing", "accepting"])
    def test_of_one_address_among_several_is_none(self, names: Names, calls: Calls, others: str) -> None:
        with closing(SilentListener()) as hole, socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            if others == "accepting":
                other.listen()
            # urllib3 tells of the last address only; one that accepts is asked by the look at the addresses alone.
            address = f"127.0.0.1:{other.getsockname()[1]}"
            names.lead(ROBOMAKER, *([address, hole.address] if others == "refusing" else [hole.address]))
            calls.signs(0, 15)
            names.lead(ROBOMAKER, *([address, hole.address] if others == "refusing" else [hole.address, address]))
            assert calls.find_sign(15) == ""

    @pytest.mark.parametrize("error", [NO_SUCH_NAME, ValueError("no address")], ids=str)
    def test_of_a_name_that_is_gone_later_is_none(self, calls: Calls, monkeypatch: Patch, error: Exception) -> None:
        monkeypatch.setattr("jobs.retirement.addresses", Mock(side_effect=error))
        assert calls.signs(0, 30, 5) == [False] * 3

    @pytest.mark.parametrize(
        "variables",
        [
            *({"FUNCTION_OUTSIDE_VPC": value} for value in ("", "false")),
            {"AWS_ENDPOINT_URL_ROBOMAKER": "https://{}"},
            {"HTTPS_PROXY": "http://{}"},
        ],
        ids=str,
    )
    def test_in_a_vpc_or_not_of_its_own_endpoint_is_none(
        self, monkeypatch: Patch, calls: Calls, variables: dict[str, str]
    ) -> None:
        with closing(SilentListener()) as hole:
            for name, value in variables.items():
                monkeypatch.setenv(name, value.format(hole.address))
            assert calls.signs(0, 15, 15, 600) == [False] * 4

    def test_of_every_host_is_none(self) -> None:
        assert Calls(others_connect=False).signs(0, 15, 15) == [False] * 3

    def test_that_was_broken_by_a_refusal_begins_anew(self, names: Names, calls: Calls) -> None:
        assert calls.signs(0, 15) == [False] * 2
        with socket.socket() as taken, closing(SilentListener()) as hole:
            taken.bind(("127.0.0.1", 0))
            names.lead(ROBOMAKER, f"127.0.0.1:{taken.getsockname()[1]}")
            assert calls.find_sign(15) == ""
            names.lead(ROBOMAKER, hole.address)
            assert calls.signs(15, 15) == [False] * 2

    @pytest.mark.parametrize("status", [200, 500])
    def test_after_an_answer_is_none(self, calls: Calls, status: int) -> None:
        calls.retirement.find_sign(ServiceError(Failure.TRANSIENT, "got an answer", status=status))
        assert calls.signs(0, 15, 15) == [False] * 3

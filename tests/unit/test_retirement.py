"""The signs that RoboMaker has been retired, at its own endpoint: its real name, real TLS, and set look-ups."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobs.robomaker import SIGNS_OF_RETIREMENT, WorldExportJob, _client
from properties import JobArn
from sandbox.loopback import LoopbackServer, Response
from sandbox.resolver import SilentListener
from teardown import Verdict
from tests.network import ROBOMAKER, Names, Proxy, SetClock, certificate

ARN = JobArn.parse("arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1")

NO_SUCH_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
NO_ADDRESS = socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
TRY_AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
BUSY = OSError(errno.EBUSY, "Device or resource busy")


@pytest.fixture(autouse=True)
def _fresh_client() -> Iterator[None]:
    _client.cache_clear()
    yield
    _client.cache_clear()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def job(clock: SetClock) -> WorldExportJob:
    return WorldExportJob(ARN, others_connect=lambda: True, clock=clock)


@pytest.fixture
def no_vpc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_VPC", "true")


# How Amazon's Coral wraps an error, with any status (aws-amplify/amplify-flutter 5675).
CORAL = b'{"Output": {"__type": "com.amazon.coral.service#%s"}, "Version": "1.0"}'
DENIAL = b'{"message": "User: arn is not authorized to perform: robomaker:CancelWorldExportJob"}'

Serve = Callable[[Response], None]


@pytest.fixture
def serve(names: Names, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Serve]:
    """Serve RoboMaker's own name, with a certificate that AWS_CA_BUNDLE vouches for."""
    tls = certificate(ROBOMAKER, tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    answers: list[Response] = []
    with closing(LoopbackServer(lambda _: answers[-1], tls=tls)) as server:
        names.lead(ROBOMAKER, server.address)
        yield answers.append


def _asked(job: WorldExportJob, clock: SetClock, *pauses: float) -> list[Verdict]:
    """Cancel again and again, with a pause before each try."""
    verdicts = []
    for pause in pauses:
        clock.now += pause
        verdicts.append(job.cancel().verdict)
    return verdicts


def _no_addresses(_: str) -> None:
    raise NO_SUCH_NAME


def test_every_sign_has_its_source() -> None:
    assert all(sign.source for sign in SIGNS_OF_RETIREMENT)


class TestOperation:
    """RoboMaker's own endpoint answers, and no longer knows what is asked."""

    UNKNOWN_OPERATION = Response(404, b"{}", {"x-amzn-ErrorType": "UnknownOperationException"})
    NOT_FOUND = Response(404, b"<html>Not Found</html>")
    GONE = Response(410, b'{"message": "Gone"}')

    @pytest.mark.parametrize(
        "answer",
        [
            UNKNOWN_OPERATION,
            Response(400, b'{"__type": "UnknownOperationException"}'),
            Response(200, b'{"__type": "UnknownOperationException"}'),
            Response(200, CORAL % b"UnknownOperationException"),
            Response(400, CORAL % b"UnknownOperationException"),
            NOT_FOUND,
            GONE,
        ],
        ids=str,
    )
    def test_that_is_not_known_is_a_sign(self, serve: Serve, job: WorldExportJob, answer: Response) -> None:
        serve(answer)
        assert job.cancel().verdict is Verdict.RETIRED
        assert job.describe().verdict is Verdict.RETIRED

    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            (Response(404, b"{}", {"x-amzn-ErrorType": "ResourceNotFoundException"}), Verdict.GONE),
            (Response(404, b"{}", {"x-amzn-ErrorType": "InvalidParameterException"}), Verdict.REFUSED),
            (Response(404, b"{}", {"x-amzn-ErrorType": "ThrottlingException"}), Verdict.PASSING),
            (Response(404, b"{}", {"x-amzn-ErrorType": "Throttling"}), Verdict.PASSING),
            (Response(410, b"{}", {"x-amzn-ErrorType": "TooManyRequestsException"}), Verdict.PASSING),
            (Response(404, DENIAL, {"x-amzn-ErrorType": "AccessDeniedException"}), Verdict.UNKNOWN),
            (Response(403, b"<html>Forbidden</html>"), Verdict.PASSING),
            (Response(200, CORAL % b"InternalFailure"), Verdict.PASSING),
            (Response(500, CORAL % b"InternalFailure"), Verdict.PASSING),
            (Response(403, b'{"message": "Forbidden"}'), Verdict.UNKNOWN),
        ],
        ids=str,
    )
    def test_that_is_refused_otherwise_is_none(
        self, serve: Serve, job: WorldExportJob, answer: Response, verdict: Verdict
    ) -> None:
        serve(answer)
        assert job.cancel().verdict is verdict

    def test_that_a_proxy_does_not_know_is_none(
        self, monkeypatch: pytest.MonkeyPatch, serve: Serve, job: WorldExportJob
    ) -> None:
        serve(self.NOT_FOUND)
        with closing(LoopbackServer(lambda _: self.NOT_FOUND)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            assert job.cancel().verdict is not Verdict.RETIRED

    def test_that_is_not_known_through_a_proxy_is_none(
        self, monkeypatch: pytest.MonkeyPatch, serve: Serve, job: WorldExportJob
    ) -> None:
        serve(self.NOT_FOUND)
        with closing(Proxy()) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            assert job.cancel().verdict is Verdict.PASSING

    def test_that_is_not_known_is_a_sign_where_the_endpoint_is_excepted_from_the_proxy(
        self, monkeypatch: pytest.MonkeyPatch, serve: Serve, job: WorldExportJob
    ) -> None:
        serve(self.NOT_FOUND)
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", ROBOMAKER)
        assert job.cancel().verdict is Verdict.RETIRED


class TestWords:
    """RoboMaker answers that it has come to its end."""

    @pytest.mark.parametrize(
        "message",
        [b"Support for AWS RoboMaker has ended", b"SUPPORT FOR IT HAS ENDED", b"Support \\nfor it\\nhas ended"],
    )
    def test_are_known_in_any_case_and_over_several_lines(
        self, serve: Serve, job: WorldExportJob, message: bytes
    ) -> None:
        serve(Response(400, b'{"__type": "AnyException", "message": "%s"}' % message))
        assert job.cancel().verdict is Verdict.RETIRED


class TestName:
    """RoboMaker's own name is looked up."""

    @pytest.mark.parametrize("together", [NO_SUCH_NAME, BUSY, NO_ADDRESS], ids=str)
    def test_that_does_not_exist_twice_some_seconds_apart_is_a_sign(
        self, names: Names, job: WorldExportJob, clock: SetClock, together: OSError
    ) -> None:
        names.fail(ROBOMAKER, together=together, ipv4=NO_SUCH_NAME)
        assert _asked(job, clock, 0, 4, 1) == [Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.RETIRED]

    def test_of_china_that_does_not_exist_is_a_sign_too(self, names: Names, clock: SetClock) -> None:
        arn = JobArn.parse("arn:aws-cn:robomaker:cn-north-1:123456789012:world-export-job/job-1")
        names.fail("robomaker.cn-north-1.amazonaws.com.cn", together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert _asked(WorldExportJob(arn, clock=clock), clock, 0, 5) == [Verdict.UNKNOWN, Verdict.RETIRED]

    def test_that_does_not_exist_is_named_and_was_asked_for_as_a_whole_for_ipv4(
        self, names: Names, job: WorldExportJob, clock: SetClock
    ) -> None:
        names.fail(ROBOMAKER, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        _asked(job, clock, 0)
        clock.now += 5
        assert job.describe().words == (
            "DescribeWorldExportJob found that the endpoint is not in DNS any more:"
            f' Could not connect to the endpoint URL: "https://{ROBOMAKER}/describeWorldExportJob"'
        )
        assert (f"{ROBOMAKER}.", 443, socket.AF_INET) in names.asked

    def test_that_does_not_exist_counts_while_waiting_too(
        self, names: Names, job: WorldExportJob, clock: SetClock, serve: Serve
    ) -> None:
        serve(Response(200))
        assert job.cancel().verdict is Verdict.ACCEPTED
        _client.cache_clear()
        names.fail(ROBOMAKER, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert _asked(job, clock, 0, 5) == [Verdict.PASSING, Verdict.RETIRED]

    @pytest.mark.parametrize(
        ("together", "ipv4"),
        [
            (BUSY, TRY_AGAIN),  # SERVFAIL of both families
            (BUSY, BUSY),
            (NO_ADDRESS, TRY_AGAIN),  # SERVFAIL of A, NODATA of AAAA
            (NO_ADDRESS, NO_ADDRESS),
            (NO_SUCH_NAME, TRY_AGAIN),
            (TRY_AGAIN, TRY_AGAIN),
            (NO_SUCH_NAME, None),  # it is there again
            (BUSY, None),
        ],
        ids=str,
    )
    def test_that_could_not_be_looked_up_for_now_is_passing(
        self, names: Names, job: WorldExportJob, clock: SetClock, together: OSError, ipv4: OSError | None
    ) -> None:
        names.fail(ROBOMAKER, together=together, ipv4=ipv4)
        assert _asked(job, clock, 0, 5, 60, 600) == [Verdict.PASSING] * 4

    def test_that_was_there_in_between_has_to_be_missed_twice_again(
        self, names: Names, job: WorldExportJob, clock: SetClock
    ) -> None:
        names.fail(ROBOMAKER, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert _asked(job, clock, 0) == [Verdict.UNKNOWN]
        names.fail(ROBOMAKER, together=TRY_AGAIN, ipv4=TRY_AGAIN)
        assert _asked(job, clock, 5) == [Verdict.PASSING]
        names.fail(ROBOMAKER, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert _asked(job, clock, 5, 5) == [Verdict.UNKNOWN, Verdict.RETIRED]

    @pytest.mark.parametrize(
        "host",
        [
            "vpce-0typo.robomaker.us-west-2.vpce.amazonaws.com",
            "robomaker.us-wset-2.amazonaws.com",
            "robomaker.vpce.amazonaws.com",
        ],
    )
    def test_of_an_endpoint_of_ones_own_proves_nothing(
        self, monkeypatch: pytest.MonkeyPatch, names: Names, job: WorldExportJob, clock: SetClock, host: str
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", f"https://{host}")
        names.fail(host, together=NO_SUCH_NAME, ipv4=NO_SUCH_NAME)
        assert _asked(job, clock, 0, 5, 600) == [Verdict.UNKNOWN] * 3
        assert host in job.cancel().words


@pytest.mark.usefixtures("no_vpc")
class TestSilence:
    """RoboMaker's own name resolves, and connections are dropped without a word."""

    @pytest.fixture(autouse=True)
    def _hole(self, names: Names, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr("jobs.connection.CONNECT_TIMEOUT", 0.05)
        with closing(SilentListener()) as hole:
            names.lead(ROBOMAKER, hole.address)
            yield

    def test_over_thirty_seconds_is_a_sign(self, job: WorldExportJob, clock: SetClock) -> None:
        assert _asked(job, clock, 0, 15, 15) == [Verdict.UNKNOWN, Verdict.UNKNOWN, Verdict.RETIRED]

    @pytest.mark.parametrize("others", ["refusing", "accepting"])
    def test_of_one_address_among_several_is_none(
        self, names: Names, job: WorldExportJob, clock: SetClock, others: str
    ) -> None:
        with closing(SilentListener()) as hole, socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            if others == "accepting":
                other.listen()
            # urllib3 tells of the last address only; one that accepts is asked by the look at the addresses alone.
            refusing = f"127.0.0.1:{other.getsockname()[1]}"
            names.lead(ROBOMAKER, *([refusing, hole.address] if others == "refusing" else [hole.address]))
            assert _asked(job, clock, 0, 15) == [Verdict.UNKNOWN] * 2
            names.lead(ROBOMAKER, *([refusing, hole.address] if others == "refusing" else [hole.address, refusing]))
            assert Verdict.RETIRED not in _asked(job, clock, 15)

    def test_is_named(self, job: WorldExportJob, clock: SetClock) -> None:
        _asked(job, clock, 0)
        clock.now += 30
        assert job.cancel().words == (
            "CancelWorldExportJob found that the endpoint drops every connection in silence:"
            f' Connect timeout on endpoint URL: "https://{ROBOMAKER}/cancelWorldExportJob"'
        )

    def test_of_a_name_that_is_gone_when_its_addresses_are_asked_is_none(
        self, job: WorldExportJob, clock: SetClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _asked(job, clock, 0)
        monkeypatch.setattr("jobs.robomaker.addresses", _no_addresses)
        assert _asked(job, clock, 30, 5) == [Verdict.UNKNOWN] * 2

    def test_of_two_calls_over_thirty_seconds_and_of_a_look_at_the_addresses_is_a_sign(
        self, job: WorldExportJob, clock: SetClock
    ) -> None:
        assert _asked(job, clock, 0, 30) == [Verdict.UNKNOWN, Verdict.RETIRED]

    @pytest.mark.parametrize("pauses", [(0, 29), (0, 10, 10, 9)], ids=str)
    def test_of_fewer_seconds_is_none(self, job: WorldExportJob, clock: SetClock, pauses: tuple[float, ...]) -> None:
        assert Verdict.RETIRED not in _asked(job, clock, *pauses)

    def test_in_a_vpc_is_none(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, clock: SetClock) -> None:
        monkeypatch.delenv("NO_VPC")
        assert _asked(job, clock, 0, 15, 15, 600) == [Verdict.UNKNOWN] * 4

    def test_of_every_host_is_none(self, clock: SetClock) -> None:
        job = WorldExportJob(ARN, others_connect=lambda: False, clock=clock)
        assert _asked(job, clock, 0, 15, 15) == [Verdict.UNKNOWN] * 3

    def test_of_an_endpoint_of_ones_own_is_none(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, clock: SetClock
    ) -> None:
        with closing(SilentListener()) as hole:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", f"https://{hole.address}")
            assert _asked(job, clock, 0, 15, 15) == [Verdict.UNKNOWN] * 3

    def test_of_a_proxy_is_none(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, clock: SetClock) -> None:
        with closing(SilentListener()) as hole:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{hole.address}")
            assert _asked(job, clock, 0, 15, 15) == [Verdict.UNKNOWN] * 3

    def test_that_was_broken_by_a_refusal_begins_anew(self, names: Names, job: WorldExportJob, clock: SetClock) -> None:
        assert Verdict.RETIRED not in _asked(job, clock, 0, 15)
        with socket.socket() as taken, closing(SilentListener()) as hole:
            taken.bind(("127.0.0.1", 0))
            names.lead(ROBOMAKER, f"127.0.0.1:{taken.getsockname()[1]}")
            assert _asked(job, clock, 15) == [Verdict.UNKNOWN]
            names.lead(ROBOMAKER, hole.address)
            assert _asked(job, clock, 15, 15) == [Verdict.UNKNOWN] * 2

    def test_after_an_answer_is_none(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, clock: SetClock, names: Names, serve: Serve
    ) -> None:
        with monkeypatch.context() as patience:
            patience.setattr("jobs.connection.CONNECT_TIMEOUT", 20)  # for the answer, on a busy machine
            serve(Response(500, b"{}"))
            assert job.cancel().verdict is Verdict.PASSING
        _client.cache_clear()
        with closing(SilentListener()) as hole:
            names.lead(ROBOMAKER, hole.address)
            assert _asked(job, clock, 0, 15, 15) == [Verdict.PASSING] * 3

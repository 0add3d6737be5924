"""What each answer of RoboMaker means, as botocore gives it from a real endpoint."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
import trustme

from jobs import connection
from jobs.robomaker import ERRORS, STATUSES, WorldExportJob, _client
from properties import JobArn
from sandbox.loopback import LoopbackServer, Request, Response
from sandbox.resolver import SilentListener
from sandbox.robomaker import ACCESS_DENIED, CANCEL_REFUSED, CONNECTION_DROPPED, THROTTLED, Fault, RoboMaker
from teardown import Reply, Verdict
from tests.faults import FAULTS, Row
from tests.network import Names

ARN = JobArn.parse("arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1")

Ask = Callable[[WorldExportJob], Reply]
BOTH = pytest.mark.parametrize("ask", [WorldExportJob.cancel, WorldExportJob.describe])


@pytest.fixture
def job() -> WorldExportJob:
    return WorldExportJob(ARN)


def test_a_cancel_is_accepted(robomaker: RoboMaker, job: WorldExportJob) -> None:
    robomaker.start_job(ARN.text, cancel_seconds=60)
    assert job.cancel() == Reply(Verdict.ACCEPTED, "Canceling")
    assert robomaker.status(ARN.text) == "Canceling"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("Pending", Verdict.RUNNING),
        ("Running", Verdict.RUNNING),
        ("Canceling", Verdict.STOPPING),
        ("Canceled", Verdict.STOPPED),
        ("Completed", Verdict.STOPPED),
        ("Failed", Verdict.STOPPED),
    ],
)
def test_every_status_of_the_api_is_known(
    robomaker: RoboMaker, job: WorldExportJob, status: str, verdict: Verdict
) -> None:
    robomaker.start_job(ARN.text, status=status)
    assert job.describe() == Reply(verdict, status)


def test_the_statuses_are_those_of_the_service_model(robomaker: RoboMaker) -> None:  # noqa: ARG001
    shape = _client("us-west-2").meta.service_model.shape_for("WorldExportJobStatus")
    assert set(STATUSES) == set(shape.enum)


def test_every_modeled_error_is_known(robomaker: RoboMaker) -> None:  # noqa: ARG001
    modeled = {shape.name for shape in _client("us-west-2").meta.service_model.error_shapes}
    assert modeled < set(ERRORS)


@pytest.mark.parametrize("status", ["Paused", "CANCELED", "canceled", "Cancelled", " Canceled"])
def test_an_unknown_status_counts_as_running(robomaker: RoboMaker, job: WorldExportJob, status: str) -> None:
    robomaker.switch_on(Fault(message=json.dumps({"status": status}), status=200))
    assert job.describe() == Reply(Verdict.RUNNING, f"in the unknown status {status!r}")


@pytest.mark.parametrize("row", FAULTS, ids=str)
def test_every_fault_has_its_meaning(robomaker: RoboMaker, job: WorldExportJob, row: Row) -> None:
    robomaker.start_job(ARN.text)
    robomaker.switch_on(replace(row.fault, operation=""))
    assert (job.cancel().verdict, job.describe().verdict) == (row.verdict, row.describe)


@pytest.mark.parametrize("body", ["{}", '{"status": null}', '{"status": ["Running"]}', '{"status": {}}', ""])
def test_a_description_without_a_status_is_passing(robomaker: RoboMaker, job: WorldExportJob, body: str) -> None:
    robomaker.switch_on(Fault(message=body, status=200))
    assert job.describe() == Reply(Verdict.PASSING, "DescribeWorldExportJob got an answer without a status")


def test_a_description_that_can_not_be_parsed_is_passing_and_shown(robomaker: RoboMaker, job: WorldExportJob) -> None:
    robomaker.switch_on(Fault(message='{"status": "Canceled", "createdAt": "never"}', status=200))
    reply = job.describe()
    assert reply.verdict is Verdict.PASSING
    assert "HTTP status 200, " in reply.words
    assert "never" in reply.words


def test_the_beginning_of_a_page_is_shown(robomaker: RoboMaker, job: WorldExportJob) -> None:
    robomaker.switch_on(Fault(message="x" * 300, status=400))
    assert job.cancel().words.endswith(f"HTTP status 400, '{'x' * 200}'")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Response(400, b"no object", {"x-amzn-ErrorType": "ResourceNotFoundException"}), Verdict.GONE),
        (Response(200, b"", {"X-Amzn-ErrorType": "ResourceNotFoundException"}), Verdict.PASSING),
        (Response(300, b'{"message": "Choose"}'), Verdict.UNKNOWN),
    ],
    ids=str,
)
def test_an_error_is_one_by_its_header_or_its_status(
    monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, answer: Response, verdict: Verdict
) -> None:
    with closing(LoopbackServer(lambda _: answer)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
        _client.cache_clear()
        assert job.cancel().verdict is verdict
        _client.cache_clear()


@pytest.mark.parametrize(
    ("code", "plain"), [("Code", "Code"), ("a.b#Code", "Code"), ("Code:http://x/", "Code"), (None, ""), ("", "")]
)
def test_a_code_is_taken_without_what_stands_around_it(code: str | None, plain: str) -> None:
    assert connection.plain(code) == plain


def test_an_error_that_is_its_own_cause_has_an_end() -> None:
    error, cause = ValueError(), ValueError()
    error.__context__, cause.__context__ = cause, error
    assert list(connection._causes(error)) == [error, cause]


def test_no_call_is_repeated_by_botocore(robomaker: RoboMaker, job: WorldExportJob) -> None:
    robomaker.switch_on(THROTTLED)
    job.cancel()
    assert len(robomaker.calls) == 1


def test_an_errors_words_name_the_operation_the_code_and_the_message(robomaker: RoboMaker, job: WorldExportJob) -> None:
    robomaker.switch_on(CANCEL_REFUSED)
    assert job.cancel().words == (
        "CancelWorldExportJob answered InvalidParameterException: The job is not in a state to be canceled"
    )


@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied"])
def test_a_missing_permission_is_named(robomaker: RoboMaker, job: WorldExportJob, code: str) -> None:
    robomaker.switch_on(replace(ACCESS_DENIED, code=code))
    words = job.describe().words
    assert f"no permission robomaker:DescribeWorldExportJob on {ARN.text}: add it" in words
    assert words.endswith(f" DescribeWorldExportJob answered {code}: {ACCESS_DENIED.message}")


@pytest.mark.parametrize(
    "fault", [Fault("InvalidParameterException", "x" * 100_000), Fault("x" * 60_000, "no"), Fault("", "x" * 9000, 400)]
)
def test_long_words_are_cut(robomaker: RoboMaker, job: WorldExportJob, fault: Fault) -> None:
    robomaker.switch_on(fault)
    assert len(job.cancel().words) < 1100


@pytest.mark.parametrize(("more", "end"), [(0, ""), (1, "…")])
def test_words_of_a_thousand_characters_are_whole(
    robomaker: RoboMaker, job: WorldExportJob, more: int, end: str
) -> None:
    heading = "CancelWorldExportJob answered InvalidParameterException: "
    message = "x" * (1000 - len(heading))
    robomaker.switch_on(Fault("InvalidParameterException", message + "x" * more))
    assert job.cancel().words == heading + message + end


@pytest.mark.parametrize("body", ["", " ", "{}", '{"anything": "else"}'])
def test_a_cancel_that_is_answered_with_nothing_or_an_object_is_accepted(
    robomaker: RoboMaker, job: WorldExportJob, body: str
) -> None:
    robomaker.switch_on(Fault(message=body, status=200))
    assert job.cancel().verdict is Verdict.ACCEPTED


def test_an_answer_that_is_no_text_is_passing(monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
    with closing(LoopbackServer(lambda _: Response(400, b"\xff\xfe"))) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
        _client.cache_clear()
        assert job.cancel().verdict is Verdict.PASSING
        _client.cache_clear()


def test_a_client_that_can_not_be_made_is_unknown(monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", "not a url")
    _client.cache_clear()
    assert job.cancel().verdict is Verdict.UNKNOWN


@BOTH
def test_an_error_that_is_none_of_botocores_is_unknown_and_shown(
    monkeypatch: pytest.MonkeyPatch,
    robomaker: RoboMaker,  # noqa: ARG001
    job: WorldExportJob,
    ask: Ask,
) -> None:
    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", _fail)
    reply = ask(job)
    assert reply.verdict is Verdict.UNKNOWN
    assert reply.words.endswith("WorldExportJob failed: RuntimeError('odd')")


@pytest.mark.parametrize("region", ["us-west-2", "ap-northeast-1"])
def test_a_call_is_signed_for_the_region_in_the_arn(robomaker: RoboMaker, region: str) -> None:
    arn = ARN.text.replace("us-west-2", region)
    WorldExportJob(JobArn.parse(arn)).describe()
    assert [(call.operation, call.job, call.region) for call in robomaker.calls] == [
        ("DescribeWorldExportJob", arn, region)
    ]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-west-2", "robomaker.us-west-2.amazonaws.com"),
        ("us-gov-west-1", "robomaker.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "robomaker.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_every_partition_has_its_endpoint(region: str, host: str) -> None:
    _client.cache_clear()
    assert _client(region).meta.endpoint_url == f"https://{host}"


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_endpoints_that_robomaker_never_had_are_not_asked_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "true")
    _client.cache_clear()
    assert _client("us-west-2").meta.endpoint_url == "https://robomaker.us-west-2.amazonaws.com"


class TestConnection:
    """What is known when no answer arrives at all."""

    @pytest.fixture(autouse=True)
    def _fresh_client(self) -> Iterator[None]:
        _client.cache_clear()
        yield
        _client.cache_clear()

    def test_that_is_dropped_in_its_tls_handshake_is_passing(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_hang_up_on_the_first, args=(server,), daemon=True).start()
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", f"https://127.0.0.1:{server.getsockname()[1]}")
            assert job.cancel().verdict is Verdict.PASSING

    def test_with_a_certificate_that_is_not_trusted_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob
    ) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
        with closing(LoopbackServer(lambda _: Response(200), tls=tls)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
            assert job.cancel().verdict is Verdict.UNKNOWN

    @BOTH
    def test_that_is_refused_is_unknown_and_names_the_endpoint(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, ask: Ask
    ) -> None:
        with _refusing() as endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", endpoint)
            reply = ask(job)
        assert reply.verdict is Verdict.UNKNOWN
        assert endpoint in reply.words
        assert reply.words.endswith(
            ". It is unknown whether the job has stopped. If the function is in a VPC, check that its subnets have a"
            " route to the endpoint (a NAT gateway or an interface endpoint)"
            " and that its security groups let HTTPS out."
        )

    def test_with_an_empty_ca_bundle_is_verified(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", "")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
        with closing(LoopbackServer(lambda _: Response(200), tls=tls)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
            assert "could not reach RoboMaker: SSL validation failed" in job.cancel().words

    @pytest.mark.parametrize(
        "proxy", ["http://user:s3c/ret@proxy:3128", "http://user:s3c#ret@proxy", "http://u:s3c@p:x"]
    )
    def test_through_a_proxy_that_can_not_be_used_is_unknown_and_keeps_its_password(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, proxy: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        reply = job.cancel()
        assert reply == Reply(Verdict.UNKNOWN, "CancelWorldExportJob failed: HTTPClientError")

    def test_to_a_proxy_that_is_not_in_dns_is_unknown(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob
    ) -> None:
        Names(monkeypatch).fail("proxy", together=socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        assert job.cancel().verdict is Verdict.UNKNOWN

    def test_to_a_proxy_that_refuses_is_unknown(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
        with _refusing() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            assert job.cancel().verdict is Verdict.UNKNOWN

    @BOTH
    def test_that_is_not_answered_in_time_is_unknown_and_names_the_endpoint(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, ask: Ask
    ) -> None:
        monkeypatch.setattr("jobs.connection.READ_TIMEOUT", 0.1)
        service = RoboMaker()
        service.switch_on(Fault(seconds=10, message="{}", status=200))
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", service.url)
        reply = ask(job)
        service.close()
        assert reply.verdict is Verdict.UNKNOWN
        assert service.url in reply.words

    def test_that_is_dropped_in_silence_is_unknown(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
        monkeypatch.setattr("jobs.connection.CONNECT_TIMEOUT", 0.1)
        with closing(SilentListener()) as hole:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", f"http://{hole.address}")
            reply = job.cancel()
        assert reply.verdict is Verdict.UNKNOWN
        assert hole.address in reply.words

    @pytest.mark.parametrize("trouble", ["refused", "silent", "slow", "certificate"])
    def test_trouble_after_an_answer_is_passing(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, trouble: str
    ) -> None:
        with closing(RoboMaker()) as service:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", service.url)
            assert job.cancel().verdict is Verdict.GONE
            monkeypatch.setattr("jobs.connection.READ_TIMEOUT", 0.1)
            monkeypatch.setattr("jobs.connection.CONNECT_TIMEOUT", 0.1)
            service.switch_on(Fault(seconds=10, message="{}", status=200))
            with _trouble(trouble, service.url) as endpoint:
                monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", endpoint)
                _client.cache_clear()
                assert job.describe().verdict is Verdict.PASSING

    def test_that_went_stale_in_the_pool_is_replaced_by_a_fresh_one(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob
    ) -> None:
        with closing(RoboMaker()) as service:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", service.url)
            job.cancel()
            service.switch_on(CONNECTION_DROPPED, times=1)
            assert [job.describe().verdict for _ in range(2)] == [Verdict.PASSING, Verdict.GONE]

    def test_without_credentials_is_unknown(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        reply = job.cancel()
        assert reply.verdict is Verdict.UNKNOWN
        assert "credentials" in reply.words


def _fail(*_: object) -> None:
    raise RuntimeError("odd")


@contextmanager
def _refusing() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing else gets the port
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def _trouble(kind: str, slow: str) -> Iterator[str]:
    if kind == "refused":
        with _refusing() as endpoint:
            yield endpoint
    elif kind == "silent":
        with closing(SilentListener()) as hole:
            yield f"http://{hole.address}"
    elif kind == "slow":
        yield slow
    else:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
        with closing(LoopbackServer(lambda _: Response(200), tls=tls)) as server:
            yield server.url


def test_the_request_is_the_one_of_the_api_reference(monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        requests.append(request)
        return Response(200, b"{}", {"Content-Type": "application/json"})

    with closing(LoopbackServer(answer)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
        _client.cache_clear()
        job.cancel()
        job.describe()
        _client.cache_clear()
    assert [(request.method, request.path, json.loads(request.body)) for request in requests] == [
        ("POST", "/cancelWorldExportJob", {"job": ARN.text}),
        ("POST", "/describeWorldExportJob", {"job": ARN.text}),
    ]
    assert all(request.headers["Content-Type"] == "application/json" for request in requests)


def _hang_up_on_the_first(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)  # until the client has gone: closing with bytes unread would reset the connection

"""What every call to AWS returns and raises, by botocore and a real endpoint."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from math import inf
from pathlib import Path
from typing import Any

import pytest

from jobs import aws as aws_module
from jobs.aws import OPTIONAL_TRIES, AwsService, ConnectionFailedError, error_code
from sandbox.loopback import DROPPED, LoopbackServer, Request, Response
from teardown import Failure, ServiceError
from tests.canned import Canned, denial, error
from tests.network import Names, Proxy, SilentListener, certificate

Patch = pytest.MonkeyPatch

TRANSIENT, UNKNOWN, REJECTED = Failure.TRANSIENT, Failure.UNKNOWN, Failure.REJECTED
ECS = "ecs.eu-west-1.amazonaws.com"
HINT = (
    "If the function is in a VPC, check that its subnets have a route to the endpoint (a NAT gateway or an interface"
    " endpoint) and that its security groups allow outbound HTTPS."
)
REFUSING = "http://127.0.0.1:9"  # nothing listens there
CUT_OFF = Response(200, b"9\r\n{}", {"Transfer-Encoding": "chunked", "Connection": "close"})
NO_SUCH_NAME = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
BUSY = OSError(errno.EBUSY, "Device or resource busy")
TRY_AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
CREDENTIALS = (
    b'{"AccessKeyId": "CONTAINER", "SecretAccessKey": "s", "Token": "t0ken", "Expiration": "2999-01-01T00:00:00Z"}'
)

Lead = Callable[[str], None]


@pytest.fixture
def lead(aws: Canned, monkeypatch: Patch) -> Iterator[Lead]:  # noqa: ARG001
    """Yield what leads new clients of ECS to an endpoint, or to their own."""

    def lead(endpoint: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", endpoint)
        if not endpoint:
            monkeypatch.delenv("AWS_ENDPOINT_URL_ECS")
        aws_module._client.cache_clear()

    yield lead
    aws_module._client.cache_clear()


@pytest.fixture
def ecs(aws: Canned) -> AwsService:  # noqa: ARG001
    return AwsService("ecs")


def _error(service: AwsService, action: str = "ListTasks") -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        service.call(action)
    return raised.value


class TestError:
    # tests/faults.py has more of them.
    @pytest.mark.parametrize(
        ("answer", "failure"),
        [
            *((error(code), TRANSIENT) for code in aws_module.TRANSIENT_CODES),
            (error("KmsThrottlingException"), TRANSIENT),
            (error("ServerException", status=500), TRANSIENT),
            (error("OddException", "You are not authorized to perform this."), UNKNOWN),
            (error("OddException", status=499), REJECTED),
            (error("ThrottlingExceptional"), REJECTED),
            (error("KmsAccessDeniedException"), REJECTED),
            (Response(403, b"<html>Blocked</html>"), REJECTED),
            (Response(403, b"<html>Blocked</html>", {"Content-Type": "text/html; charset=utf-8"}), TRANSIENT),
        ],
        ids=str,
    )
    def test_says_whether_to_retry(self, ecs: AwsService, aws: Canned, answer: Response, failure: Failure) -> None:
        aws.answer("ListTasks", answer)
        assert _error(ecs).failure is failure
        assert len(aws.calls) == 1, "only the engine repeats a call"

    @pytest.mark.parametrize("message", ["No.", "x" * 2000], ids=["whole", "long"])
    def test_has_what_the_service_answered(self, ecs: AwsService, aws: Canned, message: str) -> None:
        aws.answer("ListTasks", error("OddException", message, status=404))
        raised = _error(ecs)
        assert (raised.code, raised.message, raised.status) == ("OddException", message, 404)
        assert str(raised) == f"ListTasks answered OddException: {message}"[:1000]

    @pytest.mark.parametrize(
        ("service", "action", "message", "permission"),
        [
            ("ecs", "ListTasks", "User: u is not authorized to perform: ecs:ListTasks", "ecs:ListTasks"),
            ("ecs", "ListTasks", "You are not authorized to perform this.", "ecs:ListTasks"),
            ("stepfunctions", "ListStateMachines", "not authorized to perform", "states:ListStateMachines"),
            # IAM names another permission, such as that of a key.
            ("ecs", "ListTasks", "not authorized to perform: kms:Decrypt on resource: x", "kms:Decrypt"),
            ("ecs", "ListTasks", f"not authorized to perform: ecs:{'x' * 200}", f"ecs:{'x' * 96}"),
        ],
    )
    def test_names_the_permission(self, aws: Canned, service: str, action: str, message: str, permission: str) -> None:
        aws.answer(action, error("AccessDeniedException", message))
        assert str(_error(AwsService(service), action)) == (
            f"The function's role has no permission {permission}. Add it; if the role has it, check its permissions"
            f" boundary and the service control policies. {action} answered AccessDeniedException: {message}"
        )

    @pytest.mark.parametrize(("written", "code"), [("a.b#Code:http://x/", "Code"), (None, "")])
    def test_has_a_code_without_what_stands_around_it(self, written: str | None, code: str) -> None:
        assert error_code(written) == code

    def test_says_that_an_html_page_is_not_from_the_service(self, ecs: AwsService, aws: Canned) -> None:
        aws.answer("ListTasks", Response(404, b"<html>", {"Content-Type": "text/html"}))
        raised = _error(ecs)
        assert (raised.code, raised.status) == ("", 404)
        assert str(raised) == "ListTasks got an answer that is not from ecs: HTTP status 404, an HTML page"

    def test_is_raised_for_a_client_that_can_not_be_made(self, aws: Canned) -> None:  # noqa: ARG002
        raised = _error(AwsService("no-such-service"))
        assert raised.failure is UNKNOWN
        assert str(raised).startswith("The client for no-such-service can't be made: UnknownServiceError(")


class TestAnswer:
    def test_is_returned_as_botocore_reads_it(self, ecs: AwsService, aws: Canned) -> None:
        aws.answer("ListTasks", {"taskArns": ["1"]})
        assert ecs.call("ListTasks", cluster="prod")["taskArns"] == ["1"]
        assert ecs.ask("ListTasks", "taskArns", cluster="prod") == ["1"]
        assert aws.calls == [("ListTasks", {"cluster": "prod"})] * 2
        assert ecs.calls == 2

    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            *((answer, "without clusters$") for answer in ({}, {"clusters": None}, Response(200))),
            *((Response(200, body), "without clusters$") for body in (b'{"Error": "x"}', b"<html>", b"{")),
            ({"clusters": [None]}, "with clusters without status$"),
            ({"clusters": [{}]}, "with clusters without status$"),
            ({"clusters": [{"status": "ACTIVE"}, {"status": ""}]}, "with clusters without status$"),
            *((Response(200, body), "that can't be read: ") for body in (b"[]", b"null", b'{"clusters": 7}')),
        ],
        ids=str,
    )
    def test_without_what_was_asked_for_is_transient(
        self, ecs: AwsService, aws: Canned, answer: Any, problem: str
    ) -> None:
        aws.answer("DescribeClusters", answer)
        with pytest.raises(ServiceError, match=f"^DescribeClusters got an answer {problem}") as raised:
            ecs.ask("DescribeClusters", "clusters", each="status")
        assert raised.value.failure is TRANSIENT


class TestPages:
    def test_are_read_one_by_one_until_there_is_no_token(self, ecs: AwsService, aws: Canned) -> None:
        aws.answer(
            "ListTasks",
            {"taskArns": ["1"], "nextToken": "a"},
            {"taskArns": [], "nextToken": "b"},
            {"taskArns": ["2", "3"], "nextToken": ""},
        )
        pages = ecs.pages("ListTasks", "taskArns", cluster="prod")
        assert next(pages) == ["1"]
        assert (len(aws.calls), ecs.calls) == (1, 1)
        assert list(pages) == [[], ["2", "3"]]
        assert ecs.calls == 3
        tokens: tuple[dict[str, str], ...] = ({}, {"nextToken": "a"}, {"nextToken": "b"})
        assert aws.calls == [("ListTasks", {"cluster": "prod", **token}) for token in tokens]

    def test_that_come_again_are_transient(self, ecs: AwsService, aws: Canned) -> None:
        aws.answer("ListTasks", {"taskArns": [], "nextToken": "a"})
        with pytest.raises(ServiceError, match=r"^ListTasks got the same page again$") as raised:
            list(ecs.pages("ListTasks", "taskArns"))
        assert raised.value.failure is TRANSIENT
        assert ecs.calls == len(aws.calls) == 2


class TestOptionalPages:
    def test_are_read_like_others_where_botocore_has_no_paginator(self, ecs: AwsService, aws: Canned) -> None:
        first, second = ([{"daemonArn": arn}] for arn in "12")
        aws.answer("ListDaemons", {"daemonSummariesList": first, "nextToken": "a"}, {"daemonSummariesList": second})
        assert list(ecs.optional_pages("ListDaemons", "daemonSummariesList")) == [first, second]
        assert aws.asked("ListDaemons") == [{}, {"nextToken": "a"}]
        assert ecs.calls == 2

    @pytest.mark.parametrize(
        ("answer", "tries"),
        [
            ({}, 0),
            (denial("ecs:ListDaemons"), 0),
            (error("UnknownOperationException"), 0),
            (error("UnsupportedFeatureException"), 0),
            (error("MissingAuthenticationTokenException", status=403), 0),
            # Some endpoints answer an operation that they do not have with a server error, as moto does.
            (error("X", status=500), OPTIONAL_TRIES),
            (Response(404, b"<html>", {"Content-Type": "text/html"}), OPTIONAL_TRIES),
            # Otherwise, the throttling of ListDaemons would stop the tasks of daemons.
            *((answer, inf) for answer in (error("ThrottlingException"), DROPPED)),
        ],
        ids=str,
    )
    def test_are_none_after_an_error_that_is_not_transient(
        self, ecs: AwsService, aws: Canned, answer: Any, tries: float, caplog: pytest.LogCaptureFixture
    ) -> None:
        aws.answer("ListDaemons", answer)
        for _ in range(int(min(tries, 5))):
            with pytest.raises(ServiceError, match="ListDaemons"):
                list(ecs.optional_pages("ListDaemons", "daemonSummariesList"))
        if tries < inf:
            assert list(ecs.optional_pages("ListDaemons", "daemonSummariesList")) == []
            assert "The Delete continues without ListDaemons: " in caplog.messages[-1]

    def test_are_none_if_botocore_does_not_have_them(self, ecs: AwsService, aws: Canned) -> None:
        assert list(ecs.optional_pages("ListTrains", "trains")) == []
        assert aws.calls == []


def _hang_up(server: socket.socket) -> None:
    """Close the first connection, after its first bytes."""
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)  # until the client has gone: closing with bytes unread would reset it


class TestConnection:
    @pytest.mark.parametrize("answer", [None, {}, error("OddException")], ids=["no answer", "answer", "error"])
    def test_that_fails_is_transient_only_if_the_service_has_answered(
        self, ecs: AwsService, aws: Canned, lead: Lead, monkeypatch: Patch, answer: Any
    ) -> None:
        if answer is not None:
            aws.answer("ListTasks", answer)
            with suppress(ServiceError):
                ecs.call("ListTasks")
        with closing(SilentListener()) as silent, socket.create_server(("127.0.0.1", 0)) as slow:
            for endpoint, timeout, text in (
                (REFUSING, "READ_TIMEOUT", "Could not connect to the endpoint URL"),
                (f"http://127.0.0.1:{slow.getsockname()[1]}", "READ_TIMEOUT", "Read timeout on endpoint URL"),
                (f"http://{silent.address}", "CONNECT_TIMEOUT", "Connect timeout on endpoint URL"),
            ):
                monkeypatch.setattr(aws_module, timeout, 0.1)
                lead(endpoint)
                raised = _error(ecs)
                assert isinstance(raised, ConnectionFailedError)
                assert raised.failure is (UNKNOWN if answer is None else TRANSIENT)
                assert raised.timed_out is (timeout == "CONNECT_TIMEOUT")
                assert str(raised).startswith(f"ListTasks could not connect: {text}")
                assert endpoint in str(raised)
                assert str(raised).endswith(f". {HINT}")

    @pytest.mark.parametrize("answer", [DROPPED, CUT_OFF], ids=["dropped", "cut off"])
    def test_that_is_lost_is_transient_and_made_anew(self, ecs: AwsService, aws: Canned, answer: Response) -> None:
        aws.answer("ListTasks", answer, {"taskArns": ["1"]})
        raised = _error(ecs)
        assert isinstance(raised, ConnectionFailedError)
        assert (raised.failure, raised.no_such_name, raised.timed_out) == (TRANSIENT, False, False)
        assert str(raised).startswith("ListTasks lost its connection: ")
        assert ecs.ask("ListTasks", "taskArns") == ["1"]

    def test_that_is_lost_in_the_tls_handshake_is_transient(self, ecs: AwsService, lead: Lead) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
            lead(f"https://127.0.0.1:{server.getsockname()[1]}")
            raised = _error(ecs)
        assert (raised.failure, str(raised)[:30]) == (TRANSIENT, "ListTasks lost its connection:")

    def test_is_verified_by_the_bundle_of_the_environment(
        self, ecs: AwsService, lead: Lead, monkeypatch: Patch, tmp_path: Path
    ) -> None:
        tls = certificate("127.0.0.1", tmp_path / "ca.pem")
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        with closing(LoopbackServer(lambda _: Response(200, b"{}"), tls=tls)) as server:
            lead(server.url)
            monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
            assert ecs.call("ListTasks")
            lead(server.url)
            monkeypatch.setenv("AWS_CA_BUNDLE", "")  # is none, and verifies nothing less
            assert str(_error(ecs)).startswith("ListTasks could not connect: SSL validation failed")

    def test_through_a_failing_proxy_keeps_its_password(self, ecs: AwsService, lead: Lead, monkeypatch: Patch) -> None:
        Names(monkeypatch).fail("proxy", together=NO_SUCH_NAME)
        with closing(Proxy("403 Forbidden")) as forbidding:
            for proxy, text in {
                "http://user:s3c/ret@proxy:3128": "failed: HTTPClientError",
                "http://user:s3c#ret@proxy": "failed: HTTPClientError",
                "http://u:s3c@p:x": "failed: HTTPClientError",
                "http://proxy:3128": "could not connect: Failed to connect to proxy",
                REFUSING: "could not connect: Failed to connect to proxy",
                f"http://{forbidding.address}": "could not connect: Failed to connect to proxy",
            }.items():
                monkeypatch.setenv("HTTPS_PROXY", proxy)
                lead("")
                raised = _error(ecs)
                assert (raised.failure, str(raised)[: len(f"ListTasks {text}")]) == (UNKNOWN, f"ListTasks {text}")
                assert "s3c" not in str(raised)

    @pytest.mark.parametrize(
        ("together", "ipv4", "failure"),
        [
            (NO_SUCH_NAME, NO_SUCH_NAME, UNKNOWN),
            (BUSY, NO_SUCH_NAME, UNKNOWN),
            (TRY_AGAIN, TRY_AGAIN, TRANSIENT),
            (NO_SUCH_NAME, TRY_AGAIN, TRANSIENT),
            (NO_SUCH_NAME, BUSY, TRANSIENT),
            (NO_SUCH_NAME, UnicodeError("no name"), TRANSIENT),
            (NO_SUCH_NAME, None, TRANSIENT),
            (BUSY, None, TRANSIENT),
            (OSError(errno.ENETUNREACH, "Network is unreachable"), None, UNKNOWN),
        ],
        ids=str,
    )
    def test_looks_up_ipv4(
        self, lead: Lead, monkeypatch: Patch, together: OSError, ipv4: Exception | None, failure: Failure
    ) -> None:
        lead("")
        names = Names(monkeypatch)
        names.fail(ECS, together=together, ipv4=ipv4)
        raised = _error(AwsService("ecs", "eu-west-1"))
        assert isinstance(raised, ConnectionFailedError)
        assert (raised.failure, raised.no_such_name) == (failure, ipv4 is NO_SUCH_NAME)
        what = "look up its endpoint" if failure is TRANSIENT else "connect"
        url = f"https://{ECS}/"
        assert str(raised) == f'ListTasks could not {what}: Could not connect to the endpoint URL: "{url}". {HINT}'
        assert names.asked[-1] == (f"{ECS}.", 443, socket.AF_INET, socket.SOCK_STREAM)

    def test_that_is_its_own_cause_has_an_end(self) -> None:
        first, second = ValueError(), ssl.SSLEOFError()
        first.__context__, second.__cause__ = second, first
        assert list(aws_module._causes(first)) == [first, second]


class TestClient:
    @pytest.fixture
    def requests(self, lead: Lead, monkeypatch: Patch) -> Iterator[list[Request]]:
        """Keep every request to an endpoint that answers all of them with credentials."""
        requests: list[Request] = []

        def answer(request: Request) -> Response:
            requests.append(request)
            return Response(200, CREDENTIALS)

        with closing(LoopbackServer(answer)) as server:
            lead(server.url)
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/credentials")
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")
            aws_module._session.cache_clear()  # which keeps credentials
            yield requests
            aws_module._session.cache_clear()

    def test_takes_credentials_from_snapstarts_endpoint(self, requests: list[Request], monkeypatch: Patch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        AwsService("ecs").call("ListTasks")
        assert [request.path for request in requests] == ["/credentials", "/"]
        assert requests[0].headers["Authorization"] == "secret"
        assert "Credential=CONTAINER/" in requests[1].headers["Authorization"]
        assert requests[1].headers["X-Amz-Security-Token"] == "t0ken"

    def test_takes_no_other_credentials(self, requests: list[Request], monkeypatch: Patch, tmp_path: Path) -> None:
        (tmp_path / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
            monkeypatch.delenv(name)
        raised = _error(AwsService("ecs"))
        assert (raised.failure, str(raised)) == (UNKNOWN, "ListTasks failed: Unable to locate credentials")
        assert requests == []

    @pytest.mark.parametrize(("region", "expected"), [(None, "us-west-2"), ("eu-west-1", "eu-west-1")])
    def test_calls_its_region_or_another(self, requests: list[Request], region: str | None, expected: str) -> None:
        service = AwsService("ecs", region)
        service.call("ListTasks")
        assert service.region == expected
        assert [request.path for request in requests] == ["/"], "its credentials are those of the variables"
        assert "Credential=test/" in requests[0].headers["Authorization"]
        assert requests[0].headers["User-Agent"].endswith(" cdk-world-export-job")
        assert f"/{expected}/ecs/aws4_request" in requests[0].headers["Authorization"]

    @pytest.mark.usefixtures("lead")
    def test_is_made_once_for_a_service_and_a_region(self) -> None:
        first = AwsService("ecs", "us-west-2").client()
        assert AwsService("ecs", "us-west-2").client() is first
        assert AwsService("ecs", "eu-west-1").client() is not first

    def test_waits_five_seconds_to_connect_and_ten_for_an_answer(self) -> None:
        config = AwsService("ecs", "us-west-2").client().meta.config
        assert (config.connect_timeout, config.read_timeout, aws_module.LONGEST_CALL) == (5, 10, 31)

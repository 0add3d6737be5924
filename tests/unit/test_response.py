"""How an answer is written, and how it gets to CloudFormation."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest

from protocol.response import NotDeliveredError, deliver, write_answer
from sandbox.loopback import DROPPED, LoopbackServer, Request, Response
from tests.network import Names, Proxy, SetClock, certificate

Patch = pytest.MonkeyPatch

REQUEST = {"StackId": "arn:stack", "RequestId": "request-1", "LogicalResourceId": "Job", "ResponseURL": "https://s"}
AT_ONCE = "The answer can't be delivered: "
IN_TIME = "CloudFormation did not accept the answer in time; the last try met "
S3_TIMEOUT = Response(400, b"<Error><Code>RequestTimeout</Code></Error>")


def _failed(reason: str, advice: str = "", **names: str) -> bytes:
    return write_answer({**REQUEST, **names}, "FAILED", "arn:job", reason=reason, advice=advice)


class TestAnswer:
    def test_has_nothing_for_what_the_request_lacks(self) -> None:
        answer = {"Status": "SUCCESS", "PhysicalResourceId": "arn:job"}
        lacking = dict.fromkeys(("StackId", "RequestId", "LogicalResourceId"), "")
        assert json.loads(write_answer({}, "SUCCESS", "arn:job")) == {**answer, **lacking}

    @pytest.mark.parametrize(
        ("reason", "advice", "together"),
        [
            ("It failed", "", "It failed"),
            ("It failed", "Do this.", "It failed. Do this."),
            ("It failed.", "Do this.", "It failed. Do this."),
            ("It failed!", "Do this.", "It failed! Do this."),
            ("Did it fail?", "Do this.", "Did it fail? Do this."),
        ],
    )
    def test_has_the_advice_after_the_reason(self, reason: str, advice: str, together: str) -> None:
        assert json.loads(_failed(reason, advice))["Reason"] == together

    @pytest.mark.parametrize("text", ["x", "\x00", "ö", "😀", "\ud800", '"'])
    @pytest.mark.parametrize(("advice", "end"), [("", "… (cut)"), ("Do this.", "… (cut) Do this.")])
    def test_keeps_the_advice_and_what_fits_of_a_reason(self, text: str, advice: str, end: str) -> None:
        body = _failed(text * 9000, advice)
        assert 4080 < len(body) <= 4096
        assert json.loads(body)["Reason"].endswith(end)

    @pytest.mark.parametrize(("more", "end"), [(0, "x"), (1, "… (cut)"), (2, "… (cut)")])
    def test_is_whole_up_to_4096_bytes(self, more: int, end: str) -> None:
        room = 4096 - len(_failed("x")) + 1
        body = _failed("x" * (room + more))
        assert len(body) == 4096
        assert json.loads(body)["Reason"].endswith(end)

    def test_has_nothing_of_a_reason_that_does_not_fit_at_all(self) -> None:
        room = 4096 - len(_failed("… (cut)", LogicalResourceId=""))
        body = _failed("x" * 9000, LogicalResourceId="L" * room)
        assert (len(body), json.loads(body)["Reason"]) == (4096, "… (cut)")

    def test_has_characters_as_they_are_which_takes_the_least_room(self) -> None:
        assert '"Reason":"ö 😀"'.encode() in _failed("ö 😀")


class Bucket:
    """A response URL that gives the answers it was told, the last of them for ever."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers = [Response(200)]
        self.requests: list[Request] = []
        self._server = LoopbackServer(self._answer, tls=tls)
        self.origin = self._server.url
        self.url = f"{self.origin}/put%7Chere?X-Amz-Signature=SECRET&X-Amz-Expires=7200"
        self.close = self._server.close

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def deliver(self, *answers: Response, url: str | None = None, clock: SetClock | None = None) -> str:
        """Deliver an answer within ten seconds by a clock that only pauses move. So a try takes as long as it needs."""
        self.answers = list(answers) or self.answers
        clock = clock or SetClock()
        with Patch.context() as patch:
            patch.setattr("protocol.response.time", clock)
            patch.setattr("protocol.response.SHORTEST_TRY", 60)
            return deliver(self.url if url is None else url, b"body", until=clock.now + 10)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with closing(Bucket()) as opened:
        yield opened


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: Patch) -> Iterator[Bucket]:
    """Yield a bucket with TLS that the environment's CA vouches for."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with closing(Bucket(certificate("127.0.0.1", tmp_path / "ca.pem"))) as opened:
        yield opened


def _drip(server: socket.socket, answer: bytes) -> None:
    """Give the first connection these bytes, and then one more every few moments."""
    with contextlib.suppress(OSError), server.accept()[0] as connection:
        connection.sendall(answer)
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")


class TestDelivery:
    @pytest.mark.parametrize(
        ("path", "arrives"),
        [("/put%7Chere?X-Amz-Signature=S%2B&e", "/put%7Chere?X-Amz-Signature=S%2B&e"), ("", "/"), ("?a=b", "/?a=b")],
    )
    def test_is_a_put_to_the_path_as_it_was_signed(self, bucket: Bucket, path: str, arrives: str) -> None:
        assert bucket.deliver(url=bucket.origin + path) == ""
        [request] = bucket.requests
        assert (request.method, request.path, request.body) == ("PUT", arrives, b"body")
        assert request.headers.get("Content-Type") is None
        assert request.headers["Content-Length"] == "4"

    @pytest.mark.parametrize(
        ("problem", "named"),
        [
            (Response(302, headers={"Location": "/elsewhere"}), "HTTP status 302"),
            (Response(307, headers={"Location": "/elsewhere"}), "HTTP status 307"),
            *[(Response(status), f"HTTP status {status}") for status in (408, 409, 429, 500, 503)],
            (S3_TIMEOUT, "HTTP status 400 (RequestTimeout)"),
            (Response(400, b" " * 9000 + S3_TIMEOUT.body), "HTTP status 400 (unread)"),
            (DROPPED, "RemoteDisconnected"),
        ],
        ids=str,
    )
    def test_is_retried_until_it_is_accepted(self, bucket: Bucket, problem: Response, named: str) -> None:
        report = bucket.deliver(problem, problem, Response(200))
        assert report == f"The answer was accepted at try 3; the one before met {named}"
        arrived = [(request.method, bucket.origin + request.path, request.body) for request in bucket.requests]
        assert arrived == [("PUT", bucket.url, b"body")] * 3

    @pytest.mark.parametrize(
        ("answer", "named"),
        [
            (Response(300, b"<Error><Code>Choose</Code></Error>"), "HTTP status 300 (Choose)"),
            (Response(301, headers={"Location": "/elsewhere"}), "HTTP status 301"),
            (Response(400), "HTTP status 400"),
            (Response(400, b"<Error><Code>InvalidDigest</Code></Error>"), "HTTP status 400 (InvalidDigest)"),
            (Response(403, b"<Error><Code>AccessDenied</Code></Error>"), "HTTP status 403 (AccessDenied)"),
            (Response(404), "HTTP status 404"),
        ],
        ids=str,
    )
    def test_that_is_rejected_is_not_retried(self, bucket: Bucket, answer: Response, named: str) -> None:
        with pytest.raises(NotDeliveredError, match=rf"^{AT_ONCE}{re.escape(named)}\.$"):
            bucket.deliver(answer)
        assert len(bucket.requests) == 1

    @pytest.mark.parametrize("status", [200, 204, 299])
    def test_is_done_by_the_status_alone(self, bucket: Bucket, monkeypatch: Patch, status: int) -> None:
        monkeypatch.setattr("http.client.HTTPResponse.read", read := Mock())
        assert bucket.deliver(Response(status)) == ""
        assert not read.called

    @pytest.mark.parametrize("drip", [b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n" * 3])
    def test_ends_in_time_however_slowly_an_answer_drips_in(self, drip: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=_drip, args=(server, drip), daemon=True).start()
            with pytest.raises(NotDeliveredError, match=f"^{IN_TIME}TimeoutError"):
                deliver(f"http://127.0.0.1:{server.getsockname()[1]}", b"body", until=time.monotonic() + 0.2)

    @pytest.mark.parametrize("error", [ConnectionResetError(), http.client.IncompleteRead(b"")], ids=repr)
    def test_whose_error_can_not_be_read_is_retried(self, bucket: Bucket, monkeypatch: Patch, error: Exception) -> None:
        monkeypatch.setattr("http.client.HTTPResponse.read", Mock(side_effect=error))
        assert bucket.deliver(Response(400), Response(200)).endswith("HTTP status 400 (unread)")

    def test_waits_for_no_look_up_longer_than_its_time(self, monkeypatch: Patch) -> None:
        goes_on = threading.Event()
        monkeypatch.setattr("socket.getaddrinfo", lambda *_: goes_on.wait(20))
        with pytest.raises(NotDeliveredError, match=f"^{IN_TIME}TimeoutError"):
            deliver("http://bucket/x", b"body", until=time.monotonic() + 0.2)
        goes_on.set()

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ftp://x/SECRET",
            "file:///SECRET",
            "https://",
            "not a SECRET url",
            "http://[SECRET",
            "http://x y/SECRET",
            "http://x:SECRET/",
            "{origin}/\u00dc-SECRET",
            "{origin}/SECRET \x00",
        ],
    )
    def test_to_no_usable_url_fails_at_once_and_keeps_the_url_to_itself(self, bucket: Bucket, url: str) -> None:
        said = rf"^{AT_ONCE}a response URL that can't be used \(\w*(Error|URL)\)\.$"
        with pytest.raises(NotDeliveredError, match=said) as failure:
            bucket.deliver(url=url.replace("{origin}", bucket.origin))
        assert failure.value.__context__ is None, "an error that quotes the URL goes along"


class TestPace:
    @pytest.mark.parametrize(
        ("left", "seconds"),
        [
            (100, [3, 6, 12, 24, 48, 1.25]),  # with pauses of 0.25, 0.5, 1, 2 and 2 seconds, up to the end
            (20, [3, 6, 10.25]),
            (1, [1]),
            (0, [0.1]),
        ],
    )
    def test_each_try_has_twice_the_time(self, monkeypatch: Patch, left: float, seconds: list[float]) -> None:
        clock = SetClock()
        tries: list[float] = []

        def hang(_url: str, _answer: bytes, seconds: float) -> tuple[str, bool]:
            tries.append(seconds)
            clock.sleep(seconds)
            return "TimeoutError", False

        monkeypatch.setattr("protocol.response.time", clock)
        monkeypatch.setattr("random.random", lambda: 1.0)
        monkeypatch.setattr("protocol.response._try", hang)
        with pytest.raises(NotDeliveredError, match=rf"^{IN_TIME}TimeoutError\.$"):
            deliver("http://bucket/x", b"body", until=clock.now + left)
        assert tries == seconds

    @pytest.mark.parametrize(
        ("spread", "expected"),
        [(0.5, [0.1875, 0.375, 0.75, 1.5, 1.5, 1.5]), (0.0, [0.125, 0.25, 0.5, 1, 1, 1])],
    )
    def test_pauses_grow_and_are_spread(
        self, monkeypatch: Patch, bucket: Bucket, spread: float, expected: list[float]
    ) -> None:
        clock = SetClock()
        monkeypatch.setattr("random.random", lambda: spread)
        report = bucket.deliver(*[Response(503)] * 6, Response(200), clock=clock)
        assert report.startswith("The answer was accepted at try 7;")
        assert clock.pauses == expected


class TestEnvironment:
    """The answer takes the proxy and the CAs that every other call takes."""

    @pytest.mark.parametrize(
        ("variables", "problem"),
        [
            ({}, ""),
            ({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}, ""),
            ({"AWS_CA_BUNDLE": ""}, f"{IN_TIME}a certificate that can't be verified (unable to get local issuer cert"),
            ({"AWS_CA_BUNDLE": "/no/file"}, f"{AT_ONCE}the CA bundle '/no/file' can't be loaded (FileNotFoundError)."),
            *(
                ({"HTTPS_PROXY": proxy}, f"{AT_ONCE}HTTPS_PROXY is not of the form http://HOST:PORT.")
                for proxy in ("https://proxy:1", "http://", "http://proxy:x", "http://[proxy:1", "socks5://proxy:1")
            ),
        ],
    )
    def test_decides_whether_it_arrives(
        self, secure: Bucket, monkeypatch: Patch, variables: dict[str, str], problem: str
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(NotDeliveredError, match=f"^{re.escape(problem)}") if problem else nullcontext():
            assert secure.deliver() == ""
        assert [request.body for request in secure.requests] == ([] if problem else [b"body"])

    @pytest.mark.parametrize(
        ("form", "login"),
        [
            ("http://{}", ""),
            ("http://{}/", ""),
            ("{}", ""),
            ("//{}", ""),
            ("HTTP://{}/path?query", ""),
            ("http://user:p%40ss@{}", "user:p@ss"),
            ("http://user:p@ss@{}", "user:p@ss"),
            ("http://user@{}", ""),  # as botocore does
        ],
    )
    def test_may_name_a_proxy(self, secure: Bucket, monkeypatch: Patch, form: str, login: str) -> None:
        with closing(Proxy()) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", form.format(proxy.address))
            assert secure.deliver() == ""
        [request] = secure.requests
        assert request.headers.get("Content-Type") is None
        assert request.headers.get("Proxy-Authorization") is None
        [connect] = proxy.requests
        assert connect.startswith(f"CONNECT {urlsplit(secure.url).netloc} HTTP/1.")
        basic = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
        assert (basic in connect) if login else ("Authorization" not in connect)
        assert "SECRET" not in connect

    def test_may_name_a_proxy_at_its_usual_port(self, secure: Bucket, monkeypatch: Patch) -> None:
        names = Names(monkeypatch)
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
        with closing(Proxy()) as proxy:
            names.lead("proxy", proxy.address)
            secure.deliver()
        assert ("proxy", 80, 0, socket.SOCK_STREAM) in names.asked

    def test_may_name_a_proxy_that_is_of_no_interest(self, monkeypatch: Patch, bucket: Bucket) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1")
        assert bucket.deliver(Response(200)) == ""

    def test_with_a_proxy_that_refuses_is_retried_and_named(self, secure: Bucket, monkeypatch: Patch) -> None:
        with closing(Proxy("407 Proxy Authentication Required")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            said = f"{IN_TIME}a proxy that refused the connection (Tunnel connection failed: 407 Proxy Authentication "
            with pytest.raises(NotDeliveredError, match=f"^{re.escape(said)}"):
                secure.deliver()
        assert len(proxy.requests) > 1

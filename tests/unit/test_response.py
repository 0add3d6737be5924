"""How an answer is written, and how it gets to CloudFormation."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.response import Answer, NotDeliveredError, _hang_up, deliver, takes_connections
from sandbox.loopback import DROPPED, LoopbackServer, Request, Response
from sandbox.resolver import SilentListener
from tests.network import Names, Proxy, SetClock, certificate
from tests.requests import HurriedClock

S3_TIMEOUT = Response(400, b"<Error><Code>RequestTimeout</Code></Error>")

REQUEST = {"StackId": "arn:stack", "RequestId": "request-1", "LogicalResourceId": "Job", "ResponseURL": "https://s"}


class TestBody:
    def test_copies_the_request_verbatim(self) -> None:
        assert json.loads(Answer(REQUEST, "SUCCESS", "arn:job", data={"JobArn": "arn:job"}).body()) == {
            "Status": "SUCCESS",
            "PhysicalResourceId": "arn:job",
            "StackId": "arn:stack",
            "RequestId": "request-1",
            "LogicalResourceId": "Job",
            "Data": {"JobArn": "arn:job"},
        }

    def test_has_the_reason_of_a_failure(self) -> None:
        assert json.loads(Answer(REQUEST, "FAILED", "arn:job", "No.").body())["Reason"] == "No."

    @pytest.mark.parametrize(
        ("reason", "together"),
        [
            ("It failed.", "It failed. Do this."),
            ("It failed!", "It failed! Do this."),
            ("Did it fail?", "Did it fail? Do this."),
            ("It failed", "It failed. Do this."),
        ],
    )
    def test_has_the_advice_as_a_sentence_after_the_reason(self, reason: str, together: str) -> None:
        assert json.loads(Answer(REQUEST, "FAILED", "arn:job", reason, "Do this.").body())["Reason"] == together

    @given(st.text(min_size=1), st.integers(1, 6000))
    def test_never_has_more_than_4096_bytes(self, text: str, times: int) -> None:
        body = Answer(REQUEST, "FAILED", "x" * 1024, text * times).body()
        assert len(body) <= 4096
        assert json.loads(body)["Reason"]

    @pytest.mark.parametrize("text", ["x", "\x00", "ö", "😀"])
    def test_keeps_the_advice_whole_when_the_reason_is_cut(self, text: str) -> None:
        body = Answer(REQUEST, "FAILED", "arn:job", text * 9000, "Do this.").body()
        assert 4000 < len(body) <= 4096
        assert json.loads(body)["Reason"].endswith("… (cut) Do this.")

    @pytest.mark.parametrize(("more", "end"), [(0, "x"), (1, "… (cut)"), (2, "… (cut)")])
    def test_is_whole_up_to_4096_bytes(self, more: int, end: str) -> None:
        room = 4096 - len(Answer(REQUEST, "FAILED", "arn:job", "x").body()) + 1
        body = Answer(REQUEST, "FAILED", "arn:job", "x" * (room + more)).body()
        assert len(body) == 4096
        assert json.loads(body)["Reason"].endswith(end)

    def test_has_nothing_of_a_reason_for_which_there_is_no_room(self) -> None:
        nameless = {**REQUEST, "LogicalResourceId": ""}
        room = 4096 - len(Answer(nameless, "FAILED", "arn:job", "… (cut)").body())
        body = Answer({**REQUEST, "LogicalResourceId": "L" * room}, "FAILED", "arn:job", "x" * 9000).body()
        assert len(body) == 4096
        assert json.loads(body)["Reason"] == "… (cut)"

    def test_has_nothing_for_what_the_request_lacks(self) -> None:
        body = json.loads(Answer({}, "FAILED", "arn:job", "No.").body())
        assert [body[key] for key in ("StackId", "RequestId", "LogicalResourceId")] == ["", "", ""]

    def test_has_characters_as_they_are_which_takes_the_least_room(self) -> None:
        assert '"Reason":"ö 😀"'.encode() in Answer(REQUEST, "FAILED", "arn:job", "ö 😀").body()

    @pytest.mark.parametrize("text", ["x", "\x00", "ö", "😀", "\ud800", '"'])
    def test_keeps_as_much_of_a_long_reason_as_fits(self, text: str) -> None:
        body = Answer(REQUEST, "FAILED", "arn:job", text * 9000).body()
        assert 4000 < len(body) <= 4096
        assert json.loads(body)["Reason"].endswith("… (cut)")


class Bucket:
    """A response URL that gives the answers it was told, the last of them for ever."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.requests: list[Request] = []
        self.seconds = 0.0
        self._server = LoopbackServer(self._answer)
        self.url = f"{self._server.url}/put%7Chere?X-Amz-Signature=SECRET&X-Amz-Expires=7200"

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        time.sleep(self.seconds)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def buckets() -> Iterator[list[Bucket]]:
    opened: list[Bucket] = []
    yield opened
    for bucket in opened:
        bucket.close()


@contextmanager
def _dripping(first: bytes) -> Iterator[str]:
    """Open a server that answers with some bytes, and then with one more every tenth of a second."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.recv(65536)
                connection.sendall(first)
                while True:
                    time.sleep(0.1)
                    connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"


def _bucket(buckets: list[Bucket], *answers: Response) -> Bucket:
    buckets.append(Bucket(*answers))
    return buckets[-1]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a last try, for which next to no time is left, enough for a busy machine."""
    monkeypatch.setattr("protocol.response.SHORTEST_ATTEMPT", 20)


def _soon(seconds: float = 20) -> float:
    return time.monotonic() + seconds


class TestDelivery:
    def test_is_a_put_without_a_content_type_to_the_url_as_it_is(self, buckets: list[Bucket]) -> None:
        bucket = _bucket(buckets, Response(200))
        deliver(bucket.url, b"body", until=_soon())
        [request] = bucket.requests
        assert (request.method, request.body) == ("PUT", b"body")
        assert bucket.url.endswith(request.path)
        assert request.headers.get("Content-Type") is None
        assert request.headers["Content-Length"] == "4"

    @pytest.mark.parametrize(
        "trouble", [*map(Response, (302, 307, 408, 409, 429, 500, 503)), S3_TIMEOUT, DROPPED], ids=str
    )
    def test_is_retried_until_it_is_accepted(self, buckets: list[Bucket], trouble: Response) -> None:
        bucket = _bucket(buckets, trouble, trouble, Response(200))
        deliver(bucket.url, b"body", until=_soon())
        assert [request.body for request in bucket.requests] == [b"body"] * 3

    @pytest.mark.parametrize("drip", [b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n" * 3])
    def test_ends_in_time_however_slowly_an_answer_drips_in(self, drip: bytes) -> None:
        with _dripping(drip) as url, pytest.raises(NotDeliveredError):
            deliver(url, b"body", until=_soon(1))

    @pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"])
    def test_is_done_when_the_status_says_so_whatever_comes_after_it(self, drip: bytes) -> None:
        with _dripping(drip) as url:
            deliver(url, b"body", until=_soon())

    def test_is_done_without_a_look_at_what_an_answer_says_beyond_its_status(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads: list[object] = []
        monkeypatch.setattr("http.client.HTTPResponse.read", lambda *arguments: reads.append(arguments))
        deliver(_bucket(buckets, Response(200, b"Thanks")).url, b"body", until=_soon())
        assert reads == []

    def test_goes_on_to_the_end_of_its_time(self, buckets: list[Bucket]) -> None:
        bucket = _bucket(buckets, Response(503))
        started = time.monotonic()
        with pytest.raises(NotDeliveredError):
            deliver(bucket.url, b"body", until=_soon(2))
        assert time.monotonic() - started >= 2

    @pytest.mark.parametrize(
        ("answer", "named"),
        [
            (Response(300, b"<Error><Code>Choose</Code></Error>"), "HTTP status 300 (Choose)"),
            (Response(301), "HTTP status 301"),
            (Response(400), "HTTP status 400"),
            (Response(400, b"<Error><Code>InvalidDigest</Code></Error>"), "HTTP status 400 (InvalidDigest)"),
            (Response(403, b"<Error><Code>AccessDenied</Code></Error>"), "HTTP status 403 (AccessDenied)"),
            (Response(404), "HTTP status 404"),
        ],
        ids=str,
    )
    def test_that_is_refused_is_not_retried(self, buckets: list[Bucket], answer: Response, named: str) -> None:
        bucket = _bucket(buckets, answer)
        with pytest.raises(NotDeliveredError, match=re.escape(f"can't be delivered: {named}.")):
            deliver(bucket.url, b"body", until=_soon())
        assert len(bucket.requests) == 1

    def test_that_is_refused_for_now_is_named_for_what_it_is(
        self, buckets: list[Bucket], caplog: pytest.LogCaptureFixture
    ) -> None:
        deliver(_bucket(buckets, S3_TIMEOUT, Response(200)).url, b"body", until=_soon())
        assert "HTTP status 400 (RequestTimeout)" in caplog.text

    @pytest.mark.parametrize("error", [ConnectionResetError(), http.client.IncompleteRead(b"")], ids=repr)
    def test_that_is_refused_by_an_answer_that_can_not_be_read_is_named_by_its_status_and_tried_again(
        self,
        buckets: list[Bucket],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        error: Exception,
    ) -> None:
        def fail(*_: object) -> bytes:
            raise error

        monkeypatch.setattr("http.client.HTTPResponse.read", fail)
        deliver(_bucket(buckets, Response(400), Response(200)).url, b"body", until=_soon())
        assert "HTTP status 400 (unread)" in caplog.text

    def test_reads_no_more_of_a_refusal_than_its_beginning(
        self, buckets: list[Bucket], caplog: pytest.LogCaptureFixture
    ) -> None:
        refusal = Response(400, b" " * 100_000 + S3_TIMEOUT.body)
        deliver(_bucket(buckets, refusal, Response(200)).url, b"body", until=_soon())
        assert "HTTP status 400 (unread)" in caplog.text

    def test_that_is_refused_by_an_answer_that_breaks_off_is_tried_again(self) -> None:
        heads = [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 999\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]

        def serve() -> None:
            for head in heads:
                connection, _ = server.accept()
                with connection:
                    request = b""
                    while not request.endswith(b"body"):
                        request += connection.recv(65536)
                    connection.sendall(head)

        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            deliver(f"http://127.0.0.1:{server.getsockname()[1]}/x", b"body", until=_soon())
            thread.join()

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_waits_for_no_connection_longer_than_its_time(self, scheme: str) -> None:
        with closing(SilentListener()) as hole, pytest.raises(NotDeliveredError, match="in time"):
            deliver(f"{scheme}://{hole.address}/x", b"body", until=_soon(0.2))

    def test_is_not_sent_by_a_try_whose_time_is_over(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket = _bucket(buckets, Response(200))
        with closing(SilentListener()) as hole:
            names = Names(monkeypatch)
            names.lead("bucket", hole.address, hole.address, bucket.url.split("/")[2])
            with pytest.raises(NotDeliveredError, match="TimeoutError"):
                deliver("http://bucket/x", b"body", until=_soon(0.2))
        assert bucket.requests == []

    def test_is_retried_whatever_trouble_there_is_with_the_log(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> None:
            raise BrokenPipeError

        monkeypatch.setattr(logging.getLogger("world_export_jobs"), "handle", fail)
        bucket = _bucket(buckets, Response(503), Response(200))
        deliver(bucket.url, b"body", until=_soon())
        assert len(bucket.requests) == 2

    @pytest.mark.usefixtures("patient")
    def test_gives_up_when_the_time_is_up(self, buckets: list[Bucket]) -> None:
        bucket = _bucket(buckets, Response(503))
        with pytest.raises(NotDeliveredError, match="did not accept the answer in time; the last try met HTTP status"):
            deliver(bucket.url, b"body", until=_soon(0.5))
        assert bucket.requests

    def test_waits_for_no_answer_longer_than_its_time(self) -> None:
        def hang(_: Request) -> Response:
            time.sleep(10)
            return Response(200)

        with closing(LoopbackServer(hang)) as server, pytest.raises(NotDeliveredError, match="in time"):
            deliver(f"{server.url}/x", b"body", until=_soon(0.2))

    @pytest.mark.parametrize(
        ("left", "seconds"),
        [
            (100, [3, 6, 12, 24, 48, 1.25]),  # with pauses of 0.25, 0.5, 1, 2 and 2 seconds, up to the end
            (20, [3, 6, 10.25]),
            (1, [1]),
            (0, [0.1]),
        ],
    )
    def test_gives_each_try_twice_the_time_of_the_one_before_while_there_is_time(
        self, monkeypatch: pytest.MonkeyPatch, left: float, seconds: list[float]
    ) -> None:
        clock = SetClock()
        tries: list[float] = []

        def hang(*_: object, seconds: float) -> None:
            tries.append(seconds)
            clock.sleep(seconds)
            raise TimeoutError

        monkeypatch.setattr("protocol.response.time", clock)
        monkeypatch.setattr("protocol.response.random", SimpleNamespace(random=lambda: 1.0))
        monkeypatch.setattr("protocol.response._put", hang)
        with pytest.raises(NotDeliveredError, match="in time; the last try met TimeoutError"):
            deliver("http://bucket/x", b"body", until=clock.now + left)
        assert tries == seconds

    @pytest.mark.parametrize(
        ("spread", "expected"),
        [
            (1.0, [0.25, 0.5, 1, 2, 2, 2]),
            (0.5, [0.1875, 0.375, 0.75, 1.5, 1.5, 1.5]),
            (0.0, [0.125, 0.25, 0.5, 1, 1, 1]),
        ],
    )
    def test_pauses_ever_longer_between_tries_up_to_a_limit_at_spread_times(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch, spread: float, expected: list[float]
    ) -> None:
        clock = HurriedClock()
        pauses: list[float] = []
        monkeypatch.setattr("protocol.response.time", SimpleNamespace(monotonic=clock.monotonic, sleep=pauses.append))
        monkeypatch.setattr("protocol.response.random", SimpleNamespace(random=lambda: spread))
        bucket = _bucket(buckets, *[Response(503)] * 6, Response(200))
        deliver(bucket.url, b"body", until=clock.monotonic() + 60)
        assert pauses == expected

    @pytest.mark.parametrize("path", ["", "/", "/a%2Fb?c=%7C&d", "/?"])
    def test_keeps_the_path_as_it_was_signed(self, buckets: list[Bucket], path: str) -> None:
        bucket = _bucket(buckets, Response(200))
        deliver(f"{bucket.url.partition('/put')[0]}{path}", b"body", until=_soon())
        assert bucket.requests[0].path == (path.rstrip("?") or "/")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ftp://x/SECRET",
            "https://",
            "not a SECRET url",
            "http://[SECRET",
            "http://x y/SECRET",
            "http://x:SECRET/",
            "{bucket}/\u00dc-SECRET",
            "{bucket}/SECRET \x00",
        ],
    )
    def test_to_no_usable_url_fails_at_once_and_keeps_the_url_to_itself(self, buckets: list[Bucket], url: str) -> None:
        bucket = _bucket(buckets, Response(200)).url.partition("/put")[0]
        with pytest.raises(NotDeliveredError, match=r"the response URL can't be used \(\w*(Error|URL)\)") as failure:
            deliver(url.replace("{bucket}", bucket), b"body", until=_soon())
        assert "SECRET" not in str(failure.value)
        assert failure.value.__context__ is None, "an error that quotes the URL goes along"

    @pytest.mark.parametrize("answer", [Response(200), Response(403), Response(503), DROPPED], ids=str)
    def test_never_logs_or_raises_the_url(
        self, buckets: list[Bucket], caplog: pytest.LogCaptureFixture, answer: Response
    ) -> None:
        caplog.set_level(logging.DEBUG)
        bucket = _bucket(buckets, answer)
        said = ""
        try:
            deliver(bucket.url, b"body", until=_soon(0.8))
        except NotDeliveredError as error:
            said = str(error)
        assert "SECRET" not in said + caplog.text
        assert "put%7Chere" not in said + caplog.text


@pytest.mark.parametrize("opened", [lambda: None, socket.socket], ids=["not yet", "no longer"])
def test_a_connection_that_is_not_open_is_hung_up_without_an_error(
    monkeypatch: pytest.MonkeyPatch, opened: Callable[[], socket.socket | None]
) -> None:
    errors: list[object] = []
    monkeypatch.setattr("threading.excepthook", errors.append)
    with closing(http.client.HTTPConnection("bucket")) as connection:
        connection.sock = opened()
        watchdog = threading.Timer(0, _hang_up, [connection])
        watchdog.start()
        watchdog.join()
    assert errors == []


class TestEnvironment:
    """The answer takes the proxy and the CA that the calls to RoboMaker take."""

    @pytest.fixture(autouse=True)
    def _bucket(self, tmp_path: Path) -> Iterator[None]:
        self.bundle = tmp_path / "ca.pem"
        tls = certificate("127.0.0.1", self.bundle)
        self.bodies: list[bytes] = []
        with closing(LoopbackServer(self._answer, tls=tls)) as server:
            self.url = f"{server.url}/put?X-Amz-Signature=SECRET"
            yield

    def _answer(self, request: Request) -> Response:
        self.bodies.append(request.body)
        return Response(200)

    @pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    def test_may_name_the_ca_that_the_endpoint_is_trusted_by(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setenv(name, str(self.bundle))
        deliver(self.url, b"body", until=_soon())
        assert self.bodies == [b"body"]

    @pytest.mark.usefixtures("patient")
    def test_with_a_certificate_that_is_not_trusted_is_tried_again_and_named(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with pytest.raises(NotDeliveredError, match="in time; the last try met a certificate that can't be verified"):
            deliver(self.url, b"body", until=_soon(1))
        assert "a certificate that can't be verified (unable to get local issuer certificate)" in caplog.text
        assert self.bodies == []

    def test_with_a_bundle_that_is_not_there_fails_at_once_and_names_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", "/no/such/file")
        with pytest.raises(
            NotDeliveredError,
            match=r"can't be delivered: the CA bundle '/no/such/file' can't be loaded \(FileNotFoundError\)",
        ):
            deliver(self.url, b"body", until=_soon())

    @pytest.mark.parametrize(
        ("form", "login"),
        [
            ("http://{}", ""),
            ("{}", ""),
            ("//{}", ""),
            ("http://user:p%40ss@{}", "user:p@ss"),
            ("http://us%40er@{}", "us@er:"),
        ],
    )
    def test_may_name_a_proxy(self, monkeypatch: pytest.MonkeyPatch, form: str, login: str) -> None:
        with closing(Proxy()) as proxy:
            monkeypatch.setenv("AWS_CA_BUNDLE", str(self.bundle))
            monkeypatch.setenv("HTTPS_PROXY", form.format(proxy.address))
            deliver(self.url, b"body", until=_soon())
        assert self.bodies == [b"body"]
        [connect] = proxy.requests
        assert connect.startswith(f"CONNECT {urlsplit(self.url).netloc} HTTP/1.")
        basic = f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"
        assert (basic in connect) if login else ("Authorization" not in connect)
        assert "SECRET" not in connect

    def test_may_name_a_proxy_at_its_usual_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = Names(monkeypatch)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(self.bundle))
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
        with closing(Proxy()) as proxy:
            names.lead("proxy", proxy.address)
            deliver(self.url, b"body", until=_soon())
        assert ("proxy", 80, 0) in names.asked
        assert self.bodies == [b"body"]

    def test_may_except_the_endpoint_from_the_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(self.bundle))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        deliver(self.url, b"body", until=_soon())
        assert self.bodies == [b"body"]

    @pytest.mark.usefixtures("patient")
    def test_with_a_proxy_that_refuses_is_tried_again_and_named(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        with closing(Proxy("407 Proxy Authentication Required")) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
            with pytest.raises(NotDeliveredError, match="a proxy that refused it"):
                deliver(self.url, b"body", until=_soon(1))
        assert len(proxy.requests) > 1
        assert "407 Proxy Authentication Required" in caplog.text

    @pytest.mark.parametrize(
        "proxy", ["https://proxy:443", "http://", "http://proxy:port", "http://user:[@proxy:1", "socks5://proxy:1"]
    )
    def test_with_a_proxy_that_can_not_be_used_fails_at_once_and_names_the_variable(
        self, monkeypatch: pytest.MonkeyPatch, proxy: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(
            NotDeliveredError, match="can't be delivered: HTTPS_PROXY is no proxy of the form http://HOST:PORT"
        ):
            deliver(self.url, b"body", until=_soon())


class TestTakesConnections:
    def test_tells_a_host_that_does(self, buckets: list[Bucket]) -> None:
        assert takes_connections(_bucket(buckets, Response(503)).url)

    @pytest.mark.parametrize(
        ("url", "port"), [("https://bucket/x", 443), ("http://bucket/x", 80), ("https://bucket:8443/x", 8443)]
    )
    def test_asks_at_the_port_of_the_url_or_else_of_its_scheme(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch, url: str, port: int
    ) -> None:
        names = Names(monkeypatch)
        names.lead("bucket", urlsplit(_bucket(buckets, Response(200)).url).netloc)
        assert takes_connections(url)
        assert names.asked == [("bucket", port, 0)]

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://x:port/", "", "https://"])
    def test_from_one_that_does_not(self, url: str) -> None:
        assert not takes_connections(url)

    def test_from_one_that_drops_them_in_silence(self) -> None:
        with closing(SilentListener()) as hole:
            assert not takes_connections(f"http://{hole.address}/", seconds=0.1)

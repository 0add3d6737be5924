"""How an answer is written, and how it gets to CloudFormation."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from response import Answer, NotDeliveredError, deliver
from sandbox.loopback import DROPPED, LoopbackServer, Request, Response
from tests.requests import HurriedClock

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

    @given(st.text(min_size=1), st.integers(1, 6000))
    def test_never_has_more_than_4096_bytes(self, text: str, times: int) -> None:
        body = Answer(REQUEST, "FAILED", "x" * 1024, text * times).body()
        assert len(body) <= 4096
        assert json.loads(body)["Reason"]

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
                for _ in range(100):
                    time.sleep(0.1)
                    connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x"


def _bucket(buckets: list[Bucket], *answers: Response) -> Bucket:
    buckets.append(Bucket(*answers))
    return buckets[-1]


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

    @pytest.mark.parametrize("trouble", [Response(503), Response(500), Response(429), DROPPED], ids=str)
    def test_is_retried_until_it_is_accepted(self, buckets: list[Bucket], trouble: Response) -> None:
        bucket = _bucket(buckets, trouble, trouble, Response(200))
        deliver(bucket.url, b"body", until=_soon())
        assert [request.body for request in bucket.requests] == [b"body"] * 3

    @pytest.mark.parametrize("drip", [b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n\r\n" * 3])
    def test_ends_in_time_however_slowly_an_answer_drips_in(self, drip: bytes) -> None:
        started = time.monotonic()
        with _dripping(drip) as url, pytest.raises(NotDeliveredError):
            deliver(url, b"body", until=started + 1)
        assert time.monotonic() - started < 3

    @pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"])
    def test_is_done_when_the_status_says_so_whatever_comes_after_it(self, drip: bytes) -> None:
        started = time.monotonic()
        with _dripping(drip) as url:
            deliver(url, b"body", until=started + 20)
        assert time.monotonic() - started < 5

    def test_goes_on_to_the_end_of_its_time(self, buckets: list[Bucket]) -> None:
        bucket = _bucket(buckets, Response(503))
        started = time.monotonic()
        with pytest.raises(NotDeliveredError):
            deliver(bucket.url, b"body", until=_soon(2))
        assert time.monotonic() - started >= 2

    @pytest.mark.parametrize("status", [301, 400, 403, 404])
    def test_that_is_refused_is_not_retried(self, buckets: list[Bucket], status: int) -> None:
        bucket = _bucket(buckets, Response(status))
        with pytest.raises(NotDeliveredError, match=f"can't be delivered: HTTP status {status}"):
            deliver(bucket.url, b"body", until=_soon())
        assert len(bucket.requests) == 1

    def test_gives_up_when_the_time_is_up(self, buckets: list[Bucket]) -> None:
        bucket = _bucket(buckets, Response(503))
        with pytest.raises(NotDeliveredError, match="did not accept the answer in time; the last try met HTTP status"):
            deliver(bucket.url, b"body", until=_soon(0.5))
        assert bucket.requests

    def test_waits_for_no_answer_longer_than_its_time(self) -> None:
        def hang(_: Request) -> Response:
            time.sleep(1)
            return Response(200)

        with closing(LoopbackServer(hang)) as server, pytest.raises(NotDeliveredError, match="in time"):
            deliver(f"{server.url}/x", b"body", until=_soon(0.2))

    def test_gives_a_slow_answer_more_time_from_try_to_try(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("response.FIRST_ATTEMPT", 0.1)
        bucket = _bucket(buckets, Response(200))
        bucket.seconds = 1
        deliver(bucket.url, b"body", until=_soon())
        assert 1 < len(bucket.requests) <= 6

    def test_pauses_ever_longer_between_tries_up_to_a_limit(
        self, buckets: list[Bucket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = HurriedClock()
        pauses: list[float] = []
        monkeypatch.setattr("response.time", SimpleNamespace(monotonic=clock.monotonic, sleep=pauses.append))
        monkeypatch.setattr("response.random", SimpleNamespace(random=lambda: 1.0))
        bucket = _bucket(buckets, *[Response(503)] * 6, Response(200))
        deliver(bucket.url, b"body", until=clock.monotonic() + 60)
        assert pauses == [0.25, 0.5, 1, 2, 2, 2]

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
        with pytest.raises(NotDeliveredError, match="can't be") as failure:
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

"""Which CAs are trusted, and which hosts accept connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from socket import SOCK_STREAM

import pytest

from protocol.network import accepts_connections, ca_bundle
from sandbox.loopback import LoopbackServer, Response
from sandbox.resolver import SilentListener
from tests.network import Names


@pytest.mark.parametrize(
    ("aws", "requests", "found"),
    [("", "", None), (None, None, None), ("a", "b", "a"), (None, "b", "b"), ("", "b", "b"), ("a", None, "a")],
)
def test_the_ca_bundle(
    monkeypatch: pytest.MonkeyPatch, aws: str | None, requests: str | None, found: str | None
) -> None:
    for name, value in (("AWS_CA_BUNDLE", aws), ("REQUESTS_CA_BUNDLE", requests)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert ca_bundle() == found


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with closing(LoopbackServer(lambda _: Response(503))) as opened:
        yield opened


@pytest.mark.parametrize(
    ("url", "port"), [("https://bucket/x", 443), ("http://bucket/x", 80), ("https://bucket:8443/x", 8443)]
)
def test_a_host_is_asked_at_its_port(
    monkeypatch: pytest.MonkeyPatch, server: LoopbackServer, url: str, port: int
) -> None:
    names = Names(monkeypatch)
    names.lead("bucket", server.address)
    assert accepts_connections(url) is True
    assert names.asked == [("bucket", port, 0, SOCK_STREAM)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://x:port/", "", "https://"])
def test_a_host_that_refuses_or_is_none_accepts_no_connections(url: str) -> None:
    assert accepts_connections(url) is False


def test_a_host_that_is_silent_accepts_no_connections() -> None:
    with closing(SilentListener()) as hole:
        assert accepts_connections(f"http://{hole.address}/", seconds=0.1) is False

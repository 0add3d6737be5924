"""Which CAs are trusted, and which hosts accept connections."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from protocol.network import accepts_connections, ca_bundle
from tests.network import Names, SilentListener


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


@pytest.mark.parametrize(
    ("url", "port"), [("https://bucket/x", 443), ("http://bucket/x", 80), ("https://bucket:8443/x", 8443)]
)
def test_a_host_is_asked_at_its_port(monkeypatch: pytest.MonkeyPatch, url: str, port: int) -> None:
    names = Names(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as server:
        names.lead("bucket", f"127.0.0.1:{server.getsockname()[1]}")
        assert accepts_connections(url) is True
    assert names.asked == [("bucket", port, 0, socket.SOCK_STREAM)]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://x:port/", "", "https://"])
def test_a_host_that_refuses_or_is_none_accepts_no_connections(url: str) -> None:
    assert accepts_connections(url) is False


def test_a_host_that_is_silent_accepts_no_connections() -> None:
    with closing(SilentListener()) as hole:
        assert accepts_connections(f"http://{hole.address}/", seconds=0.1) is False

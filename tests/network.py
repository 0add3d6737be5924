"""A network for the handler in this process: names that resolve as a test says, a silent address, and a proxy."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

ROBOMAKER = "robomaker.us-west-2.amazonaws.com"

_real_look_up = socket.getaddrinfo


class Names:
    """What look-ups answer: an address and port, or an error for each family. Every other name is looked up for real.

    Parameters
    ----------
    monkeypatch : MonkeyPatch
        The test's.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._errors: dict[str, tuple[OSError, Exception | None]] = {}
        self._found: dict[str, list[tuple[str, int]]] = {}
        self.asked: list[tuple[object, ...]] = []
        """The host, the port, the family and the type of every look-up."""
        monkeypatch.setattr("socket.getaddrinfo", self._look_up)

    def lead(self, name: str, *addresses: str) -> None:
        """Lead a name to each ``host:port``, whatever the port that is asked for."""
        self._errors.pop(name, None)
        parts = [address.partition(":") for address in addresses]
        self._found[name] = [(host, int(port)) for host, _, port in parts]

    def fail(self, name: str, *, together: OSError, ipv4: Exception | None = None) -> None:
        """Let the look-up of both families together fail, and that of IPv4 alone with its own error, or succeed."""
        self._errors[name] = (together, ipv4)

    def _look_up(self, host: str, port: Any, family: int = 0, *more: Any, **keywords: Any) -> Any:
        self.asked.append((host, port, family, *more))
        name = str(host).rstrip(".")
        if name in self._errors:
            together, ipv4 = self._errors[name]
            error = ipv4 if family == socket.AF_INET else together
            if error:
                raise type(error)(*error.args)
        elif name not in self._found:
            return _real_look_up(host, port, family, *more, **keywords)
        found = self._found.get(name, [("127.0.0.1", 9)])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]


def certificate(name: str, bundle: Path) -> ssl.SSLContext:
    """Make a certificate for a host's name, and write the bundle that vouches for it."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    authority.cert_pem.write_to_path(str(bundle))
    return tls


class SilentListener:
    """An address on loopback at which every attempt to connect times out.

    It listens and accepts no connection. Once its queue is full, Linux drops further attempts (listen(2), tcp(7)).
    """

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self._queued = [socket.socket() for _ in range(2)]
        for client in self._queued:
            client.setblocking(False)
            client.connect_ex((host, port))

    def close(self) -> None:
        """Stop listening."""
        for connection in (*self._queued, self._listener):
            connection.close()


class SetClock:
    """A clock that goes only when a test says so, and keeps every pause."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Proxy:
    """An HTTP proxy that lets clients through to any host, or refuses them with a status."""

    def __init__(self, refusal: str = "") -> None:
        self._refusal = refusal
        self.requests: list[str] = []
        """The request of every client, with its headers."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.close = self._server.close
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._let_through, args=(client,), daemon=True).start()

    def _let_through(self, client: socket.socket) -> None:
        with client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.requests.append(head.decode())
            if self._refusal:
                client.sendall(f"HTTP/1.1 {self._refusal}\r\n\r\n".encode())
                return
            host, _, port = head.split()[1].decode().partition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

"""HTTP servers on loopback, each with a function that answers its requests."""

from __future__ import annotations

import contextlib
import http.server
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """An HTTP request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """An HTTP response. A status of 0 drops the connection instead."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


DROPPED = Response(0)


class LoopbackServer:
    """An HTTP server in a thread of its own.

    Parameters
    ----------
    answer : callable
        Returns the response to a request. Each connection has a thread of its own.
    tls : SSLContext, optional
        Its certificate, to speak HTTPS. Default: it speaks HTTP.
    """

    def __init__(self, answer: Callable[[Request], Response], tls: ssl.SSLContext | None = None) -> None:
        self._server = _Server(("127.0.0.1", 0), _handler_for(answer))
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Its address, as ``host:port``."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Its URL."""
        return f"{self._scheme}://{self.address}"

    def close(self) -> None:
        """Stop listening and release the port."""
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which looks up every 50 ms otherwise
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Many functions may connect at the same time.
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was stopped while it waited
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typed more narrowly than called


def _handler_for(answer: Callable[[Request], Response]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer's headers and body go out in two writes, which Nagle's algorithm would hold back for 40 ms.
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            response = answer(Request(self.command, self.path, dict(self.headers), body))
            if response.status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        do_DELETE = do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - http.server looks methods up by these names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method it replaces
            """Log nothing."""

    return Handler

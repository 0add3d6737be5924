"""An address that does not answer."""

from __future__ import annotations

import socket


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

"""A resolver in front of a function: how it finds host names, and what it finds there.

What the C library reports for what a name server says was measured on glibc (getaddrinfo); where nsswitch.conf names a
module that is not installed, as on Lambda's Python 3.13 (projectdiscovery/httpx 2273, nodejs/node 31189), a look-up of
any family gives EBUSY for what a look-up of IPv4 alone tells apart.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_SHIM = Path(__file__).with_name("resolver_shim")


@dataclass(frozen=True)
class Answer:
    """What a look-up of a name gives.

    Parameters
    ----------
    any : str
        The error of a look-up of any family: the name of a constant of `socket` (``EAI_…``) or of `errno`.
    ipv4 : str
        The error of a look-up of IPv4 alone.
    address : tuple of str and int, optional
        Where to connect instead, whatever port was asked for. Default: it is an error.
    """

    any: str = ""
    ipv4: str = ""
    address: tuple[str, int] | None = None


NXDOMAIN = Answer("EAI_NONAME", "EAI_NONAME")
NXDOMAIN_AS_BUSY = Answer("EBUSY", "EAI_NONAME")
SERVFAIL = Answer("EAI_AGAIN", "EAI_AGAIN")
SERVFAIL_AS_BUSY = Answer("EBUSY", "EAI_AGAIN")
# SERVFAIL for IPv4 and no data for IPv6: a passing failure that does not look like one.
SERVFAIL_AS_NODATA = Answer("EAI_NODATA", "EAI_AGAIN")


def found_at(address: str) -> Answer:
    """Lead a name to an address.

    Parameters
    ----------
    address : str
        The address, as ``host:port``.
    """
    host, _, port = address.rpartition(":")
    return Answer(address=(host, int(port)))


def shim(names: Mapping[str, Answer]) -> tuple[str, dict[str, str]]:
    """Give the folder for the front of a process's PYTHONPATH, and the variables, that make names resolve so."""
    return str(_SHIM), {"SANDBOX_NAMES": json.dumps({name: asdict(answer) for name, answer in names.items()})}


class SilentListener:
    """An address on loopback that drops whoever connects, in silence, so that every connect times out.

    It listens and accepts nobody. Once its queue is full, Linux drops what else arrives (listen(2), tcp(7)).
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
        """Listen no more."""
        for connection in (*self._queued, self._listener):
            connection.close()

"""Returns the CA bundle that the function uses, and checks whether a host accepts connections."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit


def ca_bundle() -> str | None:
    """Return the path of the CA bundle in the variables that botocore reads, or None for the default CAs."""
    # An empty variable counts as not set: some versions of botocore verify no certificate then.
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or None


def accepts_connections(url: str, *, seconds: float = 3.0) -> bool:
    """Return whether the host of a URL accepts a connection now.

    Parameters
    ----------
    url : str
        The URL.
    seconds : float, default: 3
        The longest time to wait for the connection.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), seconds).close()
    except (OSError, ValueError):
        return False
    return True

"""Writes one answer to CloudFormation and delivers it to the request's response URL."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import random
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# CloudFormation User Guide, crpg-ref-responses.
MAX_BODY_BYTES = 4096

# Seconds. Each attempt may take twice as long as the one before it, so that a slow endpoint is waited for in the end.
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 2.0
FIRST_ATTEMPT = 3.0

# Request Timeout and Too Many Requests: refused for now, not for good.
_PASSING_STATUSES = (408, 429)

_CUT = "… (cut)"

logger = logging.getLogger(__name__)


class NotDeliveredError(Exception):
    """CloudFormation did not accept the answer. Lambda sends the request again after this error."""


@dataclass(frozen=True)
class Answer:
    """The answer to one request.

    Parameters
    ----------
    request : Mapping
        The request; its StackId, RequestId and LogicalResourceId are copied as they are.
    status : str
        ``SUCCESS`` or ``FAILED``.
    physical_id : str
        The resource's physical id; never empty.
    reason : str
        What a person should read of a failure.
    data : Mapping
        The resource's attributes.
    """

    request: Mapping[str, object]
    status: str
    physical_id: str
    reason: str = ""
    data: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> bytes:
        """Write the body, cutting the reason so that it is at most 4,096 bytes."""
        body = self._body(self.reason)
        keep = len(self.reason)
        while len(body) > MAX_BODY_BYTES and keep > 0:
            # A character takes up to six bytes of JSON, so this closes in on the limit without passing it by far.
            keep = max(0, keep - max(1, (len(body) - MAX_BODY_BYTES) // 6))
            body = self._body(self.reason[:keep] + _CUT)
        return body

    def _body(self, reason: str) -> bytes:
        fields: dict[str, object] = {
            "Status": self.status,
            "PhysicalResourceId": self.physical_id,
            **{key: self.request.get(key, "") for key in ("StackId", "RequestId", "LogicalResourceId")},
        }
        if reason:
            fields["Reason"] = reason
        if self.data:
            fields["Data"] = self.data
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")


def deliver(url: str, body: bytes, *, until: float) -> None:
    """PUT an answer until it is accepted or the time is up.

    Parameters
    ----------
    url : str
        The pre-signed response URL. It is a credential: nothing of it is logged or raised.
    body : bytes
        The answer.
    until : float
        The moment of `time.monotonic()` to give up at, in seconds.

    Raises
    ------
    NotDeliveredError
        If it was refused, or the time is up.
    """
    backoff, longest = FIRST_BACKOFF, FIRST_ATTEMPT
    while True:
        trouble, final = _attempt(url, body, seconds=max(0.1, min(longest, until - time.monotonic())))
        if not trouble:
            return
        if final:
            raise NotDeliveredError(f"The answer can't be delivered: {trouble}.")
        left = until - time.monotonic()
        if left <= 0:
            raise NotDeliveredError(f"CloudFormation did not accept the answer in time; the last try met {trouble}.")
        pause = min(left, backoff * (0.5 + 0.5 * random.random()))
        logger.warning("The answer was not accepted (%s), trying again in %.1f s", trouble, pause)
        time.sleep(pause)
        backoff, longest = min(LONGEST_BACKOFF, backoff * 2), longest * 2


def _attempt(url: str, body: bytes, *, seconds: float) -> tuple[str, bool]:
    """Try once, and give what went wrong, if anything did, and whether it will go wrong again.

    No error leaves this function, because an error may quote the URL.
    """
    try:
        status = _put(url, body, seconds=seconds)
    except (ValueError, http.client.InvalidURL) as error:
        return f"the response URL can't be used ({type(error).__name__})", True
    except Exception as error:
        return type(error).__name__, False
    if 200 <= status < 300:
        return "", False
    return f"HTTP status {status}", status < 500 and status not in _PASSING_STATUSES


def _put(url: str, body: bytes, *, seconds: float) -> int:
    # http.client, because it logs nothing: urllib3 writes the signed path to its debug log.
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an HTTP URL")
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=seconds)
    # The time-out of a socket is for each read; an answer that drips in could take for ever. (So could a look-up or a
    # handshake, which only the caller's own time bounds.)
    watchdog = threading.Timer(seconds, _hang_up, [connection])
    watchdog.daemon = True
    try:
        connection.connect()
        watchdog.start()
        # The signature covers an empty content type, so none may be sent.
        connection.request("PUT", f"{parts.path or '/'}{parts.query and '?'}{parts.query}", body=body)
        # The status says it all: the body stays unread.
        return connection.getresponse().status
    finally:
        watchdog.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):  # an attribute of None, if it was closed a moment ago
        connection.sock.shutdown(socket.SHUT_RDWR)

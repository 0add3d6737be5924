"""Writes one answer to CloudFormation and delivers it to the request's response URL."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from protocol.environment import ca_bundle
from protocol.log import log

# CloudFormation User Guide, crpg-ref-responses.
MAX_BODY_BYTES = 4096

# Seconds. Each attempt may take twice as long as the one before it, so that a slow endpoint is waited for in the end.
# The last one has what time is left, and never less than the shortest attempt.
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 2.0
FIRST_ATTEMPT = 3.0
SHORTEST_ATTEMPT = 0.1

# Refused for now, not for good: S3's redirects while a bucket is new, its 409 OperationAborted (Amazon S3 API
# Reference, Error responses), and HTTP's Request Timeout and Too Many Requests.
_PASSING_STATUSES = (302, 307, 408, 409, 429)
# The same in an error of S3's that comes with another status (ditto); and an error that could not be read, which may be
# that one.
_UNREAD = "unread"
_PASSING_CODES = ("RequestTimeout", _UNREAD)

_CUT = "… (cut)"


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
        What a person should read of a failure. It is cut if there is no room for it.
    advice : str
        What that person can do. It is never cut.
    data : Mapping
        The resource's attributes.
    """

    request: Mapping[str, object]
    status: str
    physical_id: str
    reason: str = ""
    advice: str = ""
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
            fields["Reason"] = f"{_sentence(reason)} {self.advice}" if self.advice else reason
        if self.data:
            fields["Data"] = self.data
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?", _CUT)) else f"{words}."


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
        trouble, final = _attempt(url, body, seconds=max(SHORTEST_ATTEMPT, min(longest, until - time.monotonic())))
        if not trouble:
            return
        if final:
            raise NotDeliveredError(f"The answer can't be delivered: {trouble}.")
        left = until - time.monotonic()
        if left <= 0:
            raise NotDeliveredError(f"CloudFormation did not accept the answer in time; the last try met {trouble}.")
        pause = min(left, backoff * (0.5 + 0.5 * random.random()))
        log(logging.WARNING, f"The answer was not accepted ({trouble}), trying again in {pause:.1f} s")
        time.sleep(pause)
        backoff, longest = min(LONGEST_BACKOFF, backoff * 2), longest * 2


def takes_connections(url: str, *, seconds: float = FIRST_ATTEMPT) -> bool:
    """Tell whether the host of a URL takes connections right now.

    Parameters
    ----------
    url : str
        The URL.
    seconds : float, default: 3
        The longest time to wait for a connection.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), seconds).close()
    except (OSError, ValueError):
        return False
    return True


def _attempt(url: str, body: bytes, *, seconds: float) -> tuple[str, bool]:
    """Try once, and give what went wrong, if anything did, and whether it will go wrong again.

    No error leaves this function, because an error may quote the URL.
    """
    try:
        status, code = _put(url, body, seconds=seconds)
    except _BadSettingError as error:
        return str(error), True
    except ssl.SSLCertVerificationError as error:  # a ValueError, too
        return f"a certificate that can't be verified ({error.verify_message})", False
    except (ValueError, http.client.InvalidURL) as error:
        return f"the response URL can't be used ({type(error).__name__})", True
    except Exception as error:
        refusal = re.match(r"Tunnel connection failed: .{0,100}", str(error))
        return f"a proxy that refused it ({refusal[0]})" if refusal else type(error).__name__, False
    if 200 <= status < 300:
        return "", False
    passing = status >= 500 or status in _PASSING_STATUSES or code in _PASSING_CODES
    return f"HTTP status {status}{code and f' ({code})'}", not passing


def _put(url: str, body: bytes, *, seconds: float) -> tuple[int, str]:
    """Send the PUT, and give the status of its answer, with S3's code of an error."""
    # http.client, because it logs nothing: urllib3 writes the signed path to its debug log.
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError
    began = time.monotonic()
    connection = _connection(parts, seconds)
    # The time-out of a socket is for each read; an answer that drips in could take for ever. (So could a look-up, which
    # only the caller's own time bounds.)
    watchdog = threading.Timer(seconds, _hang_up, [connection])
    watchdog.daemon = True
    try:
        watchdog.start()
        connection.connect()
        if time.monotonic() > began + seconds:  # a name may have many addresses, each with a time-out of its own
            raise TimeoutError
        # The signature covers an empty content type, so none may be sent.
        connection.request("PUT", f"{parts.path or '/'}{parts.query and '?'}{parts.query}", body=body)
        response = connection.getresponse()
        # The status says it all: the body of a success stays unread.
        return response.status, "" if response.status < 300 else _error_code(response)
    finally:
        watchdog.cancel()
        connection.close()


class _BadSettingError(Exception):
    """A setting of the function's environment that no answer can be delivered with."""


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    """Prepare a connection with the proxy and the CA that botocore takes from the environment, too."""
    tls = _tls() if parts.scheme == "https" else None
    proxy = _proxy(parts)
    to = proxy or parts
    connection = (
        http.client.HTTPSConnection(to.hostname or "", to.port, timeout=seconds, context=tls)
        if tls
        else http.client.HTTPConnection(to.hostname or "", to.port, timeout=seconds)
    )
    if proxy:
        login = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}"
        basic = {"Proxy-Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
        connection.set_tunnel(parts.hostname or "", parts.port, basic if proxy.username else {})
    return connection


def _proxy(parts: SplitResult) -> SplitResult | None:
    named = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    if not named:
        return None
    try:
        proxy = urlsplit(named if "://" in named else f"http://{named.lstrip('/')}")
        usable = proxy.scheme == "http" and proxy.hostname and (proxy.port or 80)
    except ValueError:
        usable = False
    if not usable:
        # TLS to the proxy and TLS within it is more than http.client can do.
        raise _BadSettingError(f"{parts.scheme.upper()}_PROXY is no proxy of the form http://HOST:PORT")
    return proxy if proxy.port else proxy._replace(netloc=f"{proxy.netloc}:80")


def _tls() -> ssl.SSLContext:
    bundle = ca_bundle()
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise _BadSettingError(f"the CA bundle {bundle!r} can't be loaded ({type(error).__name__})") from None


def _error_code(response: http.client.HTTPResponse) -> str:
    with contextlib.suppress(OSError, http.client.HTTPException):
        found = re.search(rb"<Code>(\w{1,60})</Code>", response.read(4096))
        if found or not response.length:
            return found[1].decode() if found else ""
    return _UNREAD


def _hang_up(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError, TypeError):  # of None, if it is not open
        # Not the method of a TLS socket, which goes on in plain text after it.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

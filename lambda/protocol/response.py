"""Writes the answer to a request and delivers it to CloudFormation."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import random
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping
from types import MappingProxyType
from urllib.error import URLError
from urllib.parse import urlsplit

from protocol.network import ca_bundle
from protocol.request import Request

# The most bytes that CloudFormation accepts (User Guide, crpg-ref-responses).
MAX_BODY_BYTES = 4096

# Seconds. Each try may take twice as long as the one before it, so that a slow endpoint receives the answer in the end.
# The last try has the time that is left, but at least SHORTEST_TRY.
FIRST_BACKOFF = 0.25
LONGEST_BACKOFF = 2.0
FIRST_TRY = 3.0
SHORTEST_TRY = 0.1

# After these statuses, a later try may succeed: S3 redirects while a bucket is new, and answers 409 OperationAborted
# (Amazon S3 API Reference, Error responses); HTTP has Request Timeout and Too Many Requests.
_TRANSIENT_STATUSES = (302, 307, 408, 409, 429)
# The same applies to this S3 error code, which comes with status 400 (same page), and to an error that could not be
# read, because it may have this code.
_UNREAD = "unread"
_TRANSIENT_CODES = ("RequestTimeout", _UNREAD)

# The forms of a proxy's URL that botocore accepts. A password may contain "@". A path is ignored.
_PROXY = re.compile(
    r"\s*((http:)?//)?(?P<host>([^/]*@)?([^][/@:?#\s]+|\[[0-9A-F:.]+]))(?P<port>:[0-9]+)?([/?#].*)?", re.IGNORECASE
)
_CUT = "… (cut)"


class NotDeliveredError(Exception):
    """CloudFormation did not accept the answer. Lambda sends the request again after this error."""


def write_answer(
    request: Request,
    status: str,
    physical_id: str,
    *,
    reason: str = "",
    advice: str = "",
    data: Mapping[str, object] = MappingProxyType({}),
) -> bytes:
    """Write the answer to a request, as JSON of at most 4,096 bytes.

    Parameters
    ----------
    request : Mapping
        The request. Its StackId, RequestId and LogicalResourceId are copied.
    status : str
        ``SUCCESS`` or ``FAILED``.
    physical_id : str
        The resource's physical id; never empty.
    reason : str, default: ""
        The cause of a failure. It is cut if it does not fit.
    advice : str, default: ""
        The next step after a failure. It is never cut.
    data : Mapping, default: empty
        The resource's attributes.
    """
    fields: dict[str, object] = {"Status": status, "PhysicalResourceId": physical_id}
    fields |= {key: request.get(key, "") for key in ("StackId", "RequestId", "LogicalResourceId")}
    if data:
        fields["Data"] = dict(data)

    def body(reason: str) -> bytes:
        sentence = reason if reason.endswith((".", "!", "?", _CUT)) else f"{reason}."
        reason_field = {"Reason": f"{sentence} {advice}" if advice else reason} if reason else {}
        text = json.dumps({**fields, **reason_field}, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")

    answer, keep = body(reason), len(reason)
    while len(answer) > MAX_BODY_BYTES and keep > 0:
        # A character takes at most six bytes of JSON, so this does not cut much more than needed.
        keep = max(0, keep - max(1, (len(answer) - MAX_BODY_BYTES) // 6))
        answer = body(reason[:keep] + _CUT)
    return answer


def deliver(url: str, answer: bytes, *, until: float) -> str:
    """PUT an answer until it is accepted or the time is up.

    Parameters
    ----------
    url : str
        The pre-signed response URL. It is a credential: no part of it is logged, returned or raised.
    answer : bytes
        The answer.
    until : float
        When to give up, in seconds of `time.monotonic()`.

    Returns
    -------
    str
        How many tries were needed and the error of the last failed one, for the log; ``""`` if the first succeeded.

    Raises
    ------
    NotDeliveredError
        If the answer was rejected, or the time is up.
    """
    backoff, longest, report = FIRST_BACKOFF, FIRST_TRY, ""
    for tries in itertools.count(2):
        problem, is_final = _try(url, answer, max(SHORTEST_TRY, min(longest, until - time.monotonic())))
        if not problem:
            break
        if is_final:
            raise NotDeliveredError(f"The answer can't be delivered: {problem}.")
        left = until - time.monotonic()
        if left <= 0:
            raise NotDeliveredError(f"CloudFormation did not accept the answer in time; the last try met {problem}.")
        time.sleep(min(left, backoff * (0.5 + 0.5 * random.random())))
        backoff, longest = min(LONGEST_BACKOFF, backoff * 2), longest * 2
        report = f"The answer was accepted at try {tries}; the one before met {problem}"
    return report


def _try(url: str, answer: bytes, seconds: float) -> tuple[str, bool]:
    """Try once. Return the problem, or ``""`` after a success, and whether every other try would fail, too."""
    result = ("TimeoutError", False)

    def put() -> None:
        nonlocal result
        result = _put(url, answer, seconds)

    # In a thread, because a socket's time-out applies to each read, so a response that arrives byte by byte never times
    # out. A try that is given up here may still deliver the answer, which does no harm: it is the same answer.
    thread = threading.Thread(target=put, daemon=True)
    thread.start()
    thread.join(seconds)
    return result


def _put(url: str, answer: bytes, seconds: float) -> tuple[str, bool]:
    # This function raises nothing, because the message of an exception may contain the URL.
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        request = urllib.request.Request(url, answer, method="PUT")  # noqa: S310 - the scheme was checked
        with _opener(parts.scheme).open(request, timeout=seconds) as response:
            # The body of a success is not read.
            status, code = response.status, "" if response.status < 300 else _error_code(response)
    except _BadSettingError as error:
        return str(error), True
    except Exception as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):  # a ValueError, too
            return f"a certificate that can't be verified ({cause.verify_message})", False
        if isinstance(cause, (ValueError, http.client.InvalidURL)):
            return f"a response URL that can't be used ({type(cause).__name__})", True
        refusal = re.match(r"Tunnel connection failed: .{0,100}", str(cause))
        return f"a proxy that refused the connection ({refusal[0]})" if refusal else type(cause).__name__, False
    if 200 <= status < 300:
        return "", False
    is_transient = status >= 500 or status in _TRANSIENT_STATUSES or code in _TRANSIENT_CODES
    return f"HTTP status {status}{code and f' ({code})'}", not is_transient


def _error_code(response: http.client.HTTPResponse) -> str:
    with contextlib.suppress(OSError, http.client.HTTPException):
        found = re.search(rb"<Code>(\w{1,60})</Code>", response.read(4096))
        if found or not response.length:
            return found[1].decode() if found else ""
    return _UNREAD


class _BadSettingError(Exception):
    """An environment variable has a value with which no answer can be delivered."""


class _NoContentType(urllib.request.BaseHandler):
    """Removes the content type that urllib adds, because the URL was signed for an empty one."""

    handler_order = 900  # after the handlers that add it

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        request.remove_header("Content-type")
        return request

    https_request = http_request


def _opener(scheme: str) -> urllib.request.OpenerDirector:
    """Return an opener that uses the environment's proxy and CAs, as botocore does, and follows no redirect."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPHandler(), _NoContentType()]
    if scheme == "https":
        bundle = ca_bundle()
        try:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=bundle)))
        except OSError as error:
            raise _BadSettingError(f"the CA bundle {bundle!r} can't be loaded ({type(error).__name__})") from None
    if proxy := urllib.request.getproxies().get(scheme):
        found = _PROXY.fullmatch(proxy)
        if not found:
            # urllib does not support TLS to a proxy with TLS inside it.
            raise _BadSettingError(f"{scheme.upper()}_PROXY is not of the form http://HOST:PORT")
        # Use port 80 by default, as botocore does. urllib would use that of the response URL.
        handlers.append(urllib.request.ProxyHandler({scheme: f"http://{found['host']}{found['port'] or ':80'}"}))
    opener = urllib.request.OpenerDirector()
    for handler in handlers:
        opener.add_handler(handler)
    return opener

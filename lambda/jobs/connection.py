"""What the calls of every service share: their settings, and what trouble on the way to the service means."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)

from teardown import Reply, Verdict

# Seconds.
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 10
# A name may have several addresses, which are tried one after the other.
LONGEST_CALL = 4 * CONNECT_TIMEOUT + READ_TIMEOUT + 1

# What AWS services say when the same call may succeed later (the API references' lists of errors).
PASSING_CODES = (
    "ThrottlingException",
    "InternalServerException",
    "InternalFailure",
    "Throttling",
    "RequestLimitExceeded",
    "ServiceUnavailableException",
    "TooManyRequestsException",
)
_PASSING_STATUSES = (408, 429)

FOUND, NO_SUCH_NAME, FAILED = "found", "no such name", "failed"

_ROUTE_HINT = (
    "It is unknown whether the job has stopped. If the function is in a VPC, check that its subnets have a route to"
    " the endpoint (a NAT gateway or an interface endpoint) and that its security groups let HTTPS out."
)


def settings(**more: Any) -> Config:
    """Give the settings of a client. Retries are the teardown's, which knows what may pass, and for how long."""
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"total_max_attempts": 1},
        user_agent_extra="cdk-world-export-job",
        **more,
    )


def may_pass(code: str, status: int) -> bool:
    """Tell whether an error that a service answered may pass, by its code, or else by its HTTP status."""
    return code in PASSING_CODES or status in _PASSING_STATUSES or status >= 500


def is_denial(message: str) -> bool:
    """Tell whether it is IAM that spoke (IAM User Guide, troubleshoot_access-denied)."""
    return "not authorized to perform" in message


def plain(code: object) -> str:
    """Give an error's code without what may stand around it: "namespace#code:URL" (AWS restJson1 protocol)."""
    return str(code or "").partition(":")[0].rpartition("#")[2]


def judge(action: str, service: str, error: BotoCoreError, *, looked_up: str, answered: bool) -> Reply:
    """Tell what trouble on the way to a service means.

    Parameters
    ----------
    action, service : str
        What was called, for the words.
    error : BotoCoreError
        What botocore raised.
    looked_up : str
        What `look_up` says of the endpoint's name.
    answered : bool
        Whether the service has answered before, so that there is a way to it.
    """
    if looked_up is FAILED or (looked_up is FOUND and _is_of_a_look_up(error)):
        return Reply(Verdict.PASSING, f"{action} could not look up its endpoint: {error}. {_ROUTE_HINT}")
    if isinstance(error, (ConnectionClosedError, ResponseStreamingError)) or _is_cut_off(error):
        return Reply(Verdict.PASSING, f"{action} lost its connection: {error}")
    if isinstance(
        error, (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ProxyConnectionError, SSLError)
    ):
        verdict = Verdict.PASSING if answered else Verdict.UNKNOWN
        return Reply(verdict, f"{action} could not reach {service}: {error}. {_ROUTE_HINT}")
    # What else may go wrong in the client quotes its settings, such as a proxy's password.
    words = type(error).__name__ if isinstance(error, HTTPClientError) else str(error)
    return Reply(Verdict.UNKNOWN, f"{action} failed: {words}")


def look_up(endpoint: str) -> str:
    """Look an endpoint's name up once more, for IPv4 alone.

    The two families are asked together when a connection is made, and a resolver may then report what one of them met
    as what both did, or as EBUSY (measured with glibc 2.36; projectdiscovery/httpx 2273, nodejs/node 31189).
    """
    try:
        addresses(endpoint)
    except socket.gaierror as error:
        return NO_SUCH_NAME if error.errno == socket.EAI_NONAME else FAILED
    except (OSError, UnicodeError):
        return FAILED
    return FOUND


def addresses(endpoint: str) -> list[Any]:
    """Give the IPv4 addresses of an endpoint's name, each as a socket takes it."""
    # With the dot, no domain of resolv.conf's is tried, whose absence glibc would report instead (measured).
    name = f"{urlsplit(endpoint).hostname}."
    found = socket.getaddrinfo(name, 443, socket.AF_INET, socket.SOCK_STREAM)
    return [address for *_, address in found]


def _is_of_a_look_up(error: BotoCoreError) -> bool:
    return isinstance(error, EndpointConnectionError) and any(
        isinstance(cause, socket.gaierror) or (isinstance(cause, OSError) and cause.errno == errno.EBUSY)
        for cause in _causes(error)
    )


def _is_cut_off(error: BotoCoreError) -> bool:
    # The second is what Python 3.11.2 makes of the same (measured).
    return any(isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an error that is raised twice may be its own cause
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__

"""What the calls of every service share: their settings, and what trouble on the way to the service means."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.credentials import CredentialResolver, EnvProvider
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.session import Session

from protocol.environment import ca_bundle
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
    "If the function is in a VPC, check that its subnets have a route to the endpoint (a NAT gateway or an interface"
    " endpoint) and that its security groups let HTTPS out."
)


def new_session(components: Mapping[str, object] | None = None) -> Session:
    """Make what clients are made by, which reads of botocore's data what its clients share only once.

    Parameters
    ----------
    components : Mapping, optional
        What takes the place of botocore's own parts, by their names.
    """
    session = Session()
    # Where Lambda gives a role's credentials (Lambda Developer Guide, configuration-envvars).
    session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    for name, component in (components or {}).items():
        session.register_component(name, component)
    return session


def new_client(session: Session, service: str, region: str, **settings: Any) -> Any:
    """Make a client of a service.

    Parameters
    ----------
    session : Session
        What it is made by.
    service, region : str
        As botocore names them.
    **settings
        More of what botocore's ``Config`` takes.
    """
    return session.create_client(
        service,
        region_name=region,
        verify=ca_bundle(),
        # Retries are the teardown's, which knows what may pass, and for how long.
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": 1},
            user_agent_extra="cdk-world-export-job",
            **settings,
        ),
    )


def read_error(error: ClientError) -> tuple[str, str, int]:
    """Give the code, the message and the HTTP status of an error that a service answered."""
    details = error.response.get("Error", {})  # which botocore leaves out of a status of 300
    code = plain(details.get("Code"))  # an older botocore leaves a code as it came
    message = str(details.get("Message") or "(no message)")
    return code, message, error.response["ResponseMetadata"]["HTTPStatusCode"]


def may_pass(code: str, status: int) -> bool:
    """Tell whether an error that a service answered may pass, by its code, or else by its HTTP status."""
    return code in PASSING_CODES or status in _PASSING_STATUSES or status >= 500


def is_denial(message: str) -> bool:
    """Tell whether it is IAM that spoke (IAM User Guide, troubleshoot_access-denied)."""
    return "not authorized to perform" in message


def missing(permission: str, words: str) -> str:
    """Say what a person can do about a denial."""
    return (
        f"The handler's role has no permission {permission}: add it, and look for a permissions boundary or a service"
        f" control policy that takes it away. {words}"
    )


def plain(code: object) -> str:
    """Give an error's code without what may stand around it: "namespace#code:URL" (AWS restJson1 protocol)."""
    return str(code or "").partition(":")[0].rpartition("#")[2]


def judge(action: str, service: str, error: BotoCoreError, *, looked_up: str, answered: bool, doubt: str = "") -> Reply:
    """Tell what trouble on the way to a service means.

    Parameters
    ----------
    action, service : str
        What was called, for the words.
    error : BotoCoreError
        What botocore raised.
    looked_up : str
        What `look_up` says of the endpoint's name after the error.
    answered : bool
        Whether the service has answered before, so that there is a way to it.
    doubt : str, optional
        What is not known where there is no way, as a sentence.
    """
    hint = f"{doubt} {_ROUTE_HINT}".lstrip()
    if looked_up is FAILED or (looked_up is FOUND and _is_of_a_look_up(error)):
        return Reply(Verdict.PASSING, f"{action} could not look up its endpoint: {error}. {hint}")
    if isinstance(error, (ConnectionClosedError, ResponseStreamingError)) or _is_cut_off(error):
        return Reply(Verdict.PASSING, f"{action} lost its connection: {error}")
    if isinstance(
        error, (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ProxyConnectionError, SSLError)
    ):
        verdict = Verdict.PASSING if answered else Verdict.UNKNOWN
        return Reply(verdict, f"{action} could not reach {service}: {error}. {hint}")
    # What else may go wrong in the client quotes its settings, such as a proxy's password.
    words = type(error).__name__ if isinstance(error, HTTPClientError) else str(error)
    return Reply(Verdict.UNKNOWN, f"{action} failed: {words}")


def look_up(endpoint: str, trouble: BotoCoreError) -> str:
    """Look an endpoint's name up once more, for IPv4 alone, if what went wrong may have been the look-up.

    The two families are asked together when a connection is made, and a resolver may then report what one of them met
    as what both did, or as EBUSY (measured with glibc 2.36; projectdiscovery/httpx 2273, nodejs/node 31189).
    """
    if not isinstance(trouble, EndpointConnectionError):
        return FOUND
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

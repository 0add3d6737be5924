"""Everything that is known of RoboMaker: its client, a job's states, and what counts as already gone."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.credentials import CredentialResolver, EnvProvider
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError
from botocore.session import Session

from teardown import Reply, Verdict

if TYPE_CHECKING:
    from properties import JobArn

MODELS = Path(__file__).with_name("models")

STATUSES = {
    "Pending": Verdict.RUNNING,
    "Running": Verdict.RUNNING,
    "Canceling": Verdict.STOPPING,
    "Canceled": Verdict.STOPPED,
    "Completed": Verdict.STOPPED,
    "Failed": Verdict.STOPPED,
}

# What counts as already gone: (error code, what its message must match) -> verdict. The first row that matches wins,
# so the words of a retired service stand before the codes that they borrow.
ERRORS: list[tuple[str, str, Verdict]] = [
    ("ThrottlingException", r"support .*has ended", Verdict.RETIRED),
    ("ForbiddenException", r"only available for existing customers", Verdict.RETIRED),
    ("ResourceNotFoundException", "", Verdict.GONE),
    ("InvalidParameterException", "", Verdict.REFUSED),
    ("ThrottlingException", "", Verdict.PASSING),
    ("InternalServerException", "", Verdict.PASSING),
    # Not RoboMaker's own, but what AWS services say when they mean the same.
    ("Throttling", "", Verdict.PASSING),
    ("RequestLimitExceeded", "", Verdict.PASSING),
    ("ServiceUnavailableException", "", Verdict.PASSING),
    ("TooManyRequestsException", "", Verdict.PASSING),
]
_PASSING_STATUSES = (408, 429)

_DENIED = ("AccessDeniedException", "AccessDenied")
_NAME_IS_UNKNOWN = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
_LONGEST_WORDS = 1000

# Seconds.
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 10
LONGEST_CALL = CONNECT_TIMEOUT + READ_TIMEOUT + 1


class WorldExportJob:
    """A world export job, as `teardown.CancellableJob`.

    Parameters
    ----------
    arn : JobArn
        The job. Its API calls go to the region in the ARN.
    """

    def __init__(self, arn: JobArn) -> None:
        self._arn = arn

    def cancel(self) -> Reply:
        """Call CancelWorldExportJob."""
        return self._ask(
            "CancelWorldExportJob", lambda client: client.cancel_world_export_job(job=self._arn.text), _taken
        )

    def describe(self) -> Reply:
        """Call DescribeWorldExportJob."""
        return self._ask(
            "DescribeWorldExportJob", lambda client: client.describe_world_export_job(job=self._arn.text), _status
        )

    def _ask(self, action: str, call: Callable[[Any], Any], read: Callable[[Any], Reply]) -> Reply:
        reply = self._reply(action, call, read)
        # Lambda's log takes no lone surrogates, which JSON can bring.
        words = reply.words.encode(errors="backslashreplace").decode()
        return Reply(reply.verdict, words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…")

    def _reply(self, action: str, call: Callable[[Any], Any], read: Callable[[Any], Reply]) -> Reply:
        try:
            client = _client(self._arn.region)
        except Exception as error:
            return Reply(Verdict.FINAL, f"{action} can't be called: {error!r}")
        try:
            return read(call(client))
        except ClientError as error:
            return self._service_error(action, error)
        except ResponseParserError as error:
            return _unreadable(action, repr(error))
        except BotoCoreError as error:
            return _connection_error(action, error)
        except Exception as error:  # botocore's parsers raise what they please on a body that is not RoboMaker's
            return _unreadable(action, repr(error))

    def _service_error(self, action: str, error: ClientError) -> Reply:
        code, message = _code_and_message(error)
        said = f"{action} answered {code}: {message}"
        for known_code, pattern, verdict in ERRORS:
            if code == known_code and re.search(pattern, message, re.IGNORECASE | re.DOTALL):
                return Reply(verdict, said)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status in _PASSING_STATUSES or status >= 500:
            return Reply(Verdict.PASSING, said)
        if code in _DENIED:
            return Reply(
                Verdict.FINAL,
                f"The handler's role has no permission robomaker:{action} on {self._arn.text}: add it, and look for"
                f" a permissions boundary or a service control policy that takes it away. {said}",
            )
        return Reply(Verdict.FINAL, f"It is unknown whether the job has stopped. {said}")


class _Loader(Loader):
    """botocore's loader, which knows that there is nothing to look for among botocore's own services."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["robomaker"] if type_name == "service-2" else []


@cache
def _client(region: str) -> Any:
    session = Session()
    # models/ has the service model that boto3 lost after 1.40.60, and the names of the endpoints, for which botocore
    # would read more than a megabyte of its other services: the same on every version.
    session.register_component("data_loader", _Loader(extra_search_paths=[str(MODELS)]))
    # Where Lambda gives a role's credentials (Lambda Developer Guide, configuration-envvars).
    session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    return session.create_client(
        "robomaker",
        region_name=region,
        # Retries are the teardown's: botocore's would repeat the ThrottlingException of a retired service.
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": 1},
            # RoboMaker has no such endpoints, whatever the function's environment asks of every service.
            use_fips_endpoint=False,
            use_dualstack_endpoint=False,
            user_agent_extra="cdk-world-export-job",
        ),
    )


def _taken(answer: dict[str, Any]) -> Reply:
    # botocore takes a body that is not JSON for an empty one, which is what a cancel is answered with.
    if "html" in answer["ResponseMetadata"]["HTTPHeaders"].get("content-type", "").lower():
        return _unreadable("CancelWorldExportJob", "a page of HTML")
    return Reply(Verdict.ACCEPTED, "Canceling")


def _status(answer: dict[str, Any]) -> Reply:
    status = answer.get("status")
    if not status:  # also what botocore makes of a body that broke off
        return _unreadable("DescribeWorldExportJob", "no status")
    # A status that RoboMaker does not document may be an end or not: only waiting can tell.
    return Reply(
        STATUSES.get(status, Verdict.RUNNING), status if status in STATUSES else f"in the unknown status {status!r}"
    )


def _code_and_message(error: ClientError) -> tuple[str, str]:
    details = error.response.get("Error", {})
    # An older botocore leaves a code as it came, which may be "namespace#code:URL" (AWS restJson1 protocol).
    code = str(details.get("Code")).partition(":")[0].rpartition("#")[2]
    return code, str(details.get("Message") or "(no message)")


def _unreadable(action: str, what: str) -> Reply:
    return Reply(Verdict.PASSING, f"{action} got an answer that can't be read: {what}")


def _connection_error(action: str, error: BotoCoreError) -> Reply:
    causes = list(_causes(error))
    if isinstance(error, ConnectionClosedError) or any(isinstance(cause, ssl.SSLEOFError) for cause in causes):
        return Reply(Verdict.PASSING, f"{action} lost its connection: {error}")
    if isinstance(error, EndpointConnectionError):
        lookup = next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
        if lookup is not None and lookup.errno not in _NAME_IS_UNKNOWN:
            return Reply(Verdict.PASSING, f"{action} could not look up its endpoint: {error}. {_ROUTE_HINT}")
        if lookup is not None and _is_robomakers_own(error.kwargs["endpoint_url"]):
            return Reply(Verdict.RETIRED, f"{action} found no such endpoint in DNS: {error}")
    if isinstance(
        error, (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ProxyConnectionError, SSLError)
    ):
        return Reply(Verdict.FINAL, f"{action} could not reach RoboMaker: {error}. {_ROUTE_HINT}")
    return Reply(Verdict.FINAL, f"{action} failed: {error}")


def _is_robomakers_own(endpoint_url: str) -> bool:
    """Tell an endpoint of RoboMaker's from one that AWS_ENDPOINT_URL_ROBOMAKER names, whose absence proves nothing."""
    return (
        re.fullmatch(r"robomaker\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", urlsplit(endpoint_url).hostname or "") is not None
    )


_ROUTE_HINT = (
    "It is unknown whether the job has stopped. If the function is in a VPC, check that its subnets have a route to"
    " the endpoint (a NAT gateway or an interface endpoint) and that its security groups let HTTPS out; then delete"
    " again."
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

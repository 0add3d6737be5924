"""Makes every call to AWS, and sorts its errors by how long the engine retries them."""

from __future__ import annotations

import errno
import logging
import os
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.config import Config
from botocore.credentials import ContainerProvider, CredentialResolver, EnvProvider
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    PaginationError,
    ProxyConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from botocore.paginate import Paginator
from botocore.session import Session

from protocol.log import log
from protocol.network import ca_bundle
from teardown import Failure, ServiceError

# Seconds.
CONNECT_TIMEOUT = 5
READ_TIMEOUT = 10
# The longest time of one call, in which up to four addresses of the endpoint are tried one after the other.
LONGEST_CALL = 4 * CONNECT_TIMEOUT + READ_TIMEOUT + 1

# The error codes of AWS services after which the same call may succeed later (the API references' lists of errors).
TRANSIENT_CODES = (
    "ThrottlingException",
    "InternalServerException",
    "InternalFailure",
    "Throttling",
    "RequestLimitExceeded",
    "ServiceUnavailableException",
    "TooManyRequestsException",
)
_TRANSIENT_STATUSES = (408, 429)
# The error code of AWS services for an operation that they do not have.
UNKNOWN_OPERATION = "UnknownOperationException"
# Those for a list that they do not have, or not in this region (ECS API reference, ListDaemons).
_NO_SUCH_LIST = (UNKNOWN_OPERATION, "UnsupportedFeatureException")

# How often an optional list is tried again after a server error, before the Delete continues without that list.
OPTIONAL_TRIES = 3

_LONGEST_TEXT = 1000
# What `_look_up_again` returns after a success, and if the name is not in DNS. After other failures, it returns their
# error codes.
_FOUND, _NO_SUCH_NAME = 0, socket.EAI_NONAME
_ROUTE_HINT = (
    "If the function is in a VPC, check that its subnets have a route to the endpoint (a NAT gateway or an interface"
    " endpoint) and that its security groups allow outbound HTTPS."
)


class ConnectionFailedError(ServiceError):
    """A call got no answer, because the connection failed.

    Parameters
    ----------
    failure, text
        The same as for `ServiceError`.
    no_such_name : bool
        Whether the endpoint's name is not in DNS.
    timed_out : bool
        Whether the attempt to connect timed out.
    """

    def __init__(self, failure: Failure, text: str, *, no_such_name: bool, timed_out: bool) -> None:
        super().__init__(failure, text)
        self.no_such_name = no_such_name
        self.timed_out = timed_out


class UnreadableAnswerError(Exception):
    """An answer does not come from the service.

    Parameters
    ----------
    text : str
        The beginning of the answer.
    status : int
        The HTTP status of the answer.
    code, message : str, default: empty
        The error in the answer, if it has one.
    """

    def __init__(self, text: str, status: int, code: str = "", message: str = "") -> None:
        super().__init__(text)
        self.status, self.code, self.message = status, code, message


class AwsService:
    """A client of an AWS service that counts its calls.

    Parameters
    ----------
    name : str
        Its name in botocore.
    region : str, optional
        The region to call it in. Default: the function's own.
    """

    def __init__(self, name: str, region: str | None = None) -> None:
        self.name = name
        self.region = region or os.environ["AWS_REGION"]
        self._answered = False
        self._counting = threading.Lock()
        self._server_errors: Counter[str] = Counter()
        self.calls = 0

    def call(self, action: str, **parameters: Any) -> Mapping[str, Any]:
        """Make a call.

        Raises
        ------
        ServiceError
            If it does not succeed.
        """
        method = getattr(self.client(), xform_name(action))
        answer: Mapping[str, Any] = self._try(action, lambda: method(**parameters))
        return answer

    def ask(self, action: str, member: str, *, each: str = "", **parameters: Any) -> Any:
        """Make a call and return one member of its answer.

        botocore returns an answer without members if, for example, a proxy answered with an HTML page.

        Parameters
        ----------
        action : str
            The name of the operation.
        member : str
            The name of the member.
        each : str, optional
            A key that must be in the member or, if that is a list, in each of its elements. Default: none.
        **parameters
            The parameters of the operation.

        Raises
        ------
        ServiceError
            If the call does not succeed, or its answer lacks the member or the key.
        """
        return _member(self.call(action, **parameters), action, member, each)

    def pages(self, action: str, member: str, *, each: str = "", **parameters: Any) -> Iterator[list[Any]]:
        """Yield every page of a list. The parameters are those of `ask`.

        Raises
        ------
        ServiceError
            If a call does not succeed, or its answer lacks the member or the key.
        """
        pages = iter(self._paginator(action, member).paginate(**parameters))
        while (page := self._try(action, lambda: next(pages, None))) is not None:
            yield _member(page, action, member, each)
        self._count(-1)  # the last `next` made no call: it only found that there is no further page

    def optional_pages(
        self, action: str, member: str, *, each: str = "", is_needed: bool = False, **parameters: Any
    ) -> Iterator[list[Any]]:
        """Yield every page of a list, if botocore and the service have such a list, and the role may read it.

        Otherwise, yield no further page, and log an error that was met. With `is_needed`, that is done only if botocore
        or the service does not have the operation. The other parameters are those of `ask`.

        Raises
        ------
        ServiceError
            After a transient error and, with `is_needed`, after each error but that of an unknown operation. A server
            error or an HTML page may also mean that the service does not have the list, as in moto (no source for AWS).
            So without `is_needed`, it is raised at most `OPTIONAL_TRIES` times for each list.
        """
        if not hasattr(self.client(), xform_name(action)):
            return
        try:
            yield from self.pages(action, member, each=each, **parameters)
        except ServiceError as error:
            if error.status == 200:
                is_transient = False  # the answer lacks the list
            elif error.status >= 500 or (error.status and not error.code):  # an HTML page has no code
                self._server_errors[action] += 1
                is_transient = self._server_errors[action] <= OPTIONAL_TRIES
            else:
                is_transient = error.failure is Failure.TRANSIENT or not error.status  # 0: there was no answer
            if is_transient or (is_needed and error.code not in _NO_SUCH_LIST):
                raise
            log(logging.WARNING, f"The Delete continues without {action}: {error}")

    def client(self) -> Any:
        """Return the service's client.

        Raises
        ------
        ServiceError
            If botocore can't make it.
        """
        try:
            return self._make_client()
        except Exception as error:
            raise ServiceError(Failure.UNKNOWN, f"The client for {self.name} can't be made: {error!r}") from error

    @property
    def endpoint(self) -> str:
        """The URL that is called."""
        return str(self.client().meta.endpoint_url)

    def _make_client(self) -> Any:
        return _client(self.name, self.region)

    def _paginator(self, action: str, member: str) -> Any:
        client, method = self.client(), xform_name(action)
        if client.can_paginate(method):
            return client.get_paginator(method)
        # botocore 1.44 has no paginator for ListDaemons.
        tokens = {"input_token": "nextToken", "output_token": "nextToken", "result_key": member}
        return Paginator(getattr(client, method), tokens, client.meta.service_model.operation_model(action))

    def _try(self, action: str, call: Callable[[], Any]) -> Any:
        self._count(1)
        try:
            answer = call()
        except ClientError as error:
            self._answered = True
            raise self._service_error(action, error) from error
        except UnreadableAnswerError as error:
            self._answered = True
            text = f"{action} got an answer that is not from {self.name}: {error}"
            raise ServiceError(
                Failure.TRANSIENT, text, code=error.code, message=error.message, status=error.status
            ) from error
        except PaginationError as error:
            self._count(-1)  # no call was made
            raise ServiceError(Failure.TRANSIENT, f"{action} got the same page again") from error
        except BotoCoreError as error:
            raise self._connection_error(action, error) from error
        except Exception as error:  # botocore's parsers raise many kinds
            raise ServiceError(Failure.TRANSIENT, f"{action} got an answer that can't be read: {error!r}") from error
        self._answered = True
        return answer

    def _count(self, calls: int) -> None:
        with self._counting:  # stops run side by side
            self.calls += calls

    def _service_error(self, action: str, error: ClientError) -> ServiceError:
        details = error.response.get("Error", {})  # botocore leaves it out of a status of 300
        code = error_code(details.get("Code"))
        message = str(details.get("Message") or "(no message)")
        metadata = error.response["ResponseMetadata"]
        status = metadata["HTTPStatusCode"]
        if "html" in metadata["HTTPHeaders"].get("content-type", ""):
            text = f"{action} got an answer that is not from {self.name}: HTTP status {status}, an HTML page"
            return ServiceError(Failure.TRANSIENT, text, status=status)
        text = f"{action} answered {code}: {message}"[:_LONGEST_TEXT]
        failure = Failure.REJECTED
        if (
            code in TRANSIENT_CODES
            or code.endswith("ThrottlingException")
            or status in _TRANSIENT_STATUSES
            or status >= 500
        ):
            failure = Failure.TRANSIENT
        elif is_denial(message) or code.startswith("AccessDenied"):
            failure = Failure.UNKNOWN
            if is_denial(message):
                text = f"{self._missing_permission(action, message)} {text}"
        return ServiceError(failure, text, code=code, message=message, status=status)

    def _missing_permission(self, action: str, message: str) -> str:
        # The message may name an action of another service, such as KMS. If it names none, use the signing name: the
        # prefix of an IAM action may differ from botocore's name of the service: states, not stepfunctions.
        named = re.search(r"not authorized to perform: ([\w-]+:\w+)", message)
        permission = named[1][:100] if named else f"{self.client().meta.service_model.signing_name}:{action}"
        return (
            f"The function's role has no permission {permission}. Add it; if the role has it, check its permissions"
            " boundary and the service control policies."
        )

    def _connection_error(self, action: str, error: BotoCoreError) -> ServiceError:
        look_up = _look_up_again(self.endpoint, error)
        if look_up not in (_FOUND, _NO_SUCH_NAME) or (look_up == _FOUND and _is_failed_look_up(error)):
            failure, text = Failure.TRANSIENT, f"{action} could not look up its endpoint: {error}. {_ROUTE_HINT}"
        elif isinstance(error, (ConnectionClosedError, ResponseStreamingError)) or _is_cut_off(error):
            failure, text = Failure.TRANSIENT, f"{action} lost its connection: {error}"
        elif isinstance(
            error, (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ProxyConnectionError, SSLError)
        ):
            failure = Failure.TRANSIENT if self._answered else Failure.UNKNOWN
            text = f"{action} could not connect: {error}. {_ROUTE_HINT}"
        else:
            # The messages of other subclasses of HTTPClientError may contain settings, such as a proxy's password.
            failure = Failure.UNKNOWN
            text = f"{action} failed: {type(error).__name__ if isinstance(error, HTTPClientError) else error}"
        return ConnectionFailedError(
            failure,
            text,
            no_such_name=look_up == _NO_SUCH_NAME,
            timed_out=isinstance(error, ConnectTimeoutError),
        )


def new_client(session: Session, name: str, region: str, **settings: Any) -> Any:
    """Make a client of a service.

    Parameters
    ----------
    session : Session
        The session, which reads botocore's data once for all its clients.
    name, region : str
        The names of the service and the region in botocore.
    **settings
        More settings for botocore's ``Config``.
    """
    # Lambda passes the role's credentials in environment variables or, with SnapStart, by a container endpoint (Lambda
    # Developer Guide, configuration-envvars and snapstart-activate).
    resolver = CredentialResolver([EnvProvider(), ContainerProvider()])
    session.register_component("credential_provider", resolver)
    return session.create_client(
        name,
        region_name=region,
        verify=ca_bundle() or True,
        # The engine retries, not botocore, because only the engine knows the time left.
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": 1},
            user_agent_extra="cdk-world-export-job",
            **settings,
        ),
    )


def is_denial(message: str) -> bool:
    """Return whether IAM denied the call (IAM User Guide, troubleshoot_access-denied)."""
    return "not authorized to perform" in message


def error_code(written: object) -> str:
    """Return the error code in a text that may have the form "namespace#code:URL" (AWS restJson1 protocol)."""
    return str(written or "").partition(":")[0].rpartition("#")[2]


def addresses(endpoint: str) -> list[Any]:
    """Look up the IPv4 addresses of an endpoint, each in the form that `socket.connect` takes.

    Raises
    ------
    OSError, UnicodeError
        If the look-up fails.
    """
    # The final dot keeps glibc from appending the search domains of resolv.conf and reporting their errors (measured).
    name = f"{urlsplit(endpoint).hostname}."
    found = socket.getaddrinfo(name, 443, socket.AF_INET, socket.SOCK_STREAM)
    return [address for *_, address in found]


def _member(answer: Mapping[str, Any], action: str, member: str, each: str) -> Any:
    if answer.get(member) in (None, ""):
        raise ServiceError(Failure.TRANSIENT, f"{action} got an answer without {member}", status=200)
    found = answer[member]
    elements = found if isinstance(found, list) else [found]
    if each and not all(element and element.get(each) for element in elements):
        raise ServiceError(Failure.TRANSIENT, f"{action} got an answer with {member} without {each}", status=200)
    return found


def _look_up_again(endpoint: str, error: BotoCoreError) -> int:
    """After an error that may come from a failed look-up, look up the endpoint again, for IPv4 only.

    A connection looks up IPv4 and IPv6 together. A resolver may then report the failure of one as the failure of both,
    or as EBUSY (measured with glibc 2.36; projectdiscovery/httpx 2273, nodejs/node 31189).

    Returns
    -------
    int
        The error code of the look-up. `_FOUND`, if it succeeds or was not necessary.
    """
    if isinstance(error, EndpointConnectionError):
        try:
            addresses(endpoint)
        except (OSError, UnicodeError) as failure:
            return getattr(failure, "errno", None) or socket.EAI_FAIL
    return _FOUND


def _is_failed_look_up(error: BotoCoreError) -> bool:
    return isinstance(error, EndpointConnectionError) and any(
        isinstance(cause, socket.gaierror) or (isinstance(cause, OSError) and cause.errno == errno.EBUSY)
        for cause in _causes(error)
    )


def _is_cut_off(error: BotoCoreError) -> bool:
    # Python 3.11.2 raises SSLZeroReturnError where newer versions raise SSLEOFError (measured).
    return any(isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an error that is raised twice may be its own cause
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


@cache
def _client(name: str, region: str) -> Any:
    return new_client(_session(), name, region)


@cache
def _session() -> Session:
    # One session for all clients, because it reads botocore's data once. With one session for each client, making them
    # takes a third longer (measured).
    return Session()

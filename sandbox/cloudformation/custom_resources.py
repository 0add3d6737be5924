"""CloudFormation's side of a custom resource: sends the requests, and receives and checks the answers."""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import ssl
import string
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

from ..lambda_service import FunctionError
from ..loopback import LoopbackServer, Request, Response
from .lifecycle import Declaration, Physical, ResourceError

DEFAULT_SERVICE_TIMEOUT = 3600
MAX_BODY_BYTES = 4096
MAX_PHYSICAL_ID_BYTES = 1024

# Invokes a function, found by its ARN, asynchronously, or raises FunctionError if there is no such function.
Invoke = Callable[[str, dict[str, Any]], None]


class ClosedError(Exception):
    """The local AWS was closed during an operation."""


@dataclass
class Exchange:
    """A request to a custom resource, and all answers to it.

    Parameters
    ----------
    event : dict
        The request.
    bodies : list of bytes
        The bodies that the response URL accepted, in their order.
    """

    event: dict[str, Any]
    bodies: list[bytes] = field(default_factory=list)
    first: Future[bytes] = field(default_factory=Future)

    @property
    def answer(self) -> dict[str, Any]:
        """The first answer, which is the one that counts."""
        answer: dict[str, Any] = json.loads(self.bodies[0])
        return answer


class ResponseUrls:
    """The pre-signed response URLs, which S3 has in AWS.

    A URL accepts a PUT with an empty content type, because it is signed for that, and answers 403 to other requests.

    Parameters
    ----------
    tls : SSLContext, optional
        The certificate of ``https`` URLs. Default: the URLs are ``http``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Exchange] = {}
        self._failures = 0
        self._server = LoopbackServer(self._answer, tls=tls)

    def open(self, exchange: Exchange) -> str:
        """Return a new URL for the answer to a request."""
        path = f"/{uuid.uuid4()}?X-Amz-Expires=7200&X-Amz-Signature={secrets.token_hex(32)}"
        with self._lock:
            self._open[path] = exchange
        return self._server.url + path

    def fail(self, times: int) -> None:
        """Answer 503 to that many PUTs."""
        with self._lock:
            self._failures = times

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _answer(self, request: Request) -> Response:
        with self._lock:
            exchange = self._open.get(request.path)
            if request.method != "PUT" or exchange is None or request.headers.get("Content-Type"):
                return Response(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            if self._failures > 0:
                self._failures -= 1
                return Response(503, b"<Error><Code>SlowDown</Code></Error>")
            exchange.bodies.append(request.body)
        # S3 accepts every answer. The first one counts, if CloudFormation is still waiting for it.
        with contextlib.suppress(InvalidStateError):
            exchange.first.set_result(request.body)
        return Response(200)


class CustomResources:
    """Sends the requests of a stack to its custom resources, and waits for their answers.

    Parameters
    ----------
    stack_id : str
        The stack's ARN.
    invoke : callable
        Invokes a function asynchronously: takes its ARN and the event.
    urls : ResponseUrls
        The response URLs.
    """

    def __init__(self, stack_id: str, invoke: Invoke, urls: ResponseUrls) -> None:
        self._stack_id = stack_id
        self._invoke = invoke
        self._urls = urls
        self.exchanges: list[Exchange] = []
        self.closed = threading.Event()

    def close(self) -> None:
        """End every wait for an answer, also those that begin later, with ClosedError."""
        self.closed.set()
        for exchange in list(self.exchanges):
            with contextlib.suppress(InvalidStateError):
                exchange.first.set_exception(ClosedError())

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Send a Create."""
        exchange = self._send("Create", declaration, properties)
        try:
            return self._result(exchange, declaration, properties)
        except ResourceError as error:
            # A Create that was sent may have created something, so it gets a Delete, even without a physical id.
            error.physical_id = error.physical_id or self._made_up_id(declaration)
            raise

    def update(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Send an Update."""
        old = _as_strings(current.properties)
        more = {"PhysicalResourceId": current.physical_id, "OldResourceProperties": old}
        exchange = self._send("Update", declaration, properties, **more)
        return self._result(exchange, declaration, properties)

    def delete(self, resource: Physical) -> None:
        """Send a Delete."""
        declaration, properties = resource.declaration, resource.properties
        exchange = self._send("Delete", declaration, properties, PhysicalResourceId=resource.physical_id)
        self._result(exchange, declaration, properties)

    def _send(
        self, request_type: str, declaration: Declaration, properties: Mapping[str, Any], **more: Any
    ) -> Exchange:
        exchange = Exchange(
            {
                "RequestType": request_type,
                "ServiceToken": properties["ServiceToken"],
                "StackId": self._stack_id,
                "RequestId": str(uuid.uuid4()),
                "LogicalResourceId": declaration.logical_id,
                "ResourceType": declaration.type,
                "ResourceProperties": _as_strings(properties),
                **more,
            }
        )
        exchange.event["ResponseURL"] = self._urls.open(exchange)
        try:
            self._invoke(properties["ServiceToken"], dict(exchange.event))
        except FunctionError as error:
            # Lambda refuses the invocation at once (Lambda API Reference, Invoke: ResourceNotFoundException). No source
            # shows the reason of the stack event, nor whether CloudFormation waits. Here the resource fails at once,
            # with Lambda's message.
            raise ResourceError(str(error)) from error
        self.exchanges.append(exchange)
        if self.closed.is_set():
            raise ClosedError
        return exchange

    def _result(self, exchange: Exchange, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        event = exchange.event
        timeout = float(properties.get("ServiceTimeout", DEFAULT_SERVICE_TIMEOUT))
        try:
            body = exchange.first.result(timeout)
        except TimeoutError:
            raise ResourceError(
                "CloudFormation did not receive a response from your Custom Resource. Please check your logs for"
                f" requestId [{event['RequestId']}]. If you are using the Python cfn-response module, you may"
                " need to update your Lambda function code so that CloudFormation can attach the updated version."
            ) from None
        if problem := invalidity(event, body):
            raise ResourceError(problem)
        answer: Mapping[str, Any] = json.loads(body)
        if answer["Status"] == "FAILED":
            raise ResourceError(
                "Received response status [FAILED] from custom resource."
                f" Message returned: {answer['Reason']} (RequestId: {event['RequestId']})",
                answer["PhysicalResourceId"],
            )
        return Physical(declaration, answer["PhysicalResourceId"], properties, answer.get("Data") or {})

    def _made_up_id(self, declaration: Declaration) -> str:
        # In the form of the physical ids that CloudFormation generates for other resources. No source shows such an id.
        ending = "".join(random.choices(string.ascii_uppercase + string.digits, k=12))
        return f"{self._stack_id.split('/')[1]}-{declaration.logical_id}-{ending}"


def invalidity(event: Mapping[str, Any], body: bytes) -> str:
    """Return why an answer to a request is not valid, or ``""`` if it is (User Guide, crpg-ref-responses)."""
    if len(body) > MAX_BODY_BYTES:
        return f"it has {len(body)} bytes, more than {MAX_BODY_BYTES}"
    try:
        answer = json.loads(body)
    except ValueError:
        return "it is no JSON"
    for key in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(key) != event[key]:
            return f"{key} is not the request's"
    physical_id = answer.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not 0 < len(physical_id.encode()) <= MAX_PHYSICAL_ID_BYTES:
        return "Invalid PhysicalResourceId"
    if event["RequestType"] == "Delete" and physical_id != event["PhysicalResourceId"]:
        return "a Delete changed the PhysicalResourceId"
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        return "Status is neither SUCCESS nor FAILED"
    if answer["Status"] == "FAILED" and not answer.get("Reason"):
        return "a FAILED has no Reason"
    return ""


def _as_strings(value: Any) -> Any:
    """Convert scalars to strings, as CloudFormation does with the properties of a custom resource."""
    if isinstance(value, Mapping):
        return {key: _as_strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_strings(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)

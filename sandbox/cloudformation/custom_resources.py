"""CloudFormation's side of a custom resource: the request, the response URL, and the judgment of the answer."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

from ..loopback import LoopbackServer, Request, Response
from .lifecycle import Declaration, Physical, ResourceError

DEFAULT_SERVICE_TIMEOUT = 3600
MAX_BODY_BYTES = 4096
MAX_PHYSICAL_ID_BYTES = 1024

Invoke = Callable[[str, dict[str, Any]], None]


@dataclass
class Exchange:
    """One request to a custom resource and every answer that it got.

    Parameters
    ----------
    event : dict
        The request.
    bodies : list of bytes
        The bodies that were accepted at the response URL, in their order.
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
    """The pre-signed URLs that custom resources answer to, as S3 serves them.

    A URL takes a PUT whose content type is empty, as its signature says, and refuses everything else with 403.

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
        """Make a URL for a request's answer."""
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
            if len(exchange.bodies) == 1:
                exchange.first.set_result(request.body)
        return Response(200)


class CustomResources:
    """Sends one stack's requests to its custom resources and waits for their answers.

    Parameters
    ----------
    stack_id : str
        The stack's ARN.
    invoke : callable
        Invokes a function asynchronously: takes its ARN and the event.
    urls : ResponseUrls
        Where the answers arrive.
    """

    def __init__(self, stack_id: str, invoke: Invoke, urls: ResponseUrls) -> None:
        self._stack_id = stack_id
        self._invoke = invoke
        self._urls = urls
        self.exchanges: list[Exchange] = []

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Send a Create."""
        return self._resource(declaration, properties, self._ask("Create", declaration, properties))

    def update(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        """Send an Update."""
        answer = self._ask(
            "Update",
            declaration,
            properties,
            PhysicalResourceId=current.physical_id,
            OldResourceProperties=_as_strings(current.properties),
        )
        return self._resource(declaration, properties, answer)

    def delete(self, resource: Physical) -> None:
        """Send a Delete."""
        self._ask("Delete", resource.declaration, resource.properties, PhysicalResourceId=resource.physical_id)

    def _resource(self, declaration: Declaration, properties: Mapping[str, Any], answer: Mapping[str, Any]) -> Physical:
        return Physical(declaration, answer["PhysicalResourceId"], properties, answer.get("Data") or {})

    def _ask(
        self, request_type: str, declaration: Declaration, properties: Mapping[str, Any], **more: Any
    ) -> Mapping[str, Any]:
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
        self.exchanges.append(exchange)
        self._invoke(properties["ServiceToken"], dict(exchange.event))
        timeout = float(properties.get("ServiceTimeout", DEFAULT_SERVICE_TIMEOUT))
        try:
            body = exchange.first.result(timeout)
        except FutureTimeoutError:
            raise ResourceError(
                f"No answer of the custom resource arrived in {timeout:g} s (RequestId {exchange.event['RequestId']})."
            ) from None
        return _judge(exchange.event, body)


def _judge(event: Mapping[str, Any], body: bytes) -> Mapping[str, Any]:
    """Hold an answer against the rules of the User Guide (crpg-ref-responses)."""
    trouble = invalidity(event, body)
    if trouble:
        raise ResourceError(f"The custom resource's answer is not valid: {trouble}.")
    answer: Mapping[str, Any] = json.loads(body)
    if answer["Status"] == "FAILED":
        raise ResourceError(
            f"Received response status [FAILED] from custom resource. Message returned: {answer['Reason']}",
            answer["PhysicalResourceId"],
        )
    return answer


def invalidity(event: Mapping[str, Any], body: bytes) -> str:
    """Say what is not valid about an answer to a request, or ``""``."""
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
        return "PhysicalResourceId is empty or too long"
    if event["RequestType"] == "Delete" and physical_id != event["PhysicalResourceId"]:
        return "a Delete changed the PhysicalResourceId"
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        return "Status is neither SUCCESS nor FAILED"
    if answer["Status"] == "FAILED" and not answer.get("Reason"):
        return "a FAILED has no Reason"
    return ""


def _as_strings(value: Any) -> Any:
    """Turn scalars into strings, as CloudFormation does with the properties of a custom resource."""
    if isinstance(value, Mapping):
        return {key: _as_strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_strings(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)

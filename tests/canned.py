"""An endpoint for ECS, Step Functions, EMR Serverless and CloudFormation, with the answers that a test sets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from sandbox.loopback import LoopbackServer, Request, Response

# The variables that lead botocore's clients to an endpoint.
VARIABLES = tuple(f"AWS_ENDPOINT_URL_{name}" for name in ("ECS", "SFN", "EMR_SERVERLESS", "CLOUDFORMATION"))

# Method and path of EMR Serverless -> the operation (EMR Serverless API reference).
_ROUTES = {
    r"GET /applications/(?P<applicationId>[^/]+)": "GetApplication",
    r"POST /applications/(?P<applicationId>[^/]+)/stop": "StopApplication",
    r"GET /applications/(?P<applicationId>[^/]+)/jobruns": "ListJobRuns",
    r"DELETE /applications/(?P<applicationId>[^/]+)/jobruns/(?P<jobRunId>[^/]+)": "CancelJobRun",
    r"GET /applications/(?P<applicationId>[^/]+)/sessions": "ListSessions",
    r"DELETE /applications/(?P<applicationId>[^/]+)/sessions/(?P<sessionId>[^/]+)": "TerminateSession",
}

Answer = Mapping[str, Any] | Response


def error(code: str, message: str = "No.", status: int = 400) -> Response:
    """Return the error of a service with JSON."""
    return Response(status, json.dumps({"__type": code, "message": message}).encode())


def denial(action: str) -> Response:
    """Return the error of a missing permission (IAM User Guide, troubleshoot_access-denied)."""
    return error(
        "AccessDeniedException", f"User: arn:aws:iam::123456789012:user/u is not authorized to perform: {action}"
    )


class Canned:
    """The endpoint. An action without a set answer gets an empty object.

    Answers are set as objects. Those of CloudFormation are sent as XML, all others as JSON.
    """

    def __init__(self) -> None:
        self._server = LoopbackServer(self._answer)
        self.url = self._server.url
        self.reset()

    def reset(self) -> None:
        """Remove all answers and recorded calls."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers: dict[str, list[Answer]] = {}

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def answer(self, action: str, *answers: Answer) -> None:
        """Answer an action with these, one a call, and with the last for ever."""
        self._answers[action] = list(answers)

    @property
    def actions(self) -> list[str]:
        """The actions that were called."""
        return [action for action, _ in self.calls]

    def asked(self, action: str) -> list[dict[str, Any]]:
        """Return the parameters of every call of an action."""
        return [parameters for called, parameters in self.calls if called == action]

    def _answer(self, request: Request) -> Response:
        action, parameters = _read(request)
        self.calls.append((action, parameters))
        answers = self._answers.get(action, [{}])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        is_xml = action in ("DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources")
        if isinstance(answer, Response):
            return _error_in_xml(answer) if is_xml and answer.body.startswith(b'{"__type"') else answer
        return Response(200, _xml(f"{action}Response", {f"{action}Result": answer}) if is_xml else _json(answer))


def _read(request: Request) -> tuple[str, dict[str, Any]]:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2], json.loads(request.body)
    path, _, query = request.path.partition("?")
    for route, action in _ROUTES.items():
        if found := re.fullmatch(route, f"{request.method} {unquote(path)}"):
            pairs = parse_qsl(query)
            several: dict[str, Any] = {name: [value for key, value in pairs if key == name] for name, _ in pairs}
            return action, {**found.groupdict(), **several}
    parameters: dict[str, Any] = dict(parse_qsl(request.body.decode()))
    return str(parameters.pop("Action")), parameters


def _json(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer).encode()


def _xml(tag: str, value: Any) -> bytes:
    if isinstance(value, Mapping):
        inner = b"".join(_xml(name, member) for name, member in value.items())
    elif isinstance(value, list):
        inner = b"".join(_xml("member", member) for member in value)
    else:
        inner = escape(str(value)).encode()
    return f"<{tag}>".encode() + inner + f"</{tag}>".encode()


def _error_in_xml(answer: Response) -> Response:
    told = json.loads(answer.body)
    body = _xml("ErrorResponse", {"Error": {"Code": told["__type"], "Message": told["message"]}})
    return Response(answer.status, body)

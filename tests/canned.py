"""An endpoint for ECS, Step Functions, EMR Serverless and CloudFormation, with the answers that a test sets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote
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
        self.url, self.close = self._server.url, self._server.close
        self.reset()

    def reset(self) -> None:
        """Remove all answers and recorded calls."""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers: dict[str, list[Answer]] = {}

    def answer(self, action: str, *answers: Answer) -> None:
        """Answer an action with these, one a call, and with the last for ever."""
        self._answers[action] = list(answers)

    def answer_all(self, answers: Mapping[str, Answer]) -> None:
        """Answer each of these actions in one way."""
        self._answers.update({action: [answer] for action, answer in answers.items()})

    def stack_is(self, status: str) -> None:
        """Answer the questions about a stack in this status, which has no resources."""
        self.answer("DescribeStacks", {"Stacks": [{"StackStatus": status}]})
        self.answer("GetTemplate", {"TemplateBody": '{"Resources": {}}'})
        self.answer("DescribeStackResource", {"StackResourceDetail": {"PhysicalResourceId": "prod"}})
        self.answer("ListStackResources", {"StackResourceSummaries": []})

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
        body = _xml(f"{action}Response", {f"{action}Result": answer}) if is_xml else json.dumps(answer).encode()
        return Response(200, body)


def _read(request: Request) -> tuple[str, dict[str, Any]]:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2], json.loads(request.body)
    path, _, query = request.path.partition("?")
    for route, action in _ROUTES.items():
        if found := re.fullmatch(route, f"{request.method} {unquote(path)}"):
            return action, {**found.groupdict(), **parse_qs(query)}
    parameters: dict[str, Any] = dict(parse_qsl(request.body.decode()))
    return str(parameters.pop("Action")), parameters


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

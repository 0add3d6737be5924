"""Sends requests, as CloudFormation does, to a handler in this process, and receives the answers."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls

STACK_ID = "arn:aws:cloudformation:us-west-2:123456789012:stack/WorldExport/51af3dc0-da77-11e4-872e-1234567db123"
JOB_1 = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"
JOB_2 = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-2"

_numbers = itertools.count(1)


class Context:
    """The context object of an invocation that has some seconds left."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends_at - time.monotonic()) * 1000)


class HurriedClock:
    """A clock whose pauses take no time."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        self._skipped += seconds


def request(request_type: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a request of CloudFormation, without a response URL."""
    return {
        "RequestType": request_type,
        "ServiceToken": "arn:aws:lambda:us-west-2:123456789012:function:handler",
        "StackId": STACK_ID,
        "RequestId": f"request-{next(_numbers)}",
        "LogicalResourceId": "WorldExportJob9F8FED21",
        "ResourceType": "Custom::ManagedWorldExportJob",
        "ResourceProperties": {"ServiceToken": "arn", **(properties or {})},
        **more,
    }


class Sender:
    """Sends requests to a handler and keeps every answer."""

    def __init__(self, handler: Callable[[Any, Any], None], urls: ResponseUrls) -> None:
        self._handler = handler
        self.urls = urls
        self.exchange: Exchange

    def send(self, event: dict[str, Any], *, seconds: float = 900) -> dict[str, Any]:
        """Send one request, to a function with some seconds left, and give its only answer."""
        self.exchange = Exchange(event)
        self._handler({**event, "ResponseURL": self.urls.open(self.exchange)}, Context(seconds))
        [body] = self.exchange.bodies
        answer: dict[str, Any] = json.loads(body)
        return answer

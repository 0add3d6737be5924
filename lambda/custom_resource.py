"""Dispatches CloudFormation's requests with crhelper and keeps the promises of every answer."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from crhelper import FAILED, SUCCESS, CfnResource

from response import Answer, NotDeliveredError, deliver

# Seconds kept back from the function's time to answer in: enough for several tries at the response URL.
RESERVE = 10.0

_REQUIRED = ("RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId")
_REQUEST_TYPES = ("Create", "Update", "Delete")

logger = logging.getLogger(__name__)


class LambdaContext(Protocol):
    """What is used of the context that Lambda gives a handler."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class ExpectedError(Exception):
    """A failure that the registered function understands and has logged. Its message is CloudFormation's reason."""


class CustomResource(CfnResource):
    """crhelper's dispatcher, answering each request exactly once, truthfully and in time.

    Functions are registered with crhelper's decorators ``create``, ``update`` and ``delete``. Beside crhelper's own
    fields (``Data``, ``PhysicalResourceId``), such a function may set ``BestEffort``, which turns the failure of a
    Delete into a success; that it failed is then only in the log.
    """

    BestEffort: bool = False

    def __init__(self) -> None:
        # With this set, crhelper leaves out three AWS clients that only its polling needs.
        os.environ.setdefault("AWS_SAM_LOCAL", "true")
        super().__init__(
            log_level=os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            boto_level="ERROR",
            sleep_on_delete=0,
        )
        # crhelper's own lines say nothing that ours don't, and at debug level they hold the whole event.
        logging.getLogger("crhelper").setLevel(logging.WARNING)
        self._one_answer = threading.Lock()

    def __call__(self, event: Any, context: LambdaContext) -> None:
        """Handle one invocation.

        Raises
        ------
        NotDeliveredError
            If CloudFormation did not accept the answer. Lambda then sends the request again.
        ValueError
            If the event has no response URL, so that nobody waits for an answer.
        """
        if not isinstance(event, dict) or not isinstance(event.get("ResponseURL"), str) or not event["ResponseURL"]:
            raise ValueError("The event has no ResponseURL: it is no custom resource request of CloudFormation's.")
        # What nothing else sees, nothing else can log: the response URL is a credential.
        self._answer_url = event["ResponseURL"]
        self._request: Mapping[str, Any] = {**event, "ResponseURL": "(left out)"}
        self._invocation = context
        self._ends_at = time.monotonic() + context.get_remaining_time_in_millis() / 1000
        self._reserve = min(RESERVE, (self._ends_at - time.monotonic()) / 4)
        self._answered = False
        self._undelivered: NotDeliveredError | None = None
        self.BestEffort = False
        self.PhysicalResourceId = ""

        missing = [key for key in _REQUIRED if not isinstance(event.get(key), str) or not event[key]]
        if missing:
            self._fail(f"The request lacks {', '.join(missing)}: it is no custom resource request.")
        elif event["RequestType"] not in _REQUEST_TYPES:
            kinds = ", ".join(_REQUEST_TYPES)
            self._fail(f"The request type {event['RequestType']!r:.100} is unknown: it must be one of {kinds}.")
        else:
            super().__call__(self._request, context)

        if self._undelivered:
            raise self._undelivered

    def generate_physical_id(self, event: Mapping[str, Any]) -> str:
        """Give the physical id of a Create that fails: the same for every delivery of its request.

        CloudFormation sends a Delete for it, which the registered function must know by its form.
        """
        return f"never-created-{event.get('RequestId') or 'unknown'!s:.100}"

    @property
    def time_left(self) -> float:
        """Seconds that the request's work may still take, so that it ends before the time-out answer is due."""
        return self._ends_at - time.monotonic() - 2 * self._reserve

    def _set_timeout(self) -> None:
        # crhelper's timer leaves half a second to answer in, and its answer has an empty physical id.
        self._timer = threading.Timer(self._ends_at - time.monotonic() - self._reserve, self._timeout)
        self._timer.daemon = True
        self._timer.start()

    def _timeout(self) -> None:
        self._fail(
            "The handler ran out of time before its work was done, so the job may not have stopped."
            " Try again; the function's log has the details."
        )

    def _fail(self, reason: str) -> None:
        logger.error("%s", reason)
        self._send(FAILED, reason)

    def _wrap_function(self, function: Any) -> None:
        try:
            self.PhysicalResourceId = function(self._request, self._invocation)
        except ExpectedError as failure:
            self.Status, self.Reason = FAILED, str(failure)
        except Exception as error:
            logger.exception("The handler met an error that it does not know")
            self.Status, self.Reason = FAILED, f"The handler met an error that it does not know: {error!r}"

    def _send(self, status: str | None = None, reason: str = "") -> None:
        """Answer the request, once: the time-out answer comes from a thread of its own."""
        with self._one_answer:
            if self._answered:
                return
            self._answered = True
            try:
                deliver(
                    self._answer_url,
                    self._answer(status or self.Status, reason or self.Reason).body(),
                    until=self._ends_at - 0.2,
                )
            except NotDeliveredError as error:
                logger.error("%s", error)
                self._undelivered = error

    def _answer(self, status: str, reason: str) -> Answer:
        physical_id = str(
            self.PhysicalResourceId
            or self._request.get("PhysicalResourceId")
            or self.generate_physical_id(self._request)
        )
        if status == SUCCESS:
            return Answer(self._request, SUCCESS, physical_id, data=self.Data)
        if self.BestEffort and self._request.get("RequestType") == "Delete":
            return Answer(self._request, SUCCESS, physical_id)
        return Answer(self._request, FAILED, physical_id, reason or "The handler gave no reason.")

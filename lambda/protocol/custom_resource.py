"""Dispatches CloudFormation's requests with crhelper and keeps the promises of every answer."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from protocol.cold_start import without
from protocol.log import log, name_request
from protocol.response import Answer, NotDeliveredError, deliver, takes_connections

with without("boto3"):  # a seventh of a cold start, which crhelper needs for its polling only
    from crhelper import FAILED, SUCCESS, CfnResource

# Seconds kept back from the function's time to answer in: enough for two tries at a slow response URL, and for more at
# one that refuses.
RESERVE = 10.0
# The largest share of the time that is kept back, where there is little.
SHARE = 0.25
# Seconds before the end of the function's time at which the delivery of an answer gives up.
MARGIN = 0.2

_OUT_OF_TIME = (
    "The handler ran out of time before its work was done, so the job may not have stopped. The function's log has the"
    " details."
)
_NO_ANSWER = "The handler met an error that it does not know: its work ended without an answer."
_REQUIRED = ("RequestType", "ResponseURL", "StackId", "RequestId", "LogicalResourceId")
_REQUEST_TYPES = ("Create", "Update", "Delete")


class LambdaContext(Protocol):
    """What is used of the context that Lambda gives a handler."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


class ExpectedError(Exception):
    """A failure that the registered function understands. Its message is CloudFormation's reason."""


class CustomResource(CfnResource):
    """crhelper's dispatcher, answering each request exactly once, truthfully and in time.

    Functions are registered with crhelper's decorators ``create``, ``update`` and ``delete``. They are called with the
    request, without its response URL, and with a copy of this object that serves this one request. On that they may
    set crhelper's ``Data``, and of ours ``BestEffort``, which turns the failure of a Delete into a success, ``Advice``,
    which is added to the reason of any failure, and ``LogAnswer``, which writes the line that goes with the answer,
    whoever comes to it: it is called once, with the reason of a failure, or ``""``. They return the physical id.
    """

    BestEffort: bool = False
    Advice: str = ""
    LogAnswer: Callable[[str], None] | None = None

    def __init__(self) -> None:
        # With this set, crhelper leaves out three AWS clients that only its polling needs.
        os.environ["AWS_SAM_LOCAL"] = "true"
        # Lambda has set the level by now if the function's configuration names one.
        configured = logging.root.level if os.environ.get("AWS_LAMBDA_LOG_LEVEL") else logging.INFO
        super().__init__(log_level=logging.getLevelName(configured), boto_level="ERROR", sleep_on_delete=0)
        # crhelper's own lines say nothing that ours don't, and at debug level they hold the whole event.
        logging.getLogger("crhelper").setLevel(logging.WARNING)

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
        # A copy, because the work of a request that ran out of time may still go on when the next one comes.
        copy.copy(self)._handle(event, context)

    def generate_physical_id(self, event: Mapping[str, Any]) -> str:
        """Give the physical id of a Create that fails: the same for every delivery of its request.

        CloudFormation sends a Delete for it, which the registered function must know by its form.
        """
        return f"never-created-{event.get('RequestId') or 'unknown'!s:.100}"

    def response_url_connects(self) -> bool:
        """Tell whether the host that takes CloudFormation's answers takes connections right now."""
        return takes_connections(self._answer_url)

    @property
    def time_left(self) -> float:
        """Seconds until the time-out answer is due."""
        return self._answer_due - time.monotonic()

    def _handle(self, event: dict[str, Any], context: LambdaContext) -> None:
        seconds = context.get_remaining_time_in_millis() / 1000
        self._ends_at = time.monotonic() + seconds
        self._answer_due = self._ends_at - min(RESERVE, seconds * SHARE)
        # What nothing else sees, nothing else can log: the response URL is a credential. crhelper would take keys of
        # its own in the event for the state of its polling.
        self._answer_url = event["ResponseURL"]
        kept = {key: value for key, value in event.items() if not str(key).startswith("CrHelper")}
        self._request: Mapping[str, Any] = {**kept, "ResponseURL": "(left out)"}
        name_request(self._request)
        self._first_answer = threading.Lock()
        self._tried = threading.Event()
        self._delivered = False
        self._trouble = NotDeliveredError("The answer was still being delivered when the time was up.")

        missing = [key for key in _REQUIRED if not isinstance(event.get(key), str) or not event[key]]
        if missing:
            self._do(self._fail, f"The request lacks {', '.join(missing)}: it is no custom resource request.")
        elif event["RequestType"] not in _REQUEST_TYPES:
            kinds = ", ".join(_REQUEST_TYPES)
            self._do(
                self._fail, f"The request type {event['RequestType']!r:.100} is unknown: it must be one of {kinds}."
            )
        else:
            self._do(super().__call__, self._request, context)
        if not self._delivered:
            raise self._trouble

    def _do(self, work: Callable[..., object], *args: object) -> None:
        """Do the work of a request, and answer and return in time whatever holds it up."""
        working = _start(work, *args)
        working.join(max(0.0, self.time_left))
        if not self._first_answer.locked():
            _start(self._fail, _OUT_OF_TIME if working.is_alive() else _NO_ANSWER)
        self._tried.wait(max(0.0, self._ends_at - MARGIN / 2 - time.monotonic()))

    def _log_setup(self, event: Any, context: Any) -> None:
        """Leave the log as Lambda has set it up."""

    def _set_timeout(self) -> None:
        """Start no timer: `_do` watches the time."""

    def _wrap_function(self, function: Any) -> None:
        try:
            self.PhysicalResourceId = function(self._request, self)
        except ExpectedError as failure:
            self.Status, self.Reason = FAILED, str(failure)
        except Exception as error:
            self.Status, self.Reason = FAILED, f"The handler met an error that it does not know: {error!r}"
            log(logging.ERROR, "The handler met an error that it does not know", trace=True)

    def _fail(self, reason: str) -> None:
        self._send(FAILED, reason)

    def _send(self, status: str | None = None, reason: str = "") -> None:
        """Answer the request, unless it is answered already."""
        if not self._first_answer.acquire(blocking=False):
            return
        status, reason = status or self.Status, reason or self.Reason
        # Before the delivery, which may take all the time there is; and no trouble with the log may cost the answer.
        with contextlib.suppress(Exception):
            self._log(status, reason)
        try:
            deliver(self._answer_url, self._answer(status, reason).body(), until=self._ends_at - MARGIN)
            self._delivered = True
        except NotDeliveredError as error:
            log(logging.ERROR, str(error))
            self._trouble = error
        finally:
            self._tried.set()

    def _log(self, status: str, reason: str) -> None:
        if self.LogAnswer is not None:
            self.LogAnswer(reason)
        elif status == FAILED:
            log(logging.ERROR, reason)

    def _answer(self, status: str, reason: str) -> Answer:
        given = str(self._request.get("PhysicalResourceId") or self.generate_physical_id(self._request))
        if status == SUCCESS:
            return Answer(self._request, SUCCESS, str(self.PhysicalResourceId or given), data=self.Data)
        # A failure leaves the resource what it was: never with a physical id that the work came to meanwhile.
        if self.BestEffort and self._request.get("RequestType") == "Delete":
            return Answer(self._request, SUCCESS, given)
        return Answer(self._request, FAILED, given, reason or "The handler gave no reason.", self.Advice)


def _start(work: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work, *args), daemon=True)
    thread.start()
    return thread

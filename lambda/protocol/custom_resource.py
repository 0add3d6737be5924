"""Dispatches requests with crhelper, and answers each of them exactly once and in time."""

from __future__ import annotations

import contextvars
import copy
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from properties import check_best_effort
from protocol.advice import after_failed_delete
from protocol.log import log, name_request
from protocol.metrics import embedded
from protocol.network import accepts_connections
from protocol.outcome import Outcome, Result
from protocol.request import Request, property_or_default
from protocol.response import NotDeliveredError, deliver, write_answer

# Imports and clients create some hundred thousand objects and no garbage. By default, Python looks for garbage every
# 700 objects, which takes 40 of 500 ms of a cold start for a cluster (processor time, median of 20).
gc.set_threshold(100_000)

# crhelper imports boto3 for its polling, which is not used. An empty module in its place saves 60 of 206 ms of a cold
# start (processor time, best of 25).
_has_boto3 = "boto3" in sys.modules
sys.modules.setdefault("boto3", ModuleType("boto3"))
from crhelper import FAILED, SUCCESS, CfnResource  # noqa: E402

if not _has_boto3:
    del sys.modules["boto3"]

F = TypeVar("F", bound=Callable[..., object])

# The seconds at the end of the function's time that are reserved for the answer: enough for two tries if the response
# URL is slow, and for more if it refuses connections.
RESERVED_SECONDS = 10.0
# The largest part of the function's time that is reserved, for a function with a short time-out.
LARGEST_RESERVED_SHARE = 0.25
# The delivery gives up this many seconds before the end of the function's time.
GIVE_UP_SECONDS = 0.2
# The most seconds that writing the log line may delay the answer.
LOG_SECONDS = 1.0

_OUT_OF_TIME = (
    "The function ran out of time before it was done, so jobs may still be running. The function's log has the details."
)
_LEVELS = {Result.FAILED: logging.ERROR, Result.RETIRED: logging.WARNING}


class ExpectedError(Exception):
    """A failure with a known cause, which its message states. The message is the reason in the answer."""


@dataclass(frozen=True)
class Declared:
    """What a Create or an Update returns.

    Parameters
    ----------
    physical_id : str
        The resource's physical id. If it differs from the one before, CloudFormation replaces the resource.
    attributes : Mapping, default: empty
        What ``Fn::GetAtt`` returns.
    """

    physical_id: str
    attributes: Mapping[str, object] = field(default_factory=dict)


class CustomResource(CfnResource):
    """A Lambda handler for the requests that CloudFormation sends for a custom resource.

    Register functions with crhelper's decorators ``create``, ``update`` and ``delete``. Each is called with the
    request, without its response URL, and with a copy of this object for this request alone. ``create`` and ``update``
    return a `Declared`. ``delete`` returns an `Outcome`, or None if the resource was never created. For a failure, they
    raise an `ExpectedError`, or return an outcome.

    A Delete is answered with the physical id that was sent, and its outcome is logged in one line with metrics. If it
    fails, the answer states the next step, or is SUCCESS if the property BestEffort is true.

    Methods of crhelper that are overridden, and why:

    ``__call__``
        crhelper answers half a second before the time is up, which leaves no time to try again.
    ``_set_timeout``
        crhelper's timer, which ``__call__`` replaces.
    ``_wrap_function``
        crhelper expects functions that return a physical id.
    ``_send``
        crhelper tries once, accepts any HTTP status as a success, and cuts off the beginning of a reason.

    Parameters
    ----------
    service_of : callable
        Returns the name of the service whose jobs a physical id names, for the metrics, or ``""`` if the resource was
        never created. For such a resource, a Delete logs no outcome and no metrics.
    """

    # crhelper's types expect functions that return a physical id.
    create: Callable[[F], F]  # type: ignore[assignment]
    update: Callable[[F], F]  # type: ignore[assignment]
    delete: Callable[[F], F]  # type: ignore[assignment]

    def __init__(self, service_of: Callable[[str], str]) -> None:
        # With this variable, crhelper does not make three AWS clients, which only its polling needs.
        os.environ["AWS_SAM_LOCAL"] = "true"
        # crhelper sets this level. Lambda has set it already if the function's configuration names one.
        level = logging.root.level if os.environ.get("AWS_LAMBDA_LOG_LEVEL") else logging.INFO
        super().__init__(log_level=logging.getLevelName(level), boto_level="ERROR", sleep_on_delete=0)
        # crhelper's own lines add nothing to ours. At debug level, they contain the whole event with its URL.
        logging.getLogger("crhelper").setLevel(logging.WARNING)
        self._service_of = service_of

    def __call__(self, event: Any, context: Any) -> None:
        """Handle one invocation.

        Raises
        ------
        NotDeliveredError
            If CloudFormation did not accept the answer. Lambda then sends the request again.
        ValueError
            If the event has no response URL, so that no answer can be sent.
        """
        if not isinstance(event, dict) or not isinstance(event.get("ResponseURL"), str) or not event["ResponseURL"]:
            raise ValueError("The event has no ResponseURL, so it is not a custom resource request of CloudFormation.")
        # A copy, because the work of a request that ran out of time may still be running when the next request arrives.
        copy.copy(self)._handle(event, context)

    @property
    def time_left(self) -> float:
        """Seconds until the function answers that it ran out of time."""
        return float(self._answer_due - time.monotonic())

    def response_url_connects(self) -> bool:
        """Check whether the host of the response URL accepts a connection right now."""
        return accepts_connections(self._url)

    def _handle(self, event: dict[str, Any], context: Any) -> None:
        seconds = context.get_remaining_time_in_millis() / 1000
        self._started = time.monotonic()
        self._answer_due = self._started + seconds - min(RESERVED_SECONDS, seconds * LARGEST_RESERVED_SHARE)
        # The URL is a credential, so only the delivery gets it, and no other code can log it. Keys that begin with
        # CrHelper are left out, because crhelper would take them for the state of its polling.
        self._url = event["ResponseURL"]
        request = {key: value for key, value in event.items() if not str(key).startswith("CrHelper")}
        self._request: Request = {**request, "ResponseURL": "(left out)"}
        self._physical_id = _physical_id_of(self._request)
        name_request(self._request)

        self._result: Declared | Outcome | None = self._failure("The function ended without a result.")
        if problem := _problem_with(self._request):
            result: Declared | Outcome | None = self._failure(problem)
        else:
            work = _start(super().__call__, self._request, context)
            work.join(max(0.0, self.time_left))
            result = self._failure(_OUT_OF_TIME) if work.is_alive() else self._result
        _start(self._log, result).join(LOG_SECONDS)
        try:
            retries = deliver(self._url, self._answer(result), until=self._started + seconds - GIVE_UP_SECONDS)
        except NotDeliveredError as error:
            log(logging.ERROR, str(error))
            raise
        if retries:
            log(logging.WARNING, retries)

    def _set_timeout(self) -> None:
        """Start no timer, because `_handle` watches the time."""

    def _wrap_function(self, function: Any) -> None:
        """Call the registered function and keep its result."""
        self.PhysicalResourceId = self._physical_id  # otherwise crhelper generates another one
        try:
            self._result = function(self._request, self)
        except ExpectedError as error:
            self._result = self._failure(str(error))
        except BaseException as error:  # SystemExit, too, would end the thread without a result
            log(logging.ERROR, "The function met an unexpected error", trace=True)
            self._result = self._failure(f"The function met an unexpected error: {error!r}")

    def _send(self, status: str = "", reason: str = "") -> None:
        """Send nothing, because `_handle` answers. Keep the reason if crhelper itself failed."""
        if status == FAILED:
            self._result = self._failure(reason)

    def _failure(self, reason: str) -> Outcome:
        seconds = round(time.monotonic() - self._started, 3)
        return Outcome(Result.FAILED, reason or "The function gave no reason.", seconds)

    def _answer(self, result: Declared | Outcome | None) -> bytes:
        request = self._request
        if isinstance(result, Declared):
            return write_answer(request, SUCCESS, result.physical_id, data=result.attributes)
        if result is None or result.result is not Result.FAILED:
            return write_answer(request, SUCCESS, self._physical_id)
        if request.get("RequestType") != "Delete":
            return write_answer(request, FAILED, self._physical_id, reason=result.detail)
        if property_or_default(request, "BestEffort", check_best_effort, False):
            return write_answer(request, SUCCESS, self._physical_id)
        advice = after_failed_delete(request)
        return write_answer(request, FAILED, self._physical_id, reason=result.detail, advice=advice)

    def _log(self, result: Declared | Outcome | None) -> None:
        """Log the outcome of a Delete with its metrics, or the failure of another request."""
        if not isinstance(result, Outcome):
            return
        is_failed = result.result is Result.FAILED
        service = self._service_of(self._physical_id) if self._request.get("RequestType") == "Delete" else ""
        if not service:
            log(logging.ERROR, result.detail)
            return
        function, now = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""), time.time_ns() // 1_000_000
        log(
            _LEVELS.get(result.result, logging.INFO),
            f"{self._physical_id}: {result.result}: {result.detail}",
            physical_id=self._physical_id,
            outcome=result.result,
            detail=result.detail,
            seconds=result.seconds,
            calls=result.calls,
            service=service,
            **embedded(function, now, service=service, left_running=is_failed, seconds=result.seconds),
        )


def _start(work: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work, *args), daemon=True)
    thread.start()
    return thread


def _problem_with(request: Request) -> str:
    """Return why a request can't be handled, or ``""`` if it can."""
    required = ["RequestType", "StackId", "RequestId", "LogicalResourceId"]
    if request.get("RequestType") in ("Update", "Delete"):
        required.append("PhysicalResourceId")
    missing = [key for key in required if not isinstance(request.get(key), str) or not request[key]]
    if missing:
        return f"The request has no {' and no '.join(missing)}, so nothing was done."
    if request["RequestType"] not in ("Create", "Update", "Delete"):
        return f"The request type {request['RequestType']!r:.100} is unknown, so nothing was done."
    return ""


def _physical_id_of(request: Request) -> str:
    """Return the physical id that was sent, or generate one of at most 1,024 bytes.

    If a request is delivered twice, both get the same id, because CloudFormation may send a Delete with it.
    """
    sent = request.get("PhysicalResourceId")
    if isinstance(sent, str) and sent:
        return sent
    has_resource = request.get("RequestType") in ("Update", "Delete")
    name = (request.get("LogicalResourceId") or "unknown") if has_resource else "never-created"
    return f"{name!s:.140}-{request.get('RequestId') or 'unknown'!s:.100}"

"""What an endpoint answers instead of the truth: faults that are switched on, and limits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .loopback import DROPPED, Response


@dataclass(frozen=True)
class Fault:
    """Something to answer instead of the truth.

    Parameters
    ----------
    code : str
        The error code; empty for a body that is given as it is.
    message : str
        The error message, or the body.
    status : int
        The HTTP status. 0 drops the connection.
    operation : str
        The operation that it is for. Default: any.
    """

    code: str = ""
    message: str = ""
    status: int = 400
    operation: str = ""

    def __str__(self) -> str:
        """Name it in a few words."""
        if self.status == 0:
            return "dropped connection"
        return f"{self.operation} {self.code or 'body'} {self.status} {self.message:.30}".strip()

    def response(self) -> Response:
        """Give the HTTP response, as a REST API with JSON has it."""
        if self.status == 0:
            return DROPPED
        headers = {"Content-Type": "application/json"}
        if not self.code:
            return Response(self.status, self.message.encode(), headers)
        body = json.dumps({"message": self.message}).encode()
        return Response(self.status, body, {**headers, "x-amzn-ErrorType": self.code})


THROTTLED = Fault("ThrottlingException", "Rate exceeded")
SERVER_ERROR = Fault("InternalServerException", "Internal error", 500)
CONNECTION_DROPPED = Fault(status=0)
ACCESS_DENIED = Fault("AccessDeniedException", "User is not authorized to perform this action", 403)


@dataclass
class _Switched:
    fault: Fault
    times: float
    job: str


class _Bucket:
    """A limit: a bucket of tokens, full at first, from which each call takes one."""

    def __init__(self, tokens: float, per_second: float) -> None:
        self.tokens = self.left = tokens
        self.per_second, self.counted_at = per_second, time.monotonic()

    def take(self) -> bool:
        """Take a token, and say whether there was one."""
        now = time.monotonic()
        self.left = min(self.tokens, self.left + (now - self.counted_at) * self.per_second)
        self.counted_at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Faults:
    """The faults that are switched on at an endpoint, and the limits that it holds to."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._switched: list[_Switched] = []
        self._buckets: dict[str, _Bucket] = {}

    def switch_on(self, fault: Fault, times: float = float("inf"), *, job: str = "") -> None:
        """Answer with a fault, for that many calls, of one job or of any. Faults switched on earlier come first."""
        with self._lock:
            self._switched.append(_Switched(fault, times, job))

    def switch_off(self) -> None:
        """Tell the truth again, to as many calls as come."""
        with self._lock:
            self._switched.clear()
            self._buckets.clear()

    def limit(self, limits: Mapping[str, tuple[float, float]]) -> None:
        """Throttle from now on what goes beyond the limits: how many calls at once, and how many a second.

        Parameters
        ----------
        limits : Mapping
            The limits, by operation. ``""`` is for all operations together.
        """
        with self._lock:
            self._buckets = {operation: _Bucket(*limit) for operation, limit in limits.items()}

    def next_fault(self, operation: str, job: str = "") -> Fault | None:
        """Take the fault for a call, if there is one."""
        with self._lock:
            for switched in self._switched:
                if switched.fault.operation in ("", operation) and switched.job in ("", job):
                    switched.times -= 1
                    if switched.times <= 0:
                        self._switched.remove(switched)
                    return switched.fault
            bucket = self._buckets.get(operation) or self._buckets.get("")
            return None if bucket is None or bucket.take() else THROTTLED

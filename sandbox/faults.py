"""Faults, with which an endpoint answers in place of the usual answer, and limits, beyond which it throttles."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .loopback import DROPPED, Response


@dataclass(frozen=True)
class Fault:
    """An answer in place of the usual one.

    Parameters
    ----------
    code : str, optional
        The error code. Default: none, so that `message` is the whole body.
    message : str, optional
        The error message, or the body. Default: empty.
    status : int, default: 400
        The HTTP status. With 0, the connection is dropped.
    operation : str, optional
        The operation that it applies to. Default: every operation.
    """

    code: str = ""
    message: str = ""
    status: int = 400
    operation: str = ""

    def __str__(self) -> str:
        """Return a short description, for the name of a test."""
        if self.status == 0:
            return "dropped connection"
        return f"{self.operation} {self.code or 'body'} {self.status} {self.message:.30}".strip()

    def response(self) -> Response:
        """Return the HTTP response, as in AWS's REST protocol with JSON."""
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
    """A token bucket, which is full at first. Each call takes a token."""

    def __init__(self, tokens: float, per_second: float) -> None:
        self.tokens = self.left = tokens
        self.per_second, self.counted_at = per_second, time.monotonic()

    def take(self) -> bool:
        """Take a token, and return whether there was one."""
        now = time.monotonic()
        self.left = min(self.tokens, self.left + (now - self.counted_at) * self.per_second)
        self.counted_at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Faults:
    """The faults that are switched on at an endpoint, and its limits."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._switched: list[_Switched] = []
        self._buckets: dict[str, _Bucket] = {}

    def switch_on(self, fault: Fault, times: float = float("inf"), *, job: str = "") -> None:
        """Answer that many calls with a fault, for one job or all. Faults that were switched on before come first."""
        with self._lock:
            self._switched.append(_Switched(fault, times, job))

    def switch_off(self) -> None:
        """Remove all faults and limits."""
        with self._lock:
            self._switched.clear()
            self._buckets.clear()

    def limit(self, limits: Mapping[str, tuple[float, float]]) -> None:
        """Throttle the calls beyond these limits.

        Parameters
        ----------
        limits : Mapping
            For each operation, how many calls may be made at once, and how many more each second. ``""`` is for all
            operations together.
        """
        with self._lock:
            self._buckets = {operation: _Bucket(*limit) for operation, limit in limits.items()}

    def next_fault(self, operation: str, job: str = "") -> Fault | None:
        """Return the fault for a call, which counts as one of its times, or None."""
        with self._lock:
            for switched in self._switched:
                if switched.fault.operation in ("", operation) and switched.job in ("", job):
                    switched.times -= 1
                    if switched.times <= 0:
                        self._switched.remove(switched)
                    return switched.fault
            bucket = self._buckets.get(operation) or self._buckets.get("")
            return None if bucket is None or bucket.take() else THROTTLED

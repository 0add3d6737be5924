"""Faults, with which an endpoint answers in place of the usual answer."""

from __future__ import annotations

import json
import threading
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


class Faults:
    """The faults that are switched on at an endpoint."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._switched: list[_Switched] = []

    def switch_on(self, fault: Fault, times: float = float("inf"), *, job: str = "") -> None:
        """Answer that many calls with a fault, for one job or all. Faults that were switched on before come first."""
        with self.lock:
            self._switched.append(_Switched(fault, times, job))

    def switch_off(self) -> None:
        """Remove all faults."""
        with self.lock:
            self._switched.clear()

    def next_fault(self, operation: str, job: str = "") -> Fault | None:
        """Return the fault for a call, which counts as one of its times, or None."""
        with self.lock:
            for switched in self._switched:
                if switched.fault.operation in ("", operation) and switched.job in ("", job):
                    switched.times -= 1
                    if switched.times <= 0:
                        self._switched.remove(switched)
                    return switched.fault
        return None

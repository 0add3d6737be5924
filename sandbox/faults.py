"""What an endpoint answers instead of the truth: faults that are switched on, and limits."""

from __future__ import annotations

import json
import time
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
    seconds : float
        How long to hold the answer back.
    """

    code: str = ""
    message: str = ""
    status: int = 400
    operation: str = ""
    seconds: float = 0.0

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
    target: str


class Faults:
    """The faults that are switched on. Whoever shares it between threads locks it."""

    def __init__(self) -> None:
        self._switched: list[_Switched] = []

    def switch_on(self, fault: Fault, times: float, target: str = "") -> None:
        """Answer with a fault, for that many calls, of one target or of any. Those switched on earlier come first."""
        self._switched.append(_Switched(fault, times, target))

    def switch_off(self) -> None:
        """Tell the truth again."""
        self._switched.clear()

    def next(self, operation: str, target: str = "") -> Fault | None:
        """Take the fault for a call, if there is one."""
        for switched in self._switched:
            if switched.fault.operation in ("", operation) and switched.target in ("", target):
                switched.times -= 1
                if switched.times <= 0:
                    self._switched.remove(switched)
                return switched.fault
        return None


class Bucket:
    """A limit: a bucket of tokens, full at first, from which each call takes one.

    Parameters
    ----------
    tokens : float
        How many it holds: the calls that may come at once.
    per_second : float
        How many come back each second.
    """

    def __init__(self, tokens: float, per_second: float) -> None:
        self._tokens = self._left = tokens
        self._per_second = per_second
        self._counted_at = time.monotonic()

    def take(self) -> bool:
        """Take a token, and say whether there was one."""
        now = time.monotonic()
        self._left = min(self._tokens, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

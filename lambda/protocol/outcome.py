"""What a Delete achieved, for the log, the metrics and the answer alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """The results of a Delete, as the log names them."""

    STOPPED = "stopped"
    """Everything has stopped."""
    GONE = "gone"
    """There is no such job, or nothing that jobs could run in."""
    RETIRED = "retired"
    """The service has been retired, so no job can be running."""
    NOT_AWAITED = "not awaited"
    """The service is stopping it, and the wait is 0."""
    KEPT = "kept"
    """What the jobs run in is not deleted, so they were left running."""
    FAILED = "failed"
    """Something may still be running."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a Delete.

    Parameters
    ----------
    result : Result
        What the Delete achieved.
    detail : str
        The last known status, or the reason of a failure.
    seconds : float
        How long it took.
    calls : int, optional
        How many API calls it made. Default: unknown.
    """

    result: Result
    detail: str
    seconds: float
    calls: int | None = None

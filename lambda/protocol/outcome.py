"""The outcome of a Delete, for the log, the metrics and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """The results of a Delete, as the log names them."""

    STOPPED = "stopped"
    """Everything has stopped."""
    GONE = "gone"
    """The job, or the cluster, state machine or application, does not exist."""
    RETIRED = "retired"
    """The service has been retired, so no job can be running."""
    NOT_AWAITED = "not awaited"
    """The service is stopping the jobs, and the wait is 0."""
    KEPT = "kept"
    """The cluster, state machine or application is not deleted, so its jobs keep running."""
    FAILED = "failed"
    """Jobs may still be running."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a Delete.

    Parameters
    ----------
    result : Result
        The result.
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

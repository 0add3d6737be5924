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
    """CloudFormation does not delete the cluster, state machine or application, so its jobs keep running."""
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
        How long the Delete took.
    calls : int, optional
        How many API calls the Delete made. Default: None, if that is unknown.
    """

    result: Result
    detail: str
    seconds: float
    calls: int | None = None

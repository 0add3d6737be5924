"""Lets something happen after some seconds, at once or never."""

from __future__ import annotations

import threading
from collections.abc import Callable

NEVER = float("inf")


class Jobs:
    """The jobs of one service, for whoever plays with them.

    Parameters
    ----------
    changed : callable, optional
        Told of each job whenever its status changes: its ARN and the status.

    Attributes
    ----------
    stop_seconds : float
        How long jobs take to stop, unless they were started with a time of their own. `NEVER`: they don't.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        self.changed = changed
        self.stop_seconds = 0.0
        self._own_stop_seconds: dict[str, float] = {}

    def seconds_to_stop(self, job: str) -> float:
        """Say how long a job takes to stop."""
        return self._own_stop_seconds.get(job, self.stop_seconds)

    def take(self, job: str, stop_seconds: float | None) -> None:
        """Remember how long a job takes to stop, if it has a time of its own."""
        if stop_seconds is not None:
            self._own_stop_seconds[job] = stop_seconds


def later(seconds: float, happen: Callable[[], None]) -> None:
    """Call something after that many seconds: 0 is at once, `NEVER` is never."""
    if seconds <= 0:
        happen()
    elif seconds < NEVER:
        timer = threading.Timer(seconds, happen)
        timer.daemon = True
        timer.start()

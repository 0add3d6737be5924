"""The clock that measures time and pauses. Tests replace it."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """A clock, in seconds. The ``time`` module is one."""

    def monotonic(self) -> float:
        """Return the seconds since some fixed moment."""

    def sleep(self, seconds: float, /) -> None:
        """Pause for that many seconds."""

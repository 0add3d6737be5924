"""The time that a request has: a clock that tests can replace."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time in seconds, and a way to let it pass. The ``time`` module is one."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float, /) -> None:
        """Let that many seconds pass."""

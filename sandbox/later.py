"""Calls a function after some time."""

from __future__ import annotations

import threading
from collections.abc import Callable

NEVER = float("inf")


def later(seconds: float, happen: Callable[[], None]) -> None:
    """Call `happen` after that many seconds. With 0, call it at once; with `NEVER`, never."""
    if seconds <= 0:
        happen()
    elif seconds < NEVER:
        timer = threading.Timer(seconds, happen)
        timer.daemon = True
        timer.start()

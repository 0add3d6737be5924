"""Things that happen after some time."""

from __future__ import annotations

import threading
from collections.abc import Callable

NEVER = float("inf")


def later(seconds: float, happen: Callable[[], None]) -> None:
    """Call something after that many seconds: 0 is at once, `NEVER` is never."""
    if seconds <= 0:
        happen()
    elif seconds < NEVER:
        timer = threading.Timer(seconds, happen)
        timer.daemon = True
        timer.start()

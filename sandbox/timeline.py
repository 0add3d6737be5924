"""Prints what happens as it happens: each stack event beside the status of each world export job."""

from __future__ import annotations

import re
import sys
import textwrap
import threading
import time

from .cloudformation.lifecycle import Event
from .robomaker import Job

_COLORS = {"COMPLETE": "32", "FAILED": "31", "SKIPPED": "33", "Running": "36", "Canceling": "33", "Canceled": "32"}
_HASH = re.compile(r"[0-9A-F]{8}$")  # what the CDK appends to a construct's path to make a logical id
_WIDTH = 74


class Timeline:
    """A timeline on standard output. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lock = threading.RLock()
        self._jobs: dict[str, str] = {}
        self._colored = sys.stdout.isatty()

    def heading(self, text: str) -> None:
        """Begin a chapter."""
        self._print(f"\n{self._time()}  {self._color(text, '1')}")

    def note(self, text: str) -> None:
        """Say something between the events."""
        with self._lock:
            for line in textwrap.wrap(text, _WIDTH + 24):
                self._print(f"          {self._color(line, '2')}")

    def stack_event(self, stack: str, event: Event) -> None:
        """Show an event of a stack, as its listener. What is begun is only told of custom resources and the stack."""
        ordinary = event.logical_id and not event.type.startswith("Custom::")
        if ordinary and (stack == "CDKToolkit" or event.status.endswith("IN_PROGRESS")):
            return
        what = f"  {_HASH.sub('', event.logical_id)}" if event.logical_id else stack
        if event.type.startswith("Custom::") and event.physical_id:
            what += f" ({_name(event.physical_id)})"
        with self._lock:
            self._row(what, "DELETE_SKIPPED (retained)" if event.status == "DELETE_SKIPPED" else event.status)
            if event.reason and event.status.endswith(("FAILED", "ROLLBACK_IN_PROGRESS")):
                self.note(event.reason)

    def job_changed(self, job: Job) -> None:
        """Show a job's new status, as its listener."""
        with self._lock:
            known = job.arn in self._jobs
            self._jobs[job.arn] = job.status
            if known:
                self._row(f"      {_name(job.arn)} is now", job.status)

    def _row(self, what: str, status: str) -> None:
        ending = status.split(" ")[0].rsplit("_", 1)[-1]
        left = f"{what} {self._color(status, _COLORS.get(ending, '0'))}"
        padding = " " * max(1, _WIDTH - len(f"{what} {status}"))
        jobs = "  ".join(
            f"{_name(arn)} {self._color(f'{status:9}', _COLORS.get(status, '0'))}" for arn, status in self._jobs.items()
        )
        self._print(f"{self._time()}  {left}{padding}{jobs}".rstrip())

    def _print(self, line: str) -> None:
        with self._lock:
            print(line, flush=True)

    def _time(self) -> str:
        return f"{time.monotonic() - self._started:6.1f} s"

    def _color(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colored else text


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]

"""Prints the stack events at the time at which they happen, each beside the status of each job."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .cloudformation.lifecycle import Event
from .robomaker import NOT_FOUND, Call

_COLORS = {
    "FAILED": "31",
    **dict.fromkeys(("COMPLETE", "Canceled", "STOPPED", "ABORTED", "SUCCEEDED"), "32"),
    **dict.fromkeys(("SKIPPED", "Canceling", "STOPPING"), "33"),
    **dict.fromkeys(("Running", "RUNNING"), "36"),
}
_HASH = re.compile(r"[0-9A-F]{8}$")  # what the CDK appends to a construct's path to make a logical id
_ARN = re.compile(r"arn:aws:[\w:/-]*(?=[/:]\w)")  # up to the name at its end

_OPTION = re.compile(r"( --?[\w-]+) (?!-)")
_UNBROKEN = "\N{NO-BREAK SPACE}"  # between an option and its value

_NARROWEST, _WIDEST = 60, 100  # columns: below, rows wrap; beyond, a job is too far from its event
_TIME = 9
_JOB = 11
_SILENCE, _REPEAT = 3.0, 15.0  # seconds until it says what goes on, and until it says the same again


class Timeline:
    """A timeline on standard output, as wide as the terminal. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._started = self._printed = time.monotonic()
        self._lock = threading.RLock()
        self._jobs: dict[str, str] = {}
        self._heads: dict[str, tuple[str, str]] = {}
        self._colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # no-color.org

    def heading(self, text: str) -> None:
        """Print a heading after an empty line."""
        self._chapter(textwrap.wrap(text, _width() - _TIME, break_on_hyphens=False))

    def command(self, *words: str) -> None:
        """Print a command as a heading. It can be copied, except that ARNs and folders are shortened."""
        shown = [_ARN.sub("…", Path(word).name if word.startswith("/") else word) for word in words]
        line = " ".join(word if "…" in word else shlex.quote(word) for word in shown)
        line = _OPTION.sub(f"\\1{_UNBROKEN}", line)
        room = _width() - _TIME - len(" \\")
        *lines, last = textwrap.wrap(f"$ {line}", room, break_on_hyphens=False, subsequent_indent="    ")
        self._chapter([line.replace(_UNBROKEN, " ") for line in (*(f"{line} \\" for line in lines), last)])
        if self._jobs:
            for names in zip(*map(self._head, self._jobs), strict=True):
                if any(names):
                    line = "".join(f"{name:{_JOB}}" for name in names)
                    self._show(self._color(" " * (_width() - len(line)) + line.rstrip(), "2"))

    def name(self, job: str, name: str, stack: str) -> None:
        """Show a job by a name instead of the end of its ARN, and its stack above its column."""
        with self._lock:
            self._heads[job] = stack, name

    def note(self, text: str) -> None:
        """Print a remark between the events."""
        lines = textwrap.wrap(text, _width() - _TIME, break_on_hyphens=False)
        with self._lock:
            self._print(*(self._color(line, "2") for line in lines))

    def log(self, line: str) -> None:
        """Show a line that a function logged."""
        with contextlib.suppress(ValueError):  # a line that is not in JSON is the message
            record = json.loads(line)
            line = record["message"]
            if record.get("outcome") == "failed":  # the stack's event, which follows, says why
                line = line.removesuffix(f": {record['detail']}")
        self.note(f"log: {_ARN.sub('…', line)}")

    @contextlib.contextmanager
    def busy(self, what: str) -> Iterator[Callable[[str], None]]:
        """Print what is being done while nothing else is printed: once, and then with the seconds that it has taken.

        Parameters
        ----------
        what : str
            What is being done at first.

        Yields
        ------
        callable
            Call it with what is being done next.
        """
        doing = [what]
        ended = threading.Event()

        def say() -> None:
            said, began = "", time.monotonic()
            while not ended.wait(0.2):
                with self._lock:
                    now, again = time.monotonic(), doing[-1] == said
                    if now - self._printed > (_REPEAT if again else _SILENCE) and not ended.is_set():
                        said = doing[-1]
                        text = textwrap.shorten(f"… {said}", _width() - _TIME - len(" (100 s)"), placeholder="…")
                        self.note(f"{text} ({now - began:.0f} s)" if again else text)

        thread = threading.Thread(target=say, daemon=True)
        thread.start()
        try:
            yield doing.append
        finally:
            ended.set()
            thread.join()

    def stack_event(self, stack: str, event: Event) -> None:
        """Listen to stack events, and print them: IN_PROGRESS only for custom resources and the stack itself."""
        ordinary = event.logical_id and not event.type.startswith("Custom::")
        if ordinary and (stack == "CDKToolkit" or event.status.endswith("IN_PROGRESS")):
            return
        what = f"  {_HASH.sub('', event.logical_id)}" if event.logical_id else stack
        if event.physical_id in self._jobs:
            what += f" ({self._head(event.physical_id)[1]})"
        if event.type.startswith("Custom::") and not event.status.endswith("IN_PROGRESS"):
            time.sleep(0.2)  # the function logged before it answered; those lines take another way here
        with self._lock:
            self._row(what, "DELETE_SKIPPED (retained)" if event.status == "DELETE_SKIPPED" else event.status)
            if event.reason and event.status.endswith(("FAILED", "ROLLBACK_IN_PROGRESS")):
                self.note(event.reason)

    def job_changed(self, job: str, status: str) -> None:
        """Listen to the jobs, and print each new status."""
        with self._lock:
            known = job in self._jobs
            self._jobs[job] = status
            name = f"    {self._head(job)[1]}"
            if known and status == NOT_FOUND:
                self._row(name, "does not exist")
            elif known:
                self._row(f"{name} is now", status)

    def call_answered(self, call: Call, error: str) -> None:
        """Listen to the calls to RoboMaker, and print each error."""
        if error:
            self.note(f"{call.operation}: {error}")

    def _head(self, job: str) -> tuple[str, str]:
        """Return the stack and the name of a job."""
        return self._heads.get(job) or ("", re.split("[/:]", job)[-1])

    def _chapter(self, lines: list[str]) -> None:
        with self._lock:
            self._show()
            self._print(*(self._color(line, "1") for line in lines))

    def _row(self, what: str, status: str) -> None:
        with self._lock:
            jobs = "".join(self._status(f"{status:{_JOB}}") for status in self._jobs.values())
            room = _width() - _TIME - _JOB * len(self._jobs)
            padding = " " * (room - len(f"{what} {status}"))
            if not padding:  # a whole name tells more than statuses that other rows show, too
                jobs = ""
            self._print(f"{what} {self._status(status)}{padding}{jobs}".rstrip())

    def _print(self, first: str, *more: str) -> None:
        with self._lock:
            self._printed = time.monotonic()
            self._show(f"{self._printed - self._started:6.1f} s {first}", *(f"{'':{_TIME}}{line}" for line in more))

    def _show(self, *lines: str) -> None:
        with self._lock:
            print(*lines or ("",), sep="\n", flush=True)

    def _status(self, text: str) -> str:
        ending = text.split(" ")[0].rsplit("_", 1)[-1]
        return self._color(text, _COLORS[ending]) if ending in _COLORS else text

    def _color(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colored else text


def _width() -> int:
    return max(_NARROWEST, min(shutil.get_terminal_size().columns, _WIDEST))

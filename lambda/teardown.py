"""Ends one cancellable job: cancel it, retry what is passing, and wait until it has really stopped."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Protocol

# The pause between two looks grows with the time already waited, so that the end of a job is seen within a tenth
# of the time it took plus half a second, and never more than LONGEST_PAUSE late.
FIRST_PAUSE = 0.5
PAUSE_GROWTH = 0.1
LONGEST_PAUSE = 10.0

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 20.0


class Verdict(Enum):
    """What one answer of the service means for the teardown."""

    ACCEPTED = auto()
    """The service took the cancel request."""
    STOPPING = auto()
    """The job is being canceled but has not stopped."""
    RUNNING = auto()
    """The job has not stopped, and nothing shows that it is being canceled."""
    STOPPED = auto()
    """The job has reached an end."""
    GONE = auto()
    """There is no such job."""
    RETIRED = auto()
    """There is no such service any more, so no job can be running."""
    REFUSED = auto()
    """The service will not do this; only the job's state can say whether that matters."""
    PASSING = auto()
    """A passing trouble: the same call may succeed later."""
    FINAL = auto()
    """A trouble that the same call meets again."""


@dataclass(frozen=True)
class Reply:
    """One answer of the service.

    Parameters
    ----------
    verdict : Verdict
        What it means.
    words : str
        What a person should read: the job's status, or what went wrong and what to do.
    """

    verdict: Verdict
    words: str


class CancellableJob(Protocol):
    """A job of some service that can be canceled and looked at. No method raises: trouble is a `Reply` too."""

    def cancel(self) -> Reply:
        """Ask the service to cancel the job."""

    def describe(self) -> Reply:
        """Ask the service for the job's state."""


class Clock(Protocol):
    """Time in seconds, and a way to let it pass."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""

    def sleep(self, seconds: float, /) -> None:
        """Let that many seconds pass."""


class End(StrEnum):
    """The ways in which a teardown can end, as the log names them."""

    STOPPED = "stopped"
    """The job has stopped."""
    GONE = "gone"
    """There is no such job."""
    RETIRED = "retired"
    """There is no such service any more."""
    NOT_AWAITED = "not awaited"
    """The job is being canceled, and nobody wanted to wait for its end."""
    FAILED = "failed"
    """It is not known that the job has stopped, or will."""


@dataclass(frozen=True)
class Outcome:
    """How a teardown ended.

    Parameters
    ----------
    end : End
        The way in which it ended.
    words : str
        The job's last known status, or the reason of the failure.
    seconds : float
        How long it took.
    calls : int, optional
        How many API calls it made, if it came to its end.
    """

    end: End
    words: str
    seconds: float
    calls: int | None = None


_ENDS = {Verdict.STOPPED: End.STOPPED, Verdict.GONE: End.GONE, Verdict.RETIRED: End.RETIRED}
_UNDER_WAY = (Verdict.STOPPING, Verdict.RUNNING)


def tear_down(
    job: CancellableJob,
    *,
    wait: float,
    time_left: float,
    clock: Clock = time,
    jitter: Callable[[], float] = random.random,
) -> Outcome:
    """Cancel a job and wait until it has stopped.

    Parameters
    ----------
    job : CancellableJob
        The job to end.
    wait : float
        The longest time to wait for its end once it is being canceled, in seconds. 0 does not look at a job whose
        cancel was accepted.
    time_left : float
        The longest time for everything, in seconds.
    clock : Clock, default: the time module
        The clock to go by.
    jitter : callable, default: random.random
        Gives a number from 0 to 1 that spreads retries.

    Returns
    -------
    Outcome
        How it ended. A failure is an outcome, not an exception.
    """
    return _Teardown(job, clock, jitter, time_left).run(wait)


class _Teardown:
    def __init__(self, job: CancellableJob, clock: Clock, jitter: Callable[[], float], time_left: float) -> None:
        self._job = job
        self._clock = clock
        self._jitter = jitter
        self._started = clock.monotonic()
        self._end = self._started + time_left
        self._calls = 0

    def run(self, wait: float) -> Outcome:
        reply = self._persist(self._job.cancel, until=self._end)
        if reply.verdict is Verdict.REFUSED:
            look = self._persist(self._job.describe, until=self._end)
            if look.verdict is Verdict.RUNNING:
                known = f"The job is {look.words}, and its cancel was refused. Delete again once it has stopped."
                return self._outcome(End.FAILED, f"{known} {reply.words}")
            if look.verdict not in _ENDS and look.verdict is not Verdict.STOPPING:
                unknown = "The cancel was refused, and the job can't be looked at."
                return self._outcome(End.FAILED, f"{unknown} {reply.words} {look.words}")
            reply = look

        waited_from = self._clock.monotonic()
        until = min(self._end, waited_from + wait)
        if reply.verdict is Verdict.ACCEPTED and wait > 0:
            reply = self._persist(self._job.describe, until=until)
        while reply.verdict in _UNDER_WAY and self._clock.monotonic() < until:
            waited = self._clock.monotonic() - waited_from
            self._sleep(min(LONGEST_PAUSE, FIRST_PAUSE + PAUSE_GROWTH * waited), until)
            reply = self._persist(self._job.describe, until=until)

        if reply.verdict in _ENDS:
            return self._outcome(_ENDS[reply.verdict], reply.words)
        if wait == 0 and reply.verdict in (Verdict.ACCEPTED, Verdict.STOPPING):
            return self._outcome(End.NOT_AWAITED, reply.words)
        if reply.verdict in _UNDER_WAY:
            waited = self._clock.monotonic() - waited_from
            return self._outcome(
                End.FAILED,
                f"The job is still {reply.words} after a wait of {waited:.0f} s, so it may not have stopped yet."
                " Delete again to go on waiting for it.",
            )
        if reply.verdict is Verdict.PASSING:
            return self._outcome(
                End.FAILED,
                f"The job could not be ended in time. Delete again once the trouble has passed. {reply.words}",
            )
        if reply.verdict is Verdict.REFUSED:
            unseen = "The job was being canceled, but it can't be looked at any more. Delete again."
            return self._outcome(End.FAILED, f"{unseen} {reply.words}")
        return self._outcome(End.FAILED, reply.words)

    def _persist(self, call: Callable[[], Reply], *, until: float) -> Reply:
        """Make a call again while its trouble is passing and there is time."""
        backoff = FIRST_BACKOFF
        while True:
            self._calls += 1
            reply = call()
            if reply.verdict is not Verdict.PASSING or self._clock.monotonic() >= until:
                return reply
            self._sleep(backoff * (0.5 + 0.5 * self._jitter()), until)
            backoff = min(LONGEST_BACKOFF, backoff * 2)

    def _sleep(self, seconds: float, until: float) -> None:
        self._clock.sleep(max(0.0, min(seconds, until - self._clock.monotonic())))

    def _outcome(self, end: End, words: str) -> Outcome:
        return Outcome(end, words, round(self._clock.monotonic() - self._started, 3), self._calls)

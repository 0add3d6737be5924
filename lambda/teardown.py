"""Ends one cancellable job: cancel it, get over what may pass, and wait until it has really stopped."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from math import inf
from typing import Protocol

# Seconds. The pause between two looks grows with the time already waited, so that the end of a job is seen within a
# tenth of the time it took plus half a second, and never more than LONGEST_PAUSE late.
FIRST_PAUSE = 0.5
PAUSE_GROWTH = 0.1
LONGEST_PAUSE = 10.0

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 20.0

# Seconds after which a job is looked at whose cancel meets nothing but trouble: it may end by itself.
LOOKS_EVERY = 60.0


class Verdict(Enum):
    """What one answer of the service means for the teardown."""

    ACCEPTED = auto()
    """The service took the cancel request."""
    REFUSED = auto()
    """The service will not cancel the job now; only the job's state can say whether that matters."""
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
    UNFINISHED = auto()
    """The call did a part of its work in the time that one call has, and goes on with it when it is made again."""
    PASSING = auto()
    """A trouble that is known to pass: the same call may succeed later."""
    UNKNOWN = auto()
    """A trouble that may pass or not."""


# How long a call is made again that meets nothing but this trouble, in seconds, while there is time.
PERSISTENCE = {Verdict.UNFINISHED: inf, Verdict.PASSING: inf, Verdict.UNKNOWN: 60.0}


@dataclass(frozen=True)
class Reply:
    """One answer of the service.

    Parameters
    ----------
    verdict : Verdict
        What it means.
    words : str
        What a person should read: the job's status, or what went wrong.
    """

    verdict: Verdict
    words: str


class CancellableJob(Protocol):
    """A job of some service that can be canceled and looked at. No method raises: trouble is a `Reply` too."""

    def cancel(self) -> Reply:
        """Ask the service to cancel the job."""

    def describe(self) -> Reply:
        """Ask the service for the job's state. It never answers ACCEPTED or REFUSED."""


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
    KEPT = "left running on purpose"
    """The stack lets go of what says that the job is to be ended, but not of the job."""


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
_ALIVE = (Verdict.STOPPING, Verdict.RUNNING)


def tear_down(
    job: CancellableJob,
    *,
    wait: float,
    time_left: float,
    clock: Clock = time,
    jitter: Callable[[], float] = random.random,
    name: str = "The job",
) -> Outcome:
    """Cancel a job and wait until it has stopped.

    Parameters
    ----------
    job : CancellableJob
        The job to end.
    wait : float
        The longest time to wait for its end, in seconds, counted from the acceptance of the cancel, or from the first
        look at a job whose cancel was refused. 0 does not look at a job whose cancel was accepted.
    time_left : float
        The longest time for everything, in seconds.
    clock : Clock, default: the time module
        The clock to go by.
    jitter : callable, default: random.random
        Gives a number from 0 to 1 that spreads retries.
    name : str, default: "The job"
        What the words of a failure call it.

    Returns
    -------
    Outcome
        How it ended. A failure is an outcome, not an exception.
    """
    return _Teardown(job, clock, jitter, time_left, name).run(wait)


def persist(
    call: Callable[[], Reply], *, until: float, clock: Clock = time, jitter: Callable[[], float] = random.random
) -> Reply:
    """Make a call again while it meets trouble that may pass, and there is time.

    Parameters
    ----------
    call : callable
        Makes it once.
    until : float
        When to give up, by the clock.
    clock, jitter
        As `tear_down` takes them.

    Returns
    -------
    Reply
        The first that is no such trouble, or the last.
    """
    backoff = FIRST_BACKOFF
    trouble, since = None, clock.monotonic()
    while True:
        began = clock.monotonic()
        reply = call()
        if reply.verdict not in PERSISTENCE:
            return reply
        if reply.verdict is not trouble:
            trouble, since = reply.verdict, began
        last_try = min(until, since + PERSISTENCE[reply.verdict])
        if clock.monotonic() >= last_try:
            return reply
        if reply.verdict is Verdict.UNFINISHED:  # no trouble, so there is nothing to let pass
            backoff = FIRST_BACKOFF
            continue
        _sleep(clock, backoff * (0.5 + 0.5 * jitter()), last_try)
        backoff = min(LONGEST_BACKOFF, backoff * 2)


def _sleep(clock: Clock, seconds: float, until: float) -> None:
    clock.sleep(max(0.0, min(seconds, until - clock.monotonic())))


class _Teardown:
    def __init__(
        self, job: CancellableJob, clock: Clock, jitter: Callable[[], float], time_left: float, name: str
    ) -> None:
        self._job = job
        self._name = name
        self._clock = clock
        self._jitter = jitter
        self._started = clock.monotonic()
        self._end = self._started + time_left
        self._next_look = self._started + LOOKS_EVERY
        self._calls = 0

    def run(self, wait: float) -> Outcome:
        cancel = self._persist(self._cancel_or_see_its_end, until=self._end)
        if cancel.verdict is Verdict.REFUSED:
            return self._insist(cancel, wait)
        if cancel.verdict is Verdict.ACCEPTED:
            return self._await_end(cancel, wait)
        return self._not_canceled(cancel)

    def _await_end(self, cancel: Reply, wait: float) -> Outcome:
        """Look at a job whose cancel was accepted until it has stopped."""
        if wait == 0:
            return self._outcome(End.NOT_AWAITED, cancel.words)
        began = self._clock.monotonic()
        until = min(self._end, began + wait)
        look = self._persist(self._job.describe, until=until)
        while look.verdict in _ALIVE and self._clock.monotonic() < until:
            self._pause(began, until)
            look = self._persist(self._job.describe, until=until)
        if look.verdict in _ALIVE:
            return self._failed(f"{self._name} is still {look.words} after a wait of {self._since(began)} s.")
        return self._ended(look)

    def _insist(self, cancel: Reply, wait: float) -> Outcome:
        """Look at a job whose cancel was refused, and ask again while it runs: it may end, or be canceled, later."""
        # Only a look can tell what the refusal means, so the first one has all the time there is.
        look = self._persist(self._job.describe, until=self._end)
        began = self._clock.monotonic()
        until = min(self._end, began + wait)
        while look.verdict in _ALIVE and self._clock.monotonic() < until:
            self._pause(began, until)
            if look.verdict is Verdict.RUNNING:
                again = self._persist(self._job.cancel, until=until)
                if again.verdict is Verdict.ACCEPTED:
                    return self._await_end(again, wait)
                if again.verdict is Verdict.REFUSED:
                    cancel = again
                elif again.verdict is not Verdict.UNFINISHED:
                    return self._not_canceled(again)
            look = self._persist(self._job.describe, until=until)
        if look.verdict is Verdict.RUNNING:
            return self._failed(
                f"{self._name} is {look.words}, and its cancel was refused for {self._since(began)} s. {cancel.words}"
            )
        if look.verdict is Verdict.STOPPING:
            if wait == 0:
                return self._outcome(End.NOT_AWAITED, look.words)
            return self._failed(f"{self._name} is still {look.words} after a wait of {self._since(began)} s.")
        if look.verdict not in _ENDS:
            name = self._name[0].lower() + self._name[1:]
            return self._failed(f"The cancel was refused, and {name} can't be looked at. {cancel.words} {look.words}")
        return self._ended(look)

    def _cancel_or_see_its_end(self) -> Reply:
        cancel = self._job.cancel()
        if cancel.verdict is Verdict.PASSING and self._next_look <= self._clock.monotonic() < self._end:
            self._next_look = self._clock.monotonic() + LOOKS_EVERY
            look = self._call(self._job.describe)
            if look.verdict in _ENDS:
                return look
        return cancel

    def _not_canceled(self, cancel: Reply) -> Outcome:
        """Look once at a job whose cancel met trouble to the end: it may have ended all the same."""
        if cancel.verdict in PERSISTENCE and self._clock.monotonic() < self._end:
            look = self._call(self._job.describe)
            if look.verdict in _ENDS:
                return self._ended(look)
        return self._ended(cancel)

    def _persist(self, call: Callable[[], Reply], *, until: float) -> Reply:
        return persist(lambda: self._call(call), until=until, clock=self._clock, jitter=self._jitter)

    def _call(self, call: Callable[[], Reply]) -> Reply:
        self._calls += 1
        return call()

    def _pause(self, began: float, until: float) -> None:
        waited = self._clock.monotonic() - began
        _sleep(self._clock, min(LONGEST_PAUSE, FIRST_PAUSE + PAUSE_GROWTH * waited), until)

    def _since(self, began: float) -> str:
        return f"{self._clock.monotonic() - began:.0f}"

    def _ended(self, reply: Reply) -> Outcome:
        if reply.verdict in _ENDS:
            return self._outcome(_ENDS[reply.verdict], reply.words)
        if reply.verdict in (Verdict.PASSING, Verdict.UNFINISHED):
            return self._failed(f"{self._name} could not be ended in time. {reply.words}")
        return self._failed(reply.words)

    def _failed(self, words: str) -> Outcome:
        return self._outcome(End.FAILED, words)

    def _outcome(self, end: End, words: str) -> Outcome:
        return Outcome(end, words, round(self._clock.monotonic() - self._started, 3), self._calls)

"""Ends all jobs of a container: to a teardown they are one job, whose cancel is to list them and stop each."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from jobs.living_service import LivingService, TroubleError
from protocol.log import log
from teardown import Clock, Reply, Verdict

# Seconds after which a cancel or a look says what it has done so far, so that the teardown can keep its time.
SLICE = 10.0
# Seconds after which a stop that the service took is asked for again, if the job does not say that it is stopping.
FORGOTTEN = 60.0
# Seconds between two tries at a stop that is throttled; each pause is twice the one before it.
FIRST_PAUSE = 0.1
# How many of the jobs that did not stop a reason names.
NAMED = 3
# How many of those that were told to stop a line of the log names, far below what an event may hold (CloudWatch Logs
# quotas).
NAMED_IN_A_LINE = 200


@dataclass(frozen=True)
class Job:
    """A job that has not ended.

    Parameters
    ----------
    id : str
        What the kind stops it by.
    is_stopping : bool
        Whether the service says that it has been told to stop.
    """

    id: str
    is_stopping: bool = False


@dataclass(frozen=True)
class Pace:
    """A service's limit of stops, as a token bucket.

    Parameters
    ----------
    burst : int
        How many may be made at once.
    rate : float
        How many a second may follow.
    """

    burst: int
    rate: float


class Kind(Protocol):
    """A kind of job, and the container that its jobs run in. Any method may raise `TroubleError`."""

    service: LivingService
    """The service that is called."""
    noun: str
    """What several of its jobs are called."""
    pace: Pace
    """The limit of its stops."""
    settles_after: float
    """Seconds after which it must be seen again that no job is left; 0 believes it at once."""

    def check(self) -> Reply:
        """Look at the container once: ACCEPTED, or GONE if it is not there."""

    def unfinished(self) -> Iterator[Job]:
        """List every job that has not ended, those first that were not told to stop."""

    def stop(self, job: Job) -> None:
        """Tell a job to stop."""

    def close(self) -> str:
        """Do what is left to do once no job is left, and say what is being waited for, or ``""``."""


class Work:
    """All jobs of one container, as a teardown sees them: a `CancellableJob`.

    Parameters
    ----------
    kind : Kind
        The kind of job, with its container.
    clock : Clock, default: the time module
        The clock to go by.
    """

    def __init__(self, kind: Kind, clock: Clock = time) -> None:
        self._kind = kind
        self._clock = clock
        self._limit = _Bucket(kind.pace, clock)
        self._seen: set[str] = set()
        self._told: dict[str, float] = {}
        self._refusal = ""
        self._stopped: list[str] = []

    def cancel(self) -> Reply:
        """Tell every job to stop. What takes longer than a slice is a trouble that passes."""
        return self._round(if_untold=Verdict.PASSING, if_told=Verdict.ACCEPTED)

    def describe(self) -> Reply:
        """Tell every job to stop that was not there before, and say how many are left."""
        return self._round(if_untold=Verdict.RUNNING, if_told=Verdict.STOPPING)

    def _round(self, *, if_untold: Verdict, if_told: Verdict) -> Reply:
        until = self._clock.monotonic() + SLICE
        self._refusal = ""
        self._stopped = []
        try:
            return self._go_round(until, if_untold=if_untold, if_told=if_told)
        except TroubleError as trouble:
            return trouble.reply
        finally:
            self._log_stops()

    def _go_round(self, until: float, *, if_untold: Verdict, if_told: Verdict) -> Reply:
        seen = self._sweep(until)
        if not seen.left and self._kind.settles_after:
            self._clock.sleep(self._kind.settles_after)
            seen = self._sweep(until)
        if seen.left:
            return Reply(if_told if seen.all_told else if_untold, self._words(seen))
        if waits_for := self._kind.close():
            return Reply(if_told, waits_for)
        return Reply(Verdict.STOPPED, f"{len(self._seen):,} {self._kind.noun} stopped" if self._seen else "nothing ran")

    def _sweep(self, until: float) -> _Sweep:
        """Tell every job to stop that was not told before, as far as the time goes."""
        # Each once: what is told to stop comes again among those that were told.
        left: dict[str, None] = {}
        all_told = True
        for job in self._kind.unfinished():
            self._seen.add(job.id)
            left[job.id] = None
            if not job.is_stopping and not self._was_told(job):
                all_told &= self._stop(job, until)
            if self._clock.monotonic() >= until:
                return _Sweep(list(left), all_told=False, is_whole=False)
        return _Sweep(list(left), all_told)

    def _was_told(self, job: Job) -> bool:
        return self._clock.monotonic() - self._told.get(job.id, -FORGOTTEN) < FORGOTTEN

    def _stop(self, job: Job, until: float) -> bool:
        """Tell a job to stop, and tell whether the service took it, or would not: then only a look says why."""
        pause = FIRST_PAUSE
        while True:
            self._limit.take()
            try:
                self._kind.stop(job)
            except TroubleError as trouble:
                if not trouble.refused and trouble.reply.verdict is not Verdict.PASSING:
                    raise
                self._refusal = trouble.reply.words
                if trouble.refused:
                    return True
                if self._clock.monotonic() + pause >= until:
                    return False
                self._clock.sleep(pause)
                pause *= 2
            else:
                self._told[job.id] = self._clock.monotonic()
                self._stopped.append(job.id)
                return True

    def _log_stops(self) -> None:
        for first in range(0, len(self._stopped), NAMED_IN_A_LINE):
            some = self._stopped[first : first + NAMED_IN_A_LINE]
            log(logging.INFO, f"Told {len(some)} {self._kind.noun} to stop", stopped=some)

    def _words(self, seen: _Sweep) -> str:
        left = len(seen.left)
        names = ", ".join(re.split("[/:]", name)[-1] for name in seen.left[:NAMED])
        if left > NAMED:
            names += f" and {left - NAMED:,} more"
        noun = self._kind.noun
        stopped = f"{len(self._seen) - left:,} of {len(self._seen):,} {noun} stopped, but not {names}"
        refusal = f"; the last refusal: {self._refusal}" if self._refusal else ""
        return f"running ({stopped if seen.is_whole else f'not all {noun} were looked at yet; {names}'}{refusal})"


@dataclass(frozen=True)
class _Sweep:
    left: list[str]
    all_told: bool
    is_whole: bool = True


class _Bucket:
    """Holds calls back as a service's own limit would refuse them."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._tokens = float(pace.burst)
        self._at = clock.monotonic()

    def take(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(float(self._pace.burst), self._tokens + (now - self._at) * self._pace.rate)
        self._at = now
        if self._tokens < 1:
            self._clock.sleep((1 - self._tokens) / self._pace.rate)
        self._tokens -= 1

"""Ends all jobs of a container: to a teardown they are one job, whose cancel is to list them and stop each."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import islice
from typing import Protocol

from jobs.living_service import LivingService, TroubleError
from protocol.log import log
from teardown import PERSISTENCE, Clock, Reply, Verdict

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

    def unfinished(self) -> Iterator[list[Job]]:
        """List every job that has not ended, page by page, those first that were not told to stop."""

    def stop(self, job: Job) -> None:
        """Tell a job to stop."""

    def close(self) -> Reply:
        """Do what is left to do once no job is left: STOPPED if that is nothing, or STOPPING, RUNNING or REFUSED."""


class _Told(Enum):
    """How far a round came with telling every job to stop."""

    ALL = auto()
    REFUSED = auto()
    """The service would not stop one of them: only a look says why."""
    DENIED = auto()
    """One of them may not be stopped, or not yet, which may be of that one alone: its tags, for example."""
    NOT_ALL = auto()
    """The service took no stop of one of them in time."""
    ON_THE_WAY = auto()
    """The round ended with its slice, and not for a trouble."""


_CANCEL = {
    _Told.ALL: Verdict.ACCEPTED,
    _Told.REFUSED: Verdict.REFUSED,
    _Told.DENIED: Verdict.UNKNOWN,
    _Told.NOT_ALL: Verdict.PASSING,
    _Told.ON_THE_WAY: Verdict.UNFINISHED,
}
_DESCRIBE = {
    _Told.ALL: Verdict.STOPPING,
    _Told.REFUSED: Verdict.RUNNING,
    _Told.DENIED: Verdict.UNKNOWN,
    _Told.NOT_ALL: Verdict.RUNNING,
    _Told.ON_THE_WAY: Verdict.RUNNING,
}
# What it comes to when the container itself has to be closed.
_CLOSING = {Verdict.STOPPING: _Told.ALL, Verdict.REFUSED: _Told.REFUSED, Verdict.RUNNING: _Told.NOT_ALL}


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
        # What came of the stops of this round, and those that were taken.
        self._met: set[_Told] = set()
        self._stopped: list[str] = []
        self._sweep: _Sweep | None = None
        self._was_empty = False

    def cancel(self) -> Reply:
        """Tell every job to stop. What takes longer than a slice goes on in the next one."""
        return self._round(_CANCEL)

    def describe(self) -> Reply:
        """Tell every job to stop that was not there before, and say how many are left."""
        return self._round(_DESCRIBE)

    def _round(self, means: Mapping[_Told, Verdict]) -> Reply:
        until = self._clock.monotonic() + SLICE
        self._met, self._stopped = set(), []
        try:
            return self._go_round(until, means)
        except TroubleError as trouble:
            return self._with_what_was_done(trouble.reply)
        finally:
            self._log_stops()

    def _go_round(self, until: float, means: Mapping[_Told, Verdict]) -> Reply:
        while True:
            sweep = self._go_on(until)
            if sweep.left or not sweep.is_whole:
                self._was_empty = self._was_empty and not sweep.left
                verdict = means[self._told_by(sweep)]
                return Reply(verdict, self._words(verdict, sweep))
            if self._was_empty or not self._kind.settles_after:
                break
            self._was_empty = True
            self._clock.sleep(self._kind.settles_after)
        closing = self._kind.close()
        if closing.verdict is not Verdict.STOPPED:
            return Reply(means[_CLOSING[closing.verdict]], closing.words)
        return Reply(Verdict.STOPPED, f"{len(self._seen):,} {self._kind.noun} stopped" if self._seen else "nothing ran")

    def _go_on(self, until: float) -> _Sweep:
        """Tell every job to stop that was not told before, as far as the time goes, and the next time from there."""
        sweep = self._sweep or _Sweep(_one_by_one(self._kind.unfinished()))
        self._sweep = None  # for good, if it meets trouble
        for job in sweep.jobs:
            if job is not None:
                self._seen.add(job.id)
                sweep.left[job.id] = None
                if not job.is_stopping and not self._was_told(job):
                    told = self._stop(job, sweep, until)
                    sweep.told.add(told)
                    self._met.add(told)
            if self._clock.monotonic() >= until:
                self._sweep = sweep
                return sweep
        sweep.is_whole = True
        return sweep

    def _told_by(self, sweep: _Sweep) -> _Told:
        if sweep.is_whole:
            troubles = (_Told.NOT_ALL, _Told.DENIED, _Told.REFUSED)
            return next((told for told in troubles if told in sweep.told), _Told.ALL)
        # A slice in which the service took no stop at all is a trouble.
        if _Told.ALL in self._met or not self._met:
            return _Told.ON_THE_WAY
        return _Told.DENIED if self._met == {_Told.DENIED} else _Told.NOT_ALL

    def _was_told(self, job: Job) -> bool:
        return self._clock.monotonic() - self._told.get(job.id, -FORGOTTEN) < FORGOTTEN

    def _stop(self, job: Job, sweep: _Sweep, until: float) -> _Told:
        """Tell a job to stop."""
        pause = FIRST_PAUSE
        while True:
            self._limit.take()
            try:
                self._kind.stop(job)
            except TroubleError as trouble:
                sweep.refusal = trouble.reply.words
                if trouble.refused:
                    return _Told.REFUSED
                if trouble.reply.verdict is Verdict.UNKNOWN:
                    sweep.denial = trouble.reply.words
                    return _Told.DENIED
                if self._clock.monotonic() + pause >= until:
                    return _Told.NOT_ALL
                self._clock.sleep(pause)
                pause *= 2
            else:
                self._told[job.id] = self._clock.monotonic()
                self._stopped.append(job.id)
                return _Told.ALL

    def _log_stops(self) -> None:
        for first in range(0, len(self._stopped), NAMED_IN_A_LINE):
            some = self._stopped[first : first + NAMED_IN_A_LINE]
            log(logging.INFO, f"Told {len(some)} {self._kind.noun} to stop", stopped=some)

    def _words(self, verdict: Verdict, sweep: _Sweep) -> str:
        if verdict is Verdict.REFUSED:
            return sweep.refusal
        left, noun = len(sweep.left), self._kind.noun
        names = ", ".join(re.split("[/:]", name)[-1] for name in islice(sweep.left, NAMED))
        if left > NAMED:
            names += f" and {left - NAMED:,} more"
        if sweep.is_whole:
            words = f"{len(self._seen) - left:,} of {len(self._seen):,} {noun} stopped, but not {names}"
        else:
            words = f"not all {noun} were looked at yet{names and f'; still there: {names}'}"
        if verdict is Verdict.UNKNOWN:
            return f"{sweep.denial} ({words})"
        return f"running ({words}{sweep.refusal and f'; the last refusal: {sweep.refusal}'})"

    def _with_what_was_done(self, reply: Reply) -> Reply:
        if not self._seen or reply.verdict not in PERSISTENCE:
            return reply
        done = f"{len(self._told):,} of {len(self._seen):,} {self._kind.noun} were told to stop"
        return replace(reply, words=f"{reply.words} ({done})")


@dataclass
class _Sweep:
    """One way through the list of all jobs that have not ended, which may take several rounds."""

    jobs: Iterator[Job | None]
    # No job twice: one that is told to stop may come again, as one that is stopping.
    left: dict[str, None] = field(default_factory=dict)
    told: set[_Told] = field(default_factory=set)
    refusal: str = ""
    denial: str = ""
    is_whole: bool = False


def _one_by_one(pages: Iterator[list[Job]]) -> Iterator[Job | None]:
    """Give each job, and None after each page, because a list may have many pages without one."""
    for page in pages:
        yield from page
        yield None


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

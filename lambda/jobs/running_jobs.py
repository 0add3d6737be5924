"""Stops all jobs of a cluster, a state machine or an application: lists them, stops each, and lists them again."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from jobs.aws import AwsService
from protocol.clock import Clock
from protocol.log import log
from teardown import ServiceError, State, Step, Trouble, sentence

# Seconds after which a step returns with what it has done so far, so that the engine can keep its time.
SLICE = 10.0
# Seconds after which a stop that the service accepted is sent again, if the job does not say that it is stopping.
FORGOTTEN = 60.0
# How many of the jobs that have not stopped a reason names.
NAMED = 3
# How many of the jobs that were stopped a line of the log names, far below what an event may hold (CloudWatch Logs
# quotas).
NAMED_IN_A_LINE = 200


@dataclass(frozen=True)
class RunningJob:
    """A job that has not ended.

    Parameters
    ----------
    id : str
        What the kind stops it by.
    is_stopping : bool
        Whether the service says that it is being stopped.
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
    """A kind of job in its container: a cluster, a state machine or an application."""

    service: AwsService
    """The service that is called."""
    noun: str
    """What several of its jobs are called."""
    pace: Pace
    """The limit of its stops."""
    settles_after: float
    """Seconds after which a list without jobs must be read again; 0 believes it at once."""
    ends: Mapping[str, Step]
    """The errors of any call but `stop` that mean that nothing can run any more."""

    def exists(self) -> bool:
        """Look at the container once.

        Raises
        ------
        ServiceError
            If the call failed.
        """

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Yield every job that has not ended, page by page, those first that are not being stopped.

        Raises
        ------
        ServiceError
            If a call failed.
        """

    def stop(self, job: RunningJob) -> None:
        """Stop a job.

        Raises
        ------
        ServiceError
            If the call failed.
        """

    def close(self) -> Step | None:
        """Do what is left to do when no job is left, and return None when that is nothing.

        Raises
        ------
        ServiceError
            If a call failed.
        """


class RunningJobs:
    """All jobs of a kind in one container: what the engine stops as one.

    Parameters
    ----------
    kind : Kind
        The kind of job, with its container.
    place : str
        What a person calls the container, such as ``cluster prod``.
    clock : Clock, default: the time module
        The clock to go by.
    """

    def __init__(self, kind: Kind, place: str, clock: Clock = time) -> None:
        self._kind = kind
        self._name = f"{kind.noun[0].upper()}{kind.noun[1:]} in {place}"
        self._clock = clock
        self._limit = _Bucket(kind.pace, clock)
        self._seen: set[str] = set()
        self._stopped: dict[str, float] = {}
        # What this step has stopped, and the last error of each trouble that its stops met.
        self._stopped_now: list[str] = []
        self._errors_now: dict[Trouble, ServiceError] = {}
        self._pass: _Pass | None = None
        self._was_empty = False
        self._was_refused = False

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._kind.service.calls

    def advance(self) -> Step:
        """List every job that has not ended and stop those that were not stopped before, for a slice of time.

        Raises
        ------
        ServiceError
            If a call failed, or the service accepted no stop.
        """
        self._stopped_now, self._errors_now = [], {}
        try:
            return self._advance(self._clock.monotonic() + SLICE)
        except ServiceError as error:
            if error.code in self._kind.ends:
                return self._kind.ends[error.code]
            if self._seen:
                progress = f"{len(self._stopped):,} of {len(self._seen):,} {self._kind.noun} were told to stop."
                raise error.with_text(f"{sentence(str(error))} {progress}") from error
            raise
        finally:
            for first in range(0, len(self._stopped_now), NAMED_IN_A_LINE):
                some = self._stopped_now[first : first + NAMED_IN_A_LINE]
                log(logging.INFO, f"Told {len(some)} {self._kind.noun} to stop", stopped=some)

    def _advance(self, until: float) -> Step:
        while True:
            this = self._pass or _Pass(_one_by_one(self._kind.unfinished()))
            self._pass = None  # an error ends the pass
            self._go_through(this, until)
            if this.left or not this.is_whole:
                self._was_empty = self._was_empty and not this.left
                return self._judge(this)
            if self._was_empty or not self._kind.settles_after:
                break
            self._was_empty = True
            self._clock.sleep(self._kind.settles_after)
        step = self._kind.close()
        if step is None:
            return Step(State.ENDED, f"{len(self._seen):,} {self._kind.noun} stopped" if self._seen else "nothing ran")
        return self._look_again(step) if step.state is State.REFUSED else step

    def _go_through(self, this: _Pass, until: float) -> None:
        for job in this.jobs:
            if job is not None:
                self._seen.add(job.id)
                this.left[job.id] = None
                if not job.is_stopping and self._clock.monotonic() - self._stopped.get(job.id, -FORGOTTEN) >= FORGOTTEN:
                    self._stop(job)
            if self._clock.monotonic() >= until:
                self._pass = this
                return
        this.is_whole = True

    def _stop(self, job: RunningJob) -> None:
        self._limit.take()
        try:
            self._kind.stop(job)
        except ServiceError as error:
            self._errors_now[error.trouble] = error
        else:
            self._stopped[job.id] = self._clock.monotonic()
            self._stopped_now.append(job.id)

    def _judge(self, this: _Pass) -> Step:
        """Say what a pass comes to that has found jobs, or that is not whole."""
        this.errors |= self._errors_now
        left = self._left(this)
        errors = this.errors
        if not this.is_whole:
            # Until then, only a step in which the service accepted no stop is in trouble.
            errors = {} if self._stopped_now else self._errors_now
        for trouble in (Trouble.TRANSIENT, Trouble.UNKNOWN):
            if trouble in errors:
                # Without its code, which may mean that the job is gone, but not its container.
                raise ServiceError(trouble, f"{sentence(str(errors[trouble]))} {left}")
        if not this.is_whole:
            return Step(State.MORE, left)
        if Trouble.REJECTED in errors:
            return self._look_again(Step(State.REFUSED, f"{sentence(str(errors[Trouble.REJECTED]))} {left}"))
        return Step(State.STOPPING, left)

    def _look_again(self, refused: Step) -> Step:
        """Look at once after the first refusal, because the job may have ended just before it."""
        is_first, self._was_refused = not self._was_refused, True
        return Step(State.MORE, refused.detail) if is_first else refused

    def _left(self, this: _Pass) -> str:
        if not this.is_whole:
            return f"{self._name} are still running: not all were listed yet"
        names = ", ".join(re.split("[/:]", id_)[-1] for id_ in islice(this.left, NAMED))
        more = len(this.left) - NAMED
        return (
            f"{self._name} are still running: {len(self._seen) - len(this.left):,} of {len(self._seen):,} stopped, not"
            f" {names}{f' and {more:,} more' if more > 0 else ''}"
        )


@dataclass
class _Pass:
    """One pass through the list of all jobs that have not ended, which may take several steps."""

    jobs: Iterator[RunningJob | None]
    # No job twice: one that is being stopped may be listed again as such.
    left: dict[str, None] = field(default_factory=dict)
    # The last error of each trouble that a stop met.
    errors: dict[Trouble, ServiceError] = field(default_factory=dict)
    is_whole: bool = False


def _one_by_one(pages: Iterator[list[RunningJob]]) -> Iterator[RunningJob | None]:
    """Yield each job, and None after each page, because a list may have many pages without one."""
    for page in pages:
        yield from page
        yield None


class _Bucket:
    """Paces calls, so that the service's own limit does not reject them."""

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

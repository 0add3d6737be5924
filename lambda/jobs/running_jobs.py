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
from teardown import Failure, ServiceError, State, Step, sentence

# Seconds after which a step returns, even if it is not done, so that the engine can check the time.
SLICE = 10.0
# Seconds after which an accepted stop is sent again, if the service does not report that the job is stopping.
STOP_AGAIN_AFTER = 60.0
# How many unfinished jobs a reason names.
NAMED = 3
# How many stopped jobs a log line names, far below the maximum size of a log event (CloudWatch Logs quotas).
NAMED_IN_A_LINE = 200


@dataclass(frozen=True)
class RunningJob:
    """A job that has not ended.

    Parameters
    ----------
    id : str
        The id with which it is stopped.
    is_stopping : bool
        Whether the service reports that it is being stopped.
    """

    id: str
    is_stopping: bool = False


@dataclass(frozen=True)
class Pace:
    """A service's limit of stops, as a token bucket.

    Parameters
    ----------
    burst : int
        How many stops may be sent at once.
    rate : float
        How many may follow each second.
    """

    burst: int
    rate: float


class Kind(Protocol):
    """A kind of job in its container (a cluster, a state machine or an application)."""

    service: AwsService
    """The service that is called."""
    noun: str
    """The plural noun for its jobs, for messages."""
    pace: Pace
    """The service's limit of stops."""
    settles_after: float
    """Seconds after which a list without jobs must be read again; 0 if once is enough."""
    ends: Mapping[str, Step]
    """The errors of any call but `stop` after which no job can be running."""

    def exists(self) -> bool:
        """Return whether the container exists.

        Raises
        ------
        ServiceError
            If the call failed.
        """

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Yield every job that has not ended, page by page. Those that are being stopped come last.

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
        """Do what is needed after the last job has stopped, and return None when it is done.

        Raises
        ------
        ServiceError
            If a call failed.
        """


class RunningJobs:
    """All jobs of a kind in one container, which the engine stops as one `Job`.

    Parameters
    ----------
    kind : Kind
        The kind of job, with its container.
    place : str
        The container in a message, such as ``cluster prod``.
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
        # The jobs that this step has stopped, and the last error of each `Failure`.
        self._stopped_now: list[str] = []
        self._errors_now: dict[Failure, ServiceError] = {}
        self._pass: _Pass | None = None
        self._was_empty = False
        self._was_refused = False

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._kind.service.calls

    def advance(self) -> Step:
        """List the unfinished jobs and stop those that were not stopped before, for at most `SLICE` seconds.

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
            self._stop_listed(this, until)
            if this.left or not this.is_complete:
                self._was_empty = self._was_empty and not this.left
                return self._step_of(this)
            if self._was_empty or not self._kind.settles_after:
                break
            self._was_empty = True
            self._clock.sleep(self._kind.settles_after)
        step = self._kind.close()
        if step is None:
            return Step(State.ENDED, f"{len(self._seen):,} {self._kind.noun} stopped" if self._seen else "nothing ran")
        return self._look_again(step) if step.state is State.REFUSED else step

    def _stop_listed(self, this: _Pass, until: float) -> None:
        for job in this.jobs:
            if job is not None:
                self._seen.add(job.id)
                this.left[job.id] = None
                if (
                    not job.is_stopping
                    and self._clock.monotonic() - self._stopped.get(job.id, -STOP_AGAIN_AFTER) >= STOP_AGAIN_AFTER
                ):
                    self._stop(job)
            if self._clock.monotonic() >= until:
                self._pass = this
                return
        this.is_complete = True

    def _stop(self, job: RunningJob) -> None:
        self._limit.take()
        try:
            self._kind.stop(job)
        except ServiceError as error:
            self._errors_now[error.failure] = error
        else:
            self._stopped[job.id] = self._clock.monotonic()
            self._stopped_now.append(job.id)

    def _step_of(self, this: _Pass) -> Step:
        """Return the step of a pass that has found jobs, or is not complete."""
        this.errors |= self._errors_now
        left = self._left(this)
        errors = this.errors
        if not this.is_complete:
            # Until the pass is complete, an error counts only if the service accepted no stop in this step.
            errors = {} if self._stopped_now else self._errors_now
        for failure in (Failure.TRANSIENT, Failure.UNKNOWN):
            if failure in errors:
                # Without the code, which may mean that the job does not exist, not that its container does not.
                raise ServiceError(failure, f"{sentence(str(errors[failure]))} {left}")
        if not this.is_complete:
            return Step(State.MORE, left)
        if Failure.REJECTED in errors:
            return self._look_again(Step(State.REFUSED, f"{sentence(str(errors[Failure.REJECTED]))} {left}"))
        return Step(State.STOPPING, left)

    def _look_again(self, refused: Step) -> Step:
        """Look at once after the first refusal, because the job may have ended just before it."""
        is_first, self._was_refused = not self._was_refused, True
        return Step(State.MORE, refused.detail) if is_first else refused

    def _left(self, this: _Pass) -> str:
        if not this.is_complete:
            return f"{self._name} are still running: not all were listed yet"
        names = ", ".join(re.split("[/:]", id_)[-1] for id_ in islice(this.left, NAMED))
        more = len(this.left) - NAMED
        return (
            f"{self._name} are still running: {len(self._seen) - len(this.left):,} of {len(self._seen):,} stopped, not"
            f" {names}{f' and {more:,} more' if more > 0 else ''}"
        )


@dataclass
class _Pass:
    """One pass through the list of all unfinished jobs, which may take several steps."""

    jobs: Iterator[RunningJob | None]
    # Each job once: it may be listed again while it is being stopped.
    left: dict[str, None] = field(default_factory=dict)
    # The last error of each `Failure` of a stop.
    errors: dict[Failure, ServiceError] = field(default_factory=dict)
    is_complete: bool = False


def _one_by_one(pages: Iterator[list[RunningJob]]) -> Iterator[RunningJob | None]:
    """Yield each job, and None after each page, because a list may have many pages without jobs."""
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

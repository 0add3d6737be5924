"""Stops all jobs of a cluster, a state machine or an application: lists them, stops each, and lists them again."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from jobs.aws import AwsService
from protocol.clock import Clock
from protocol.log import log
from teardown import Failure, ServiceError, State, Step, sentence

# How long a step may take, in seconds. It then returns unfinished, so that the engine can check the time.
SLICE = 10.0
# Seconds after which an accepted stop is sent again, if the service does not report that the job is stopping.
STOP_AGAIN_AFTER = 60.0
# How many stops run at the same time at most: 40 a second, if a call takes a quarter of a second.
CONCURRENT_STOPS = 10
# How many unfinished jobs a reason names.
NAMED_IN_A_REASON = 3
# How many stopped jobs a log line names. The line stays far below the maximum size of a log event (CloudWatch Logs
# quotas).
NAMED_IN_A_LINE = 200


@dataclass(frozen=True)
class RunningJob:
    """A job that has not ended.

    Parameters
    ----------
    id : str
        The id with which it is stopped.
    is_stopping : bool, default: False
        Whether it is already being stopped, so that it must not be stopped again now.
    note : str, default: empty
        Why it has not ended, for the reason of a failed Delete.
    """

    id: str
    is_stopping: bool = False
    note: str = ""


@dataclass(frozen=True)
class Pace:
    """A service's limit of stops, as a token bucket.

    Parameters
    ----------
    burst : int
        How many stops may be sent at once.
    rate : float
        How many more may be sent each second.
    """

    burst: int
    rate: float


class Kind(Protocol):
    """A kind of job in its container (a cluster, a state machine or an application)."""

    service: AwsService
    """The service that is called."""
    pace: Pace
    """The service's limit of stops."""
    settles_after: float
    """Seconds after which a list without jobs must be read again; 0 if one list is enough."""
    ends: Mapping[str, Step]
    """Error code, of any call but `stop`, that means that no job can be running -> the step to return."""

    @property
    def noun(self) -> str:
        """The name of its jobs in messages, in the plural, such as ``tasks``."""

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
        """Do what the container needs after the last job has stopped, and return None when that is done.

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
        self._place = place
        self._clock = clock
        self._limit = _Bucket(kind.pace, clock)
        self._seen: set[str] = set()
        self._stopped: dict[str, float] = {}
        # Of this step: the jobs whose stop was accepted, and the last error of the stops, for each `Failure`.
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
                stopped, seen = len(self._stopped), len(self._seen)
                progress = f"The service accepted the stop of {stopped:,} of {seen:,} {self._kind.noun}."
                raise error.with_text(f"{sentence(str(error))} {progress}") from error
            raise
        finally:
            for first in range(0, len(self._stopped_now), NAMED_IN_A_LINE):
                some = self._stopped_now[first : first + NAMED_IN_A_LINE]
                log(logging.INFO, f"The service accepted the stop of {len(some)} {self._kind.noun}", stopped=some)

    def _advance(self, until: float) -> Step:
        while True:
            this = self._pass or self._new_pass()
            self._pass = None  # after an error, the list is read from its beginning
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

    def _new_pass(self) -> _Pass:
        return _Pass(_batches(self._kind.unfinished(), min(CONCURRENT_STOPS, self._kind.pace.burst)))

    def _stop_listed(self, this: _Pass, until: float) -> None:
        for batch in this.batches:
            self._seen.update(job.id for job in batch)
            this.left |= {job.id: job.note for job in batch}
            self._stop(dict.fromkeys(job for job in batch if not job.is_stopping and self._is_due(job)))
            if self._clock.monotonic() >= until:
                self._pass = this
                return
        this.is_complete = True

    def _is_due(self, job: RunningJob) -> bool:
        return self._clock.monotonic() - self._stopped.get(job.id, -STOP_AGAIN_AFTER) >= STOP_AGAIN_AFTER

    def _stop(self, jobs: Collection[RunningJob]) -> None:
        """Stop the jobs of a batch at the same time."""
        if not jobs:
            return
        self._limit.take(len(jobs))
        with ThreadPoolExecutor(len(jobs)) as threads:
            errors = list(threads.map(self._stop_one, jobs))
        for job, error in zip(jobs, errors, strict=True):
            if error:
                self._errors_now[error.failure] = error
            else:
                self._stopped[job.id] = self._clock.monotonic()
                self._stopped_now.append(job.id)

    def _stop_one(self, job: RunningJob) -> ServiceError | None:
        try:
            self._kind.stop(job)
        except ServiceError as error:
            return error
        return None

    def _step_of(self, this: _Pass) -> Step:
        """Return the step after a pass that has found jobs or is not complete."""
        this.errors |= self._errors_now
        left = self._left(this)
        errors = this.errors
        if not this.is_complete:
            # Until the pass is complete, an error counts only if the service accepted no stop in this step.
            errors = {} if self._stopped_now else self._errors_now
        for failure in (Failure.TRANSIENT, Failure.UNKNOWN):
            if failure in errors:
                # Without the error code: for a stop, it may mean that the job does not exist, not the container.
                raise ServiceError(failure, f"{sentence(str(errors[failure]))} {left}")
        if not this.is_complete:
            return Step(State.MORE, left)
        if Failure.REJECTED in errors:
            return self._look_again(Step(State.REFUSED, f"{sentence(str(errors[Failure.REJECTED]))} {left}"))
        return Step(State.STOPPING, left)

    def _look_again(self, refused: Step) -> Step:
        """List the jobs again at once after the first refusal, because the job may have ended just before it."""
        is_first, self._was_refused = not self._was_refused, True
        return Step(State.MORE, refused.detail) if is_first else refused

    def _left(self, this: _Pass) -> str:
        noun = self._kind.noun
        jobs = f"{noun[0].upper()}{noun[1:]} in {self._place}"
        if not this.is_complete:
            return f"{jobs} may still be running: not all were listed yet"
        named = islice(this.left.items(), NAMED_IN_A_REASON)
        names = ", ".join(re.split("[/:]", id_)[-1] + (note and f" ({note})") for id_, note in named)
        more = len(this.left) - NAMED_IN_A_REASON
        return (
            f"{jobs} are still running: {names}{f' and {more:,} more' if more > 0 else ''}."
            f" {len(self._seen) - len(this.left):,} of {len(self._seen):,} stopped"
        )


@dataclass
class _Pass:
    """One reading of the list of all unfinished jobs, with their stops. It may take several steps."""

    batches: Iterator[list[RunningJob]]
    # The unfinished jobs, id -> note. A list may name a job twice while it is being stopped.
    left: dict[str, str] = field(default_factory=dict)
    # The last error of the stops, for each `Failure`.
    errors: dict[Failure, ServiceError] = field(default_factory=dict)
    is_complete: bool = False


def _batches(pages: Iterator[list[RunningJob]], width: int) -> Iterator[list[RunningJob]]:
    """Yield at most `width` jobs at a time. Yield an empty page, too, so that the time is checked after each page."""
    for page in pages:
        for first in range(0, max(1, len(page)), width):
            yield page[first : first + width]


class _Bucket:
    """Delays calls so that they stay within the service's limit."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._tokens = float(pace.burst)
        self._at = clock.monotonic()

    def take(self, calls: int) -> None:
        now = self._clock.monotonic()
        self._tokens = min(float(self._pace.burst), self._tokens + (now - self._at) * self._pace.rate)
        self._at = now
        if self._tokens < calls:
            self._clock.sleep((calls - self._tokens) / self._pace.rate)
        self._tokens -= calls

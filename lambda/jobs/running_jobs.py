"""Stops all jobs of a cluster, a state machine or an application: lists them, stops each, and lists them again."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from jobs.aws import AwsService
from protocol.clock import Clock
from protocol.log import log
from teardown import Failure, ServiceError, State, Step, sentence

# After this many seconds, a step returns even if it is not complete, so that the engine can check the time.
STEP_SECONDS = 10.0
# Seconds after which an accepted stop is sent again, if the service does not report that the job is stopping.
STOP_AGAIN_AFTER = 60.0
# The most stops that run at the same time. If a call takes a quarter of a second, that is 40 stops a second.
CONCURRENT_STOPS = 10
# The most unfinished jobs that the reason of a failed Delete names.
NAMED_IN_A_REASON = 3
# The most jobs that a log line names, so that the line stays far below the maximum size of a log event (CloudWatch Logs
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
    """A service's limit for calls that stop a job, as a token bucket.

    Parameters
    ----------
    burst : int
        How many calls may be made at once.
    rate : float
        How many more calls may be made each second.
    """

    burst: int
    rate: float


class Kind(Protocol):
    """The jobs of one kind in a container (a cluster, a state machine or an application)."""

    service: AwsService
    """The service that is called."""
    pace: Pace
    """The service's limit for `stop`."""
    list_again_after: float
    """After a list without jobs, the seconds until the list must be read again; 0 if one such list is enough."""
    final_steps: Mapping[str, Step]
    """Error code that means that no job can be running -> the step to return. Error codes of `stop` do not count."""

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
        """Yield every job that has not ended, in pages. Jobs that are being stopped come last.

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

    def make_deletable(self) -> Step | None:
        """After the last job has stopped, do what the container needs before CloudFormation can delete it.

        Returns
        -------
        Step or None
            None, when nothing is left to do.

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
    clock : Clock
        The clock to go by.
    """

    def __init__(self, kind: Kind, place: str, clock: Clock) -> None:
        self._kind = kind
        self._place = place
        self._clock = clock
        self._limit = _Bucket(kind.pace, clock)
        self._seen: set[str] = set()
        # The id of a job -> when the service accepted its stop.
        self._accepted: dict[str, float] = {}
        # In this step: the jobs whose stop was accepted, and the last error of a stop for each `Failure`.
        self._accepted_now: list[str] = []
        self._errors_now: dict[Failure, ServiceError] = {}
        self._listing: _Listing | None = None
        self._was_empty = False
        self._was_refused = False

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._kind.service.calls

    def advance(self) -> Step:
        """List the unfinished jobs and stop the new ones. After `STEP_SECONDS`, return before all are listed.

        Raises
        ------
        ServiceError
            If a call failed, or the service accepted no stop.
        """
        self._accepted_now, self._errors_now = [], {}
        try:
            return self._advance(self._clock.monotonic() + STEP_SECONDS)
        except ServiceError as error:
            if error.code in self._kind.final_steps:
                return self._kind.final_steps[error.code]
            if self._seen:
                accepted, seen = len(self._accepted), len(self._seen)
                progress = f"The service accepted the stop of {accepted:,} of {seen:,} {self._kind.noun}."
                raise error.with_text(f"{sentence(str(error))} {progress}") from error
            raise
        finally:
            for first in range(0, len(self._accepted_now), NAMED_IN_A_LINE):
                some = self._accepted_now[first : first + NAMED_IN_A_LINE]
                log(logging.INFO, f"The service accepted the stop of {len(some)} {self._kind.noun}", stopped=some)

    def _advance(self, until: float) -> Step:
        while True:
            listing = self._listing or self._new_listing()
            self._listing = None  # after an error, the list is read from its beginning
            self._stop_listed(listing, until)
            if listing.unfinished or not listing.is_complete:
                self._was_empty = self._was_empty and not listing.unfinished
                return self._step_of(listing)
            if self._was_empty or not self._kind.list_again_after:
                break
            self._was_empty = True
            self._clock.sleep(self._kind.list_again_after)
        step = self._kind.make_deletable()
        if step is None:
            return Step(State.ENDED, f"{len(self._seen):,} {self._kind.noun} stopped" if self._seen else "nothing ran")
        return self._look_again(step) if step.state is State.REFUSED else step

    def _new_listing(self) -> _Listing:
        return _Listing(_batches(self._kind.unfinished(), min(CONCURRENT_STOPS, self._kind.pace.burst)))

    def _stop_listed(self, listing: _Listing, until: float) -> None:
        for batch in listing.batches:
            self._seen.update(job.id for job in batch)
            listing.unfinished |= {job.id: job.note for job in batch}
            self._stop(dict.fromkeys(job for job in batch if not job.is_stopping and self._is_due(job)))
            if self._clock.monotonic() >= until:
                self._listing = listing
                return
        listing.is_complete = True

    def _is_due(self, job: RunningJob) -> bool:
        accepted = self._accepted.get(job.id)
        return accepted is None or self._clock.monotonic() - accepted >= STOP_AGAIN_AFTER

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
                self._accepted[job.id] = self._clock.monotonic()
                self._accepted_now.append(job.id)

    def _stop_one(self, job: RunningJob) -> ServiceError | None:
        try:
            self._kind.stop(job)
        except ServiceError as error:
            return error
        return None

    def _step_of(self, listing: _Listing) -> Step:
        """Return the step for a listing that has found jobs or is not complete."""
        listing.errors |= self._errors_now
        progress = self._progress(listing)
        errors = listing.errors
        if not listing.is_complete:
            # Until the listing is complete, an error counts only if the service accepted no stop in this step.
            errors = {} if self._accepted_now else self._errors_now
        for failure in (Failure.TRANSIENT, Failure.UNKNOWN):
            if failure in errors:
                # Without the error code: for a stop, it may mean that the job does not exist, not the container.
                raise ServiceError(failure, f"{sentence(str(errors[failure]))} {progress}")
        if not listing.is_complete:
            return Step(State.MORE, progress)
        if Failure.REJECTED in errors:
            return self._look_again(Step(State.REFUSED, f"{sentence(str(errors[Failure.REJECTED]))} {progress}"))
        return Step(State.STOPPING, progress)

    def _look_again(self, refused: Step) -> Step:
        """List the jobs again at once after the first refusal, because the job may have ended just before it."""
        is_first, self._was_refused = not self._was_refused, True
        return Step(State.MORE, refused.detail) if is_first else refused

    def _progress(self, listing: _Listing) -> str:
        noun = self._kind.noun
        jobs = f"{noun[0].upper()}{noun[1:]} in {self._place}"
        if not listing.is_complete:
            return f"{jobs} may still be running: not all were listed yet"
        named = islice(listing.unfinished.items(), NAMED_IN_A_REASON)
        names = ", ".join(re.split("[/:]", id_)[-1] + (note and f" ({note})") for id_, note in named)
        more = len(listing.unfinished) - NAMED_IN_A_REASON
        return (
            f"{jobs} are still running: {names}{f' and {more:,} more' if more > 0 else ''}."
            f" {len(self._seen) - len(listing.unfinished):,} of {len(self._seen):,} stopped"
        )


@dataclass
class _Listing:
    """A list of all unfinished jobs that is being read, while the jobs are stopped. It may take several steps."""

    batches: Iterator[list[RunningJob]]
    # The id of each unfinished job -> its note. The service may list a job twice while it is being stopped.
    unfinished: dict[str, str] = field(default_factory=dict)
    # The last error of a stop for each `Failure`.
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

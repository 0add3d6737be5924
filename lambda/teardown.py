"""The engine of a Delete: one loop over `Job.advance()` that knows time and retries, and no service."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Protocol, TypeVar

from protocol.clock import Clock
from protocol.outcome import Outcome, Result

T = TypeVar("T")

# Seconds. The pause between two steps is FIRST_PAUSE plus PAUSE_GROWTH times the time already waited, and at most
# LONGEST_PAUSE. So it is short when a job stops soon, and a long wait makes few calls.
FIRST_PAUSE = 0.5
PAUSE_GROWTH = 0.1
LONGEST_PAUSE = 10.0

FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 20.0


class Failure(Enum):
    """Why a call failed, as far as that decides how long to retry it."""

    TRANSIENT = auto()
    """A transient error, such as throttling: retry while there is time."""
    UNKNOWN = auto()
    """It may be transient, such as a permission that has not propagated yet: retry for a minute."""
    REJECTED = auto()
    """The service rejected the request; a later try may succeed: retry for a minute."""


# How long to retry, in seconds, if there is time.
RETRY_SECONDS = {Failure.TRANSIENT: inf, Failure.UNKNOWN: 60.0, Failure.REJECTED: 60.0}


class ServiceError(Exception):
    """A call to AWS failed.

    Parameters
    ----------
    failure : Failure
        Decides how long to retry the call.
    text : str
        The error in a sentence for a person, with the name of the operation.
    code, message : str, default: empty
        The error in the service's answer.
    status : int, default: 0
        The HTTP status of the answer; 0 if there was none.
    """

    def __init__(self, failure: Failure, text: str, *, code: str = "", message: str = "", status: int = 0) -> None:
        super().__init__(text)
        self.failure = failure
        self.code = code
        self.message = message
        self.status = status

    def with_text(self, text: str) -> ServiceError:
        """Return the same error with another text."""
        return ServiceError(self.failure, text, code=self.code, message=self.message, status=self.status)


class State(Enum):
    """The state of a job after a step."""

    ENDED = auto()
    """It has stopped, or it does not exist."""
    STOPPING = auto()
    """The service is stopping it."""
    REFUSED = auto()
    """It is running, and the service refuses to stop it now."""
    MORE = auto()
    """There is more to do: call `advance` again at once."""


@dataclass(frozen=True)
class Step:
    """The result of one step.

    Parameters
    ----------
    state : State
        The state of the job.
    detail : str
        The state for a person, without a period at the end.
    result : Result, default: Result.STOPPED
        The result of the Delete, if the job has ended.
    """

    state: State
    detail: str
    result: Result = Result.STOPPED


class Job(Protocol):
    """What the engine stops: one job, or all jobs of a cluster, state machine or application."""

    @property
    def calls(self) -> int:
        """How many API calls it has made."""

    def advance(self) -> Step:
        """Make the next calls, and return the state of the job.

        Raises
        ------
        ServiceError
            If a call to AWS failed. The next `advance` continues from there.
        """


class _Retries:
    """Decides whether to retry a failed call, and pauses before each try with backoff and jitter."""

    def __init__(self, clock: Clock, jitter: Callable[[], float]) -> None:
        self._clock = clock
        self._jitter = jitter
        self.succeeded()

    def succeeded(self) -> None:
        """Reset the backoff and the time that retries have taken."""
        self._retry_seconds = 0.0
        self._backoff = FIRST_BACKOFF

    def pause(self, failure: Failure, *, began: float, until: float) -> bool:
        """Pause before the next try, or return False if the time is up.

        Parameters
        ----------
        failure : Failure
            Decides how long to retry.
        began : float
            When the failed call began, in seconds by the clock.
        until : float
            When to give up in any case, in seconds by the clock.
        """
        # The time for retries begins with the first failure. A failure with another time for retries begins it again.
        if self._retry_seconds != RETRY_SECONDS[failure]:
            self._retry_seconds, self._since = RETRY_SECONDS[failure], began
        left = min(until, self._since + self._retry_seconds) - self._clock.monotonic()
        if left <= 0:
            return False
        self._clock.sleep(min(left, self._backoff * (0.5 + 0.5 * self._jitter())))
        self._backoff = min(LONGEST_BACKOFF, self._backoff * 2)
        return True


def retry(call: Callable[[], T], *, until: float, clock: Clock, jitter: Callable[[], float] = random.random) -> T:
    """Make a call, and retry it while it fails and there is time.

    Parameters
    ----------
    call : callable
        Makes the call once.
    until : float
        When to give up, in seconds by the clock.
    clock, jitter
        As `tear_down` takes them.

    Raises
    ------
    ServiceError
        The last error, if no call succeeded.
    """
    retries = _Retries(clock, jitter)
    while True:
        began = clock.monotonic()
        try:
            return call()
        except ServiceError as error:
            if not retries.pause(error.failure, began=began, until=until):
                raise


def tear_down(
    job: Job,
    *,
    wait: float,
    time_left: float,
    clock: Clock,
    jitter: Callable[[], float] = random.random,
) -> Outcome:
    """Stop a job and wait until it has stopped.

    Parameters
    ----------
    job : Job
        The job.
    wait : float
        The longest time to wait, in seconds. It begins when the service accepts the stop, or when the job is found
        running after a refusal. With 0, the Delete ends as soon as the service is stopping the job.
    time_left : float
        The longest time for all calls and waits, in seconds.
    clock : Clock
        The clock that measures these times.
    jitter : callable, default: random.random
        Returns a number from 0 to 1, which varies the backoff.

    Returns
    -------
    Outcome
        The outcome of the Delete. A failure is an outcome, not an exception.
    """
    return _TearDown(job, wait, time_left, clock, jitter).run()


class _TearDown:
    def __init__(self, job: Job, wait: float, time_left: float, clock: Clock, jitter: Callable[[], float]) -> None:
        self._job = job
        self._wait = wait
        self._clock = clock
        self._retries = _Retries(clock, jitter)
        self._started = clock.monotonic()
        # When to give up: at the deadline, or earlier once the wait has begun.
        self._until = self._deadline = self._started + time_left
        self._waiting_for: State | None = None
        self._waiting_since = 0.0

    def run(self) -> Outcome:
        is_more = False
        while True:
            began = self._clock.monotonic()
            try:
                step = self._job.advance()
            except ServiceError as error:
                if not self._retries.pause(error.failure, began=began, until=self._until):
                    return self._failed(str(error), "Tried for", self._started)
                continue
            self._retries.succeeded()
            if step.state is State.ENDED:
                return self._outcome(step.result, step.detail)
            if step.state is not State.MORE and (done := self._await(step)):
                return done
            # A first MORE is followed by another step even if the time is up: the job may have ended just before the
            # service refused to stop it, and only the next step shows that.
            was_more, is_more = is_more, step.state is State.MORE
            if is_more and was_more and self._clock.monotonic() >= self._until:
                return self._failed(step.detail, "Tried for", self._started)

    def _await(self, step: Step) -> Outcome | None:
        """Pause until the next step is due, or return the outcome if the wait is over."""
        now = self._clock.monotonic()
        # The wait begins once, and again when the service accepts the stop after a refusal.
        begins = self._waiting_for is None or (self._waiting_for, step.state) == (State.REFUSED, State.STOPPING)
        if begins:
            self._waiting_for, self._waiting_since = step.state, now
            self._until = min(self._deadline, now + self._wait)
        if step.state is State.STOPPING:
            if self._wait == 0:
                return self._outcome(Result.NOT_AWAITED, step.detail)
            if begins:
                return None  # without a pause, because the job may stop at once
        if now >= self._until:
            return self._failed(step.detail, "Waited", self._waiting_since)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE + PAUSE_GROWTH * (now - self._waiting_since))
        self._clock.sleep(min(pause, self._until - now))
        return None

    def _failed(self, detail: str, verb: str, since: float) -> Outcome:
        elapsed = self._clock.monotonic() - since
        return self._outcome(Result.FAILED, f"{sentence(detail)} {verb} {elapsed:.0f} s.")

    def _outcome(self, result: Result, detail: str) -> Outcome:
        return Outcome(result, detail, round(self._clock.monotonic() - self._started, 3), self._job.calls)


def sentence(text: str) -> str:
    """Return a text with a period at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."

"""The engine of a Delete: when it calls, for how long it retries and waits, and what it says in the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from protocol.outcome import Outcome, Result
from teardown import Failure, ServiceError, State, Step, retry, sentence, tear_down
from tests.network import SetClock

STOPPING = Step(State.STOPPING, "Canceling")
REFUSED = Step(State.REFUSED, "Not now")
MORE = Step(State.MORE, "3 of 41 told")
STOPPED = Step(State.ENDED, "Canceled")

TRANSIENT = ServiceError(Failure.TRANSIENT, "Rate exceeded")
UNKNOWN = ServiceError(Failure.UNKNOWN, "Denied!")
REJECTED = ServiceError(Failure.REJECTED, "Odd.")

RETIRED = Step(State.ENDED, "It is over", Result.RETIRED)

# When a call that fails again and again is made, with the longest pauses.
TRIES = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 51.5]
MINUTE = [*TRIES, 60]

Play = Step | ServiceError


class Script:
    """A job whose steps are written down, the last of them for ever, each with the seconds that it takes.

    Parameters
    ----------
    plays : iterable of Step or ServiceError
        The steps.
    seconds : float
        How long each takes.

    Attributes
    ----------
    at : list of float
        When each step began.
    """

    def __init__(self, plays: Iterable[Play], seconds: float = 0) -> None:
        self.clock = SetClock()
        self.at: list[float] = []
        self._started = self.clock.now
        self._plays = iter(plays)
        self._play: Play = STOPPED
        self._seconds = seconds

    @property
    def calls(self) -> int:
        return 2 * len(self.at)

    def advance(self) -> Step:
        self.at.append(self.clock.now - self._started)
        self.clock.now += self._seconds
        self._play = next(self._plays, self._play)
        if isinstance(self._play, ServiceError):
            raise self._play
        return self._play

    def run(self, *, wait: float = 300, time_left: float = 880, jitter: float = 1) -> Outcome:
        return tear_down(self, wait=wait, time_left=time_left, clock=self.clock, jitter=lambda: jitter)


@dataclass(frozen=True)
class Case:
    """The steps of a job, and what the engine makes of them.

    Parameters
    ----------
    plays : list of Step or ServiceError
        The steps.
    detail, seconds, result
        The outcome.
    at : list
        When each step began. With an Ellipsis at the end, these are only the first ones.
    wait, time_left : float
        The times that the engine has.
    each : float
        How long each step takes.
    """

    plays: list[Play]
    detail: str
    seconds: float
    at: list[Any]
    result: Result = Result.FAILED
    wait: float = 300
    time_left: float = 880
    each: float = 0


DONE = Result.STOPPED
CASES = {
    "ended already": Case([STOPPED], "Canceled", 0, [0], DONE),
    "ended later": Case([STOPPING, STOPPING, RETIRED], "It is over", 0.5, [0, 0, 0.5], Result.RETIRED),
    "seconds in thousandths": Case([MORE, STOPPED], "Canceled", 0.247, [0, 0.12344], DONE, each=0.12344),
    # Errors.
    "a transient error": Case(
        [TRANSIENT],
        "Rate exceeded. Tried for 200 s.",
        200,
        [*TRIES, *(51.5 + 20 * more for more in range(1, 8)), 200],
        time_left=200,
    ),
    "an unknown error": Case([UNKNOWN], "Denied! Tried for 60 s.", 60, MINUTE),
    "a rejection": Case([REJECTED], "Odd. Tried for 60 s.", 60, MINUTE),
    "an unknown error, with less time": Case([UNKNOWN], "Denied! Tried for 16 s.", 16, [*TRIES[:6], 16], time_left=16),
    "a minute from the beginning of the first call": Case(
        [UNKNOWN], "Denied! Tried for 76 s.", 76.5, [0, 25.5, 51.5], each=25
    ),
    "a minute for another kind": Case([*[TRANSIENT] * 6, UNKNOWN], "Denied! Tried for 92 s.", 91.5, [*TRIES[:7], ...]),
    "a minute again after another kind": Case(
        [*[UNKNOWN] * 6, TRANSIENT, UNKNOWN], "Denied! Tried for 112 s.", 111.5, [*TRIES, ...]
    ),
    "a minute for what may stay": Case([*[UNKNOWN] * 5, REJECTED], "Odd. Tried for 60 s.", 60, MINUTE),
    "a minute again after a success": Case(
        [*[UNKNOWN] * 7, MORE, UNKNOWN], "Denied! Tried for 112 s.", 111.5, [*TRIES, *(51.5 + at for at in MINUTE)]
    ),
    "errors that pass": Case(
        [*[UNKNOWN] * 8, STOPPING, *[REJECTED] * 8, *[TRANSIENT] * 3, STOPPED],
        "Canceled",
        180,
        [*TRIES, 60, 60, ...],
        DONE,
    ),
    # More to do.
    "more": Case([*[MORE] * 20, STOPPED], "Canceled", 210, [*range(0, 201, 10)], DONE, each=10),
    "more than there is time": Case(
        [MORE], "3 of 41 told. Tried for 100 s.", 100, [*range(0, 91, 10)], time_left=100, each=10
    ),
    "more than the wait": Case(
        [STOPPING, MORE], "3 of 41 told. Tried for 40 s.", 40, [0, 10, 20, 30], wait=30, each=10
    ),
    "no time for the look after a refusal": Case([MORE, STOPPED], "Canceled", 20, [0, 10], DONE, time_left=-5, each=10),
    # The wait.
    "a wait": Case([STOPPING], "Canceling. Waited 60 s.", 60, [0, 0, 0.5, 1.05, ...], wait=60),
    "a wait after a refusal": Case([REFUSED], "Not now. Waited 60 s.", 60, [0, 0.5, 1.05, ...], wait=60),
    "a wait, with less time": Case([STOPPING], "Canceling. Waited 30 s.", 30, [0, ...], wait=60, time_left=30),
    "a wait after a refusal, with less time": Case([REFUSED], "Not now. Waited 30 s.", 30, [0, ...], time_left=30),
    "a wait after more and errors": Case(
        [MORE, *[TRANSIENT] * 4, STOPPING], "Canceling. Waited 10 s.", 17.5, [0, *TRIES[:5], 7.5, 8, ...], wait=10
    ),
    "a wait of 0": Case([MORE, TRANSIENT, STOPPING], "Canceling", 0.5, [0, 0, 0.5], Result.NOT_AWAITED, wait=0),
    "a wait of 0 after a refusal": Case([REFUSED], "Not now. Waited 0 s.", 0, [0], wait=0),
    **{
        f"a wait, with {error} after {step.detail}": Case(
            [step, error], f"{text} Tried for 20 s.", 20, [0, ...], wait=20
        )
        for step in (STOPPING, REFUSED)
        for error, text in ((TRANSIENT, "Rate exceeded."), (UNKNOWN, "Denied!"))
    },
    "a wait that starts again when a refused stop is accepted": Case(
        [*[REFUSED] * 4, STOPPING],
        "Canceling. Waited 60 s.",
        62.32,
        [0, 0.5, 1.05, 1.655, 2.3205, 2.3205, 2.8205, ...],
        wait=60,
    ),
    "a wait that starts again only once": Case(
        [REFUSED, STOPPING] * 99, "Canceling. Waited 60 s.", 60.5, [0, 0.5, 0.5, 1, ...], wait=60
    ),
    "a wait that does not start again for a refusal": Case(
        [*[STOPPING] * 3, REFUSED], "Not now. Waited 60 s.", 60, [0, 0, ...], wait=60
    ),
    # Even without time, the first step is made.
    "stopping, without time": Case([STOPPING], "Canceling. Waited 0 s.", 0, [0, 0], time_left=-5),
    "refused, without time": Case([REFUSED], "Not now. Waited 0 s.", 0, [0], time_left=-5),
    "more, without time": Case([MORE], "3 of 41 told. Tried for 0 s.", 0, [0, 0], time_left=-5),
    "an error, without time": Case([TRANSIENT], "Rate exceeded. Tried for 0 s.", 0, [0], time_left=-5),
}


class TestTearDown:
    @pytest.mark.parametrize("case", CASES.values(), ids=CASES)
    def test_has_its_outcome_in_time(self, case: Case) -> None:
        script = Script(case.plays, case.each)
        outcome = script.run(wait=case.wait, time_left=case.time_left)
        assert outcome == Outcome(case.result, case.detail, case.seconds, 2 * len(script.at))
        is_whole = case.at[-1] is not ...
        known = case.at if is_whole else case.at[:-1]
        assert (script.at if is_whole else script.at[: len(known)]) == pytest.approx(known)

    def test_has_pauses_that_grow_to_ten_seconds(self) -> None:
        script = Script([STOPPING])
        script.run(wait=800)
        assert script.clock.pauses[:-1] == sorted(script.clock.pauses[:-1])
        assert max(script.clock.pauses) == 10

    @pytest.mark.parametrize(("jitter", "pauses"), [(0, [0.25, 0.5, 1]), (0.5, [0.375, 0.75, 1.5])])
    def test_retries_at_spread_times(self, jitter: float, pauses: list[float]) -> None:
        script = Script([TRANSIENT, TRANSIENT, TRANSIENT, STOPPED])
        script.run(jitter=jitter)
        assert script.clock.pauses == pauses


def test_an_error_keeps_what_it_is_with_another_text() -> None:
    error = ServiceError(Failure.UNKNOWN, "Denied", code="AccessDenied", message="No", status=403)
    other = error.with_text("Denied. 3 of 41 told.")
    assert str(other) == "Denied. 3 of 41 told."
    assert vars(other) == vars(error) == {**vars(UNKNOWN), "code": "AccessDenied", "message": "No", "status": 403}
    assert vars(UNKNOWN) == {"failure": Failure.UNKNOWN, "code": "", "message": "", "status": 0}


class TestRetry:
    def test_returns_what_the_call_returns_once_it_succeeds(self) -> None:
        script = Script([TRANSIENT, UNKNOWN, STOPPING])
        assert retry(script.advance, until=1060, clock=script.clock, jitter=lambda: 1) is STOPPING
        assert script.clock.pauses == [0.5, 1]

    def test_raises_the_last_error_when_its_time_is_up(self) -> None:
        script = Script([TRANSIENT, UNKNOWN], seconds=25)
        with pytest.raises(ServiceError) as error:
            retry(script.advance, until=script.clock.now + 800, clock=script.clock, jitter=lambda: 1)
        assert error.value is UNKNOWN
        assert script.at == [0, 25.5, 51.5, 78.5]


@pytest.mark.parametrize(
    ("text", "written"), [("No", "No."), ("No.", "No."), ("No!", "No!"), ("No?", "No?"), ("'No.'", "'No.'.")]
)
def test_a_sentence_has_one_period(text: str, written: str) -> None:
    assert sentence(text) == written

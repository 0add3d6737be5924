"""The engine of a Delete: when it calls, for how long it retries and waits, and what it says in the end."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

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

# When a call that fails again and again is made in a minute, with the longest pauses.
TRIES = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 51.5, 60]

Play = Step | ServiceError


class Script:
    """A job whose steps are written down, the last of them for ever, each with the seconds that it takes.

    Parameters
    ----------
    plays : iterable of Step or ServiceError
        The steps.
    seconds : float
        How long each takes.
    """

    def __init__(self, plays: Iterable[Play], seconds: float = 0) -> None:
        self.clock = SetClock()
        self.at: list[float] = []
        """When each step began."""
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


class TestOutcome:
    @pytest.mark.parametrize("result", [Result.STOPPED, Result.GONE, Result.RETIRED])
    def test_is_the_result_and_the_detail_of_the_last_step_and_the_calls_of_the_job(self, result: Result) -> None:
        script = Script([STOPPING, STOPPING, Step(State.ENDED, "It is over", result)])
        assert script.run() == Outcome(result, "It is over", 0.5, 6)

    def test_of_a_job_that_has_ended_already_takes_one_step_and_no_pause(self) -> None:
        script = Script([STOPPED])
        assert script.run() == Outcome(Result.STOPPED, "Canceled", 0, 2)
        assert script.clock.pauses == []

    def test_has_its_seconds_in_thousandths(self) -> None:
        assert Script([MORE, STOPPED], seconds=0.12344).run().seconds == 0.247


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "time_left", "reason"),
        [
            (TRANSIENT, 200, "Rate exceeded. Tried for 200 s."),
            (UNKNOWN, 880, "Denied! Tried for 60 s."),
            (REJECTED, 880, "Odd. Tried for 60 s."),
            (UNKNOWN, 20, "Denied! Tried for 20 s."),
        ],
        ids=str,
    )
    def test_are_retried_while_there_is_time_or_for_a_minute(
        self, error: ServiceError, time_left: float, reason: str
    ) -> None:
        script = Script([error])
        outcome = script.run(time_left=time_left)
        tries = [at for at in (*TRIES[:-1], *(51.5 + 20 * more for more in range(1, 8))) if at < outcome.seconds]
        assert (outcome.result, outcome.detail) == (Result.FAILED, reason)
        assert script.at == [*tries, outcome.seconds]

    def test_that_pass_within_their_time_are_no_failure(self) -> None:
        plays: list[Play] = [*[UNKNOWN] * 8, STOPPING, *[REJECTED] * 8, *[TRANSIENT] * 3, STOPPED]
        assert Script(plays).run().result is Result.STOPPED

    def test_have_their_minute_counted_from_the_beginning_of_the_call_that_met_them_first(self) -> None:
        script = Script([UNKNOWN], seconds=25)
        assert script.run().detail == "Denied! Tried for 76 s."
        assert script.at == [0, 25.5, 51.5]

    def test_of_another_kind_have_a_minute_of_their_own(self) -> None:
        script = Script([*[TRANSIENT] * 6, UNKNOWN])
        assert script.run().seconds == 31.5 + 60
        again = Script([*[UNKNOWN] * 6, TRANSIENT, UNKNOWN])
        assert again.run().seconds == 51.5 + 60

    def test_that_may_stay_share_a_minute(self) -> None:
        assert Script([*[UNKNOWN] * 5, REJECTED]).run().seconds == 60

    def test_start_anew_after_a_call_that_succeeded(self) -> None:
        script = Script([*[UNKNOWN] * 7, MORE, UNKNOWN])
        script.run()
        assert script.at == [*TRIES[:7], 51.5, *(51.5 + at for at in TRIES)]

    @pytest.mark.parametrize(("jitter", "pauses"), [(0, [0.25, 0.5, 1]), (0.5, [0.375, 0.75, 1.5])])
    def test_are_retried_at_spread_times(self, jitter: float, pauses: list[float]) -> None:
        script = Script([TRANSIENT, TRANSIENT, TRANSIENT, STOPPED])
        script.run(jitter=jitter)
        assert script.clock.pauses == pauses

    def test_keep_what_they_are_with_another_text(self) -> None:
        error = ServiceError(Failure.UNKNOWN, "Denied", code="AccessDenied", message="No", status=403)
        other = error.with_text("Denied. 3 of 41 told.")
        assert str(other) == "Denied. 3 of 41 told."
        assert other.failure is Failure.UNKNOWN
        assert (other.code, other.message, other.status) == ("AccessDenied", "No", 403)
        assert (TRANSIENT.code, TRANSIENT.message, TRANSIENT.status) == ("", "", 0)


class TestMore:
    def test_goes_on_without_a_pause(self) -> None:
        script = Script([*[MORE] * 20, STOPPED], seconds=10)
        assert script.run().seconds == 210
        assert script.clock.pauses == []

    def test_fails_when_the_time_is_up(self) -> None:
        script = Script([MORE], seconds=10)
        assert script.run(time_left=100) == Outcome(Result.FAILED, "3 of 41 told. Tried for 100 s.", 100, 20)

    def test_makes_the_look_at_what_was_refused_even_without_time(self) -> None:
        assert Script([MORE, STOPPED], seconds=10).run(time_left=-5).result is Result.STOPPED

    def test_fails_when_the_wait_is_over(self) -> None:
        script = Script([STOPPING, MORE], seconds=10)
        assert script.run(wait=30) == Outcome(Result.FAILED, "3 of 41 told. Tried for 40 s.", 40, 8)


class TestWait:
    def test_looks_at_once_and_then_with_pauses_that_grow(self) -> None:
        script = Script([STOPPING])
        script.run(wait=800)
        assert script.at[:3] == [0, 0, 0.5]
        assert script.clock.pauses[:3] == pytest.approx([0.5, 0.55, 0.605])
        assert script.clock.pauses[:-1] == sorted(script.clock.pauses[:-1])
        assert max(script.clock.pauses) == 10

    @pytest.mark.parametrize(
        ("step", "time_left", "reason"),
        [
            (STOPPING, 880, "Canceling. Waited 60 s."),
            (REFUSED, 880, "Not now. Waited 60 s."),
            (STOPPING, 30, "Canceling. Waited 30 s."),
            (REFUSED, 30, "Not now. Waited 30 s."),
        ],
        ids=str,
    )
    def test_is_over_exactly_at_its_end_after_a_last_look(self, step: Step, time_left: float, reason: str) -> None:
        script = Script([step])
        outcome = script.run(wait=60, time_left=time_left)
        assert (outcome.result, outcome.detail, outcome.seconds) == (Result.FAILED, reason, min(60, time_left))
        assert script.at[-1] == pytest.approx(outcome.seconds)

    def test_begins_with_the_first_step_that_has_nothing_more_to_do(self) -> None:
        outcome = Script([MORE, *[TRANSIENT] * 4, STOPPING]).run(wait=10)
        assert (outcome.detail, outcome.seconds) == ("Canceling. Waited 10 s.", 0.5 + 1 + 2 + 4 + 10)

    def test_of_0_does_not_look_again_at_what_is_stopping(self) -> None:
        script = Script([MORE, TRANSIENT, STOPPING])
        assert script.run(wait=0) == Outcome(Result.NOT_AWAITED, "Canceling", 0.5, 6)

    def test_of_0_fails_at_once_for_what_the_service_refuses(self) -> None:
        script = Script([REFUSED])
        assert script.run(wait=0) == Outcome(Result.FAILED, "Not now. Waited 0 s.", 0, 2)
        assert script.clock.pauses == []

    @pytest.mark.parametrize("step", [STOPPING, REFUSED], ids=str)
    @pytest.mark.parametrize("error", [TRANSIENT, UNKNOWN], ids=str)
    def test_ends_the_retries_of_a_look(self, step: Step, error: ServiceError) -> None:
        outcome = Script([step, error]).run(wait=20)
        assert (outcome.result, outcome.detail) == (Result.FAILED, f"{sentence(str(error))} Tried for 20 s.")

    def test_after_a_refusal_looks_after_a_pause(self) -> None:
        script = Script([REFUSED, REFUSED, STOPPED])
        assert script.run().result is Result.STOPPED
        assert script.at == pytest.approx([0, 0.5, 1.05])

    def test_starts_again_once_a_refused_stop_is_accepted(self) -> None:
        script = Script([*[REFUSED] * 4, STOPPING])
        outcome = script.run(wait=60)
        assert script.at[4] == script.at[5]
        assert outcome.seconds == pytest.approx(script.at[4] + 60, abs=0.001)
        assert script.clock.pauses[4] == 0.5

    def test_starts_again_only_once(self) -> None:
        script = Script(step for _ in count() for step in (REFUSED, STOPPING))
        outcome = script.run(wait=60)
        assert outcome.seconds == 60.5

    def test_does_not_start_again_for_a_refusal(self) -> None:
        assert Script([*[STOPPING] * 3, REFUSED]).run(wait=60).detail == "Not now. Waited 60 s."

    @pytest.mark.parametrize(
        ("play", "steps", "reason"),
        [
            (STOPPING, [0, 0], "Canceling. Waited 0 s."),
            (REFUSED, [0], "Not now. Waited 0 s."),
            (MORE, [0, 0], "3 of 41 told. Tried for 0 s."),
            (TRANSIENT, [0], "Rate exceeded. Tried for 0 s."),
        ],
        ids=str,
    )
    def test_without_time_still_makes_the_first_step(self, play: Play, steps: list[float], reason: str) -> None:
        script = Script([play])
        assert script.run(time_left=-5).detail == reason
        assert (script.at, script.clock.pauses) == (steps, [])


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

"""How a job is ended: which calls are made, when, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from teardown import LONGEST_BACKOFF, LONGEST_PAUSE, End, Outcome, Reply, Verdict, tear_down

ACCEPTED = Reply(Verdict.ACCEPTED, "Canceling")
STOPPING = Reply(Verdict.STOPPING, "Canceling")
RUNNING = Reply(Verdict.RUNNING, "Running")
STOPPED = Reply(Verdict.STOPPED, "Canceled")
GONE = Reply(Verdict.GONE, "There is no such job")
RETIRED = Reply(Verdict.RETIRED, "support has ended")
REFUSED = Reply(Verdict.REFUSED, "No.")
PASSING = Reply(Verdict.PASSING, "Rate exceeded")
UNFINISHED = Reply(Verdict.UNFINISHED, "3 of 41 told")
UNKNOWN = Reply(Verdict.UNKNOWN, "Denied")


class World:
    """A clock that jumps, and a job that gives the replies it was told, the last of them for ever."""

    def __init__(
        self, *, cancel: Iterable[Reply] = (), describe: Iterable[Reply] = (), call_seconds: float = 0
    ) -> None:
        self.now = 100.0
        self.calls: list[tuple[str, float]] = []
        self.pauses: list[float] = []
        self._call_seconds = call_seconds
        self._cancel, self._describe = _lasting(cancel), _lasting(describe)

    def cancel(self) -> Reply:
        return self._call("cancel", self._cancel)

    def describe(self) -> Reply:
        return self._call("describe", self._describe)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def tear_down(self, wait: float = 300, time_left: float = 880, jitter: float = 1) -> Outcome:
        return tear_down(self, wait=wait, time_left=time_left, clock=self, jitter=lambda: jitter)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _call(self, name: str, replies: Iterator[Reply]) -> Reply:
        self.calls.append((name, self.now - 100))
        self.now += self._call_seconds
        return next(replies)


def _lasting(replies: Iterable[Reply]) -> Iterator[Reply]:
    reply = None
    for reply in replies:
        yield reply
    while reply:
        yield reply


class TestEnds:
    @pytest.mark.parametrize(
        ("describe", "end"), [(STOPPED, End.STOPPED), (GONE, End.GONE), (RETIRED, End.RETIRED)], ids=str
    )
    def test_an_accepted_cancel_ends_when_the_job_has(self, describe: Reply, end: End) -> None:
        world = World(cancel=[ACCEPTED], describe=[RUNNING, STOPPING, describe])
        outcome = world.tear_down()
        assert (outcome.end, outcome.words) == (end, describe.words)
        assert outcome.calls == len(world.calls) == 4

    @pytest.mark.parametrize(("cancel", "end"), [(GONE, End.GONE), (RETIRED, End.RETIRED)], ids=str)
    def test_a_job_that_is_gone_is_not_looked_at(self, cancel: Reply, end: End) -> None:
        world = World(cancel=[cancel])
        assert world.tear_down().end is end
        assert world.names == ["cancel"]
        assert world.pauses == []

    def test_the_time_taken_is_reported_in_thousandths(self) -> None:
        assert World(cancel=[GONE], call_seconds=0.12344).tear_down().seconds == 0.123

    def test_the_time_taken_is_reported(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPED], call_seconds=0.25)
        assert world.tear_down().seconds == 0.5


class TestRefusal:
    @pytest.mark.parametrize(("describe", "end"), [(STOPPED, End.STOPPED), (GONE, End.GONE), (RETIRED, End.RETIRED)])
    def test_of_a_job_that_has_ended_is_no_failure(self, describe: Reply, end: End) -> None:
        world = World(cancel=[REFUSED], describe=[describe])
        assert world.tear_down().end is end
        assert world.names == ["cancel", "describe"]

    def test_of_a_job_that_is_stopping_is_waited_for(self) -> None:
        world = World(cancel=[REFUSED], describe=[STOPPING, STOPPED])
        assert world.tear_down().end is End.STOPPED

    def test_of_a_job_that_can_not_be_seen_is_a_failure_with_both_words(self) -> None:
        outcome = World(cancel=[REFUSED], describe=[UNKNOWN]).tear_down()
        assert (outcome.end, outcome.words) == (
            End.FAILED,
            "The cancel was refused, and the job can't be looked at. No. Denied",
        )

    def test_of_what_can_not_be_seen_calls_it_by_its_name(self) -> None:
        world = World(cancel=[REFUSED], describe=[UNKNOWN])
        outcome = tear_down(world, wait=300, time_left=880, clock=world, name="The work in cluster Prod")
        assert outcome.words == "The cancel was refused, and the work in cluster Prod can't be looked at. No. Denied"

    def test_of_a_job_that_ends_by_itself_meanwhile_is_no_failure(self) -> None:
        world = World(cancel=[REFUSED], describe=[RUNNING, RUNNING, STOPPED])
        assert world.tear_down().end is End.STOPPED

    def test_of_a_running_job_is_asked_again_before_each_look(self) -> None:
        world = World(cancel=[REFUSED, REFUSED, ACCEPTED], describe=[RUNNING, RUNNING, STOPPING, STOPPED])
        assert world.tear_down().end is End.STOPPED
        assert world.names == ["cancel", "describe", "cancel", "describe", "cancel", "describe", "describe"]

    def test_that_turns_into_an_acceptance_starts_the_wait(self) -> None:
        world = World(cancel=[REFUSED] * 3 + [ACCEPTED], describe=[RUNNING] * 3 + [STOPPING])
        outcome = world.tear_down(wait=60)
        accepted_at = [at for name, at in world.calls if name == "cancel"][-1]
        assert accepted_at > 0
        assert outcome.seconds == pytest.approx(accepted_at + 60)

    @pytest.mark.parametrize(("again", "end"), [(GONE, End.GONE), (RETIRED, End.RETIRED)], ids=str)
    def test_that_turns_into_the_end_of_the_job_or_the_service_is_no_failure(self, again: Reply, end: End) -> None:
        outcome = World(cancel=[REFUSED, again], describe=[RUNNING]).tear_down()
        assert (outcome.end, outcome.words) == (end, again.words)

    def test_that_turns_into_trouble_is_a_failure_with_its_words(self) -> None:
        outcome = World(cancel=[REFUSED, UNKNOWN], describe=[RUNNING]).tear_down()
        assert (outcome.end, outcome.words) == (End.FAILED, "Denied")

    def test_of_a_stopping_job_is_not_asked_again(self) -> None:
        world = World(cancel=[REFUSED], describe=[STOPPING, STOPPING, STOPPED])
        world.tear_down()
        assert world.names == ["cancel", "describe", "describe", "describe"]

    def test_of_a_job_that_is_still_running_when_the_wait_is_over_is_a_failure_with_the_last_words(self) -> None:
        world = World(cancel=[Reply(Verdict.REFUSED, "Not now."), Reply(Verdict.REFUSED, "No.")], describe=[RUNNING])
        outcome = world.tear_down(wait=60)
        assert (outcome.end, outcome.seconds) == (End.FAILED, 60)
        assert outcome.words == "The job is Running, and its cancel was refused for 60 s. No."

    def test_that_is_asked_for_in_parts_until_the_wait_is_over_is_a_failure_with_the_refusals_words(self) -> None:
        world = World(cancel=[REFUSED, UNFINISHED], describe=[RUNNING], call_seconds=10)
        outcome = world.tear_down(wait=30)
        assert outcome.end is End.FAILED
        assert outcome.words.endswith(f"and its cancel was refused for 40 s. {REFUSED.words}")

    def test_of_a_job_that_is_still_stopping_when_the_wait_is_over_is_a_failure(self) -> None:
        outcome = World(cancel=[REFUSED], describe=[STOPPING]).tear_down(wait=60)
        assert outcome.words == "The job is still Canceling after a wait of 60 s."

    def test_of_a_running_job_fails_at_once_if_the_wait_is_0(self) -> None:
        world = World(cancel=[REFUSED], describe=[RUNNING])
        assert world.tear_down(wait=0).end is End.FAILED
        assert world.names == ["cancel", "describe"]


class TestWait:
    def test_the_first_look_is_at_once(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPED])
        world.tear_down()
        assert world.calls == [("cancel", 0), ("describe", 0)]

    def test_the_pauses_grow_up_to_their_longest(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPING] * 60 + [STOPPED])
        world.tear_down(wait=800)
        assert world.pauses == sorted(world.pauses)
        assert world.pauses[0] == 0.5
        assert world.pauses[-1] == LONGEST_PAUSE == 10

    @pytest.mark.parametrize("stops_after", [0.1, 1, 5, 30, 90, 200])
    def test_an_end_is_seen_within_a_tenth_of_the_time_it_took_and_half_a_second(self, stops_after: float) -> None:
        world = World(cancel=[ACCEPTED])
        world._describe = (STOPPED if world.now - 100 >= stops_after else STOPPING for _ in iter(int, 1))
        late = world.tear_down().seconds - stops_after
        assert 0 <= late <= min(10, 0.1 * stops_after + 0.5)

    def test_when_it_is_over_the_failure_says_so_and_what_to_do(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPING])
        outcome = world.tear_down(wait=60)
        assert outcome.end is End.FAILED
        assert outcome.seconds == 60
        assert outcome.words == ("The job is still Canceling after a wait of 60 s.")

    def test_it_is_over_at_its_end_exactly_with_a_last_look(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPING])
        world.tear_down(wait=60)
        assert world.calls[-1] == ("describe", 60)

    def test_it_is_never_longer_than_the_time_left(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPING])
        assert world.tear_down(wait=840, time_left=30).seconds == 30

    def test_of_0_does_not_look_at_an_accepted_cancel(self) -> None:
        world = World(cancel=[ACCEPTED])
        outcome = world.tear_down(wait=0)
        assert (outcome.end, outcome.words) == (End.NOT_AWAITED, "Canceling")
        assert world.names == ["cancel"]

    def test_of_0_looks_once_at_a_refused_cancel(self) -> None:
        world = World(cancel=[REFUSED], describe=[STOPPING])
        outcome = world.tear_down(wait=0)
        assert (outcome.end, outcome.words) == (End.NOT_AWAITED, "Canceling")
        assert world.names == ["cancel", "describe"]

    def test_no_time_left_still_cancels_once(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPING])
        assert world.tear_down(time_left=-5).end is End.FAILED
        assert world.names[0] == "cancel"
        assert all(pause == 0 for pause in world.pauses)


class TestPassingTrouble:
    def test_is_retried_until_it_has_passed(self) -> None:
        world = World(cancel=[PASSING, PASSING, ACCEPTED], describe=[PASSING, STOPPED])
        outcome = world.tear_down()
        assert (outcome.end, outcome.calls) == (End.STOPPED, 5)

    def test_is_retried_with_growing_pauses_up_to_their_longest(self) -> None:
        world = World(cancel=[PASSING], describe=[RUNNING])
        world.tear_down(time_left=200)
        assert world.pauses[:5] == [0.5, 1, 2, 4, 8]
        assert max(world.pauses) == LONGEST_BACKOFF

    def test_is_retried_at_spread_times(self) -> None:
        world = World(cancel=[PASSING, ACCEPTED], describe=[STOPPED])
        world.tear_down(jitter=0)
        assert world.pauses == [0.25]

    def test_of_the_cancel_is_broken_each_minute_by_a_look_at_the_job(self) -> None:
        world = World(cancel=[PASSING], describe=[RUNNING, PASSING, STOPPED])
        outcome = world.tear_down()
        looks = [at for name, at in world.calls if name == "describe"]
        assert (outcome.end, outcome.calls) == (End.STOPPED, len(world.calls))
        assert all(60 * number <= at < 60 * number + LONGEST_BACKOFF for number, at in enumerate(looks, start=1))
        assert len(looks) == 3

    def test_that_looks_do_not_end_has_its_own_words(self) -> None:
        world = World(cancel=[PASSING], describe=[RUNNING])
        assert world.tear_down().words == f"The job could not be ended in time. {PASSING.words}"

    def test_is_broken_by_no_look_when_the_time_is_up(self) -> None:
        world = World(cancel=[PASSING], describe=[RUNNING], call_seconds=70)
        world.tear_down(time_left=65)
        assert world.names == ["cancel"]

    def test_that_is_met_as_the_time_is_up_leaves_none_for_a_look(self) -> None:
        world = World(cancel=[PASSING], describe=[STOPPED])
        assert world.tear_down(time_left=60).end is End.FAILED
        assert (world.calls[-1], set(world.names)) == (("cancel", 60), {"cancel"})

    def test_that_does_not_pass_is_a_failure_when_the_time_is_up(self) -> None:
        world = World(cancel=[PASSING])
        outcome = world.tear_down(time_left=50)
        assert (outcome.end, outcome.seconds) == (End.FAILED, 50)
        assert outcome.words == ("The job could not be ended in time. Rate exceeded")

    def test_while_waiting_ends_with_the_wait(self) -> None:
        world = World(cancel=[ACCEPTED], describe=[STOPPING, PASSING])
        outcome = world.tear_down(wait=20)
        assert (outcome.end, outcome.seconds) == (End.FAILED, 20)

    def test_does_not_eat_the_wait_when_it_is_the_cancels(self) -> None:
        world = World(cancel=[PASSING, PASSING, PASSING, PASSING, ACCEPTED], describe=[STOPPING])
        outcome = world.tear_down(wait=10)
        assert outcome.seconds == 0.5 + 1 + 2 + 4 + 10

    def test_at_a_later_look_after_a_refusal_ends_with_the_wait(self) -> None:
        outcome = World(cancel=[REFUSED], describe=[STOPPING, PASSING]).tear_down(wait=20, time_left=100)
        assert (outcome.end, outcome.seconds) == (End.FAILED, 20)

    def test_at_the_look_after_a_refusal_has_all_the_time_there_is(self) -> None:
        outcome = World(cancel=[REFUSED], describe=[PASSING]).tear_down(wait=10, time_left=100)
        assert (outcome.end, outcome.seconds) == (End.FAILED, 100)

    def test_at_the_look_after_a_refusal_does_not_eat_the_wait(self) -> None:
        outcome = World(cancel=[REFUSED], describe=[PASSING, PASSING, STOPPING]).tear_down(wait=10)
        assert outcome.seconds == 0.5 + 1 + 10


class TestUnfinishedCancel:
    def test_goes_on_without_a_pause(self) -> None:
        world = World(cancel=[UNFINISHED] * 20 + [ACCEPTED], describe=[STOPPED], call_seconds=10)
        assert world.tear_down().end is End.STOPPED
        assert world.pauses == []

    def test_that_meets_trouble_again_starts_with_the_first_pause(self) -> None:
        world = World(cancel=[PASSING, PASSING, UNFINISHED, PASSING, GONE], call_seconds=1)
        assert world.tear_down().end is End.GONE
        assert world.pauses == [0.5, 1.0, 0.5]

    def test_ends_with_the_time_and_says_how_far_it_came(self) -> None:
        outcome = World(cancel=[UNFINISHED], describe=[RUNNING], call_seconds=10).tear_down(time_left=100)
        assert (outcome.end, outcome.words) == (End.FAILED, "The job could not be ended in time. 3 of 41 told")
        assert outcome.seconds == 100


class TestUnknownTrouble:
    def test_is_given_a_minute(self) -> None:
        world = World(cancel=[UNKNOWN], describe=[RUNNING])
        outcome = world.tear_down()
        assert (outcome.end, outcome.words, outcome.seconds) == (End.FAILED, "Denied", 60)

    def test_that_passes_within_the_minute_is_no_failure(self) -> None:
        world = World(cancel=[UNKNOWN] * 5 + [ACCEPTED], describe=[UNKNOWN] * 5 + [STOPPED])
        assert world.tear_down().end is End.STOPPED

    def test_has_its_minute_counted_from_the_call_that_met_it_first(self) -> None:
        world = World(cancel=[UNKNOWN], describe=[RUNNING], call_seconds=25)
        world.tear_down()
        assert [at for name, at in world.calls if name == "cancel"] == [0, 25.5, 51.5]

    def test_has_a_minute_of_its_own_after_trouble_of_another_kind(self) -> None:
        world = World(cancel=[PASSING] * 6 + [UNKNOWN], describe=[RUNNING])
        world.tear_down()
        tries = [at for name, at in world.calls if name == "cancel"]
        assert tries[-1] == tries[6] + 60

    @pytest.mark.parametrize(("describe", "end"), [(STOPPED, End.STOPPED), (GONE, End.GONE), (RETIRED, End.RETIRED)])
    def test_of_the_cancel_is_no_failure_if_a_last_look_shows_that_the_job_has_ended(
        self, describe: Reply, end: End
    ) -> None:
        world = World(cancel=[UNKNOWN], describe=[describe])
        assert world.tear_down().end is end
        assert world.names[-2:] == ["cancel", "describe"]

    def test_of_the_cancel_after_a_refusal_has_a_last_look_too(self) -> None:
        world = World(cancel=[REFUSED, UNKNOWN], describe=[RUNNING, STOPPED])
        assert world.tear_down().end is End.STOPPED

    def test_has_no_more_time_than_there_is(self) -> None:
        assert World(cancel=[UNKNOWN]).tear_down(time_left=20).seconds == 20

    def test_while_waiting_ends_with_the_wait(self) -> None:
        outcome = World(cancel=[ACCEPTED], describe=[STOPPING, UNKNOWN]).tear_down(wait=20)
        assert (outcome.end, outcome.words, outcome.seconds) == (End.FAILED, "Denied", 20)

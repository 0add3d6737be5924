"""All jobs of a container as a teardown sees them: which stops are made, when, and what each round says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.container import SLICE, Job, Pace, Work
from jobs.living_service import LivingService, TroubleError
from teardown import End, Outcome, Reply, Verdict, tear_down

REFUSED = TroubleError(Reply(Verdict.UNKNOWN, "No."), "InvalidParameterException", refused=True)
THROTTLED = TroubleError(Reply(Verdict.PASSING, "Rate exceeded"), "ThrottlingException")
DENIED = TroubleError(Reply(Verdict.UNKNOWN, "Denied"), "AccessDeniedException")
STARTED = Reply(Verdict.STOPPING, "in the state STARTED")
STOPPING = Reply(Verdict.STOPPING, "in the state STOPPING")
GONE = TroubleError(Reply(Verdict.GONE, "There is no such cluster"))

Stop = Callable[[str], TroubleError | None]


class World:
    """A clock that jumps, and a kind whose jobs are in the states that a test gives them.

    Parameters
    ----------
    jobs : Mapping
        Whether each has been told to stop, by its id. Those that were are listed after those that were not.
    """

    noun = "tasks"

    def __init__(self, jobs: Mapping[str, bool] | None = None, **settings: Any) -> None:
        self.now = 100.0
        self.jobs = dict(jobs or {})
        self.stops: list[tuple[str, float]] = []
        self.lists = 0
        self.service = LivingService("ecs", "us-west-2")
        self.pace: Pace = settings.get("pace", Pace(burst=1000, rate=1000))
        self.settles_after: float = settings.get("settles_after", 0.0)
        self.page_size: int = settings.get("page_size", 100)
        self.page_seconds: float = settings.get("page_seconds", 0.0)
        self.empty_pages: int = settings.get("empty_pages", 0)
        self.stop_seconds: float = settings.get("stop_seconds", 0.0)
        self.on_stop: Stop = settings.get("on_stop", lambda _: None)
        self.on_list: Callable[[int], None] = settings.get("on_list", lambda _: None)
        self.closings: list[Reply] = settings.get("closings", [])

    def check(self) -> Reply:
        return Reply(Verdict.ACCEPTED, "")

    def unfinished(self) -> Iterator[list[Job]]:
        self.lists += 1
        self.on_list(self.lists)
        running = [Job(id_) for id_, is_stopping in self.jobs.items() if not is_stopping]
        listed = running + [Job(id_, is_stopping=True) for id_, is_stopping in self.jobs.items() if is_stopping]
        for _ in range(self.empty_pages):
            self.now += self.page_seconds
            yield []
        for first in range(0, len(listed), self.page_size):
            self.now += self.page_seconds
            yield listed[first : first + self.page_size]

    def stop(self, job: Job) -> None:
        self.now += self.stop_seconds
        self.stops.append((job.id, round(self.now - 100, 3)))
        if trouble := self.on_stop(job.id):
            raise trouble

    def close(self) -> Reply:
        return self.closings.pop(0) if self.closings else Reply(Verdict.STOPPED, "in the state STOPPED")

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    @property
    def work(self) -> Work:
        return Work(self, self)

    @property
    def told(self) -> list[str]:
        return [id_ for id_, _ in self.stops]


def _ids(count: int) -> dict[str, bool]:
    return {f"arn:aws:ecs:us-west-2:123456789012:task/prod/{number}": False for number in range(count)}


def _taken(world: World) -> Stop:
    """Let a stop be taken, so that the job is stopping."""

    def stop(id_: str) -> None:
        world.jobs[id_] = True

    return stop


def _raises(trouble: TroubleError) -> Callable[[int], None]:
    """Let every list meet a trouble."""

    def on_list(_: int) -> None:
        raise trouble

    return on_list


class TestCancel:
    def test_tells_every_job_to_stop(self) -> None:
        world = World(_ids(3), page_size=2)
        assert world.work.cancel() == Reply(Verdict.ACCEPTED, "running (0 of 3 tasks stopped, but not 0, 1, 2)")
        assert world.told == list(world.jobs)

    def test_tells_no_job_to_stop_that_was_told_already(self) -> None:
        world = World({"a": True, "b": False})
        assert world.work.cancel().verdict is Verdict.ACCEPTED
        assert world.told == ["b"]

    def test_of_nothing_has_stopped_at_once(self) -> None:
        world = World()
        assert world.work.cancel() == Reply(Verdict.STOPPED, "nothing ran")
        assert (world.now, world.lists) == (100, 1)

    def test_that_takes_longer_than_a_slice_says_what_it_has_done_so_far(self) -> None:
        world = World(_ids(30), stop_seconds=1)
        assert world.work.cancel() == Reply(
            Verdict.UNFINISHED, "running (not all tasks were looked at yet; still there: 0, 1, 2 and 7 more)"
        )
        assert (len(world.stops), world.now - 100) == (10, SLICE)

    def test_goes_on_where_it_was_when_the_slice_ended(self) -> None:
        world = World(_ids(25), stop_seconds=1)
        work = world.work
        verdicts = [work.cancel().verdict for _ in range(3)]
        assert verdicts == [Verdict.UNFINISHED, Verdict.UNFINISHED, Verdict.ACCEPTED]
        assert (world.told, world.lists) == (list(world.jobs), 1)

    def test_of_many_pages_without_a_job_keeps_to_its_slice_and_goes_on(self) -> None:
        world = World(_ids(1), empty_pages=15, page_seconds=1)
        work = world.work
        assert work.cancel() == Reply(Verdict.UNFINISHED, "running (not all tasks were looked at yet)")
        assert (world.now - 100, world.stops) == (SLICE, [])
        assert work.cancel() == Reply(Verdict.ACCEPTED, "running (0 of 1 tasks stopped, but not 0)")
        assert world.lists == 1

    def test_of_a_container_that_is_gone_says_so(self) -> None:
        assert World(on_list=_raises(GONE)).work.cancel() == Reply(Verdict.GONE, "There is no such cluster")

    def test_that_met_trouble_begins_again(self) -> None:
        def trouble(time: int) -> None:
            if time == 1:
                raise THROTTLED

        world = World({"a": False}, on_list=trouble)
        work = world.work
        assert work.cancel() == Reply(Verdict.PASSING, "Rate exceeded")
        assert work.cancel().verdict is Verdict.ACCEPTED
        assert world.told == ["a"]


class TestDeniedStop:
    """It may be of one job alone, such as one with a tag that a policy asks about."""

    def test_keeps_no_other_job_from_its_stop_and_is_said_at_the_end(self) -> None:
        world = World({"a": False, "b": False, "c": False}, on_stop=lambda id_: DENIED if id_ == "b" else None)
        assert world.work.cancel() == Reply(Verdict.UNKNOWN, "Denied (0 of 3 tasks stopped, but not a, b, c)")
        assert world.told == ["a", "b", "c"]

    def test_is_made_again_and_that_of_no_other_job(self) -> None:
        denied = [DENIED, None, None]
        world = World({"a": False, "b": False}, on_stop=lambda _: denied.pop(0))
        work = world.work
        assert work.cancel().verdict is Verdict.UNKNOWN
        assert work.cancel().verdict is Verdict.ACCEPTED
        assert (world.told, world.lists) == (["a", "b", "a"], 2)

    def test_is_said_by_a_look_too(self) -> None:
        world = World({"a": False}, on_stop=lambda _: DENIED)
        assert world.work.describe() == Reply(Verdict.UNKNOWN, "Denied (0 of 1 tasks stopped, but not a)")

    def test_of_the_last_job_that_is_left_is_forgotten_when_that_has_ended(self) -> None:
        world = World({"a": False}, on_stop=lambda _: DENIED)
        work = world.work
        work.cancel()
        world.jobs.clear()
        assert work.cancel() == Reply(Verdict.STOPPED, "1 tasks stopped")

    def test_comes_before_a_refused_one(self) -> None:
        world = World({"a": False, "b": False}, on_stop=lambda id_: DENIED if id_ == "a" else REFUSED)
        assert world.work.cancel().verdict is Verdict.UNKNOWN

    def test_of_every_job_of_a_slice_is_said_after_it(self) -> None:
        world = World(_ids(30), stop_seconds=1, on_stop=lambda _: DENIED)
        work = world.work
        words = "Denied (not all tasks were looked at yet; still there: 0, 1, 2 and 7 more)"
        assert work.cancel() == Reply(Verdict.UNKNOWN, words)
        assert (len(world.stops), world.now - 100) == (10, SLICE)
        work.cancel()
        assert world.told == list(world.jobs)[:20]

    def test_of_some_jobs_lets_a_slice_go_on_that_stops_others(self) -> None:
        world = World(_ids(15), stop_seconds=1, on_stop=lambda id_: DENIED if id_.endswith("/0") else None)
        work = world.work
        assert [work.cancel().verdict for _ in range(2)] == [Verdict.UNFINISHED, Verdict.UNKNOWN]
        assert world.told == list(world.jobs)

    def test_beside_a_throttled_one_is_tried_again_first(self) -> None:
        world = World({"a": False, "b": False}, on_stop=lambda id_: DENIED if id_ == "a" else THROTTLED)
        assert world.work.cancel().verdict is Verdict.PASSING

    def test_that_lifts_while_others_are_throttled_fails_nothing(self) -> None:
        jobs = _ids(400)
        world = World(jobs)

        def stop(id_: str) -> TroubleError | None:
            if id_.endswith("/0") and world.now < 105:
                return DENIED
            if world.now < 200:
                return THROTTLED
            del world.jobs[id_]
            return None

        world.on_stop = stop
        outcome = tear_down(world.work, wait=60, time_left=800, clock=world)
        assert (outcome.end, outcome.words) == (End.STOPPED, "400 tasks stopped")


class TestTroubleWithTheList:
    @pytest.mark.parametrize(
        ("trouble", "reply"),
        [
            pytest.param(
                THROTTLED,
                Reply(Verdict.PASSING, "Rate exceeded (2 of 2 tasks were told to stop)"),
                id="comes with what was done before it",
            ),
            pytest.param(GONE, Reply(Verdict.GONE, "There is no such cluster"), id="needs no more words of an end"),
        ],
    )
    def test_is_said(self, trouble: TroubleError, reply: Reply) -> None:
        world = World(_ids(2))
        work = world.work
        work.cancel()
        world.on_list = _raises(trouble)
        assert work.describe() == reply


class TestRefusedStop:
    def test_is_looked_at_again_and_asked_for_again(self) -> None:
        world = World({"a": False}, on_stop=lambda _: REFUSED)
        work = world.work
        refused = "running (0 of 1 tasks stopped, but not a; the last refusal: No.)"
        assert work.cancel() == Reply(Verdict.REFUSED, "No.")
        assert work.describe() == Reply(Verdict.RUNNING, refused)
        assert world.told == ["a", "a"]

    def test_of_a_job_that_has_ended_is_no_failure(self) -> None:
        world = World({"a": False})

        def refused(id_: str) -> TroubleError:
            del world.jobs[id_]
            return REFUSED

        world.on_stop = refused
        work = world.work
        assert work.cancel().verdict is Verdict.REFUSED
        assert work.describe() == Reply(Verdict.STOPPED, "1 tasks stopped")

    def test_keeps_no_other_job_from_its_stop(self) -> None:
        world = World({"a": False, "b": False}, on_stop=lambda id_: REFUSED if id_ == "a" else None)
        assert world.work.cancel().verdict is Verdict.REFUSED
        assert world.told == ["a", "b"]

    def test_beside_a_throttled_one_is_tried_again_first(self) -> None:
        world = World({"a": False, "b": False}, on_stop=lambda id_: REFUSED if id_ == "a" else THROTTLED)
        assert world.work.cancel().verdict is Verdict.PASSING

    def test_makes_no_trouble_of_a_slice_that_met_none(self) -> None:
        world = World(_ids(1), page_size=1, on_stop=lambda _: REFUSED)
        world.empty_pages, world.page_seconds = 1, SLICE
        work = world.work
        verdicts = [work.cancel().verdict for _ in range(3)]
        assert verdicts == [Verdict.UNFINISHED, Verdict.PASSING, Verdict.REFUSED]

    def test_of_an_earlier_slice_is_not_forgotten(self) -> None:
        world = World(_ids(15), stop_seconds=1, on_stop=lambda id_: REFUSED if id_.endswith("/0") else None)
        work = world.work
        assert [work.cancel().verdict for _ in range(2)] == [Verdict.UNFINISHED, Verdict.REFUSED]

    def test_fails_a_delete_that_does_not_wait(self) -> None:
        world = World({"a": False}, on_stop=lambda _: REFUSED)
        outcome = tear_down(world.work, wait=0, time_left=800, clock=world, name="The work")
        assert outcome.end is End.FAILED
        assert outcome.words == (
            "The work is running (0 of 1 tasks stopped, but not a; the last refusal: No.), and its cancel was refused"
            " for 0 s. No."
        )

    def test_is_forgotten_by_the_next_round(self) -> None:
        world = World({"a": False}, on_stop=lambda _: REFUSED)
        work = world.work
        work.cancel()
        world.jobs["a"] = True
        assert work.describe().words == "running (0 of 1 tasks stopped, but not a)"


class TestThrottledStop:
    def test_is_tried_again_with_growing_pauses(self) -> None:
        replies = [THROTTLED, THROTTLED, THROTTLED, None]
        world = World({"a": False}, on_stop=lambda _: replies.pop(0))
        assert world.work.cancel().verdict is Verdict.ACCEPTED
        assert world.stops == [("a", 0), ("a", 0.1), ("a", 0.3), ("a", 0.7)]

    def test_that_does_not_pass_ends_with_the_slice(self) -> None:
        world = World({"a": False}, on_stop=lambda _: THROTTLED)
        assert world.work.cancel() == Reply(
            Verdict.PASSING, "running (0 of 1 tasks stopped, but not a; the last refusal: Rate exceeded)"
        )
        assert [at for _, at in world.stops] == [0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3]

    def test_that_would_be_tried_again_as_the_slice_ends_is_left_for_the_next(self) -> None:
        world = World({"a": False}, stop_seconds=SLICE - 0.1, on_stop=lambda _: THROTTLED)
        assert world.work.cancel().verdict is Verdict.PASSING
        assert len(world.stops) == 1

    def test_is_tried_again_while_the_slice_lasts(self) -> None:
        world = World({"a": False}, stop_seconds=SLICE - 0.101, on_stop=lambda _: THROTTLED)
        world.work.cancel()
        assert len(world.stops) == 2

    def test_is_a_trouble_where_no_stop_of_the_slice_was_taken(self) -> None:
        world = World(_ids(2), stop_seconds=4, on_stop=lambda _: THROTTLED)
        assert world.work.cancel().verdict is Verdict.PASSING

    def test_is_none_where_another_stop_of_the_slice_was_taken(self) -> None:
        world = World(_ids(3), stop_seconds=4, on_stop=lambda id_: None if id_.endswith("/0") else THROTTLED)
        assert world.work.cancel().verdict is Verdict.UNFINISHED

    def test_is_tried_again_by_the_next_look(self) -> None:
        world = World({"a": False}, on_stop=lambda _: THROTTLED)
        work = world.work
        assert work.cancel().verdict is Verdict.PASSING
        world.on_stop = lambda _: None
        assert work.describe() == Reply(Verdict.STOPPING, "running (0 of 1 tasks stopped, but not a)")

    def test_of_one_job_leaves_the_whole_unfinished(self) -> None:
        world = World({"a": False, "b": False}, on_stop=lambda id_: THROTTLED if id_ == "a" else None)
        work = world.work
        assert work.describe().verdict is Verdict.RUNNING
        assert world.told[-1] == "b"


class TestPace:
    def test_is_the_burst_at_once_and_the_rate_after_it(self) -> None:
        world = World(_ids(6), pace=Pace(burst=3, rate=2))
        world.work.cancel()
        assert [at for _, at in world.stops] == [0, 0, 0, 0.5, 1, 1.5]

    def test_saves_up_no_more_than_the_burst(self) -> None:
        world = World(_ids(3), pace=Pace(burst=3, rate=2))
        work = world.work
        work.cancel()
        world.now += 1000
        world.jobs = {f"{number}": False for number in range(4)}
        world.stops.clear()
        work.describe()
        assert [at for _, at in world.stops] == [1000, 1000, 1000, 1000.5]

    def test_saves_up_what_the_stops_themselves_take(self) -> None:
        world = World(_ids(4), pace=Pace(burst=1, rate=2), stop_seconds=0.2)
        world.work.cancel()
        assert [at for _, at in world.stops] == [0.2, 0.7, 1.2, 1.7]

    def test_holds_nothing_back_while_a_stop_is_left_of_the_burst(self) -> None:
        world = World(_ids(3), pace=Pace(burst=2, rate=1), stop_seconds=0.25)
        world.work.cancel()
        assert [at for _, at in world.stops] == [0.25, 0.5, 1.25]

    def test_holds_for_each_try_at_a_stop(self) -> None:
        replies = [THROTTLED, None]
        world = World({"a": False}, pace=Pace(burst=1, rate=0.5), on_stop=lambda _: replies.pop(0))
        world.work.cancel()
        assert [at for _, at in world.stops] == [0, 2]


class TestLook:
    def test_at_jobs_that_were_told_says_how_many_are_left(self) -> None:
        world = World(_ids(41))
        work = world.work
        work.cancel()
        for id_ in list(world.jobs)[:36]:
            del world.jobs[id_]
        assert work.describe() == Reply(
            Verdict.STOPPING, "running (36 of 41 tasks stopped, but not 36, 37, 38 and 2 more)"
        )
        assert len(world.stops) == 41

    def test_names_three_at_the_most_by_the_last_part_of_their_ids(self) -> None:
        world = World({"arn:aws:states:us-west-2:1:execution:m:a": True, "task/prod/b": True, "c": True})
        assert world.work.describe().words == "running (0 of 3 tasks stopped, but not a, b, c)"

    def test_counts_thousands_with_commas(self) -> None:
        world = World({str(number): True for number in range(2004)}, page_size=5000)
        work = world.work
        assert work.describe().words == "running (0 of 2,004 tasks stopped, but not 0, 1, 2 and 2,001 more)"
        del world.jobs["0"], world.jobs["1"]
        assert work.describe().words == "running (2 of 2,004 tasks stopped, but not 2, 3, 4 and 1,999 more)"
        world.jobs.clear()
        assert work.describe() == Reply(Verdict.STOPPED, "2,004 tasks stopped")

    def test_counts_a_job_once_that_is_listed_again_when_it_is_stopping(self) -> None:
        """As ECS does: a task that is told to stop moves from the tasks that are to run to those that are to stop."""

        class Moved(World):
            def unfinished(self) -> Iterator[list[Job]]:
                yield [Job(id_) for id_, is_stopping in self.jobs.items() if not is_stopping]
                yield [Job(id_, is_stopping=True) for id_, is_stopping in self.jobs.items() if is_stopping]

        world = Moved({"a": False, "b": False})
        world.on_stop = _taken(world)
        assert world.work.cancel().words == "running (0 of 2 tasks stopped, but not a, b)"
        assert world.told == ["a", "b"]

    def test_tells_a_job_to_stop_that_was_not_there_before(self) -> None:
        world = World({"a": False})
        work = world.work
        work.cancel()
        world.jobs = {"b": False}
        assert work.describe() == Reply(Verdict.STOPPING, "running (1 of 2 tasks stopped, but not b)")
        assert world.told == ["a", "b"]

    @pytest.mark.parametrize(("seconds", "stops"), [(59.999, 1), (60, 2)])
    def test_tells_a_job_again_that_took_its_stop_and_does_not_show_it(self, seconds: float, stops: int) -> None:
        world = World({"a": False})
        work = world.work
        work.cancel()
        world.now += seconds
        assert work.describe().verdict is Verdict.STOPPING
        assert len(world.stops) == stops

    def test_tells_a_job_at_once_where_the_clock_has_just_begun(self) -> None:
        world = World({"a": False})
        world.now = 0.0
        world.work.cancel()
        assert world.told == ["a"]

    def test_that_takes_longer_than_a_slice_counts_as_running(self) -> None:
        world = World(_ids(30), stop_seconds=1)
        assert world.work.describe().verdict is Verdict.RUNNING

    def test_waits_for_what_is_left_to_do_without_a_job(self) -> None:
        world = World(closings=[STARTED, STOPPING])
        work = world.work
        assert work.cancel() == Reply(Verdict.ACCEPTED, "in the state STARTED")
        assert work.describe() == Reply(Verdict.STOPPING, "in the state STOPPING")
        assert work.describe() == Reply(Verdict.STOPPED, "nothing ran")

    def test_does_nothing_more_while_a_job_is_left(self) -> None:
        world = World({"a": True}, closings=[STARTED])
        world.work.describe()
        assert world.closings == [STARTED]

    @pytest.mark.parametrize(
        ("closing", "cancel"), [(Verdict.REFUSED, Verdict.REFUSED), (Verdict.RUNNING, Verdict.PASSING)]
    )
    def test_finds_a_container_running_that_was_not_told_to_close(self, closing: Verdict, cancel: Verdict) -> None:
        world = World(closings=[Reply(closing, "in the state X")] * 2)
        work = world.work
        assert work.cancel() == Reply(cancel, "in the state X")
        assert work.describe() == Reply(Verdict.RUNNING, "in the state X")

    def test_at_a_container_that_refuses_to_close_fails_a_delete_that_does_not_wait(self) -> None:
        refused = Reply(Verdict.REFUSED, "in the state STARTED; No.")
        outcome = tear_down(World(closings=[refused] * 2).work, wait=0, time_left=800, clock=World())
        assert outcome.end is End.FAILED
        assert outcome.words.startswith("The job is in the state STARTED; No., and its cancel was refused for 0 s.")


class TestSettling:
    def test_believes_that_nothing_is_left_when_it_is_seen_twice(self) -> None:
        world = World(settles_after=2)
        assert world.work.cancel() == Reply(Verdict.STOPPED, "nothing ran")
        assert (world.now - 100, world.lists) == (2, 2)

    def test_finds_a_job_that_was_not_listed_at_first(self) -> None:
        world = World(settles_after=2)
        world.on_list = lambda time: world.jobs.update(a=False) if time == 2 else None
        work = world.work
        assert work.cancel() == Reply(Verdict.ACCEPTED, "running (0 of 1 tasks stopped, but not a)")
        assert world.stops == [("a", 2)]

    def test_begins_anew_after_a_job_was_found(self) -> None:
        world = World(settles_after=2)
        world.on_list = lambda time: world.jobs.update(a=False) if time == 2 else None
        work = world.work
        work.cancel()
        world.jobs.clear()
        assert work.describe() == Reply(Verdict.STOPPED, "1 tasks stopped")
        assert (world.now - 100, world.lists) == (4, 4)

    def test_is_not_repeated_while_something_else_is_waited_for(self) -> None:
        world = World(settles_after=2, closings=[STARTED, STOPPING])
        work = world.work
        work.cancel()
        work.describe()
        assert (world.now - 100, world.lists) == (2, 3)

    def test_comes_to_an_end_where_every_list_takes_longer_than_a_slice(self) -> None:
        world = World(settles_after=2, empty_pages=3, page_seconds=4)
        work = world.work
        said = [work.cancel().verdict for _ in range(3)]
        assert said == [Verdict.UNFINISHED, Verdict.UNFINISHED, Verdict.STOPPED]
        assert world.lists == 2

    def test_is_not_done_by_two_parts_of_one_list(self) -> None:
        world = World(settles_after=2, empty_pages=3, page_seconds=4)
        work = world.work
        assert work.cancel().verdict is Verdict.UNFINISHED
        world.empty_pages = 0
        world.jobs = {"a": False}
        assert work.cancel().verdict is Verdict.ACCEPTED
        assert world.told == ["a"]


class TestLog:
    def _lines(self, caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
        # Without the request that another test may have named.
        return [(record.getMessage().rpartition(": ")[2], record.__dict__["stopped"]) for record in caplog.records]

    def test_names_what_was_told_to_stop(self, caplog: pytest.LogCaptureFixture) -> None:
        world = World({"a": False, "b": True, "c": False})
        with caplog.at_level(logging.INFO):
            world.work.cancel()
        assert self._lines(caplog) == [("Told 2 tasks to stop", ["a", "c"])]

    def test_names_two_hundred_in_a_line(self, caplog: pytest.LogCaptureFixture) -> None:
        world = World({str(number): False for number in range(401)}, page_size=1000)
        with caplog.at_level(logging.INFO):
            world.work.cancel()
        assert [len(stopped) for _, stopped in self._lines(caplog)] == [200, 200, 1]

    def test_says_nothing_of_a_round_that_told_none(self, caplog: pytest.LogCaptureFixture) -> None:
        world = World({"a": False}, on_stop=lambda _: REFUSED)
        with caplog.at_level(logging.INFO):
            work = world.work
            work.cancel()
            world.jobs = {"b": True}
            work.describe()
        assert self._lines(caplog) == []

    def test_names_each_job_in_the_round_that_told_it(self, caplog: pytest.LogCaptureFixture) -> None:
        world = World({"a": False, "b": False}, on_stop=lambda id_: DENIED if id_ == "b" else None)
        work = world.work
        with caplog.at_level(logging.INFO):
            work.cancel()
            world.on_stop = lambda _: None
            work.cancel()
        assert [stopped for _, stopped in self._lines(caplog)] == [["a"], ["b"]]


@dataclass(frozen=True)
class Fate:
    """What becomes of one job: when it starts, and how it takes its stops."""

    starts_at: float
    refusals: int
    ends_after: float
    """Seconds after a stop that was taken; infinity never ends."""


class History(World):
    """Jobs that start, refuse their stops, and end, each at its time."""

    def __init__(self, fates: list[Fate], **settings: Any) -> None:
        super().__init__(**settings)
        self.fates = fates
        self._ends: dict[str, float] = {}
        self._refused: dict[str, int] = {}
        self.last_seen: set[str] = set()

    def alive(self) -> list[str]:
        return [
            str(number)
            for number, fate in enumerate(self.fates)
            if self.now - 100 >= fate.starts_at and self.now < self._ends.get(str(number), float("inf"))
        ]

    def unfinished(self) -> Iterator[list[Job]]:
        self.last_seen = set(self.alive())
        jobs = [Job(id_, is_stopping=id_ in self._ends) for id_ in sorted(self.last_seen)]
        for first in range(0, len(jobs), 2):
            self.now += 0.5
            yield jobs[first : first + 2]

    def stop(self, job: Job) -> None:
        self.now += 0.25
        fate = self.fates[int(job.id)]
        self._refused[job.id] = self._refused.get(job.id, 0) + 1
        if self._refused[job.id] <= fate.refusals:
            raise THROTTLED if self._refused[job.id] % 2 else REFUSED
        self._ends.setdefault(job.id, self.now + fate.ends_after)


fates = st.lists(
    st.builds(
        Fate,
        starts_at=st.sampled_from([0.0, 0.0, 1.0, 5.0, 30.0, 400.0]),
        refusals=st.integers(0, 4),
        ends_after=st.sampled_from([0.0, 1.0, 45.0, float("inf")]),
    ),
    max_size=12,
)


@given(fates=fates, settles_after=st.sampled_from([0.0, 2.0]), wait=st.sampled_from([1, 60, 300]))
def test_whatever_jobs_do_they_are_stopped_or_named_in_time(
    fates: list[Fate], settles_after: float, wait: float
) -> None:
    world = History(fates, settles_after=settles_after, pace=Pace(burst=2, rate=4))
    outcome: Outcome = tear_down(world.work, wait=wait, time_left=400, clock=world, jitter=lambda: 1.0, name="The work")
    assert world.now - 100 <= 400 + SLICE + settles_after
    if outcome.end is End.STOPPED:
        assert not world.last_seen
    else:
        assert outcome.end is End.FAILED
        assert any(fate.ends_after or fate.refusals or fate.starts_at for fate in fates)
        assert outcome.words.startswith(
            ("The work is still running (", "The work is running (", "The work could not be ended in time. running (")
        )

"""All jobs in one container, as the engine stops them: which stops are made, when, and what each step says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from threading import Barrier
from typing import Any

import pytest

from jobs.aws import AwsService
from jobs.running_jobs import CONCURRENT_STOPS, SLICE, Pace, RunningJob, RunningJobs
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step, sentence
from tests.network import InTurn, SetClock

THROTTLED = ServiceError(Failure.TRANSIENT, "Rate exceeded", code="ThrottlingException", message="Rate", status=400)
DENIED = ServiceError(Failure.UNKNOWN, "Denied", code="AccessDeniedException")
DENIED_TOO = ServiceError(Failure.UNKNOWN, "Denied, too.")
REJECTED = ServiceError(Failure.REJECTED, "No.", code="InvalidParameterException")
NO_CLUSTER = ServiceError(Failure.REJECTED, "Not found", code="ClusterNotFoundException")
GONE = Step(State.ENDED, "There is no such cluster", Result.GONE)
NOTHING = Step(State.ENDED, "nothing ran")

RUNNING = "Tasks in cluster prod are still running: "
MORE = Step(State.MORE, f"{RUNNING}not all were listed yet")


@dataclass
class Tasks:
    """A kind whose jobs do as a test says, on a clock that jumps."""

    jobs: dict[str, bool] = field(default_factory=dict)
    """Whether each is being stopped, by its id. Those that are come last."""
    errors: Mapping[str, Iterator[ServiceError]] = field(default_factory=dict)
    """What the stops of a job meet, one after the other; then they are accepted."""
    on_list: Callable[[int], object] = lambda _: None
    """What happens before the first list, the second, and so on."""
    closings: list[Step] = field(default_factory=list)
    pace: Pace = field(default_factory=lambda: Pace(burst=1000, rate=1000))
    settles_after: float = 0.0
    stop_seconds: float = 0.0
    empty_pages: int = 0
    page_size: int = 100
    page_seconds: float = 0.0

    noun: str = "tasks"
    ends: Mapping[str, Step] = field(default_factory=lambda: {"ClusterNotFoundException": GONE})

    def __post_init__(self) -> None:
        self.clock = SetClock()
        self.service = AwsService("ecs", "us-west-2")
        self.lists = 0
        self.stops: list[tuple[str, float]] = []
        """The id of each stop, and the seconds after which it was made."""

    def exists(self) -> bool:
        return True

    def unfinished(self) -> Iterator[list[RunningJob]]:
        self.lists += 1
        self.on_list(self.lists)
        listed = [RunningJob(id_, is_stopping) for id_, is_stopping in self.jobs.items()]
        listed.sort(key=lambda job: job.is_stopping)
        pages = [listed[first : first + self.page_size] for first in range(0, len(listed), self.page_size)]
        for page in [*([] for _ in range(self.empty_pages)), *pages]:
            self.clock.now += self.page_seconds
            yield page

    def stop(self, job: RunningJob) -> None:
        self.clock.now += self.stop_seconds
        self.stops.append((job.id, self.seconds))
        if error := next(iter(self.errors.get(job.id, ())), None):
            raise error

    def close(self) -> Step | None:
        return self.closings.pop(0) if self.closings else None

    def advance(self) -> Step:
        return self.running.advance()

    def states(self, steps: int) -> list[State]:
        return [self.advance().state for _ in range(steps)]

    def raised(self) -> tuple[Failure, str]:
        with pytest.raises(ServiceError) as raised:
            self.advance()
        return raised.value.failure, str(raised.value)

    @property
    def seconds(self) -> float:
        return round(self.clock.now - 1000, 3)

    @property
    def told(self) -> list[str]:
        return [id_ for id_, _ in self.stops]

    @cached_property
    def running(self) -> RunningJobs:
        return RunningJobs(self, "cluster prod", self.clock)


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.running_jobs.ThreadPoolExecutor", InTurn)


def _ids(count: int) -> dict[str, bool]:
    return dict.fromkeys(map(str, range(count)), False)


class TestPass:
    def test_stops_every_job_of_every_page(self) -> None:
        tasks = Tasks(_ids(3), page_size=2)
        assert tasks.advance() == Step(State.STOPPING, f"{RUNNING}0, 1, 2. 0 of 3 stopped")
        assert (tasks.told, tasks.lists) == (["0", "1", "2"], 1)

    def test_stops_no_job_that_is_being_stopped(self) -> None:
        tasks = Tasks({"a": True, "b": False})
        assert tasks.advance() == Step(State.STOPPING, f"{RUNNING}b, a. 0 of 2 stopped")
        assert tasks.told == ["b"]

    def test_stops_what_was_not_there_before(self) -> None:
        tasks = Tasks({"a": False})
        tasks.advance()
        tasks.jobs = {"b": False}
        assert tasks.advance() == Step(State.STOPPING, f"{RUNNING}b. 1 of 2 stopped")
        tasks.jobs = {}
        assert tasks.advance() == Step(State.ENDED, "2 tasks stopped")
        assert tasks.told == ["a", "b"]

    @pytest.mark.parametrize(("seconds", "stops"), [(59.999, 1), (60, 2)])
    def test_stops_a_job_again_a_minute_after_an_accepted_stop(self, seconds: float, stops: int) -> None:
        tasks = Tasks({"a": False}, stop_seconds=5)
        tasks.advance()
        tasks.clock.now += seconds
        assert tasks.advance().state is State.STOPPING
        assert len(tasks.stops) == stops

    def test_stops_a_job_at_once_on_a_clock_that_has_just_begun(self) -> None:
        tasks = Tasks({"a": False})
        tasks.clock.now = 0.0
        tasks.advance()
        assert tasks.told == ["a"]

    def test_counts_a_job_once_that_is_listed_twice(self) -> None:
        """As ECS does: a task moves from those that are to run to those that are to stop."""
        tasks = Tasks({"a": False, "b": False})
        tasks.unfinished = lambda: iter([[RunningJob("a")], [RunningJob("a", True), RunningJob("b", True)]])  # type: ignore[method-assign]
        assert tasks.advance().detail == f"{RUNNING}a, b. 0 of 2 stopped"
        assert tasks.told == ["a"]


class TestDetail:
    def test_names_three_jobs_by_the_last_part_of_their_ids_and_says_what_is_known_of_them(self) -> None:
        tasks = Tasks()
        jobs = (
            RunningJob("arn:aws:states:us-west-2:1:execution:m:a", True, "Why"),
            RunningJob("task/prod/b"),
            RunningJob("c"),
        )
        tasks.unfinished = lambda: iter([list(jobs)])  # type: ignore[method-assign]
        assert tasks.advance().detail == f"{RUNNING}a (Why), b, c. 0 of 3 stopped"

    def test_counts_in_thousands(self) -> None:
        tasks = Tasks(dict.fromkeys(_ids(2004), True), page_size=5000)
        assert tasks.advance().detail == f"{RUNNING}0, 1, 2 and 2,001 more. 0 of 2,004 stopped"
        for id_ in map(str, range(2000)):
            del tasks.jobs[id_]
        assert tasks.advance().detail == f"{RUNNING}2000, 2001, 2002 and 1 more. 2,000 of 2,004 stopped"
        tasks.jobs.clear()
        assert tasks.advance().detail == "2,004 tasks stopped"


class TestSlice:
    """A step ends after some seconds, so that the engine can keep its time, and the next one goes on from there."""

    def test_goes_on_where_the_last_one_ended(self) -> None:
        tasks = Tasks(_ids(25), stop_seconds=1)
        assert tasks.advance() == MORE
        assert (len(tasks.stops), tasks.seconds) == (10, SLICE)
        assert tasks.states(2) == [State.MORE, State.STOPPING]
        assert (tasks.told, tasks.lists) == (list(tasks.jobs), 1)

    def test_ends_within_pages_without_a_job(self) -> None:
        tasks = Tasks(_ids(1), empty_pages=15, page_seconds=1)
        assert tasks.advance() == MORE
        assert (tasks.seconds, tasks.stops) == (SLICE, [])
        assert tasks.advance().state is State.STOPPING
        assert tasks.lists == 1

    @pytest.mark.parametrize(
        ("error", "state"), [(THROTTLED, Failure.TRANSIENT), (DENIED, Failure.UNKNOWN), (REJECTED, State.MORE)]
    )
    def test_remembers_what_a_stop_met_before(self, error: ServiceError, state: object) -> None:
        tasks = Tasks(_ids(15), {"0": repeat(error)}, stop_seconds=1)
        assert tasks.advance() == MORE
        left = f"{sentence(str(error))} {RUNNING}0, 1, 2 and 12 more. 0 of 15 stopped"
        if isinstance(state, Failure):
            assert tasks.raised() == (state, f"{left}. The service accepted the stop of 14 of 15 tasks.")
        else:
            assert tasks.advance() == Step(State.MORE, left)
        assert tasks.told == list(tasks.jobs)

    def test_in_which_every_stop_is_denied_raises_that_and_lets_the_next_one_go_on(self) -> None:
        tasks = Tasks(_ids(30), {id_: repeat(DENIED) for id_ in _ids(20)}, stop_seconds=1)
        denied = (
            Failure.UNKNOWN,
            f"Denied. {RUNNING}not all were listed yet. The service accepted the stop of 0 of {{}} tasks.",
        )
        assert tasks.raised() == (denied[0], denied[1].format(10))
        assert tasks.raised() == (denied[0], denied[1].format(20))
        assert tasks.advance() == MORE
        assert (tasks.told, tasks.lists) == (list(tasks.jobs), 1)

    def test_in_which_every_stop_is_rejected_goes_on_at_once(self) -> None:
        """Jobs that have ended reject their stops, and must keep no other job from its own, though the wait is 0."""
        tasks = Tasks(_ids(25), {id_: repeat(REJECTED) for id_ in _ids(20)}, stop_seconds=1)
        assert [tasks.advance() for _ in range(2)] == [MORE, MORE]
        assert tasks.told == list(tasks.jobs)[:20]

    def test_without_a_stop_raises_nothing(self) -> None:
        jobs = {"a": False, "b": True, "c": True}
        tasks = Tasks(jobs, {"a": repeat(THROTTLED)}, stop_seconds=6, page_size=1, page_seconds=6)
        assert tasks.raised()[0] is Failure.TRANSIENT
        assert tasks.advance() == MORE
        assert tasks.raised()[0] is Failure.TRANSIENT


class TestSideBySide:
    def test_are_stops_of_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobs.running_jobs.ThreadPoolExecutor", ThreadPoolExecutor)
        tasks, together = Tasks(_ids(2 * CONCURRENT_STOPS)), Barrier(CONCURRENT_STOPS)
        tasks.stop = lambda _: together.wait(60)  # type: ignore[method-assign,assignment]
        assert tasks.advance().state is State.STOPPING

    @pytest.mark.parametrize("burst", [CONCURRENT_STOPS, 3])
    def test_are_no_more_than_the_burst(self, monkeypatch: pytest.MonkeyPatch, burst: int) -> None:
        widths: list[int] = []
        monkeypatch.setattr(InTurn, "__init__", lambda _, width: widths.append(width))
        Tasks(_ids(25), pace=Pace(burst, 1000)).advance()
        assert widths == [burst] * (25 // burst) + [25 % burst]


class TestStop:
    """One that fails keeps no other job from its own, and is made again by the next pass."""

    @pytest.mark.parametrize(
        ("a", "b", "raised", "accepted"),
        [
            (DENIED, None, DENIED, 1),
            (None, THROTTLED, THROTTLED, 1),
            (THROTTLED, DENIED, THROTTLED, 0),
            (DENIED, THROTTLED, THROTTLED, 0),
            (THROTTLED, REJECTED, THROTTLED, 0),
            (REJECTED, DENIED, DENIED, 0),
            (DENIED, DENIED_TOO, DENIED_TOO, 0),
        ],
        ids=str,
    )
    def test_raises_what_passes_before_what_may_pass_before_a_rejection_and_the_last_of_those(
        self, a: ServiceError | None, b: ServiceError | None, raised: ServiceError, accepted: int
    ) -> None:
        errors = {id_: iter([error]) for id_, error in (("a", a), ("b", b)) if error}
        tasks = Tasks({"a": False, "b": False}, errors)
        text = f"{sentence(str(raised))} {RUNNING}a, b. 0 of 2 stopped."
        assert tasks.raised() == (raised.failure, f"{text} The service accepted the stop of {accepted} of 2 tasks.")
        assert tasks.told == ["a", "b"]
        assert tasks.advance().state is State.STOPPING
        assert tasks.told[2:] == list(errors)

    @pytest.mark.parametrize("failure", [Failure.TRANSIENT, Failure.UNKNOWN, Failure.REJECTED])
    def test_never_says_that_the_container_is_gone(self, failure: Failure) -> None:
        no_task = ServiceError(failure, "No such task.", code="ClusterNotFoundException")
        tasks = Tasks({"a": False}, {"a": repeat(no_task)})
        if failure is Failure.REJECTED:
            assert tasks.advance().state is State.MORE
        else:
            assert tasks.raised()[0] is failure

    def test_that_is_rejected_is_looked_at_again_at_once_and_only_once(self) -> None:
        tasks = Tasks({"a": False}, {"a": repeat(REJECTED)})
        refused = f"No. {RUNNING}a. 0 of 1 stopped"
        steps = [tasks.advance() for _ in range(3)]
        assert steps == [Step(State.MORE, refused), Step(State.REFUSED, refused), Step(State.REFUSED, refused)]
        assert (tasks.told, tasks.seconds) == (["a", "a", "a"], 0)
        tasks.jobs.clear()
        assert tasks.advance() == Step(State.ENDED, "1 tasks stopped")


class TestList:
    def _fail(self, tasks: Tasks, error: ServiceError) -> None:
        def fail(_: int) -> None:
            raise error

        tasks.on_list = fail

    def test_that_fails_first_raises_its_error_as_it_is_or_ends(self) -> None:
        tasks = Tasks()
        self._fail(tasks, THROTTLED)
        with pytest.raises(ServiceError) as raised:
            tasks.advance()
        assert raised.value is THROTTLED
        self._fail(tasks, NO_CLUSTER)
        assert tasks.advance() == GONE

    def test_that_fails_later_says_how_far_the_stops_came(self) -> None:
        tasks = Tasks(_ids(2000), {"0": iter([REJECTED])}, page_size=5000)
        tasks.advance()
        self._fail(tasks, THROTTLED)
        with pytest.raises(ServiceError) as raised:
            tasks.advance()
        assert str(raised.value) == "Rate exceeded. The service accepted the stop of 1,999 of 2,000 tasks."
        assert vars(raised.value) == vars(THROTTLED)

    def test_that_fails_is_read_from_its_beginning_again(self) -> None:
        tasks = Tasks(_ids(2))
        pages = tasks.unfinished

        def unfinished() -> Iterator[list[RunningJob]]:
            yield [RunningJob("0")]
            raise THROTTLED

        tasks.unfinished = unfinished  # type: ignore[method-assign]
        assert tasks.raised()[1] == "Rate exceeded. The service accepted the stop of 1 of 1 tasks."
        tasks.unfinished = pages  # type: ignore[method-assign]
        assert tasks.advance().detail == f"{RUNNING}0, 1. 0 of 2 stopped"
        assert tasks.told == ["0", "1"]


class TestEnd:
    @pytest.mark.parametrize(("settles_after", "lists"), [(0, 1), (2, 2)])
    def test_is_seen_twice_if_lists_settle(self, settles_after: float, lists: int) -> None:
        tasks = Tasks(settles_after=settles_after)
        assert tasks.advance() == NOTHING
        assert (tasks.seconds, tasks.lists) == (settles_after, lists)

    def test_is_none_if_the_second_list_has_a_job_and_is_then_seen_twice_again(self) -> None:
        tasks = Tasks(settles_after=2)
        tasks.on_list = lambda time: tasks.jobs.update(a=False) if time == 2 else None
        assert tasks.advance().state is State.STOPPING
        assert tasks.stops == [("a", 2)]
        tasks.jobs.clear()
        assert tasks.advance() == Step(State.ENDED, "1 tasks stopped")
        assert (tasks.seconds, tasks.lists) == (4, 4)

    def test_is_seen_where_each_list_takes_longer_than_a_slice(self) -> None:
        tasks = Tasks(settles_after=2, empty_pages=3, page_seconds=4)
        assert [tasks.advance() for _ in range(3)] == [MORE, MORE, NOTHING]
        assert tasks.lists == 2

    def test_is_not_seen_in_two_parts_of_one_list(self) -> None:
        tasks = Tasks(settles_after=2, empty_pages=3, page_seconds=4)
        assert tasks.advance() == MORE
        tasks.empty_pages, tasks.jobs = 0, {"a": False}
        assert tasks.advance().state is State.STOPPING
        assert tasks.told == ["a"]

    def test_waits_for_what_is_left_to_do_without_a_job(self) -> None:
        stopping = Step(State.STOPPING, "Application 00f is STOPPING")
        tasks = Tasks(settles_after=2, closings=[stopping, stopping])
        assert [tasks.advance() for _ in range(3)] == [stopping, stopping, NOTHING]
        assert (tasks.seconds, tasks.lists) == (2, 4)

    def test_does_nothing_more_while_a_job_is_left(self) -> None:
        closing = Step(State.STOPPING, "Application 00f is STOPPING")
        tasks = Tasks({"a": True}, closings=[closing])
        tasks.advance()
        assert tasks.closings == [closing]

    def test_that_is_refused_is_looked_at_again_at_once_and_only_once(self) -> None:
        refused = Step(State.REFUSED, "No. Application 00f is STARTED")
        tasks = Tasks(closings=[refused] * 3)
        assert [tasks.advance() for _ in range(3)] == [Step(State.MORE, refused.detail), refused, refused]


class TestPace:
    @pytest.mark.parametrize(
        ("jobs", "pace", "stop_seconds", "seconds"),
        [
            pytest.param(7, Pace(3, 2), 0, [0, 0, 0, 1.5, 1.5, 1.5, 2], id="the burst at once, then the rate"),
            pytest.param(4, Pace(1, 2), 0.2, [0.2, 0.7, 1.2, 1.7], id="a stop's own time counts"),
            pytest.param(3, Pace(2, 1), 0.25, [0.25, 0.5, 1.25], id="no pause while the burst lasts"),
        ],
    )
    def test_is_the_services_limit(self, jobs: int, pace: Pace, stop_seconds: float, seconds: list[float]) -> None:
        tasks = Tasks(_ids(jobs), pace=pace, stop_seconds=stop_seconds)
        tasks.advance()
        assert [at for _, at in tasks.stops] == seconds

    def test_saves_up_no_more_than_the_burst(self) -> None:
        tasks = Tasks(_ids(3), pace=Pace(3, 2))
        tasks.advance()
        tasks.clock.now += 1000
        tasks.jobs = dict.fromkeys("abcd", False)
        tasks.advance()
        assert [at for _, at in tasks.stops] == [0, 0, 0, 1000, 1000, 1000, 1000.5]

    def test_counts_stops_that_fail(self) -> None:
        tasks = Tasks({"a": False}, {"a": iter([THROTTLED])}, pace=Pace(1, 0.5))
        tasks.raised()
        tasks.advance()
        assert [at for _, at in tasks.stops] == [0, 2]


class TestLog:
    def _lines(self, caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
        # Without the request that another test may have named.
        return [(record.getMessage().rpartition(": ")[2], record.__dict__["stopped"]) for record in caplog.records]

    def test_has_the_ids_of_what_was_stopped_two_hundred_a_line(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        tasks = Tasks({**_ids(401), "x": True}, page_size=1000)
        tasks.advance()
        ids = list(_ids(401))
        assert self._lines(caplog) == [
            ("The service accepted the stop of 200 tasks", ids[:200]),
            ("The service accepted the stop of 200 tasks", ids[200:400]),
            ("The service accepted the stop of 1 tasks", ids[400:]),
        ]
        assert {record.levelname for record in caplog.records} == {"INFO"}

    def test_has_each_job_once_and_after_an_error_as_well(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        tasks = Tasks({"a": False, "b": False}, {"b": iter([DENIED])})
        tasks.raised()
        assert tasks.states(2) == [State.STOPPING, State.STOPPING]
        assert [stopped for _, stopped in self._lines(caplog)] == [["a"], ["b"]]

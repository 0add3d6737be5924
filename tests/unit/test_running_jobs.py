"""All jobs in one container, as the engine stops them: which stops are made, when, and what each step says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.aws import AwsService
from jobs.running_jobs import SLICE, Pace, RunningJob, RunningJobs
from protocol.outcome import Result
from teardown import ServiceError, State, Step, Trouble, sentence, tear_down
from tests.network import SetClock

THROTTLED = ServiceError(Trouble.TRANSIENT, "Rate exceeded", code="ThrottlingException", message="Rate", status=400)
DENIED = ServiceError(Trouble.UNKNOWN, "Denied", code="AccessDeniedException")
REJECTED = ServiceError(Trouble.REJECTED, "No.", code="InvalidParameterException")
NO_CLUSTER = ServiceError(Trouble.REJECTED, "Not found", code="ClusterNotFoundException")
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

    @property
    def seconds(self) -> float:
        return round(self.clock.now - 1000, 3)

    @property
    def told(self) -> list[str]:
        return [id_ for id_, _ in self.stops]

    @property
    def running(self) -> RunningJobs:
        return RunningJobs(self, "cluster prod", self.clock)


def _ids(count: int) -> dict[str, bool]:
    return dict.fromkeys(map(str, range(count)), False)


def _states(running: RunningJobs, steps: int) -> list[State]:
    return [running.advance().state for _ in range(steps)]


def _raised(running: RunningJobs) -> tuple[Trouble, str]:
    with pytest.raises(ServiceError) as raised:
        running.advance()
    return raised.value.trouble, str(raised.value)


class TestPass:
    def test_stops_every_job_of_every_page(self) -> None:
        tasks = Tasks(_ids(3), page_size=2)
        assert tasks.running.advance() == Step(State.STOPPING, f"{RUNNING}0 of 3 stopped, not 0, 1, 2")
        assert (tasks.told, tasks.lists) == (["0", "1", "2"], 1)

    def test_stops_no_job_that_is_being_stopped(self) -> None:
        tasks = Tasks({"a": True, "b": False})
        assert tasks.running.advance() == Step(State.STOPPING, f"{RUNNING}0 of 2 stopped, not b, a")
        assert tasks.told == ["b"]

    def test_without_a_job_is_the_end(self) -> None:
        tasks = Tasks()
        assert tasks.running.advance() == NOTHING
        assert (tasks.seconds, tasks.lists) == (0, 1)

    def test_stops_what_was_not_there_before(self) -> None:
        tasks = Tasks({"a": False})
        running = tasks.running
        running.advance()
        tasks.jobs = {"b": False}
        assert running.advance() == Step(State.STOPPING, f"{RUNNING}1 of 2 stopped, not b")
        tasks.jobs = {}
        assert running.advance() == Step(State.ENDED, "2 tasks stopped")
        assert tasks.told == ["a", "b"]

    @pytest.mark.parametrize(("seconds", "stops"), [(59.999, 1), (60, 2)])
    def test_stops_a_job_again_that_does_not_show_it_after_a_minute(self, seconds: float, stops: int) -> None:
        tasks = Tasks({"a": False})
        running = tasks.running
        running.advance()
        tasks.clock.now += seconds
        assert running.advance().state is State.STOPPING
        assert len(tasks.stops) == stops

    def test_counts_that_minute_from_when_the_stop_was_accepted(self) -> None:
        tasks = Tasks({"a": False}, stop_seconds=5)
        running = tasks.running
        running.advance()
        tasks.clock.now += 55
        running.advance()
        assert tasks.told == ["a"]

    def test_stops_a_job_at_once_on_a_clock_that_has_just_begun(self) -> None:
        tasks = Tasks({"a": False})
        tasks.clock.now = 0.0
        tasks.running.advance()
        assert tasks.told == ["a"]

    def test_counts_a_job_once_that_is_listed_twice(self) -> None:
        """As ECS does: a task moves from those that are to run to those that are to stop."""
        tasks = Tasks({"a": False, "b": False})
        tasks.unfinished = lambda: iter([[RunningJob("a")], [RunningJob("a", True), RunningJob("b", True)]])  # type: ignore[method-assign]
        assert tasks.running.advance().detail == f"{RUNNING}0 of 2 stopped, not a, b"
        assert tasks.told == ["a"]

    def test_counts_the_calls_of_its_kind(self) -> None:
        tasks = Tasks()
        tasks.service.calls = 7
        assert tasks.running.calls == 7


class TestDetail:
    def test_names_three_jobs_by_the_last_part_of_their_ids(self) -> None:
        tasks = Tasks(
            {"arn:aws:states:us-west-2:1:execution:m:a": True, "arn:aws:ecs:x:1:task/prod/b": True, "c": True}
        )
        assert tasks.running.advance().detail == f"{RUNNING}0 of 3 stopped, not a, b, c"

    def test_counts_in_thousands(self) -> None:
        tasks = Tasks(dict.fromkeys(_ids(2004), True), page_size=5000)
        running = tasks.running
        assert running.advance().detail == f"{RUNNING}0 of 2,004 stopped, not 0, 1, 2 and 2,001 more"
        for id_ in map(str, range(2000)):
            del tasks.jobs[id_]
        assert running.advance().detail == f"{RUNNING}2,000 of 2,004 stopped, not 2000, 2001, 2002 and 1 more"
        tasks.jobs.clear()
        assert running.advance().detail == "2,004 tasks stopped"

    def test_begins_with_the_noun(self) -> None:
        tasks = Tasks({"a": True}, noun="job runs")
        detail = "Job runs in cluster prod are still running: 0 of 1 stopped, not a"
        assert tasks.running.advance().detail == detail


class TestSlice:
    """A step ends after some seconds, so that the engine can keep its time, and the next one goes on from there."""

    def test_goes_on_where_the_last_one_ended(self) -> None:
        tasks = Tasks(_ids(25), stop_seconds=1)
        running = tasks.running
        assert running.advance() == MORE
        assert (len(tasks.stops), tasks.seconds) == (10, SLICE)
        assert _states(running, 2) == [State.MORE, State.STOPPING]
        assert (tasks.told, tasks.lists) == (list(tasks.jobs), 1)

    def test_lasts_while_there_is_any_time(self) -> None:
        tasks = Tasks(_ids(2), stop_seconds=SLICE - 0.001)
        tasks.running.advance()
        assert len(tasks.stops) == 2

    def test_ends_within_pages_without_a_job(self) -> None:
        tasks = Tasks(_ids(1), empty_pages=15, page_seconds=1)
        running = tasks.running
        assert running.advance() == MORE
        assert (tasks.seconds, tasks.stops) == (SLICE, [])
        assert running.advance().state is State.STOPPING
        assert tasks.lists == 1

    @pytest.mark.parametrize(
        ("error", "state"), [(THROTTLED, Trouble.TRANSIENT), (DENIED, Trouble.UNKNOWN), (REJECTED, State.MORE)]
    )
    def test_remembers_what_a_stop_met_before(self, error: ServiceError, state: object) -> None:
        tasks = Tasks(_ids(15), {"0": repeat(error)}, stop_seconds=1)
        running = tasks.running
        assert running.advance() == MORE
        left = f"{sentence(str(error))} {RUNNING}0 of 15 stopped, not 0, 1, 2 and 12 more"
        if isinstance(state, Trouble):
            assert _raised(running) == (state, f"{left}. 14 of 15 tasks were told to stop.")
        else:
            assert running.advance() == Step(State.MORE, left)
        assert tasks.told == list(tasks.jobs)

    def test_in_which_every_stop_is_denied_raises_that_and_lets_the_next_one_go_on(self) -> None:
        tasks = Tasks(_ids(30), {id_: repeat(DENIED) for id_ in _ids(20)}, stop_seconds=1)
        running = tasks.running
        denied = (Trouble.UNKNOWN, f"Denied. {RUNNING}not all were listed yet. 0 of {{}} tasks were told to stop.")
        assert _raised(running) == (denied[0], denied[1].format(10))
        assert _raised(running) == (denied[0], denied[1].format(20))
        assert running.advance() == MORE
        assert (tasks.told, tasks.lists) == (list(tasks.jobs), 1)

    def test_in_which_every_stop_is_rejected_goes_on_at_once(self) -> None:
        """Jobs that have ended reject their stops, and must keep no other job from its own, though the wait is 0."""
        tasks = Tasks(_ids(25), {id_: repeat(REJECTED) for id_ in _ids(20)}, stop_seconds=1)
        running = tasks.running
        assert [running.advance() for _ in range(2)] == [MORE, MORE]
        assert tasks.told == list(tasks.jobs)[:20]

    def test_without_a_stop_raises_nothing(self) -> None:
        jobs = {"a": False, "b": True, "c": True}
        tasks = Tasks(jobs, {"a": repeat(THROTTLED)}, stop_seconds=6, page_size=1, page_seconds=6)
        running = tasks.running
        assert _raised(running)[0] is Trouble.TRANSIENT
        assert running.advance() == MORE
        assert _raised(running)[0] is Trouble.TRANSIENT


class TestStop:
    """One that fails keeps no other job from its own, and is made again by the next pass."""

    @pytest.mark.parametrize(
        ("a", "b", "trouble", "text"),
        [
            (DENIED, None, Trouble.UNKNOWN, "Denied. {}. 1 of 2 tasks were told to stop."),
            (None, THROTTLED, Trouble.TRANSIENT, "Rate exceeded. {}. 1 of 2 tasks were told to stop."),
            (THROTTLED, DENIED, Trouble.TRANSIENT, "Rate exceeded. {}. 0 of 2 tasks were told to stop."),
            (DENIED, THROTTLED, Trouble.TRANSIENT, "Rate exceeded. {}. 0 of 2 tasks were told to stop."),
            (THROTTLED, REJECTED, Trouble.TRANSIENT, "Rate exceeded. {}. 0 of 2 tasks were told to stop."),
            (REJECTED, DENIED, Trouble.UNKNOWN, "Denied. {}. 0 of 2 tasks were told to stop."),
        ],
    )
    def test_raises_what_passes_before_what_may_pass_before_a_rejection(
        self, a: ServiceError | None, b: ServiceError | None, trouble: Trouble, text: str
    ) -> None:
        errors = {id_: iter([error]) for id_, error in (("a", a), ("b", b)) if error}
        tasks = Tasks({"a": False, "b": False}, errors)
        running = tasks.running
        assert _raised(running) == (trouble, text.format(f"{RUNNING}0 of 2 stopped, not a, b"))
        assert tasks.told == ["a", "b"]
        assert running.advance().state is State.STOPPING
        assert tasks.told[2:] == list(errors)

    def test_raises_the_last_error(self) -> None:
        last = ServiceError(Trouble.UNKNOWN, "Denied, too.")
        tasks = Tasks({"a": False, "b": False}, {"a": repeat(DENIED), "b": repeat(last)})
        assert _raised(tasks.running)[1].startswith("Denied, too. Tasks")

    @pytest.mark.parametrize("trouble", [Trouble.TRANSIENT, Trouble.UNKNOWN, Trouble.REJECTED])
    def test_never_says_that_the_container_is_gone(self, trouble: Trouble) -> None:
        no_task = ServiceError(trouble, "No such task.", code="ClusterNotFoundException", message="m", status=400)
        running = Tasks({"a": False}, {"a": repeat(no_task)}).running
        if trouble is Trouble.REJECTED:
            assert _states(running, 2) == [State.MORE, State.REFUSED]
        else:
            with pytest.raises(ServiceError) as raised:
                running.advance()
            assert (raised.value.trouble, raised.value.code) == (trouble, "")

    def test_that_is_rejected_is_looked_at_again_at_once_and_only_once(self) -> None:
        tasks = Tasks({"a": False}, {"a": repeat(REJECTED)})
        running = tasks.running
        refused = f"No. {RUNNING}0 of 1 stopped, not a"
        steps = [running.advance() for _ in range(3)]
        assert steps == [Step(State.MORE, refused), Step(State.REFUSED, refused), Step(State.REFUSED, refused)]
        assert (tasks.told, tasks.seconds) == (["a", "a", "a"], 0)

    def test_that_is_rejected_because_the_job_has_ended_is_no_failure(self) -> None:
        tasks = Tasks({"a": False}, {"a": repeat(REJECTED)})
        running = tasks.running
        running.advance()
        tasks.jobs.clear()
        assert running.advance() == Step(State.ENDED, "1 tasks stopped")

    def test_that_is_rejected_fails_a_delete_that_does_not_wait(self) -> None:
        outcome = _tear_down(Tasks({"a": False}, {"a": repeat(REJECTED)}), wait=0)
        assert outcome == (Result.FAILED, f"No. {RUNNING}0 of 1 stopped, not a. Waited 0 s.")

    def test_that_is_rejected_among_very_many_keeps_none_from_its_own_before_such_a_delete_fails(self) -> None:
        tasks = Tasks(_ids(50), {id_: repeat(REJECTED) for id_ in _ids(30)}, stop_seconds=1)
        detail = f"No. {RUNNING}0 of 50 stopped, not 0, 1, 2 and 47 more. Waited 0 s."
        assert _tear_down(tasks, wait=0) == (Result.FAILED, detail)
        assert set(tasks.told) == set(tasks.jobs)

    def test_that_is_denied_while_others_are_throttled_fails_nothing_when_both_pass(self) -> None:
        tasks = Tasks({"a": False, "b": False}, {"a": repeat(DENIED, 3), "b": repeat(THROTTLED, 8)})
        tasks.on_list = lambda _: tasks.jobs.clear() if tasks.told.count("b") == 9 else None
        assert _tear_down(tasks, wait=60) == (Result.STOPPED, "2 tasks stopped")


def _tear_down(tasks: Tasks, **settings: float) -> tuple[Result, str]:
    outcome = tear_down(tasks.running, time_left=800, clock=tasks.clock, jitter=lambda: 1.0, **settings)
    return outcome.result, outcome.detail


class TestList:
    def _fail(self, tasks: Tasks, error: ServiceError) -> None:
        def fail(_: int) -> None:
            raise error

        tasks.on_list = fail

    def test_whose_error_is_an_end_ends(self) -> None:
        tasks = Tasks(_ids(2))
        running = tasks.running
        running.advance()
        self._fail(tasks, NO_CLUSTER)
        assert running.advance() == GONE

    def test_that_fails_first_raises_its_error_as_it_is(self) -> None:
        tasks = Tasks()
        self._fail(tasks, THROTTLED)
        with pytest.raises(ServiceError) as raised:
            tasks.running.advance()
        assert raised.value is THROTTLED

    def test_that_fails_later_says_how_far_the_stops_came(self) -> None:
        tasks = Tasks(_ids(2000), {"0": iter([REJECTED])}, page_size=5000)
        running = tasks.running
        running.advance()
        self._fail(tasks, THROTTLED)
        with pytest.raises(ServiceError) as raised:
            running.advance()
        assert str(raised.value) == "Rate exceeded. 1,999 of 2,000 tasks were told to stop."
        assert vars(raised.value) == vars(THROTTLED)

    def test_that_fails_is_read_from_its_beginning_again(self) -> None:
        tasks = Tasks(_ids(2))
        running = tasks.running
        pages = tasks.unfinished

        def unfinished() -> Iterator[list[RunningJob]]:
            yield [RunningJob("0")]
            raise THROTTLED

        tasks.unfinished = unfinished  # type: ignore[method-assign]
        assert _raised(running)[1] == "Rate exceeded. 1 of 1 tasks were told to stop."
        tasks.unfinished = pages  # type: ignore[method-assign]
        assert running.advance().detail == f"{RUNNING}0 of 2 stopped, not 0, 1"
        assert tasks.told == ["0", "1"]


class TestEnd:
    def test_is_seen_twice(self) -> None:
        tasks = Tasks(settles_after=2)
        assert tasks.running.advance() == NOTHING
        assert (tasks.seconds, tasks.lists) == (2, 2)

    def test_is_none_if_the_second_list_has_a_job_and_is_then_seen_twice_again(self) -> None:
        tasks = Tasks(settles_after=2)
        tasks.on_list = lambda time: tasks.jobs.update(a=False) if time == 2 else None
        running = tasks.running
        assert running.advance().state is State.STOPPING
        assert tasks.stops == [("a", 2)]
        tasks.jobs.clear()
        assert running.advance() == Step(State.ENDED, "1 tasks stopped")
        assert (tasks.seconds, tasks.lists) == (4, 4)

    def test_is_seen_where_each_list_takes_longer_than_a_slice(self) -> None:
        tasks = Tasks(settles_after=2, empty_pages=3, page_seconds=4)
        running = tasks.running
        assert [running.advance() for _ in range(3)] == [MORE, MORE, NOTHING]
        assert tasks.lists == 2

    def test_is_not_seen_in_two_parts_of_one_list(self) -> None:
        tasks = Tasks(settles_after=2, empty_pages=3, page_seconds=4)
        running = tasks.running
        assert running.advance() == MORE
        tasks.empty_pages, tasks.jobs = 0, {"a": False}
        assert running.advance().state is State.STOPPING
        assert tasks.told == ["a"]

    def test_waits_for_what_is_left_to_do_without_a_job(self) -> None:
        stopping = Step(State.STOPPING, "Application 00f is STOPPING")
        tasks = Tasks(settles_after=2, closings=[stopping, stopping])
        running = tasks.running
        assert [running.advance() for _ in range(3)] == [stopping, stopping, NOTHING]
        assert (tasks.seconds, tasks.lists) == (2, 4)

    def test_does_nothing_more_while_a_job_is_left(self) -> None:
        closing = Step(State.STOPPING, "Application 00f is STOPPING")
        tasks = Tasks({"a": True}, closings=[closing])
        tasks.running.advance()
        assert tasks.closings == [closing]

    def test_that_is_refused_is_looked_at_again_at_once_and_only_once(self) -> None:
        refused = Step(State.REFUSED, "No. Application 00f is STARTED")
        running = Tasks(closings=[refused] * 3).running
        assert [running.advance() for _ in range(3)] == [Step(State.MORE, refused.detail), refused, refused]

    def test_that_is_refused_fails_a_delete_that_does_not_wait(self) -> None:
        refused = Step(State.REFUSED, "No. Application 00f is STARTED")
        outcome = _tear_down(Tasks(closings=[refused] * 2), wait=0)
        assert outcome == (Result.FAILED, "No. Application 00f is STARTED. Waited 0 s.")


class TestPace:
    @pytest.mark.parametrize(
        ("jobs", "pace", "stop_seconds", "seconds"),
        [
            pytest.param(6, Pace(3, 2), 0, [0, 0, 0, 0.5, 1, 1.5], id="the burst at once, then the rate"),
            pytest.param(4, Pace(1, 2), 0.2, [0.2, 0.7, 1.2, 1.7], id="a stop's own time counts"),
            pytest.param(3, Pace(2, 1), 0.25, [0.25, 0.5, 1.25], id="no pause while the burst lasts"),
        ],
    )
    def test_is_the_services_limit(self, jobs: int, pace: Pace, stop_seconds: float, seconds: list[float]) -> None:
        tasks = Tasks(_ids(jobs), pace=pace, stop_seconds=stop_seconds)
        tasks.running.advance()
        assert [at for _, at in tasks.stops] == seconds

    def test_saves_up_no_more_than_the_burst(self) -> None:
        tasks = Tasks(_ids(3), pace=Pace(3, 2))
        running = tasks.running
        running.advance()
        tasks.clock.now += 1000
        tasks.jobs = dict.fromkeys("abcd", False)
        running.advance()
        assert [at for _, at in tasks.stops] == [0, 0, 0, 1000, 1000, 1000, 1000.5]

    def test_saves_up_what_passes_before_the_first_stop(self) -> None:
        tasks = Tasks(_ids(2), pace=Pace(1, 0.5))
        running = tasks.running
        tasks.clock.now += 1
        running.advance()
        assert [at for _, at in tasks.stops] == [1, 3]

    def test_counts_stops_that_fail(self) -> None:
        tasks = Tasks({"a": False}, {"a": iter([THROTTLED])}, pace=Pace(1, 0.5))
        running = tasks.running
        _raised(running)
        running.advance()
        assert [at for _, at in tasks.stops] == [0, 2]


class TestLog:
    def _lines(self, caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
        # Without the request that another test may have named.
        return [(record.getMessage().rpartition(": ")[2], record.__dict__["stopped"]) for record in caplog.records]

    def test_has_the_ids_of_what_was_stopped_two_hundred_a_line(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        tasks = Tasks({**_ids(401), "x": True}, page_size=1000)
        tasks.running.advance()
        ids = list(_ids(401))
        assert self._lines(caplog) == [
            ("Told 200 tasks to stop", ids[:200]),
            ("Told 200 tasks to stop", ids[200:400]),
            ("Told 1 tasks to stop", ids[400:]),
        ]
        assert {record.levelname for record in caplog.records} == {"INFO"}

    def test_has_each_job_once_and_after_an_error_as_well(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        running = Tasks({"a": False, "b": False}, {"b": iter([DENIED])}).running
        _raised(running)
        assert _states(running, 2) == [State.STOPPING, State.STOPPING]
        assert [stopped for _, stopped in self._lines(caplog)] == [["a"], ["b"]]


@dataclass(frozen=True)
class Fate:
    """What becomes of one job: when it starts, and how it takes its stops."""

    starts_at: float
    failures: int
    ends_after: float
    """Seconds after a stop that was accepted; infinity never ends."""


class History(Tasks):
    """Jobs that start, fail to stop, and end, each at its time."""

    def follow(self, fates: list[Fate]) -> None:
        self._fates = fates
        self._ends: dict[str, float] = {}
        self.last_seen: set[str] = set()

    def unfinished(self) -> Iterator[list[RunningJob]]:
        self.jobs = {
            str(number): str(number) in self._ends
            for number, fate in enumerate(self._fates)
            if self.seconds >= fate.starts_at and self.clock.now < self._ends.get(str(number), float("inf"))
        }
        self.last_seen = set(self.jobs)
        yield from super().unfinished()

    def stop(self, job: RunningJob) -> None:
        super().stop(job)
        fate, tries = self._fates[int(job.id)], self.told.count(job.id)
        if tries <= fate.failures:
            raise THROTTLED if tries % 2 else REJECTED
        self._ends.setdefault(job.id, self.clock.now + fate.ends_after)


FATES = st.lists(
    st.builds(
        Fate,
        starts_at=st.sampled_from([0.0, 0.0, 1.0, 5.0, 30.0, 400.0]),
        failures=st.integers(0, 4),
        ends_after=st.sampled_from([0.0, 1.0, 45.0, float("inf")]),
    ),
    max_size=12,
)


@settings(max_examples=50)
@given(fates=FATES, settles_after=st.sampled_from([0.0, 2.0]), wait=st.sampled_from([1, 60, 300]))
def test_whatever_jobs_do_they_are_stopped_or_named_in_time(
    fates: list[Fate], settles_after: float, wait: float
) -> None:
    tasks = History(settles_after=settles_after, pace=Pace(2, 4), stop_seconds=0.25, page_size=2, page_seconds=0.5)
    tasks.follow(fates)
    outcome = tear_down(tasks.running, wait=wait, time_left=400, clock=tasks.clock, jitter=lambda: 1.0)
    assert tasks.seconds <= 400 + SLICE + settles_after
    if outcome.result is Result.STOPPED:
        assert not tasks.last_seen
    else:
        assert outcome.result is Result.FAILED
        assert RUNNING in outcome.detail
        assert any(fate.ends_after or fate.failures or fate.starts_at for fate in fates)

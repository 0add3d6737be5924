"""All jobs in one container, as the engine stops them: which stops are made, when, and what each step says."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from threading import Barrier
from typing import Any

import pytest

from jobs.aws import AwsService
from jobs.running_jobs import CONCURRENT_STOPS, Pace, RunningJob, RunningJobs
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step, sentence
from tests.network import InTurn, SetClock

THROTTLED = ServiceError(Failure.TRANSIENT, "Rate exceeded", code="ThrottlingException")
DENIED = ServiceError(Failure.UNKNOWN, "Denied", code="AccessDeniedException")
DENIED_TOO = ServiceError(Failure.UNKNOWN, "Denied, too.")
REJECTED = ServiceError(Failure.REJECTED, "No.", code="InvalidParameterException")
NO_CLUSTER = ServiceError(Failure.REJECTED, "Not found", code="ClusterNotFoundException")

RUNNING = "Tasks in cluster prod are still running: "
MORE = Step(State.MORE, "Tasks in cluster prod may still be running: not all were listed yet")
GONE = Step(State.ENDED, "There is no such cluster", Result.GONE)
NOTHING = Step(State.ENDED, "nothing ran")
CLOSING = Step(State.STOPPING, "Application 00f is STOPPING")
REFUSED = Step(State.REFUSED, "No. Application 00f is STARTED")

Page = str | list[RunningJob] | ServiceError
Taken = Step | tuple[Failure, str]


@dataclass
class Tasks:
    """A kind whose lists are written down, the last of them for ever, on a clock that jumps."""

    lists: Sequence[Sequence[Page]] = ([],)
    """The pages of each list: the ids of its jobs, with a star if they are being stopped; or an error."""
    errors: Mapping[str, Iterable[ServiceError]] = field(default_factory=dict)
    """What the stops of a job meet, one after the other; then they are accepted."""
    closings: Sequence[Step] = ()
    pace: Pace = field(default_factory=lambda: Pace(burst=1000, rate=1000))
    list_again_after: float = 0.0
    stop_seconds: float = 0.0
    page_seconds: float = 0.0

    noun: str = "tasks"
    final_steps: Mapping[str, Step] = field(default_factory=lambda: {"ClusterNotFoundException": GONE})

    def __post_init__(self) -> None:
        self.clock = SetClock()
        self.service = AwsService("ecs", "us-west-2")
        self.read = 0
        """How many lists were read."""
        self.stops: list[tuple[str, float]] = []
        """The id of each stop, and the seconds after which it was made."""
        self._errors = {id_: iter(errors) for id_, errors in self.errors.items()}
        self._closings = list(self.closings)
        self._running = RunningJobs(self, "cluster prod", self.clock)

    def exists(self) -> bool:
        return True

    def unfinished(self) -> Iterator[list[RunningJob]]:
        pages = self.lists[min(self.read, len(self.lists) - 1)]
        self.read += 1
        for page in pages:
            self.clock.now += self.page_seconds
            if isinstance(page, ServiceError):
                raise page
            if isinstance(page, str):
                page = [RunningJob(name.rstrip("*"), name.endswith("*")) for name in page.split()]
            yield page

    def stop(self, job: RunningJob) -> None:
        self.clock.now += self.stop_seconds
        self.stops.append((job.id, self.seconds))
        if error := next(self._errors.get(job.id, iter(())), None):
            raise error

    def make_deletable(self) -> Step | None:
        return self._closings.pop(0) if self._closings else None

    def steps(self, count: int = 1) -> list[Taken]:
        """Advance, and tell what each step returned or raised."""
        taken: list[Taken] = []
        for _ in range(count):
            try:
                taken.append(self._running.advance())
            except ServiceError as error:
                taken.append((error.failure, str(error)))
        return taken

    @property
    def seconds(self) -> float:
        return round(self.clock.now - 1000, 3)


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.running_jobs.ThreadPoolExecutor", InTurn)


def _ids(count: int, first: int = 0) -> str:
    return " ".join(map(str, range(first, first + count)))


def _left(names: str, stopped: int, seen: int) -> Step:
    return Step(State.STOPPING, f"{RUNNING}{names}. {stopped:,} of {seen:,} stopped")


def _stopped(count: int) -> Step:
    return Step(State.ENDED, f"{count:,} tasks stopped")


def _raised(error: ServiceError, left: str, accepted: int, seen: int) -> tuple[Failure, str]:
    text = f"{sentence(str(error))} {left}".strip()
    return error.failure, f"{text} The service accepted the stop of {accepted:,} of {seen:,} tasks."


def _rejected(left: Step, state: State = State.MORE) -> Step:
    return Step(state, f"No. {left.detail}")


A, AB = _left("a", 0, 1), _left("a, b", 0, 2)
FIFTEEN = _left("0, 1, 2 and 12 more", 0, 15)
NOTES = [
    RunningJob("arn:aws:states:us-west-2:1:execution:m:a", True, "Why"),
    RunningJob("task/prod/b"),
    RunningJob("c"),
]

# What is listed -> the tasks, each step, the ids of the stops, the seconds, and how often the list was read.
CASES: dict[str, tuple[Callable[[], Tasks], Sequence[Taken], str, float, int]] = {
    "several pages": (partial(Tasks, [["0 1", "2"]]), [_left("0, 1, 2", 0, 3)], "0 1 2", 0, 1),
    "one that is being stopped": (partial(Tasks, [["b", "a*"]]), [_left("b, a", 0, 2)], "b", 0, 1),
    "one that is listed twice, as ECS does": (partial(Tasks, [["a", "a* b*"]]), [AB], "a", 0, 1),
    "ARNs and a note": (partial(Tasks, [[NOTES]]), [_left("a (Why), b, c", 0, 3)], "task/prod/b c", 0, 1),
    "one that is new": (partial(Tasks, [["a"], ["b"], []]), [A, _left("b", 1, 2), _stopped(2)], "a b", 0, 3),
    "thousands": (
        partial(Tasks, [[_ids(2004).replace(" ", "* ")], [_ids(4, 2000)], []]),
        [_left("0, 1, 2 and 2,001 more", 0, 2004), _left("2000, 2001, 2002 and 1 more", 2000, 2004), _stopped(2004)],
        *("2003 2000 2001 2002", 0, 3),
    ),
    # The end.
    "nothing": (Tasks, [NOTHING], "", 0, 1),
    "nothing, twice": (partial(Tasks, list_again_after=2), [NOTHING], "", 2, 2),
    "one in the second list": (
        *(partial(Tasks, [[], ["a"], []], list_again_after=2), [A, _stopped(1)]),
        *("a", 4, 4),
    ),
    "nothing, in lists longer than a step": (
        partial(Tasks, [["", "", ""]], list_again_after=2, page_seconds=4),
        [MORE, MORE, NOTHING],
        *("", 26, 2),
    ),
    "one after a list longer than a step": (
        *(partial(Tasks, [["", "", ""], ["a"]], list_again_after=2, page_seconds=4), [MORE, A]),
        *("a", 18, 2),
    ),
    "nothing, and more to do": (
        partial(Tasks, list_again_after=2, closings=[CLOSING, CLOSING]),
        [CLOSING, CLOSING, NOTHING],
        *("", 2, 4),
    ),
    "one, and more to do": (partial(Tasks, [["a*"]], closings=[CLOSING]), [A], "", 0, 1),
    "nothing, and a refusal of more": (
        partial(Tasks, closings=[REFUSED] * 3),
        [Step(State.MORE, REFUSED.detail), REFUSED, REFUSED],
        *("", 0, 3),
    ),
    # A step ends after some seconds, so that the engine can keep its time, and the next one goes on from there.
    "more than a step stops": (
        partial(Tasks, [[_ids(25)]], stop_seconds=1),
        [MORE, MORE, _left("0, 1, 2 and 22 more", 0, 25)],
        *(_ids(25), 25, 1),
    ),
    "more pages than a step reads": (partial(Tasks, [[*[""] * 15, "a"]], page_seconds=1), [MORE, A], "a", 16, 1),
    "a denial of each stop in a step": (
        partial(Tasks, [[_ids(30)]], dict.fromkeys(_ids(20).split(), repeat(DENIED)), stop_seconds=1),
        [*(_raised(DENIED, f"{MORE.detail}.", 0, seen) for seen in (10, 20)), MORE],
        *(_ids(30), 30, 1),
    ),
    # Jobs that have ended reject their stops, and must keep no other job from its own, though the wait is 0.
    "a rejection of each stop in a step": (
        partial(Tasks, [[_ids(25)]], dict.fromkeys(_ids(20).split(), repeat(REJECTED)), stop_seconds=1),
        *([MORE, MORE], _ids(20), 20, 1),
    ),
    "a step without a stop after an error": (
        partial(Tasks, [["a", "b*", "c*"]], {"a": repeat(THROTTLED)}, stop_seconds=6, page_seconds=6),
        [
            _raised(THROTTLED, f"{MORE.detail}.", 0, 1),
            MORE,
            _raised(THROTTLED, f"{RUNNING}a, b, c. 0 of 3 stopped.", 0, 3),
        ],
        *("a", 24, 1),
    ),
    **{
        f"{error} in an earlier step": (
            partial(Tasks, [[_ids(15)]], {"0": repeat(error)}, stop_seconds=1),
            [MORE, _raised(error, f"{FIFTEEN.detail}.", 14, 15) if error is not REJECTED else _rejected(FIFTEEN)],
            *(_ids(15), 15, 1),
        )
        for error in (THROTTLED, DENIED, REJECTED)
    },
    # A stop that fails keeps no other job from its own, and is made again. A transient error counts most, a rejection
    # least, and of the same kind the last error.
    **{
        f"{a} and {b}": (
            partial(Tasks, [["a b"]], {"a": [a] if a else [], "b": [b] if b else []}),
            [_raised(raised, f"{AB.detail}.", (a, b).count(None), 2), AB],
            *(f"a b{' a' * bool(a)}{' b' * bool(b)}", 0, 2),
        )
        for a, b, raised in (
            (DENIED, None, DENIED),
            (None, THROTTLED, THROTTLED),
            (THROTTLED, DENIED, THROTTLED),
            (DENIED, THROTTLED, THROTTLED),
            (THROTTLED, REJECTED, THROTTLED),
            (REJECTED, DENIED, DENIED),
            (DENIED, DENIED_TOO, DENIED_TOO),
        )
    },
    # It does not mean that the container is gone.
    **{
        f"a stop that finds no task, {failure}": (
            partial(Tasks, [["a"]], {"a": repeat(ServiceError(failure, "No.", code=NO_CLUSTER.code))}),
            [_rejected(A) if failure is Failure.REJECTED else (failure, _raised(REJECTED, f"{A.detail}.", 0, 1)[1])],
            *("a", 0, 1),
        )
        for failure in Failure
    },
    "a rejection": (
        partial(Tasks, [["a"], ["a"], ["a"], []], {"a": repeat(REJECTED)}),
        [_rejected(A), _rejected(A, State.REFUSED), _rejected(A, State.REFUSED), _stopped(1)],
        *("a a a", 0, 4),
    ),
    # An error of the list.
    "an error, then no cluster": (
        partial(Tasks, [[THROTTLED], [NO_CLUSTER]]),
        [(Failure.TRANSIENT, "Rate exceeded"), GONE],
        *("", 0, 2),
    ),
    "an error after a page": (
        partial(Tasks, [["a", THROTTLED], ["a b"]]),
        [_raised(THROTTLED, "", 1, 1), AB],
        *("a b", 0, 2),
    ),
    "an error after thousands of stops": (
        partial(Tasks, [[_ids(2000)], [THROTTLED]], {"0": [REJECTED]}),
        [_rejected(_left("0, 1, 2 and 1,997 more", 0, 2000)), _raised(THROTTLED, "", 1999, 2000)],
        *(_ids(2000), 1, 2),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_listed_is_stopped(case: tuple[Callable[[], Tasks], Sequence[Taken], str, float, int]) -> None:
    make, steps, stops, seconds, lists = case
    tasks = make()
    assert tasks.steps(len(steps)) == steps
    assert " ".join(id_ for id_, _ in tasks.stops) == stops
    assert (tasks.seconds, tasks.read) == (seconds, lists)


@pytest.mark.parametrize(("seconds", "stops"), [(59.999, 1), (60, 2)])
def test_a_job_is_stopped_again_a_minute_after_an_accepted_stop(seconds: float, stops: int) -> None:
    tasks = Tasks([["a"]], stop_seconds=5)
    tasks.steps()
    tasks.clock.now += seconds
    assert tasks.steps() == [A]
    assert len(tasks.stops) == stops


def test_a_job_is_stopped_at_once_on_a_clock_that_has_just_begun() -> None:
    tasks = Tasks([["a"]])
    tasks.clock.now = 0.0
    tasks.steps()
    assert len(tasks.stops) == 1


class TestSideBySide:
    def test_are_stops_of_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobs.running_jobs.ThreadPoolExecutor", ThreadPoolExecutor)
        tasks, together = Tasks([[_ids(2 * CONCURRENT_STOPS)]]), Barrier(CONCURRENT_STOPS)
        monkeypatch.setattr(tasks, "stop", lambda _: together.wait(60))
        assert tasks.steps() == [_left("0, 1, 2 and 17 more", 0, 20)]

    @pytest.mark.parametrize("burst", [CONCURRENT_STOPS, 3])
    def test_are_no_more_than_the_burst(self, monkeypatch: pytest.MonkeyPatch, burst: int) -> None:
        widths: list[int] = []
        monkeypatch.setattr(InTurn, "__init__", lambda _, width: widths.append(width))
        Tasks([[_ids(25)]], pace=Pace(burst, 1000)).steps()
        assert widths == [burst] * (25 // burst) + [25 % burst]


class TestPace:
    @pytest.mark.parametrize(
        ("tasks", "seconds"),
        [
            (partial(Tasks, [[_ids(7)]], pace=Pace(3, 2)), [0, 0, 0, 1.5, 1.5, 1.5, 2]),
            (partial(Tasks, [[_ids(4)]], pace=Pace(1, 2), stop_seconds=0.2), [0.2, 0.7, 1.2, 1.7]),
            (partial(Tasks, [[_ids(3)]], pace=Pace(2, 1), stop_seconds=0.25), [0.25, 0.5, 1.25]),
            (partial(Tasks, [["a"]], {"a": [THROTTLED]}, pace=Pace(1, 0.5)), [0, 2]),
        ],
        ids=["the burst at once, then the rate", "a stop's own time counts", "no pause in the burst", "failures count"],
    )
    def test_is_the_services_limit(self, tasks: Callable[[], Tasks], seconds: list[float]) -> None:
        made = tasks()
        made.steps(2)
        assert [at for _, at in made.stops] == seconds

    def test_saves_up_no_more_than_the_burst(self) -> None:
        tasks = Tasks([["0 1 2"], ["a b c d"]], pace=Pace(3, 2))
        tasks.steps()
        tasks.clock.now += 1000
        tasks.steps()
        assert [at for _, at in tasks.stops] == [0, 0, 0, 1000, 1000, 1000, 1000.5]


class TestLog:
    def _lines(self, caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
        # Without the request that another test may have named.
        return [(record.getMessage().rpartition(": ")[2], record.__dict__["stopped"]) for record in caplog.records]

    def test_has_the_ids_of_what_was_stopped_two_hundred_a_line(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        Tasks([[f"{_ids(401)} x*"]]).steps()
        ids = _ids(401).split()
        assert self._lines(caplog) == [
            ("The service accepted the stop of 200 tasks", ids[:200]),
            ("The service accepted the stop of 200 tasks", ids[200:400]),
            ("The service accepted the stop of 1 tasks", ids[400:]),
        ]
        assert {record.levelname for record in caplog.records} == {"INFO"}

    def test_has_each_job_once_and_after_an_error_as_well(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        Tasks([["a b"]], {"b": [DENIED]}).steps(3)
        assert [stopped for _, stopped in self._lines(caplog)] == [["a"], ["b"]]

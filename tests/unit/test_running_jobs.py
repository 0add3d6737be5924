"""All jobs in one container, as the engine stops them: which stops are made, when, and what each step says."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, repeat
from threading import Barrier
from unittest.mock import MagicMock

import pytest

from jobs.aws import AwsService
from jobs.running_jobs import CONCURRENT_STOPS, Pace, RunningJob, RunningJobs
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step, sentence
from tests.network import SetClock

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

WIDE = Pace(burst=1000, rate=1000)
Page = str | list[RunningJob] | ServiceError
Taken = Step | tuple[Failure, str]


@dataclass(frozen=True)
class Case:
    """What a kind lists and answers, and what the steps are.

    Parameters
    ----------
    lists : sequence
        The pages of each list, the last list for ever: the ids of its jobs, with a star if they are being stopped; or
        an error.
    steps : sequence
        What each step returns or raises.
    stops : str
        The ids of the stops.
    seconds : float
        How long all steps take.
    errors : Mapping
        What the stops of a job meet, one after the other. Then they are accepted.
    closings : sequence
        What is left to do after the last job, one after the other.
    pace, list_again_after
        Those of the kind.
    stop_seconds, page_seconds : float
        How long a stop and the reading of a page take.
    """

    lists: Sequence[Sequence[Page]]
    steps: Sequence[Taken] = ()
    stops: str = ""
    seconds: float = 0
    errors: Mapping[str, Iterable[ServiceError]] = field(default_factory=dict)
    closings: Sequence[Step] = ()
    pace: Pace = WIDE
    list_again_after: float = 0.0
    stop_seconds: float = 0.0
    page_seconds: float = 0.0


class Tasks:
    """A kind that lists and answers what a case says, on a clock that jumps."""

    noun = "tasks"
    final_steps: Mapping[str, Step] = {"ClusterNotFoundException": GONE}

    def __init__(self, case: Case) -> None:
        self.clock = SetClock()
        self.clock.now = 0.0  # as on a machine that has just started
        self.service = AwsService("ecs", "us-west-2")
        self.pace, self.list_again_after = case.pace, case.list_again_after
        self._lists = chain(case.lists, repeat(case.lists[-1]))
        self.stops: list[str] = []
        self._case = case
        self._errors = {id_: iter(errors) for id_, errors in case.errors.items()}
        self._closings = iter(case.closings)
        self._running = RunningJobs(self, "cluster prod", self.clock)

    def exists(self) -> bool:
        return True

    def unfinished(self) -> Iterator[list[RunningJob]]:
        for page in next(self._lists):
            self.clock.now += self._case.page_seconds
            if isinstance(page, ServiceError):
                raise page
            if isinstance(page, str):
                page = [RunningJob(name.rstrip("*"), name.endswith("*")) for name in page.split()]
            yield page

    def stop(self, job: RunningJob) -> None:
        self.clock.now += self._case.stop_seconds
        self.stops.append(job.id)
        if error := next(self._errors.get(job.id, iter(())), None):
            raise error

    def make_deletable(self) -> Step | None:
        return next(self._closings, None)

    def steps(self, count: int = 1) -> list[Taken]:
        """Advance, and tell what each step returned or raised."""
        taken: list[Taken] = []
        for _ in range(count):
            try:
                taken.append(self._running.advance())
            except ServiceError as error:
                taken.append((error.failure, str(error)))
        return taken


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Replace ThreadPoolExecutor by one that makes its calls one after the other, so that their order is known."""
    executor = MagicMock()
    executor.return_value.__enter__.return_value.map = map
    monkeypatch.setattr("jobs.running_jobs.ThreadPoolExecutor", executor)
    return executor


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
FIFTEEN, SEVEN, FOUR = (_left(f"0, 1, 2 and {count - 3} more", 0, count) for count in (15, 7, 4))
THREE, STUCK = _left("0, 1, 2", 0, 3), _raised(THROTTLED, f"{MORE.detail}.", 0, 1)
NOTES = [
    RunningJob("arn:aws:states:us-west-2:1:execution:m:a", True, "Why"),
    RunningJob("task/prod/b"),
    RunningJob("c"),
]

CASES = {
    "several pages": Case([["0 1", "2"]], [THREE], "0 1 2"),
    "one that is being stopped": Case([["b", "a*"]], [_left("b, a", 0, 2)], "b"),
    "one that is listed twice, as ECS does": Case([["a", "a* b*"]], [AB], "a"),
    "ARNs and a note": Case([[NOTES]], [_left("a (Why), b, c", 0, 3)], "task/prod/b c"),
    "one that is new": Case([["a"], ["b"], []], [A, _left("b", 1, 2), _stopped(2)], "a b"),
    "thousands": Case(
        [[_ids(2004).replace(" ", "* ")], [_ids(4, 2000)], []],
        [_left("0, 1, 2 and 2,001 more", 0, 2004), _left("2000, 2001, 2002 and 1 more", 2000, 2004), _stopped(2004)],
        "2003 2000 2001 2002",
    ),
    # The end.
    "nothing": Case([[]], [NOTHING]),
    "nothing, twice": Case([[]], [NOTHING], list_again_after=2, seconds=2),
    "one in the second list": Case([[], ["a"], []], [A, _stopped(1)], "a", list_again_after=2, seconds=4),
    "nothing, in lists longer than a step": Case(
        [["", "", ""]], [MORE, MORE, NOTHING], list_again_after=2, page_seconds=4, seconds=26
    ),
    "one after a list longer than a step": Case(
        [["", "", ""], ["a"]], [MORE, A], "a", list_again_after=2, page_seconds=4, seconds=18
    ),
    "nothing, and more to do": Case(
        [[]], [CLOSING, CLOSING, NOTHING], closings=[CLOSING] * 2, list_again_after=2, seconds=2
    ),
    "one, and more to do": Case([["a*"]], [A], closings=[CLOSING]),
    "nothing, and a refusal of more": Case(
        [[]], [Step(State.MORE, REFUSED.detail), REFUSED, REFUSED], closings=[REFUSED] * 3
    ),
    # A step ends after some seconds, so that the engine can keep its time, and the next one goes on from there.
    "more than a step stops": Case(
        [[_ids(25)]], [MORE, MORE, _left("0, 1, 2 and 22 more", 0, 25)], _ids(25), stop_seconds=1, seconds=25
    ),
    "more pages than a step reads": Case([[*[""] * 15, "a"]], [MORE, A], "a", page_seconds=1, seconds=16),
    "a denial of each stop in a step": Case(
        [[_ids(30)]],
        [*(_raised(DENIED, f"{MORE.detail}.", 0, seen) for seen in (10, 20)), MORE],
        _ids(30),
        errors=dict.fromkeys(_ids(20).split(), repeat(DENIED)),
        stop_seconds=1,
        seconds=30,
    ),
    # Jobs that have ended reject their stops, and must keep no other job from its own, though the wait is 0.
    "a rejection of each stop in a step": Case(
        [[_ids(25)]],
        [MORE, MORE],
        _ids(20),
        errors=dict.fromkeys(_ids(20).split(), repeat(REJECTED)),
        stop_seconds=1,
        seconds=20,
    ),
    "a step without a stop after an error": Case(
        [["a", "b*", "c*"]],
        [STUCK, MORE, _raised(THROTTLED, f"{RUNNING}a, b, c. 0 of 3 stopped.", 0, 3)],
        "a",
        errors={"a": repeat(THROTTLED)},
        stop_seconds=6,
        page_seconds=6,
        seconds=24,
    ),
    **{
        f"{error} in an earlier step": Case(
            [[_ids(15)]],
            [MORE, _raised(error, f"{FIFTEEN.detail}.", 14, 15) if error is not REJECTED else _rejected(FIFTEEN)],
            _ids(15),
            errors={"0": repeat(error)},
            stop_seconds=1,
            seconds=15,
        )
        for error in (THROTTLED, DENIED, REJECTED)
    },
    # A stop that was accepted is made again after a minute. By then, the step has taken too long to be complete.
    "one that still runs after less than a minute": Case(
        [["a"]], [MORE, A, MORE], "a", page_seconds=59.999, stop_seconds=5, seconds=124.998
    ),
    "one that still runs after a minute": Case(
        [["a"]], [MORE, A, MORE], "a a", page_seconds=60, stop_seconds=5, seconds=130
    ),
    # The service's limit.
    "the burst at once, then the rate": Case([[_ids(7)]], [SEVEN], _ids(7), pace=Pace(3, 2), seconds=2),
    "a burst, after a long time": Case(
        [["0 1 2", "3 4 5 6"]], [MORE, MORE, SEVEN], _ids(7), page_seconds=1000, pace=Pace(3, 2), seconds=2000.5
    ),
    "the time of a stop counts": Case([[_ids(4)]], [FOUR], _ids(4), stop_seconds=0.2, pace=Pace(1, 2), seconds=1.7),
    "a stop that failed counts": Case(
        [["a"]],
        [_raised(THROTTLED, f"{A.detail}.", 0, 1), A],
        "a a",
        errors={"a": [THROTTLED]},
        pace=Pace(1, 0.5),
        seconds=2,
    ),
    # A stop that fails keeps no other job from its own, and is made again. A transient error counts most, a rejection
    # least, and of the same kind the last error.
    **{
        f"{a} and {b}": Case(
            [["a b"]],
            [_raised(raised, f"{AB.detail}.", (a, b).count(None), 2), AB],
            f"a b{' a' * bool(a)}{' b' * bool(b)}",
            errors={"a": [a] if a else [], "b": [b] if b else []},
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
        f"a stop that finds no task, {failure}": Case(
            [["a"]],
            [_rejected(A) if failure is Failure.REJECTED else (failure, _raised(REJECTED, f"{A.detail}.", 0, 1)[1])],
            "a",
            errors={"a": repeat(ServiceError(failure, "No.", code=NO_CLUSTER.code))},
        )
        for failure in Failure
    },
    "a rejection": Case(
        [["a"], ["a"], ["a"], []],
        [_rejected(A), _rejected(A, State.REFUSED), _rejected(A, State.REFUSED), _stopped(1)],
        "a a a",
        errors={"a": repeat(REJECTED)},
    ),
    # An error of the list.
    "an error, then no cluster": Case([[THROTTLED], [NO_CLUSTER]], [(Failure.TRANSIENT, "Rate exceeded"), GONE]),
    "an error after a page": Case([["a", THROTTLED], ["a b"]], [_raised(THROTTLED, "", 1, 1), AB], "a b"),
    "an error after thousands of stops": Case(
        [[_ids(2000)], [THROTTLED]],
        [_rejected(_left("0, 1, 2 and 1,997 more", 0, 2000)), _raised(THROTTLED, "", 1999, 2000)],
        _ids(2000),
        errors={"0": [REJECTED]},
        seconds=1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_listed_is_stopped(case: Case) -> None:
    tasks = Tasks(case)
    assert tasks.steps(len(case.steps)) == case.steps
    assert " ".join(tasks.stops) == case.stops
    assert round(tasks.clock.now, 3) == case.seconds


class TestSideBySide:
    def test_are_stops_of_a_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobs.running_jobs.ThreadPoolExecutor", ThreadPoolExecutor)
        tasks, together = Tasks(Case([[_ids(2 * CONCURRENT_STOPS)]])), Barrier(CONCURRENT_STOPS)
        monkeypatch.setattr(tasks, "stop", lambda _: together.wait(60))
        assert tasks.steps() == [_left("0, 1, 2 and 17 more", 0, 20)]

    @pytest.mark.parametrize("burst", [CONCURRENT_STOPS, 3])
    def test_are_no_more_than_the_burst(self, threads: MagicMock, burst: int) -> None:
        Tasks(Case([[_ids(25)]], pace=Pace(burst, 1000))).steps()
        assert [call.args for call in threads.call_args_list] == [(burst,)] * (25 // burst) + [(25 % burst,)]


def test_the_log_has_each_accepted_stop_once_two_hundred_a_line_and_after_an_error_as_well(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    Tasks(Case([[f"{_ids(401)} x*"]], errors={"0": [DENIED]})).steps(3)
    ids = _ids(401).split()
    # Without the request that another test may have named.
    lines = [(record.levelname, record.getMessage().rpartition(": ")[2]) for record in caplog.records]
    assert lines == [("INFO", f"The service accepted the stop of {count} tasks") for count in (200, 200, 1)]
    assert [record.__dict__["stopped"] for record in caplog.records] == [ids[1:201], ids[201:], ids[:1]]

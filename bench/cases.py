"""The cases that a way of stopping what runs in a container has to hold: each says whether it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.contenders import Contender
from bench.endpoints import Answer, Endpoints
from bench.kinds import Cluster, Container
from sandbox.faults import THROTTLED

SECONDS = 2  # which a job that takes its time takes to stop
TIMES = 5  # more than boto3 and the SDK for JavaScript try a call by themselves


class Play:
    """One contender and one container, in a stack that is being deleted.

    Parameters
    ----------
    endpoints : Endpoints
        The local AWS.
    contender : Contender
        Whom the Delete goes to.
    kind : type of Container
        The kind of container.
    """

    def __init__(self, endpoints: Endpoints, contender: Contender, kind: type[Container]) -> None:
        self._endpoints = endpoints
        self._contender = contender
        self.aws = endpoints.aws
        self.container = kind.make(self.aws)
        self.jobs: list[str] = []

    def start(self, jobs: int = 1) -> None:
        """Start jobs."""
        self.jobs += [self.container.start() for _ in range(jobs)]

    def start_another_at_the_first_end(self) -> None:
        """Start a job as soon as another one was stopped."""

        def start() -> None:
            self._endpoints.at_end = lambda: None
            self.start()

        self._endpoints.at_end = start

    def delete(self) -> Answer:
        """Send the Delete, to a new process."""
        with self._endpoints.process(self._contender) as environment:
            return self._endpoints.delete(
                environment, self.container.physical_id, self.container.properties(self.jobs[0]), self.container.stack
            )

    def succeeds(self) -> bool:
        """Send the Delete, and tell whether it succeeds."""
        return self.delete().is_success

    def all_ended(self) -> bool:
        """Tell whether no job is left."""
        return all(self.container.has_ended(job) for job in self.jobs)

    def close(self) -> None:
        """Leave nothing to the next one."""
        self._endpoints.at_end = lambda: None
        self.aws.front.switch_off()
        self.container.let_jobs_take(0)


def none_runs(play: Play) -> bool:
    play.start()
    play.container.end(play.jobs[0])
    return play.succeeds()


def one_runs(play: Play) -> bool:
    play.start()
    return play.succeeds() and play.all_ended()


def more_than_a_page_run(play: Play) -> bool:
    play.start(play.container.page + 1)
    return play.succeeds() and play.all_ended()


def another_starts_meanwhile(play: Play) -> bool:
    play.start()
    play.start_another_at_the_first_end()
    return play.succeeds() and play.all_ended()


def stops_are_throttled(play: Play) -> bool:
    play.start()
    play.aws.front.switch_on(replace(THROTTLED, operation=play.container.operation), TIMES)
    return play.succeeds() and play.all_ended()


def container_is_gone(play: Play) -> bool:
    play.start()
    play.container.end(play.jobs[0])
    play.container.remove()
    return play.succeeds()


def a_service_has_tasks_too(play: Play) -> bool:
    assert isinstance(play.container, Cluster)  # noqa: S101 - `CASES` asks for no other
    play.start()
    kept = play.container.start(group="service:web")
    return play.succeeds() and play.all_ended() and not play.container.has_ended(kept)


def construct_is_taken_out(play: Play) -> bool:
    play.start()
    play.container.set_stack_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    return play.succeeds() and not play.all_ended()


def stopping_takes_time(play: Play) -> bool:
    play.container.let_jobs_take(SECONDS)
    play.start()
    return play.succeeds() and play.all_ended()


CASES: dict[str, Callable[[Play], bool]] = {
    "The only job has ended: success": none_runs,
    "One job runs: it is stopped": one_runs,
    "One job more than a page has: all are stopped": more_than_a_page_run,
    "A job starts while the first is stopped: it is stopped, too": another_starts_meanwhile,
    "The first five stops are throttled: the job is stopped": stops_are_throttled,
    "The container was deleted by hand: success": container_is_gone,
    "A task of a service runs beside another one: only the other one is stopped": a_service_has_tasks_too,
    "An update removes the construct and keeps the container: the job keeps running": construct_is_taken_out,
    "A job takes two seconds to stop: the answer comes after that": stopping_takes_time,
}


def holds(case: str, endpoints: Endpoints, contender: Contender, kind: type[Container]) -> bool | None:
    """Play a case and say whether the contender holds it. None: there is no such case of this kind of container."""
    play_case = CASES[case]
    if play_case is a_service_has_tasks_too and kind is not Cluster:
        return None
    play = Play(endpoints, contender, kind)
    try:
        return play_case(play)
    finally:
        play.close()

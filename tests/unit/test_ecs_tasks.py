"""The tasks of a cluster: which are listed, stopped and waited for, by what ECS answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.ecs_tasks import EcsTasks
from jobs.running_jobs import Pace, RunningJob
from properties.container import Container
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step
from tests.canned import Canned, denial, error

CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
A, B, C = (f"arn:aws:ecs:us-west-2:123456789012:task/prod/{name}" for name in "abc")


def _task(arn: str, **members: Any) -> dict[str, Any]:
    return {"taskArn": arn, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", **members}


@pytest.fixture
def tasks(aws: Canned) -> EcsTasks:
    aws.answer("ListTasks", {"taskArns": []})
    return EcsTasks(Container("EcsTasks", CLUSTER), "Because.")


def _list(aws: Canned, *running: dict[str, Any], stopped: tuple[dict[str, Any], ...] = ()) -> None:
    """Answer one look: the tasks that are to run, and those that are to stop."""
    aws.answer("ListTasks", *({"taskArns": [task["taskArn"] for task in page]} for page in (running, stopped)))
    aws.answer("DescribeTasks", *({"tasks": list(page)} for page in (running, stopped) if page))


def _unfinished(tasks: EcsTasks) -> list[RunningJob]:
    return [job for page in tasks.unfinished() for job in page]


def test_the_kind_is_known(tasks: EcsTasks) -> None:
    assert (tasks.pace, tasks.settles_after, tasks.noun) == (Pace(burst=40, rate=40), 2, "tasks")
    assert tasks.ends == {"ClusterNotFoundException": Step(State.ENDED, "There is no such cluster", Result.GONE)}
    elsewhere = EcsTasks(Container("EcsTasks", CLUSTER.replace("us-west-2", "eu-west-1")), "Because.")
    assert (elsewhere.service.name, elsewhere.service.region) == ("ecs", "eu-west-1")


@pytest.mark.parametrize(
    ("answer", "exists"),
    [
        ({"clusters": [{"status": "ACTIVE"}]}, True),
        ({"clusters": [{"status": "FAILED"}]}, True),
        ({"clusters": [{"status": "INACTIVE"}]}, False),
        ({"clusters": [], "failures": [{"reason": "MISSING"}]}, False),
    ],
)
def test_a_cluster_exists_unless_inactive(aws: Canned, tasks: EcsTasks, answer: dict[str, Any], exists: bool) -> None:
    aws.answer("DescribeClusters", answer)
    assert tasks.exists() is exists
    assert aws.calls == [("DescribeClusters", {"clusters": [CLUSTER]})]


@pytest.mark.parametrize("answer", [{}, {"clusters": None}, {"clusters": [None]}, {"clusters": [{}]}])
def test_an_answer_without_a_cluster_is_an_error(aws: Canned, tasks: EcsTasks, answer: dict[str, Any]) -> None:
    aws.answer("DescribeClusters", answer)
    with pytest.raises(ServiceError, match="DescribeClusters got an answer with"):
        tasks.exists()


class TestUnfinished:
    def test_are_listed_as_those_to_run_and_those_to_stop(self, aws: Canned, tasks: EcsTasks) -> None:
        assert _unfinished(tasks) == []
        listed = {"cluster": CLUSTER, "maxResults": 100}
        assert aws.calls == [
            ("ListTasks", {**listed, "desiredStatus": "RUNNING"}),
            ("ListTasks", {**listed, "desiredStatus": "STOPPED"}),
        ]

    def test_may_be_those_of_a_family_only(self, aws: Canned, tasks: EcsTasks) -> None:  # noqa: ARG002
        _unfinished(EcsTasks(Container("EcsTasks", CLUSTER, {"Family": "nightly"}), "Because."))
        assert [asked["family"] for asked in aws.asked("ListTasks")] == ["nightly", "nightly"]

    def test_are_all_tasks_if_daemons_cant_be_listed(self, aws: Canned, tasks: EcsTasks) -> None:
        _list(aws, _task(A))
        aws.answer("ListDaemons", denial("ecs:ListDaemons"))
        assert _unfinished(tasks) == [RunningJob(A)]
        _list(aws, _task(A), _task(B))
        assert _unfinished(tasks) == [RunningJob(A), RunningJob(B)]
        assert len(aws.asked("ListDaemons")) == 1

    def test_are_listed_after_a_daemon_was_deleted_meanwhile(self, aws: Canned, tasks: EcsTasks) -> None:
        aws.answer("ListDaemons", {"daemonSummariesList": [{"daemonArn": "d/prod/agent"}]}, {"daemonSummariesList": []})
        aws.answer("ListTasks", {"taskArns": [A]}, error("InvalidParameterException", "There is no daemon agent."))
        aws.answer("DescribeTasks", {"tasks": [_task(A)]})
        with pytest.raises(ServiceError, match="agent"):
            _unfinished(tasks)
        _list(aws, _task(A))
        assert _unfinished(tasks) == [RunningJob(A)]
        assert [asked.get("daemonName") for asked in aws.asked("ListTasks")] == [None, "agent", None, None]

    def test_are_described_a_page_at_a_time(self, aws: Canned, tasks: EcsTasks) -> None:
        pages = [[_task(f"{A}{number}") for number in range(count)] for count in (100, 50)]
        first, second = ({"taskArns": [task["taskArn"] for task in page]} for page in pages)
        aws.answer("ListTasks", {**first, "nextToken": "next"}, second, {"taskArns": []})
        aws.answer("DescribeTasks", *({"tasks": page} for page in pages))
        assert [len(page) for page in tasks.unfinished()] == [100, 50, 0]
        assert aws.asked("DescribeTasks") == [
            {"cluster": CLUSTER, "tasks": page["taskArns"]} for page in (first, second)
        ]
        assert [asked.get("nextToken") for asked in aws.asked("ListTasks")] == [None, "next", None]

    def test_are_described_again_only_while_they_may_change(self, aws: Canned, tasks: EcsTasks) -> None:
        look = (_task(A, lastStatus="STOPPED"), _task(B, group="service:web"))
        _list(aws, stopped=look)
        assert _unfinished(tasks) == []
        _list(aws, _task(C), stopped=look)
        assert _unfinished(tasks) == [RunningJob(C)]
        assert [asked["tasks"] for asked in aws.asked("DescribeTasks")] == [[A, B], [C]]

    @pytest.mark.parametrize(
        ("action", "answer", "failure", "code"),
        [
            ("ListTasks", error("ClusterNotFoundException"), Failure.REJECTED, "ClusterNotFoundException"),
            ("ListTasks", denial("ecs:ListTasks"), Failure.UNKNOWN, "AccessDeniedException"),
            ("DescribeTasks", error("ClusterNotFoundException"), Failure.REJECTED, "ClusterNotFoundException"),
            ("ListDaemons", error("ThrottlingException"), Failure.TRANSIENT, "ThrottlingException"),
            ("DescribeTasks", {"tasks": None}, Failure.TRANSIENT, ""),
            ("DescribeTasks", {"tasks": [None]}, Failure.TRANSIENT, ""),
            ("DescribeTasks", {"tasks": [{"lastStatus": "STOPPED"}]}, Failure.TRANSIENT, ""),
        ],
    )
    def test_raise_an_error(
        self, aws: Canned, tasks: EcsTasks, action: str, answer: Any, failure: Failure, code: str
    ) -> None:
        _list(aws, _task(A))
        aws.answer(action, answer)
        with pytest.raises(ServiceError) as raised:
            _unfinished(tasks)
        assert (raised.value.failure, raised.value.code) == (failure, code)


def test_a_stop_gives_its_reason_in_255_characters(aws: Canned, tasks: EcsTasks) -> None:
    tasks.stop(RunningJob(A))
    EcsTasks(Container("EcsTasks", CLUSTER), "x" * 256).stop(RunningJob(A))
    stop = {"cluster": CLUSTER, "task": A}
    assert aws.calls == [("StopTask", {**stop, "reason": reason}) for reason in ("Because.", "x" * 255)]


def test_nothing_is_left_to_do_in_a_cluster_without_tasks(aws: Canned, tasks: EcsTasks) -> None:
    tasks.close()
    assert aws.calls == []

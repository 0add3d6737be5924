"""The tasks of a cluster: which are listed, stopped and waited for, by what ECS answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.ecs_tasks import EcsTasks
from jobs.running_jobs import RunningJob
from properties.container import Container
from teardown import Failure, ServiceError
from tests.canned import Canned, denial, error

CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
STOPPED = "desiredStatus STOPPED, lastStatus "
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


@pytest.mark.usefixtures("aws")
def test_a_cluster_is_called_in_the_region_of_its_arn() -> None:
    elsewhere = EcsTasks(Container("EcsTasks", CLUSTER.replace("us-west-2", "eu-west-1")), "Because.")
    assert elsewhere.service.region == "eu-west-1"


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


def test_an_answer_without_a_cluster_is_an_error(aws: Canned, tasks: EcsTasks) -> None:
    aws.answer("DescribeClusters", {"clusters": [{}]})
    with pytest.raises(ServiceError, match="clusters without status"):
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

    @pytest.mark.parametrize(
        ("members", "unfinished"),
        [
            ({}, [RunningJob(A)]),
            ({"group": "service:web"}, []),
            ({"startedBy": "other"}, []),
            ({"lastStatus": "STOPPED"}, []),
            ({"desiredStatus": "STOPPED"}, [RunningJob(A, True, f"{STOPPED}RUNNING")]),
            (
                {"desiredStatus": "STOPPED", "containerInstanceArn": "i"},
                [RunningJob(A, True, f"{STOPPED}RUNNING: check whether its container instance has died")],
            ),
            (
                {"desiredStatus": "STOPPED", "containerInstanceArn": "i", "lastStatus": "STOPPING"},
                [RunningJob(A, True, f"{STOPPED}STOPPING")],
            ),
            ({"taskArn": B}, [RunningJob(A, True, "DescribeTasks did not return it")]),
        ],
        ids=str,
    )
    def test_are_read_from_their_description(
        self, aws: Canned, members: dict[str, str], unfinished: list[RunningJob]
    ) -> None:
        _list(aws, _task(A))
        aws.answer("DescribeTasks", {"tasks": [_task(A, startedBy="me") | members]})
        tasks = EcsTasks(Container("EcsTasks", CLUSTER, {"StartedBy": "me"}), "Because.")
        assert _unfinished(tasks) == unfinished

    def test_are_none_of_a_daemon(self, aws: Canned, tasks: EcsTasks) -> None:
        aws.answer("ListTasks", {"taskArns": [A, B]}, {"taskArns": [A]}, {"taskArns": []})
        aws.answer("DescribeTasks", {"tasks": [_task(A), _task(B)]})
        aws.answer("ListDaemons", {"daemonSummariesList": [{"daemonArn": "d/prod/agent"}]})
        assert _unfinished(tasks) == [RunningJob(B)]
        assert aws.asked("ListDaemons") == [{"clusterArn": CLUSTER}]
        daemon = {"cluster": CLUSTER, "daemonName": "agent", "desiredStatus": "RUNNING"}
        assert aws.asked("ListTasks")[1] == daemon

    @pytest.mark.parametrize("answer", [denial("ecs:ListDaemons"), {"daemonSummariesList": [{}]}], ids=str)
    def test_are_all_tasks_if_daemons_cant_be_listed(self, aws: Canned, tasks: EcsTasks, answer: Any) -> None:
        _list(aws, _task(A))
        aws.answer("ListDaemons", answer)
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
        assert len(aws.asked("ListDaemons")) == 2

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
            ("ListDaemons", error("ThrottlingException"), Failure.TRANSIENT, "ThrottlingException"),
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

"""The tasks of a cluster: which are listed, stopped and waited for, by what ECS answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.container import Job, Pace
from jobs.ecs_tasks import EcsTasks
from jobs.living_service import TroubleError
from properties import Container
from teardown import Reply, Verdict
from tests.canned import Canned, denial, error

CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
GONE = Reply(Verdict.GONE, "There is no such cluster")


def _arn(name: str) -> str:
    return f"arn:aws:ecs:us-west-2:123456789012:task/prod/{name}"


def _task(name: str, **members: Any) -> dict[str, Any]:
    return {"taskArn": _arn(name), "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", **members}


@pytest.fixture
def tasks(aws: Canned) -> EcsTasks:
    aws.answer("ListTasks", {"taskArns": []})
    return EcsTasks(Container("EcsTasks", CLUSTER), "Because.")


def _listed(aws: Canned, *running: dict[str, Any], stopped: tuple[dict[str, Any], ...] = ()) -> None:
    """Answer one look: the tasks that are to run, and those that are to stop."""
    pages = [[task["taskArn"] for task in page] for page in (running, stopped)]
    aws.answer("ListTasks", *({"taskArns": page} for page in pages))
    aws.answer("DescribeTasks", *({"tasks": list(page)} for page in (running, stopped) if page))


def _unfinished(tasks: EcsTasks) -> list[Job]:
    return [job for page in tasks.unfinished() for job in page]


class TestCluster:
    @pytest.mark.parametrize("status", ["ACTIVE", "PROVISIONING", "DEPROVISIONING", "FAILED"])
    def test_that_is_there_is_accepted(self, aws: Canned, tasks: EcsTasks, status: str) -> None:
        aws.answer("DescribeClusters", {"clusters": [{"status": status}]})
        assert tasks.check() == Reply(Verdict.ACCEPTED, "")
        assert aws.calls == [("DescribeClusters", {"clusters": [CLUSTER]})]

    @pytest.mark.parametrize(
        "answer", [{"clusters": [{"status": "INACTIVE"}]}, {"clusters": [], "failures": [{"reason": "MISSING"}]}]
    )
    def test_that_is_inactive_or_missing_is_gone(self, aws: Canned, tasks: EcsTasks, answer: dict[str, Any]) -> None:
        aws.answer("DescribeClusters", answer)
        assert tasks.check() == GONE

    @pytest.mark.parametrize("answer", [{}, {"clusters": None}, {"clusters": [None]}, {"clusters": [{}]}])
    def test_that_the_answer_does_not_tell_of_is_trouble(
        self, aws: Canned, tasks: EcsTasks, answer: dict[str, Any]
    ) -> None:
        aws.answer("DescribeClusters", answer)
        with pytest.raises(TroubleError) as trouble:
            tasks.check()
        assert trouble.value.reply.verdict is Verdict.PASSING

    def test_that_is_not_found_when_its_tasks_are_listed_is_gone(self, aws: Canned, tasks: EcsTasks) -> None:
        aws.answer("ListTasks", error("ClusterNotFoundException", "Cluster not found."))
        with pytest.raises(TroubleError) as trouble:
            _unfinished(tasks)
        assert trouble.value.reply == GONE

    def test_that_is_not_found_when_its_tasks_are_described_is_gone(self, aws: Canned, tasks: EcsTasks) -> None:
        _listed(aws, _task("a"))
        aws.answer("DescribeTasks", error("ClusterNotFoundException", "Cluster not found."))
        with pytest.raises(TroubleError) as trouble:
            _unfinished(tasks)
        assert trouble.value.reply == GONE

    def test_whose_tasks_may_not_be_listed_is_trouble(self, aws: Canned, tasks: EcsTasks) -> None:
        aws.answer("ListTasks", denial("ecs:ListTasks"))
        with pytest.raises(TroubleError, match="has no permission ecs:ListTasks") as trouble:
            _unfinished(tasks)
        assert trouble.value.reply.verdict is Verdict.UNKNOWN


class TestUnfinished:
    def test_are_listed_as_those_to_run_and_those_to_stop(self, aws: Canned, tasks: EcsTasks) -> None:
        assert _unfinished(tasks) == []
        listed = {"cluster": CLUSTER, "maxResults": 100}
        assert aws.calls == [
            ("ListTasks", {**listed, "desiredStatus": "RUNNING"}),
            ("ListTasks", {**listed, "desiredStatus": "STOPPED"}),
        ]

    def test_may_be_those_of_a_family_only(self, aws: Canned, tasks: EcsTasks) -> None:  # noqa: ARG002
        _unfinished(EcsTasks(Container("EcsTasks", CLUSTER, "nightly"), "Because."))
        assert [asked["family"] for asked in aws.asked("ListTasks")] == ["nightly", "nightly"]

    @pytest.mark.parametrize(
        "status", ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"]
    )
    def test_are_in_any_status_but_stopped(self, aws: Canned, tasks: EcsTasks, status: str) -> None:
        _listed(aws, _task("a", lastStatus=status))
        assert _unfinished(tasks) == [Job(_arn("a"))]

    def test_are_still_there_when_they_were_told_to_stop(self, aws: Canned, tasks: EcsTasks) -> None:
        held = _task("a", desiredStatus="STOPPED", lastStatus="DEPROVISIONING")
        _listed(aws, stopped=(held, _task("b", desiredStatus="STOPPED", lastStatus="STOPPED")))
        assert _unfinished(tasks) == [Job(_arn("a"), is_stopping=True)]

    def test_are_told_by_their_description_that_they_are_to_stop(self, aws: Canned, tasks: EcsTasks) -> None:
        _listed(aws, _task("a", desiredStatus="STOPPED"))
        assert _unfinished(tasks) == [Job(_arn("a"), is_stopping=True)]

    @pytest.mark.parametrize("group", ["service:web", "service:"])
    def test_are_never_a_services(self, aws: Canned, tasks: EcsTasks, group: str) -> None:
        _listed(aws, _task("a", group=group), _task("b"))
        assert _unfinished(tasks) == [Job(_arn("b"))]

    @pytest.mark.parametrize("group", [None, "", "family:service:web", "services:web", "Service:web"])
    def test_are_in_any_other_group_or_in_none(self, aws: Canned, tasks: EcsTasks, group: str | None) -> None:
        _listed(aws, _task("a", group=group))
        assert _unfinished(tasks) == [Job(_arn("a"))]

    def test_are_those_too_that_are_listed_but_not_found_yet(self, aws: Canned, tasks: EcsTasks) -> None:
        _listed(aws, _task("a"), stopped=(_task("b"),))
        aws.answer("DescribeTasks", {"tasks": [], "failures": [{"arn": _arn("a"), "reason": "MISSING"}]})
        assert _unfinished(tasks) == [Job(_arn("a")), Job(_arn("b"), is_stopping=True)]

    def test_are_described_a_page_at_a_time(self, aws: Canned, tasks: EcsTasks) -> None:
        names = [str(number) for number in range(150)]
        first, second = ([_task(name) for name in part] for part in (names[:100], names[100:]))
        aws.answer(
            "ListTasks",
            {"taskArns": [task["taskArn"] for task in first], "nextToken": "next"},
            {"taskArns": [task["taskArn"] for task in second]},
            {"taskArns": []},
        )
        aws.answer("DescribeTasks", {"tasks": first}, {"tasks": second})
        assert [len(page) for page in tasks.unfinished()] == [100, 50, 0]
        described = aws.asked("DescribeTasks")
        assert [(asked["cluster"], len(asked["tasks"])) for asked in described] == [(CLUSTER, 100), (CLUSTER, 50)]
        assert [asked.get("nextToken") for asked in aws.asked("ListTasks")] == [None, "next", None]

    def test_are_not_described_again_once_they_have_ended_or_are_a_services(self, aws: Canned, tasks: EcsTasks) -> None:
        look = (_task("a", lastStatus="STOPPED"), _task("b", group="service:web"))
        _listed(aws, stopped=look)
        assert _unfinished(tasks) == []
        _listed(aws, _task("c"), stopped=look)
        assert _unfinished(tasks) == [Job(_arn("c"))]
        assert [asked["tasks"] for asked in aws.asked("DescribeTasks")] == [[_arn("a"), _arn("b")], [_arn("c")]]

    @pytest.mark.parametrize("tasks_answered", [None, [None], [{}], [{"lastStatus": "STOPPED"}]])
    def test_that_the_answer_does_not_tell_of_are_trouble(
        self, aws: Canned, tasks: EcsTasks, tasks_answered: list[Any] | None
    ) -> None:
        _listed(aws, _task("a"))
        aws.answer("DescribeTasks", {"tasks": tasks_answered})
        with pytest.raises(TroubleError) as trouble:
            _unfinished(tasks)
        assert trouble.value.reply.verdict is Verdict.PASSING


class TestStop:
    def test_says_why(self, aws: Canned, tasks: EcsTasks) -> None:
        tasks.stop(Job(_arn("a")))
        assert aws.calls == [("StopTask", {"cluster": CLUSTER, "task": _arn("a"), "reason": "Because."})]

    def test_says_why_in_255_characters_at_the_most(self, aws: Canned) -> None:
        EcsTasks(Container("EcsTasks", CLUSTER), "x" * 300).stop(Job(_arn("a")))
        assert aws.asked("StopTask")[0]["reason"] == "x" * 255

    def test_of_a_task_that_is_not_found_is_a_refusal(self, aws: Canned, tasks: EcsTasks) -> None:
        aws.answer("StopTask", error("InvalidParameterException", "The referenced task was not found."))
        with pytest.raises(TroubleError) as trouble:
            tasks.stop(Job(_arn("a")))
        assert trouble.value.refused


def test_nothing_is_left_to_do_in_a_cluster_without_tasks(aws: Canned, tasks: EcsTasks) -> None:
    assert tasks.close() == Reply(Verdict.STOPPED, "")
    assert aws.calls == []


def test_tasks_are_stopped_at_the_pace_that_ecs_allows(tasks: EcsTasks) -> None:
    assert (tasks.pace, tasks.settles_after, tasks.noun) == (Pace(burst=40, rate=40), 2, "tasks")


def test_tasks_are_looked_for_in_their_clusters_region(aws: Canned) -> None:
    elsewhere = EcsTasks(Container("EcsTasks", CLUSTER.replace("us-west-2", "eu-west-1")), "Because.")
    aws.answer("DescribeClusters", {"clusters": [{"status": "ACTIVE"}]})
    elsewhere.check()
    assert elsewhere.service._region == "eu-west-1"

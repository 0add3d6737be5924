"""ECS tasks: those of a cluster that no service keeps running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.aws import AwsService
from jobs.running_jobs import Pace, RunningJob
from properties import Container
from protocol.outcome import Result
from teardown import State, Step

# ListTasks and DescribeTasks return and take this many at once (Amazon ECS API reference).
_PAGE = 100
_LONGEST_REASON = 255


class EcsTasks:
    """The tasks of a cluster, or of one family in it. Tasks of services are left alone.

    Parameters
    ----------
    container : Container
        The cluster, with a family if only its tasks are meant.
    reason : str
        What ECS keeps as the reason of each stop.
    """

    noun = "tasks"
    # Amazon ECS API reference, request-throttling: StopTask.
    pace = Pace(burst=40, rate=40)
    # A task that was just started may not be listed at once: begin with a couple of seconds (API reference, RunTask:
    # eventual consistency).
    settles_after = 2.0
    ends: Mapping[str, Step] = {
        "ClusterNotFoundException": Step(State.ENDED, "There is no such cluster", Result.GONE),
    }

    def __init__(self, container: Container, reason: str) -> None:
        self.service = AwsService("ecs", container.region)
        self._cluster = container.id
        family = {"family": container.family} if container.family else {}
        self._listed: dict[str, Any] = {"cluster": container.id, "maxResults": _PAGE, **family}
        self._reason = reason[:_LONGEST_REASON]
        # Tasks that have ended, which ECS lists for a while, and tasks of services: neither can change.
        self._others: set[str] = set()

    def exists(self) -> bool:
        """Call DescribeClusters: a deleted cluster may stay visible as INACTIVE (API reference, Cluster)."""
        clusters = self.service.ask("DescribeClusters", "clusters", each="status", clusters=[self._cluster])
        return any(cluster["status"] != "INACTIVE" for cluster in clusters)

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Call ListTasks and DescribeTasks.

        A task that is being stopped is listed as desired STOPPED only, while it may still use its network interface
        (API reference, ListTasks; Developer Guide, task-lifecycle-explanation).
        """
        for desired in ("RUNNING", "STOPPED"):
            for arns in self.service.pages("ListTasks", "taskArns", desiredStatus=desired, **self._listed):
                yield self._unfinished_of(arns, desired)

    def _unfinished_of(self, arns: list[str], desired: str) -> list[RunningJob]:
        asked = [arn for arn in arns if arn not in self._others]
        if not asked:
            return []
        tasks = self.service.ask("DescribeTasks", "tasks", each="taskArn", cluster=self._cluster, tasks=asked)
        found = {task["taskArn"]: task for task in tasks}
        self._others.update(arn for arn, task in found.items() if _is_of_a_service(task) or _has_ended(task))
        # A task that is listed but not found yet (failures: MISSING) has not been seen to end.
        return [
            RunningJob(arn, is_stopping=found.get(arn, {}).get("desiredStatus", desired) == "STOPPED")
            for arn in asked
            if arn not in self._others
        ]

    def stop(self, job: RunningJob) -> None:
        """Call StopTask."""
        self.service.call("StopTask", cluster=self._cluster, task=job.id, reason=self._reason)

    def close(self) -> None:
        """Do nothing: a cluster without tasks can be deleted."""


def _is_of_a_service(task: Mapping[str, Any]) -> bool:
    return str(task.get("group")).startswith("service:")


def _has_ended(task: Mapping[str, Any]) -> bool:
    return task.get("lastStatus") == "STOPPED"

"""Lists and stops the ECS tasks of a cluster that belong to no service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.aws import AwsService
from jobs.running_jobs import Pace, RunningJob
from properties import Container
from protocol.outcome import Result
from teardown import State, Step

# The most tasks that ListTasks returns and DescribeTasks takes (Amazon ECS API reference).
_PAGE = 100
_LONGEST_REASON = 255


class EcsTasks:
    """The tasks of a cluster, or of one family in it. Tasks of services are not stopped.

    Parameters
    ----------
    container : Container
        The cluster, with a family to stop only its tasks.
    reason : str
        The reason that ECS stores for each stop.
    """

    noun = "tasks"
    # Amazon ECS API reference, request-throttling: StopTask.
    pace = Pace(burst=40, rate=40)
    # A task that was just started may not be listed at once: start with a couple of seconds (API reference,
    # RunTask, eventual consistency).
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
        # Tasks that have ended, which ECS lists for a while, and tasks of services. Neither needs a second look.
        self._ignored: set[str] = set()

    def exists(self) -> bool:
        """Call DescribeClusters. A deleted cluster may stay visible as INACTIVE (API reference, Cluster)."""
        clusters = self.service.ask("DescribeClusters", "clusters", each="status", clusters=[self._cluster])
        return any(cluster["status"] != "INACTIVE" for cluster in clusters)

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Call ListTasks and DescribeTasks.

        A task that is being stopped is listed with the desired status STOPPED only, and may still use its network
        interface (API reference, ListTasks; Developer Guide, task-lifecycle-explanation).
        """
        for desired in ("RUNNING", "STOPPED"):
            for arns in self.service.pages("ListTasks", "taskArns", desiredStatus=desired, **self._listed):
                yield self._unfinished_of(arns, desired)

    def _unfinished_of(self, arns: list[str], desired: str) -> list[RunningJob]:
        asked = [arn for arn in arns if arn not in self._ignored]
        if not asked:
            return []
        tasks = self.service.ask("DescribeTasks", "tasks", each="taskArn", cluster=self._cluster, tasks=asked)
        found = {task["taskArn"]: task for task in tasks}
        self._ignored.update(arn for arn, task in found.items() if _is_of_a_service(task) or _has_ended(task))
        # A task that is listed but not described (failures: MISSING) counts as unfinished.
        return [
            RunningJob(arn, is_stopping=found.get(arn, {}).get("desiredStatus", desired) == "STOPPED")
            for arn in asked
            if arn not in self._ignored
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

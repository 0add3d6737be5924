"""All that is known of ECS tasks: the tasks of a cluster that no service keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.container import Job, Pace
from jobs.living_service import LivingService, TroubleError
from properties import Container
from teardown import Reply, Verdict

# ListTasks and DescribeTasks take and give this many at once (Amazon ECS API reference).
_PAGE = 100
_LONGEST_REASON = 255


class EcsTasks:
    """The tasks of a cluster, or of one family in it. Tasks of services are the services' own.

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
    # A task that was just started may not be listed at once; a couple of seconds is what to begin with (API reference,
    # RunTask: eventual consistency).
    settles_after = 2.0

    def __init__(self, container: Container, reason: str) -> None:
        self.service = LivingService("ecs", container.region)
        self._cluster = container.id
        family = {"family": container.family} if container.family else {}
        self._listed: dict[str, Any] = {"cluster": container.id, "maxResults": _PAGE, **family}
        self._reason = reason[:_LONGEST_REASON]
        # Tasks that have ended, which ECS lists for a while, or that are a service's: neither can change.
        self._others: set[str] = set()

    def check(self) -> Reply:
        """Call DescribeClusters: a cluster that was deleted may stay visible as INACTIVE (API reference, Cluster)."""
        clusters = self.service.ask("DescribeClusters", "clusters", each="status", clusters=[self._cluster])
        if not any(cluster["status"] != "INACTIVE" for cluster in clusters):
            return Reply(Verdict.GONE, "There is no such cluster")
        return Reply(Verdict.ACCEPTED, "")

    def unfinished(self) -> Iterator[list[Job]]:
        """Call ListTasks and DescribeTasks.

        A task that was told to stop is listed as desired STOPPED only, while it may still hold its network interface
        (API reference, ListTasks; Developer Guide, task-lifecycle-explanation).
        """
        for desired in ("RUNNING", "STOPPED"):
            try:
                for arns in self.service.pages("ListTasks", "taskArns", desiredStatus=desired, **self._listed):
                    yield self._unfinished_of(arns, desired)
            except TroubleError as trouble:
                raise self._gone_or(trouble) from trouble

    def _unfinished_of(self, arns: list[str], desired: str) -> list[Job]:
        asked = [arn for arn in arns if arn not in self._others]
        if not asked:
            return []
        tasks = self.service.ask("DescribeTasks", "tasks", each="taskArn", cluster=self._cluster, tasks=asked)
        found = {task["taskArn"]: task for task in tasks}
        self._others.update(arn for arn, task in found.items() if _is_of_a_service(task) or _has_ended(task))
        # What is listed but not found yet (failures: MISSING) has not been seen to end.
        return [
            Job(arn, is_stopping=found.get(arn, {}).get("desiredStatus", desired) == "STOPPED")
            for arn in asked
            if arn not in self._others
        ]

    def stop(self, job: Job) -> None:
        """Call StopTask."""
        self.service.call("StopTask", cluster=self._cluster, task=job.id, reason=self._reason)

    def close(self) -> Reply:
        """Do nothing: a cluster without tasks can be deleted."""
        return Reply(Verdict.STOPPED, "")

    def _gone_or(self, trouble: TroubleError) -> TroubleError:
        if trouble.code != "ClusterNotFoundException":
            return trouble
        return TroubleError(Reply(Verdict.GONE, "There is no such cluster"))


def _is_of_a_service(task: Mapping[str, Any]) -> bool:
    return str(task.get("group")).startswith("service:")


def _has_ended(task: Mapping[str, Any]) -> bool:
    return task.get("lastStatus") == "STOPPED"

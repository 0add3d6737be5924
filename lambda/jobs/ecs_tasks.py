"""Lists and stops the ECS tasks of a cluster that belong to no service and to no managed daemon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.aws import AwsService
from jobs.running_jobs import Pace, RunningJob
from properties.container import Container
from protocol.outcome import Result
from teardown import ServiceError, State, Step

# The most tasks that ListTasks returns and DescribeTasks takes (Amazon ECS API reference).
_PAGE = 100
_LONGEST_REASON = 255


class EcsTasks:
    """The tasks of a cluster that belong to no service and to no managed daemon, or some of these tasks.

    Parameters
    ----------
    container : Container
        The cluster. With the option Family or StartedBy, only tasks that match it are stopped.
    reason : str
        The reason that ECS stores for each stop.
    """

    noun = "tasks"
    # Amazon ECS API reference, request-throttling: StopTask.
    pace = Pace(burst=40, rate=40)
    # A task may not be listed at once after its start; AWS advises to wait a couple of seconds first (API reference,
    # RunTask, eventual consistency).
    list_again_after = 2.0
    final_steps: Mapping[str, Step] = {
        "ClusterNotFoundException": Step(State.ENDED, "There is no such cluster", Result.GONE),
    }

    def __init__(self, container: Container, reason: str) -> None:
        self.service = AwsService("ecs", container.region)
        self._cluster = container.id
        family = {"family": family} if (family := container.options.get("Family")) else {}
        self._list_parameters: dict[str, Any] = {"cluster": container.id, "maxResults": _PAGE, **family}
        # `_keeps_running` compares it, because as a filter of ListTasks it "must be the only filter" (API reference).
        self._started_by = container.options.get("StartedBy")
        self._reason = reason[:_LONGEST_REASON]
        # Tasks that were described once and need no second look: those that have stopped, which ECS still lists for a
        # while, and those that must keep running.
        self._ignored: set[str] = set()
        self._daemons: list[str] | None = None
        self._knows_all_daemons = False

    def exists(self) -> bool:
        """Call DescribeClusters. A deleted cluster may stay visible as INACTIVE (API reference, Cluster)."""
        clusters = self.service.ask("DescribeClusters", "clusters", each="status", clusters=[self._cluster])
        return any(cluster["status"] != "INACTIVE" for cluster in clusters)

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Call ListTasks and DescribeTasks, once for each desired status.

        A task that is being stopped is listed only with the desired status STOPPED. It may still use its network
        interface (API reference, ListTasks; Developer Guide, task-lifecycle-explanation).
        """
        for desired in ("RUNNING", "STOPPED"):
            for arns in self.service.pages("ListTasks", "taskArns", desiredStatus=desired, **self._list_parameters):
                yield self._unfinished_of(arns, desired)

    def _unfinished_of(self, arns: list[str], desired: str) -> list[RunningJob]:
        candidates = [arn for arn in arns if arn not in self._ignored]
        if not candidates:
            return []
        tasks = self.service.ask("DescribeTasks", "tasks", each="taskArn", cluster=self._cluster, tasks=candidates)
        found = {task["taskArn"]: task for task in tasks}
        self._ignored.update(arn for arn, task in found.items() if self._keeps_running(task) or _has_ended(task))
        if others := [found.get(arn, {}) for arn in candidates if arn not in self._ignored]:
            # Managed daemons run on ECS Managed Instances only (API reference, CreateDaemon).
            is_needed = any(task.get("launchType") == "MANAGED_INSTANCES" for task in others)
            self._ignored.update(self._tasks_of_daemons(desired, is_needed=is_needed))
        return [_running(arn, found.get(arn)) for arn in candidates if arn not in self._ignored]

    def _keeps_running(self, task: Mapping[str, Any]) -> bool:
        is_of_a_service = str(task.get("group")).startswith("service:")
        return is_of_a_service or self._started_by not in (None, task.get("startedBy"))

    def _tasks_of_daemons(self, desired: str, *, is_needed: bool) -> Iterator[str]:
        """Call ListDaemons, and ListTasks for each managed daemon.

        ListDaemons is called once, again after a call that failed, and again when the first task is found that may
        belong to a daemon, so that the list is needed.

        If a daemon's task is stopped, ECS drains its container instance and starts another one (API reference,
        CreateDaemon). No source says how DescribeTasks shows that a task belongs to a daemon.
        """
        if self._daemons is None or (is_needed and not self._knows_all_daemons):
            pages = self.service.optional_pages(
                "ListDaemons", "daemonSummariesList", each="daemonArn", is_needed=is_needed, clusterArn=self._cluster
            )
            # The ARN ends with CLUSTER/NAME of the daemon (Service Authorization Reference, list_ecs).
            self._daemons = [daemon["daemonArn"].rpartition("/")[2] for page in pages for daemon in page]
            self._knows_all_daemons = is_needed
        try:
            for name in self._daemons:
                daemon = {"cluster": self._cluster, "daemonName": name, "desiredStatus": desired}
                for arns in self.service.pages("ListTasks", "taskArns", **daemon):
                    yield from arns
        except ServiceError:
            # List the daemons again: one may have been deleted. No source says what ListTasks answers for it then.
            self._daemons = None
            raise

    def stop(self, job: RunningJob) -> None:
        """Call StopTask."""
        self.service.call("StopTask", cluster=self._cluster, task=job.id, reason=self._reason)

    def make_deletable(self) -> None:
        """Do nothing: a cluster without tasks can be deleted."""


def _running(arn: str, task: Mapping[str, Any] | None) -> RunningJob:
    if task is None:
        # DescribeTasks does not return it yet (failures: MISSING). It may belong to a service, so it is not stopped.
        return RunningJob(arn, is_stopping=True, note="DescribeTasks did not return it")
    if task.get("desiredStatus") != "STOPPED":
        return RunningJob(arn)
    status = task.get("lastStatus")
    if status == "RUNNING" and task.get("containerInstanceArn"):
        # The agent on the container instance reports that a task has stopped. If the instance has died, nothing reports
        # it (aws/containers-roadmap 2040).
        note = "desiredStatus STOPPED, lastStatus RUNNING: check whether its container instance has died"
        return RunningJob(arn, is_stopping=True, note=note)
    return RunningJob(arn, is_stopping=True, note=f"desiredStatus STOPPED, lastStatus {status}")


def _has_ended(task: Mapping[str, Any]) -> bool:
    return task.get("lastStatus") == "STOPPED"

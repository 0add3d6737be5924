"""moto's ECS, with tasks that take time to stop, clusters that can't be deleted before that, and managed daemons."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.ecs import urls
from moto.ecs.exceptions import ClusterNotFoundException, ECSException, InvalidParameterException
from moto.ecs.models import Cluster, EC2ContainerServiceBackend, Task, ecs_backends
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_api import state_manager

from .jobs import Jobs, page, replace_model

MAX_TASKS = 100  # on a page of ListTasks, and in a call of DescribeTasks (ECS API Reference)
MAX_DAEMONS = 100  # on a page of ListDaemons (ECS API Reference)
# The filters of ListTasks that are implemented here (ECS API Reference).
_FILTERS = ("desiredStatus", "family", "daemonName", "startedBy")


class EcsBackend(EC2ContainerServiceBackend):
    """moto's backend, with the life of tasks and clusters."""

    jobs: ClassVar[Ecs]
    _url_module: Any = urls  # moto would look for it beside this module

    def _get_cluster(self, name: str) -> Cluster:
        cluster = super()._get_cluster(name)
        if cluster.status == "INACTIVE":
            raise ClusterNotFoundException
        return cluster

    def tasks_in(self, cluster: str) -> list[Task]:
        """Return every task of a cluster."""
        return list(self.tasks.get(self._get_cluster(cluster).name, {}).values())

    def stop_task(self, cluster_str: str, task_str: str, reason: str) -> Task:
        """Stop a task, which takes some time."""
        task = next((task for task in self.tasks_in(cluster_str) if task_str in (task.task_arn, task.id)), None)
        if task is None or task.last_status == "STOPPED":
            raise InvalidParameterException("The referenced task was not found.")
        if task.desired_status != "STOPPED":
            task.desired_status, task.stopped_reason = "STOPPED", reason
            if not task.container_instance_arn:  # otherwise its instance has died, and the status never changes
                self.jobs.move(task, "STOPPING")
                self.jobs.stop(task.task_arn, lambda: self._stopped(task))
        return task

    def _stopped(self, task: Task) -> None:
        self.jobs.move(task, "STOPPED")
        if daemon := self.jobs.daemons.get(task.task_arn):
            self.jobs.start_task(task.cluster_arn, daemon=daemon)

    def delete_cluster(self, cluster_str: str) -> Cluster:
        """Delete a cluster without tasks. It stays visible, and INACTIVE."""
        if any(task.last_status != "STOPPED" for task in self.tasks_in(cluster_str)):
            raise ECSException("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        return super().delete_cluster(cluster_str)


class EcsResponses(EC2ContainerServiceResponse):
    """moto's operations, which have neither pages nor daemons."""

    ecs_backend: EcsBackend

    def list_tasks(self) -> ActionResult:
        """Return the ARNs of tasks, by default of those with the desired status RUNNING."""
        asked = {name: self._get_param(name) for name in _FILTERS if self._get_param(name)}
        if "startedBy" in asked and len(asked) > 1:
            raise InvalidParameterException("startedBy can't be combined with another filter.")

        def is_listed(task: Task) -> bool:
            known = {
                "desiredStatus": task.desired_status,
                "family": str(task.task_definition_arn).rpartition("/")[2].split(":")[0],
                "daemonName": self.ecs_backend.jobs.daemons.get(task.task_arn),
                "startedBy": task.started_by,
            }
            return all(known[name] == wanted for name, wanted in {"desiredStatus": "RUNNING", **asked}.items())

        tasks = self.ecs_backend.tasks_in(self._get_param("cluster", "default"))
        found, token = page(self, tasks, is_listed, MAX_TASKS)
        return ActionResult({"taskArns": [task.task_arn for task in found], "nextToken": token})

    def list_daemons(self) -> ActionResult:
        """Return the managed daemons of a cluster that have tasks."""
        cluster = self._get_param("clusterArn", "default")
        place = self.ecs_backend._get_cluster(cluster).arn.replace(":cluster/", ":daemon/")
        daemons = self.ecs_backend.jobs.daemons
        names = {daemons.get(task.task_arn, "") for task in self.ecs_backend.tasks_in(cluster)} - {""}
        found, token = page(self, sorted(names), bool, MAX_DAEMONS)
        summaries = [{"daemonArn": f"{place}/{name}", "status": "ACTIVE"} for name in found]
        return ActionResult({"daemonSummariesList": summaries, "nextToken": token})

    def describe_tasks(self) -> ActionResult:
        """Describe tasks, if there are not too many."""
        if len(self._get_param("tasks", [])) > MAX_TASKS:
            raise InvalidParameterException(f"Tasks must have at most {MAX_TASKS} elements.")
        return super().describe_tasks()


class ClusterResource(Cluster):
    """AWS::ECS::Cluster. moto's has no deletion, and an update replaces a cluster whose name was made up."""

    update_from_cloudformation_json = CloudFormationModel.update_from_cloudformation_json

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        """Delete a cluster. If it no longer exists, do nothing."""
        with suppress(ClusterNotFoundException):
            ecs_backends[account_id][region_name].delete_cluster(resource_name)


class Ecs(Jobs):
    """The tasks of the local ECS.

    Attributes
    ----------
    daemons : dict
        The ARN of each task of a managed daemon, and the daemon's name.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        super().__init__(ecs_backends, EcsBackend, EcsResponses, changed)
        self.daemons: dict[str, str] = {}
        replace_model(ClusterResource)
        # By default, moto changes the status of a task after some describes.
        state_manager.set_transition("ecs::task", {"progression": "manual", "times": sys.maxsize})

    def start_task(
        self,
        cluster: str,
        *,
        family: str = "work",
        group: str = "",
        started_by: str = "",
        daemon: str = "",
        host_is_dead: bool = False,
    ) -> str:
        """Start a task, and return its ARN.

        Parameters
        ----------
        cluster : str
            The name or the ARN of the cluster.
        family : str
            The family of its task definition, which is registered if it does not exist.
        group : str, optional
            Its group, such as ``service:web``. Default: its family.
        started_by : str, optional
            Its startedBy.
        daemon : str, optional
            The name of the managed daemon that it belongs to.
        host_is_dead : bool, default: False
            Whether it runs on a container instance that has died, so that it never stops.
        """
        backend = self.backend
        if family not in backend.task_definitions:
            backend.register_task_definition(family, [{"name": "work", "image": "work", "memory": 128}])
        [task] = backend.run_task(cluster, family, 1, None, started_by, None, "FARGATE", group=group or None)
        if host_is_dead:
            task.container_instance_arn = f"{task.cluster_arn.replace(':cluster/', ':container-instance/')}/dead"
        if daemon:
            self.daemons[task.task_arn] = daemon
        self.changed(task.task_arn, "RUNNING")
        return str(task.task_arn)

    def status(self, task: str) -> str:
        """Return a task's lastStatus."""
        return str(self._task(task).last_status)

    def settle(self, task: str, status: str) -> None:
        """Change the lastStatus of a task. With STOPPED, the task ends by itself, without a StopTask."""
        if status == "STOPPED":
            self._task(task).desired_status = status
        self.move(self._task(task), status)

    def move(self, task: Task, status: str) -> None:
        """Change the lastStatus of a task, unless it has stopped."""
        if task.last_status not in (status, "STOPPED"):
            task.last_status = status
            self.changed(task.task_arn, status)

    def _task(self, arn: str) -> Task:
        task: Task
        [task] = [tasks[arn] for tasks in self.backend.tasks.values() if arn in tasks]
        return task

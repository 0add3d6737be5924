"""The AWS account: its clients, the CDK CLI, and the deletion of everything that a run has created."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from . import BASE, DENY, PREFIX, PROJECT

# The CDK's default qualifier (CDK Developer Guide, bootstrapping).
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"


class RefusedError(Exception):
    """The run can't begin. The message states the cause in one sentence."""


class StoryError(Exception):
    """A story can't continue."""


class Account:
    """The account and region of the usual AWS settings, such as AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL.

    Attributes
    ----------
    id, region : str
        The account's number, and the region.
    deadline : float
        When to abort, by the monotonic clock.

    Raises
    ------
    RefusedError
        If there are no valid credentials, no region or no CDK bootstrap stack.
    """

    def __init__(self) -> None:
        self.deadline = float("inf")
        try:
            # The CDK CLI and the AWS CLI read AWS_REGION; boto3 reads AWS_DEFAULT_REGION only.
            session = self._session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
            if not session.region_name:
                raise RefusedError("There is no AWS region: set AWS_REGION, or a profile with a region.")
            if session.get_credentials() is None:
                raise RefusedError("There are no AWS credentials: set AWS_PROFILE, or run `aws configure`.")
            self.region: str = session.region_name
            self.id: str = self.client("sts").get_caller_identity()["Account"]
            self.client("ssm").get_parameter(Name=_BOOTSTRAP)
        except (BotoCoreError, ClientError) as error:
            if error_of(error).startswith("ParameterNotFound"):
                message = f"The account is not bootstrapped: run `cdk bootstrap aws://ACCOUNT/{self.region}`."
                raise RefusedError(message) from error
            raise RefusedError(f"The AWS settings do not work: {error_of(error)}") from error

    @cache  # noqa: B019 - one account in a process
    def client(self, service: str) -> Any:
        """Return a client of a service."""
        return self._session.client(service)  # type: ignore[call-overload]  # the stubs want a literal

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Return the items on all pages of an operation."""
        for page in self.client(service).get_paginator(operation).paginate(**parameters):
            yield from page[key]

    def until(self, happened: Callable[[], object], what: str, *, pause: float = 2, seconds: float = 900) -> None:
        """Call `happened` again and again until it returns a true value.

        Raises
        ------
        StoryError
            If it does not within so many seconds, or before the deadline. `what` names it in the message.
        """
        end = min(self.deadline, time.monotonic() + seconds)
        while not happened():
            if time.monotonic() > end:
                raise StoryError(f"The time is up while waiting for {what}.")
            time.sleep(pause)

    def cdk(
        self, commands: Sequence[Sequence[str]], meanwhile: Callable[[], None] = lambda: None
    ) -> list[tuple[int, str]]:
        """Run commands of the pinned CDK CLI at the same time, and return their exit statuses and outputs.

        `meanwhile` is called after their start. If it raises an error, or is interrupted, the commands are killed.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        environment = {**os.environ, "PATH": path, "AWS_REGION": self.region, "CDK_DISABLE_CLI_TELEMETRY": "true"}
        cli = (str(PROJECT / "node_modules" / ".bin" / "cdk"), "--no-notices", "--no-color")
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder, str(number)) for number in range(len(commands))]
            start = partial(
                subprocess.Popen, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
            )
            processes = [
                start([*cli, *command], stdout=output.open("w"), start_new_session=True)
                for command, output in zip(commands, outputs, strict=True)
            ]
            try:
                meanwhile()
                self.until(lambda: None not in [one.poll() for one in processes], "the CDK CLI", pause=0.2)
            finally:
                for process in processes:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
                        process.wait()
            return [(one.returncode, output.read_text()) for one, output in zip(processes, outputs, strict=True)]

    def stacks(self) -> dict[str, str]:
        """Return the status of each stack of runs, by its name."""
        statuses = [*self.client("cloudformation").meta.service_model.shape_for("StackStatus").enum]
        statuses.remove("DELETE_COMPLETE")
        found = self.pages("cloudformation", "list_stacks", "StackSummaries", StackStatusFilter=statuses)
        return {one["StackName"]: one["StackStatus"] for one in found if one["StackName"].startswith(PREFIX)}

    def resources(self, stack: str) -> dict[str, Any]:
        """Return what ListStackResources says of a stack, by the logical id."""
        listed = self.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack)
        return {one["LogicalResourceId"]: one for one in listed}

    def allow(self) -> None:
        """Remove the denial from the roles. A role with a policy of others is not deleted (convox/rack 2672)."""
        with suppress(ClientError):  # there is no stack
            for resource in self.resources(BASE).values():
                if resource["ResourceType"] == "AWS::IAM::Role":
                    with suppress(ClientError):  # it has none
                        self.client("iam").delete_role_policy(RoleName=resource["PhysicalResourceId"], PolicyName=DENY)

    def clean(self, say: Callable[[str], None]) -> list[str]:
        """Stop and delete everything that runs have made, the base stack last, and return the names of what is left."""
        self.deadline = float("inf")
        self.allow()

        def is_clean() -> bool:
            self._stop_jobs()
            if stacks := self.stacks():
                self._delete([name for name in stacks if name != BASE] or [BASE], say)
                return False
            for _, delete in self._outside_of_stacks():
                with suppress(ClientError):  # not yet
                    delete()
            return not self._outside_of_stacks()

        with suppress(StoryError):
            self.until(is_clean, "everything to be deleted")
        return self.left()

    def left(self) -> list[str]:
        """Return the names of what runs have left."""
        stacks = [f"stack {name} ({status})" for name, status in self.stacks().items()]
        return stacks or [name for name, _ in self._outside_of_stacks()]

    def _delete(self, names: Sequence[str], say: Callable[[str], None]) -> None:
        def settled() -> bool:
            statuses = [status for name, status in self.stacks().items() if name in names]
            return not any(one.endswith("_IN_PROGRESS") and one != "REVIEW_IN_PROGRESS" for one in statuses)

        self.until(settled, "the stacks")  # a stack that is being updated can't be deleted
        for name, status in self.stacks().items():
            if name in names:
                say(f"deleting {name}")
                # Only custom resources may be retained: their jobs have been stopped, so nothing is left behind.
                failed = [
                    logical_id
                    for logical_id, one in self.resources(name).items()
                    if one["ResourceStatus"] == "DELETE_FAILED" and one["ResourceType"].startswith("Custom::")
                ]
                retained = {"RetainResources": failed} if failed and status == "DELETE_FAILED" else {}
                self.client("cloudformation").delete_stack(StackName=name, **retained)
        self.until(settled, "the deletion of the stacks")

    def _stop_jobs(self) -> None:
        ecs, states, emr = (self.client(name) for name in ("ecs", "stepfunctions", "emr-serverless"))
        for cluster in self._clusters():
            running, stopping = (
                list(self.pages("ecs", "list_tasks", "taskArns", cluster=cluster, desiredStatus=status))
                for status in ("RUNNING", "STOPPED")
            )
            for task in running:
                with suppress(ClientError):  # it has stopped by now
                    ecs.stop_task(cluster=cluster, task=task, reason=PREFIX)
            if tasks := [*running, *stopping][:100]:
                ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=tasks, WaiterConfig={"Delay": 2})
        for machine in self._machines():
            asked = {"stateMachineArn": machine, "statusFilter": "RUNNING"}
            for execution in self.pages("stepfunctions", "list_executions", "executions", **asked):
                with suppress(ClientError):
                    states.stop_execution(executionArn=execution["executionArn"])
        for application in self._applications():
            with suppress(ClientError):  # not every region has sessions
                for session in self.pages("emr-serverless", "list_sessions", "sessions", applicationId=application):
                    with suppress(ClientError):
                        emr.terminate_session(applicationId=application, sessionId=session["sessionId"])
            with suppress(ClientError):  # it was never started, or a session has not ended yet: tried again later
                emr.stop_application(applicationId=application)

    def _clusters(self) -> list[str]:
        arns = [arn for arn in self.pages("ecs", "list_clusters", "clusterArns") if f"cluster/{PREFIX}" in arn]
        described = self.client("ecs").describe_clusters(clusters=arns[:100])["clusters"] if arns else []
        return [one["clusterName"] for one in described if one["status"] != "INACTIVE"]

    def _machines(self) -> list[str]:
        found = self.pages("stepfunctions", "list_state_machines", "stateMachines")
        return [one["stateMachineArn"] for one in found if one["name"].startswith(PREFIX)]

    def _applications(self) -> list[str]:
        found = self.pages("emr-serverless", "list_applications", "applications")
        return [one["id"] for one in found if one.get("name", "").startswith(PREFIX) and one["state"] != "TERMINATED"]

    def _outside_of_stacks(self) -> list[tuple[str, Callable[[], object]]]:
        """Return what is in no stack, such as what a failed cleanup left, and how to delete each."""
        ecs, states, emr = (self.client(name) for name in ("ecs", "stepfunctions", "emr-serverless"))
        found: list[tuple[str, Callable[[], object]]] = []
        found += [(f"cluster {one}", partial(ecs.delete_cluster, cluster=one)) for one in self._clusters()]
        for one in self._machines():
            found.append((f"state machine {one}", partial(states.delete_state_machine, stateMachineArn=one)))
        for one in self._applications():
            found.append((f"application {one}", partial(emr.delete_application, applicationId=one)))
        for group in self.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=PREFIX):
            delete = partial(self.client("logs").delete_log_group, logGroupName=group["logGroupName"])
            found.append((f"log group {group['logGroupName']}", delete))
        return found


def error_of(error: BaseException) -> str:
    """Return the code and the message of an AWS error in one line."""
    if not isinstance(error, ClientError):
        return str(error)
    return f"{error.response['Error'].get('Code', '')}: {error.response['Error'].get('Message', '')}"

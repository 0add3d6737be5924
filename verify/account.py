"""The AWS account: its clients, the CDK CLI, and the deletion of everything that a run has created."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from . import BASE, PREFIX, PROJECT

# The CDK's default qualifier (CDK Developer Guide, bootstrapping).
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
_CLEANING = 15 * 60  # seconds


class Account:
    """The account and region of the usual AWS settings, such as AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL.

    Attributes
    ----------
    region : str
        The region.
    deadline : float
        When to abort, by the monotonic clock. Whoever waits sets it.

    Raises
    ------
    SystemExit
        If there are no valid credentials, no region or no CDK bootstrap stack. It states the cause in one sentence.
    """

    deadline: float

    def __init__(self) -> None:
        try:
            # The CDK CLI and the AWS CLI read AWS_REGION; boto3 reads AWS_DEFAULT_REGION only.
            self._session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
            self.region: str = self._session.region_name
            self.client("sts").get_caller_identity()
            self.client("ssm").get_parameter(Name=_BOOTSTRAP)
        except (BotoCoreError, ClientError) as error:
            if "ParameterNotFound" in str(error):
                sys.exit(f"The account is not bootstrapped: run `cdk bootstrap aws://ACCOUNT/{self.region}`.")
            sys.exit(f"Set AWS_PROFILE and AWS_REGION to an account that you can use: {error}")

    @cache  # noqa: B019 - one account in a process
    def client(self, service: str) -> Any:
        """Return a client of a service."""
        return self._session.client(service)  # type: ignore[call-overload]  # the stubs want a literal

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Return the items on all pages of an operation."""
        for page in self.client(service).get_paginator(operation).paginate(**parameters):
            yield from page[key]

    def until(self, happened: Callable[[], object], what: str, *, pause: float = 2) -> None:
        """Call `happened` again and again until it returns a true value.

        Raises
        ------
        TimeoutError
            If it does not before the deadline. `what` names it in the message.
        """
        while not happened():
            if time.monotonic() > self.deadline:
                raise TimeoutError(f"The time is up while waiting for {what}.")
            time.sleep(pause)

    def cdk(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the pinned CDK CLI, and return its exit status and output.

        Raises
        ------
        TimeoutExpired
            If it does not end before the deadline. It is killed.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        done = subprocess.run(
            [str(PROJECT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices", "--no-color"],
            cwd=PROJECT,
            env={**os.environ, "PATH": path, "AWS_REGION": self.region, "CDK_DISABLE_CLI_TELEMETRY": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.deadline - time.monotonic(),
        )
        return done.returncode, done.stdout

    def stacks(self) -> dict[str, str]:
        """Return the status of each stack of runs, by its name."""
        found = self.pages("cloudformation", "describe_stacks", "Stacks")
        return {one["StackName"]: one["StackStatus"] for one in found if one["StackName"].startswith(PREFIX)}

    def resources(self, stack: str) -> dict[str, Mapping[str, Any]]:
        """Return what ListStackResources says of a stack, by the logical id."""
        listed = self.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack)
        return {one["LogicalResourceId"]: one for one in listed}

    def allow(self) -> None:
        """Remove the denial from the role. A role with a policy of others is not deleted (convox/rack 2672)."""
        with suppress(ClientError):  # there is none
            self.client("iam").delete_role_policy(RoleName=PREFIX, PolicyName=PREFIX)

    def clean(self, say: Callable[[str], None]) -> list[str]:
        """Stop and delete everything that runs have made, the base stack last, and return the names of what is left."""
        self.deadline = time.monotonic() + _CLEANING
        self.allow()
        with suppress(TimeoutError):
            self.until(lambda: self._is_clean(say), "everything to be deleted")
        return self.left()

    def left(self) -> list[str]:
        """Return the names of what runs have left."""
        stacks = [f"stack {name} ({status})" for name, status in self.stacks().items()]
        return stacks or [name for name, _, _ in self._containers()]

    def _is_clean(self, say: Callable[[str], None]) -> bool:
        """Return whether nothing is left. If not, stop all jobs, and begin the deletion of what can be deleted now."""
        with suppress(BotoCoreError, ClientError):  # something was deleted between two calls: look again
            containers, stacks = list(self._containers()), self.stacks()
            for stop in [stop for _, _, stops in containers for stop in stops]:
                answer_of(stop)  # it may have stopped by now
            for name, status in stacks.items():
                is_changing = status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
                if not is_changing and (name != BASE or len(stacks) == 1):
                    say(f"deleting {name}")
                    # This leaves clusters, state machines and applications at most, which are deleted below.
                    force = {"DeletionMode": "FORCE_DELETE_STACK"} if status == "DELETE_FAILED" and name != BASE else {}
                    self.client("cloudformation").delete_stack(StackName=name, **force)
            for _, delete, _ in containers if not stacks else ():
                answer_of(delete)  # it may be too early
            return not (stacks or containers)
        return False

    def _containers(self) -> Iterator[tuple[str, Callable[[], object], Sequence[Callable[[], object]]]]:
        """Return the clusters, state machines, applications and log groups of runs, in a stack or left by a cleanup.

        Each has a name, a call that deletes it, and calls that stop what runs in it.
        """
        ecs, states, emr, logs = map(self.client, ("ecs", "stepfunctions", "emr-serverless", "logs"))
        for arn in [one for one in self.pages("ecs", "list_clusters", "clusterArns") if f":cluster/{PREFIX}" in one]:
            if ecs.describe_clusters(clusters=[arn])["clusters"][0]["status"] == "ACTIVE":
                tasks = self.pages("ecs", "list_tasks", "taskArns", cluster=arn)
                stops = [partial(ecs.stop_task, cluster=arn, task=task, reason=PREFIX) for task in tasks]
                yield arn, partial(ecs.delete_cluster, cluster=arn), stops
        for machine in self.pages("stepfunctions", "list_state_machines", "stateMachines"):
            if machine["name"].startswith(PREFIX):
                its = {"stateMachineArn": machine["stateMachineArn"]}
                running = self.pages("stepfunctions", "list_executions", "executions", statusFilter="RUNNING", **its)
                stops = [partial(states.stop_execution, executionArn=one["executionArn"]) for one in running]
                yield machine["stateMachineArn"], partial(states.delete_state_machine, **its), stops
        if self.region in self._session.get_available_regions("emr-serverless"):
            for one in self.pages("emr-serverless", "list_applications", "applications"):
                if one.get("name", "").startswith(PREFIX) and one["state"] != "TERMINATED":
                    its = {"applicationId": one["id"]}
                    stops = [partial(emr.stop_application, **its)]
                    with suppress(ClientError):  # not every region has sessions
                        for session in self.pages("emr-serverless", "list_sessions", "sessions", **its):
                            stops.append(partial(emr.terminate_session, sessionId=session["sessionId"], **its))
                    yield one["arn"], partial(emr.delete_application, **its), stops
        for group in self.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=PREFIX):
            name = group["logGroupName"]
            yield f"log group {name}", partial(logs.delete_log_group, logGroupName=name), []


def answer_of(call: Callable[..., object], **asked: Any) -> str:
    """Return the error of a call of AWS, or "accepted"."""
    try:
        call(**asked)
    except ClientError as error:
        return str(error)
    return "accepted"

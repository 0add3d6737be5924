"""What a scenario plays on: a local cloud, an app, and the real CDK CLI between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from sandbox.cdk_cli import CdkCli
from sandbox.local_aws import ACCOUNT, REGION
from tests.assemblies import Assemblies

from .clouds import LocalCloud


@dataclass(frozen=True)
class App:
    """A CDK app with a job in it, or with the executions of a state machine.

    Parameters
    ----------
    module : str
        Its module.
    stack : str
        The stack of the job, or of a StopOnDelete.
    provider : str
        The stack of the provider, if it has one of its own.
    arn_by_context : bool
        Whether it takes the job's ARN when it is synthesized. Default: at deployment, as the parameter JobArn.
    """

    module: str
    stack: str
    provider: str = ""
    arn_by_context: bool = False

    @property
    def stacks(self) -> list[str]:
        """Its stacks, in the order in which they are deployed."""
        return [name for name in (self.provider, self.stack) if name]


EXAMPLE = App("app", "WorldExport", "WorldExportProvider", arn_by_context=True)
OWN_STACK = App("tests.apps.job", "Job", "JobProvider")
IN_STACK = App("tests.apps.job", "JobInStack")
EXECUTIONS = App("tests.apps.machine", "MachineUser", "Machine")
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:witness"


@dataclass(frozen=True)
class Outcome:
    """How a cloud stands.

    Parameters
    ----------
    jobs : Mapping
        The status of each job that was deployed, and of each execution that was started: RUNNING, or else ended.
    stacks : Mapping
        The status of each stack that there is.
    left : Mapping
        How many functions, roles and buckets there are.
    """

    jobs: Mapping[str, str]
    stacks: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)


class Stage:
    """One scenario's play on one cloud.

    Parameters
    ----------
    cloud : LocalCloud
        A cloud that was bootstrapped.
    app : App
        The app.
    assemblies : Assemblies
        Where its assembly is.
    """

    def __init__(self, cloud: LocalCloud, app: App, assemblies: Assemblies) -> None:
        self.robomaker = cloud.robomaker
        self._app = app
        self._assemblies = assemblies
        self._assembly = Path()
        self._jobs: list[str] = []
        self._executions: list[str] = []
        # What the last command of the CDK CLI printed.
        self.output = ""
        self._cli = CdkCli(cloud, cloud.home)
        self._clients: dict[str, Any] = {
            name: boto3.client(name, endpoint_url=cloud.url, region_name=REGION)
            for name in ("cloudformation", "iam", "lambda", "s3", "stepfunctions")
        }
        self._before = self._count()

    def deploy(self, job: str, later: str = "", *, fails: bool = False) -> None:
        """Start a job and run ``cdk deploy`` with it, and perhaps with the ARN of a later one."""
        arn = arn_of(job)
        if job not in self._jobs:
            self._jobs.append(job)
            self.robomaker.start_job(arn)
        self._assembly = self._assemblies.of(self._app.module, **({"job_arn": arn} if self._app.arn_by_context else {}))
        parameters = {} if self._app.arn_by_context else {"JobArn": arn, "LaterArn": later}
        options = [f"--parameters={self._app.stack}:{name}={value}" for name, value in parameters.items()]
        self._cdk("deploy", "--require-approval", "never", *options, fails=fails)

    def deploy_with(self, **context: str) -> None:
        """Run ``cdk deploy`` with a context."""
        self._assembly = self._assemblies.of(self._app.module, **context)
        self._cdk("deploy", "--require-approval", "never", fails=False)

    def start_execution(self, name: str) -> None:
        """Start an execution of the state machine, which takes a day."""
        self._clients["stepfunctions"].start_execution(stateMachineArn=MACHINE, name=name)
        self._executions.append(name)

    def destroy(self, *stacks: str, fails: bool = False) -> None:
        """Run ``cdk destroy``, of some stacks or of all."""
        self._cdk("destroy", "--force", stacks=stacks, fails=fails)

    def delete_retaining_what_failed(self) -> None:
        """Run ``aws cloudformation delete-stack`` with ``--retain-resources`` for each resource in DELETE_FAILED."""
        client, name = self._clients["cloudformation"], self._app.stack
        latest: dict[str, str] = {}
        for event in client.describe_stack_events(StackName=name)["StackEvents"]:  # the newest first
            latest.setdefault(event["LogicalResourceId"], event["ResourceStatus"])
        failed = [resource for resource, status in latest.items() if status == "DELETE_FAILED" and resource != name]
        client.delete_stack(StackName=name, RetainResources=failed)
        client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    def outcome(self) -> Outcome:
        """Look how the cloud stands."""
        now = self._count()
        return Outcome(
            {
                **{job: self.robomaker.status(arn_of(job)) for job in self._jobs},
                **{name: self._status_of_execution(name) for name in self._executions},
            },
            {
                stack["StackName"]: stack["StackStatus"]
                for stack in self._clients["cloudformation"].describe_stacks()["Stacks"]
                if stack["StackName"] in self._app.stacks
            },
            {kind: now[kind] - self._before[kind] for kind in now if now[kind] != self._before[kind]},
        )

    def _status_of_execution(self, name: str) -> str:
        client = self._clients["stepfunctions"]
        arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
        try:
            status = client.describe_execution(executionArn=arn)["status"]
        except client.exceptions.ExecutionDoesNotExist:
            # Once its machine is gone. ministack keeps it then; no source says what Step Functions does.
            status = "gone"
        return "RUNNING" if status == "RUNNING" else "ended"

    def _count(self) -> dict[str, int]:
        return {
            "functions": len(self._clients["lambda"].list_functions()["Functions"]),
            "roles": len(self._clients["iam"].list_roles()["Roles"]),
            "buckets": len(self._clients["s3"].list_buckets()["Buckets"]),
        }

    def _cdk(self, command: str, *options: str, stacks: Sequence[str] = (), fails: bool) -> None:
        finished = self._cli.run(command, *(stacks or self._app.stacks), "--app", str(self._assembly), *options)
        self.output = finished.output
        assert (finished.status != 0) is fails, finished.output


def arn_of(job: str) -> str:
    """Give the ARN of a job."""
    return f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/{job}"

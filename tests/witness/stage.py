"""What a scenario plays on: a local cloud, an app, and the real CDK CLI between them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3

from sandbox.cdk_cli import CdkCli
from sandbox.local_aws import ACCOUNT, REGION
from tests.assemblies import Assemblies

from .clouds import LocalCloud

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:witness"


class Stage:
    """One scenario's play on one cloud.

    Parameters
    ----------
    cloud : LocalCloud
        A cloud that was bootstrapped.
    assemblies : Assemblies
        The synthesized apps.
    app : str
        The app, by its module.
    *stacks : str
        Its stacks, in the order in which they are deployed. The last one has the job.
    """

    def __init__(self, cloud: LocalCloud, assemblies: Assemblies, app: str, *stacks: str) -> None:
        self.robomaker = cloud.robomaker
        self._cloud, self._cli = cloud, CdkCli(cloud.url, cloud.home)
        self._assemblies, self._app, self._stacks = assemblies, app, stacks
        self._jobs: list[str] = []
        self._executions: list[str] = []
        self._before = self._count()

    def start_job(self, name: str) -> str:
        """Start a world export job, and give its ARN."""
        arn = arn_of(name)
        if name not in self._jobs:
            self._jobs.append(name)
            self.robomaker.start_job(arn)
        return arn

    def start_execution(self, name: str) -> None:
        """Start an execution of the state machine, which takes a day."""
        self._client("stepfunctions").start_execution(stateMachineArn=MACHINE, name=name)
        self._executions.append(name)

    def deploy(self, *options: str, fails: bool = False, **context: str) -> None:
        """Run ``cdk deploy`` with the app, synthesized with a context."""
        self._assembly = self._assemblies.of(self._app, **context)
        self._cdk("deploy", *self._stacks, "--require-approval", "never", *options, fails=fails)

    def deploy_job(self, name: str, later: str = "", *, fails: bool = False) -> None:
        """Start a job and deploy it, with the ARN of a later one or none."""
        parameters = {"JobArn": self.start_job(name), "LaterArn": later}
        options = [f"--parameters={self._stacks[-1]}:{name}={value}" for name, value in parameters.items()]
        self.deploy(*options, fails=fails)

    def destroy(self, *stacks: str, fails: bool = False) -> None:
        """Run ``cdk destroy``, of some stacks or of all."""
        self._cdk("destroy", *(stacks or self._stacks), "--force", fails=fails)

    def delete_retaining_what_failed(self) -> None:
        """Run ``aws cloudformation delete-stack`` with ``--retain-resources`` for each resource in DELETE_FAILED."""
        client, stack = self._client("cloudformation"), self._stacks[-1]
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
        failed = {event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_FAILED"}
        client.delete_stack(StackName=stack, RetainResources=list(failed - {stack}))
        client.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    def expect(self, expected: str) -> None:
        """Check how the cloud stands.

        Parameters
        ----------
        expected : str
            The status of each job that was started, RUNNING or else ended of each execution, the status of each stack
            that there is, and how many functions, roles and buckets the scenario has made: ``job:Running Job:...``.
        """
        stacks = self._client("cloudformation").describe_stacks()["Stacks"]
        now = {
            **{job: self.robomaker.status(arn_of(job)) for job in self._jobs},
            **{execution: self._status(execution) for execution in self._executions},
            **{stack["StackName"]: stack["StackStatus"] for stack in stacks if stack["StackName"] in self._stacks},
            **(self._count() - self._before),
        }
        stands = " ".join(f"{name}:{status}" for name, status in now.items())
        assert sorted(stands.split()) == sorted(expected.split()), f"{self._output}\n{self._cloud.log}"

    def _status(self, execution: str) -> str:
        client = self._client("stepfunctions")
        arn = f"{MACHINE.replace(':stateMachine:', ':execution:')}:{execution}"
        try:
            status = client.describe_execution(executionArn=arn)["status"]
        except client.exceptions.ExecutionDoesNotExist:
            # Once its machine is gone. ministack keeps it then; no source says what Step Functions does.
            status = "gone"
        return "RUNNING" if status == "RUNNING" else "ended"

    def _count(self) -> Counter[str]:
        return Counter(
            functions=len(self._client("lambda").list_functions()["Functions"]),
            roles=len(self._client("iam").list_roles()["Roles"]),
            buckets=len(self._client("s3").list_buckets()["Buckets"]),
        )

    def _client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self._cloud.url, region_name=REGION)  # type: ignore[call-overload]  # the stubs want a literal

    def _cdk(self, *command: str, fails: bool) -> None:
        finished = self._cli.run(*command, "--app", str(self._assembly))
        self._output = finished.output
        assert (finished.status != 0) is fails, finished.output


def arn_of(job: str) -> str:
    """Return the ARN of a job."""
    return f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/{job}"

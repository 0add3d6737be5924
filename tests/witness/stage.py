"""What a scenario plays on: a local cloud, an app, and what deploys it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from sandbox.cdk_cli import CdkCli
from sandbox.lambda_service import zipped
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
    by_cli : bool
        Whether the CDK CLI deploys it, and it takes the job's ARN when it is synthesized. Default: its change sets are
        executed here, which takes a tenth of the time, and it takes the ARN as the parameter JobArn.
    """

    module: str
    stack: str
    provider: str = ""
    by_cli: bool = False

    @property
    def stacks(self) -> list[str]:
        """Its stacks, in the order in which they are deployed."""
        return [name for name in (self.provider, self.stack) if name]


EXAMPLE = App("app", "WorldExport", "WorldExportProvider", by_cli=True)
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
        self._deployed: dict[str, tuple[str, Mapping[str, str]]] = {}
        # What the last command of the CDK CLI printed.
        self.output = ""
        self._cli = CdkCli(cloud, cloud.home)
        self._clients: dict[str, Any] = {
            name: boto3.client(name, endpoint_url=cloud.url, region_name=REGION)
            for name in ("cloudformation", "iam", "lambda", "s3", "stepfunctions")
        }
        self._before = self._count()

    def deploy(self, job: str, later: str = "", *, fails: bool = False) -> None:
        """Start a job and deploy the app with it, and perhaps with the ARN of a later one."""
        arn = arn_of(job)
        if job not in self._jobs:
            self._jobs.append(job)
            self.robomaker.start_job(arn)
        if self._app.by_cli:
            self.deploy_with(job_arn=arn)
        else:
            self._assembly = self._assemblies.of(self._app.module)
            self._deploy(fails=fails, JobArn=arn, LaterArn=later)

    def deploy_with(self, **context: str) -> None:
        """Deploy the app with a context."""
        self._assembly = self._assemblies.of(self._app.module, **context)
        if self._app.by_cli:
            self._cdk("deploy", "--require-approval", "never")
        else:
            self._deploy(fails=False)

    def start_execution(self, name: str) -> None:
        """Start an execution of the state machine, which takes a day."""
        self._clients["stepfunctions"].start_execution(stateMachineArn=MACHINE, name=name)
        self._executions.append(name)

    def destroy(self, *stacks: str, fails: bool = False) -> None:
        """Delete some stacks or all, the last one first."""
        if self._app.by_cli:
            self._cdk("destroy", "--force")
        else:
            assert all(self._delete(stack) for stack in reversed(stacks or self._app.stacks)) is not fails

    def delete_retaining_what_failed(self) -> None:
        """Delete the stack, and retain each resource in DELETE_FAILED."""
        latest: dict[str, str] = {}
        events = self._clients["cloudformation"].describe_stack_events(StackName=self._app.stack)["StackEvents"]
        for event in events:  # the newest first
            latest.setdefault(event["LogicalResourceId"], event["ResourceStatus"])
        failed = [name for name, status in latest.items() if status == "DELETE_FAILED" and name != self._app.stack]
        assert self._delete(self._app.stack, RetainResources=failed)

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

    def _cdk(self, command: str, *options: str) -> None:
        finished = self._cli.run(command, *self._app.stacks, "--app", str(self._assembly), *options)
        self.output = finished.output
        assert finished.status == 0, finished.output

    def _deploy(self, *, fails: bool, **parameters: str) -> None:
        """Deploy what has changed as ``cdk deploy`` does, one stack after another."""
        ended = ""
        for stack in self._app.stacks:
            given = parameters if stack == self._app.stack else {}
            template = (self._assembly / f"{stack}.template.json").read_text()
            before = self._status(stack)
            if before == "ROLLBACK_COMPLETE":
                self._delete(stack)
                before = ""
            if before and self._deployed[stack] == (template, given):
                continue
            self._deployed[stack] = (template, given)
            self._upload(stack)
            ended = self._execute("UPDATE" if before else "CREATE", stack, template, given)
        assert ended.endswith("ROLLBACK_COMPLETE") is fails, ended

    def _upload(self, stack: str) -> None:
        files = json.loads((self._assembly / f"{stack}.assets.json").read_text())["files"]
        for file in files.values():
            if file["source"]["packaging"] == "zip":
                [where] = file["destinations"].values()
                bucket = where["bucketName"].replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
                package = zipped(self._assembly / file["source"]["path"])
                self._clients["s3"].put_object(Bucket=bucket, Key=where["objectKey"], Body=package)

    def _execute(self, kind: str, stack: str, template: str, parameters: Mapping[str, str]) -> str:
        client, names = self._clients["cloudformation"], {"StackName": stack, "ChangeSetName": f"c{uuid.uuid4()}"}
        client.create_change_set(
            **names,
            ChangeSetType=kind,
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        client.get_waiter("change_set_create_complete").wait(**names, WaiterConfig={"Delay": 1})
        client.execute_change_set(**names)
        return self._settled(stack)

    def _delete(self, stack: str, **options: Any) -> bool:
        """Delete a stack, and say whether it is gone."""
        self._clients["cloudformation"].delete_stack(StackName=stack, **options)
        return not self._settled(stack)

    def _settled(self, stack: str) -> str:
        while (status := self._status(stack)).endswith("_IN_PROGRESS"):
            time.sleep(0.1)
        return status

    def _status(self, stack: str) -> str:
        stacks = self._clients["cloudformation"].describe_stacks()["Stacks"]
        return next((found["StackStatus"] for found in stacks if found["StackName"] == stack), "")


def arn_of(job: str) -> str:
    """Give the ARN of a job."""
    return f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/{job}"

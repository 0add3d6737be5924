"""A bootstrapped local AWS with a provider's stack for each worker, and a job's stack for each test."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sandbox import PROJECT
from sandbox.cdk_cli import CdkCli
from sandbox.cloudformation.custom_resources import Exchange, invalidity
from sandbox.cloudformation.lifecycle import Event
from sandbox.local_aws import ACCOUNT, REGION, LocalAws

STACK = "WorldExport"


class Cloud:
    """The local AWS, the CDK CLI, and what happened since the test began."""

    def __init__(self, home: Path, assemblies: Path) -> None:
        self.events: list[Event] = []
        self.log: list[str] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.aws = LocalAws(self._hear, log=self.log.append)
        self.cli = CdkCli(self.aws, home)
        self._assemblies = assemblies
        self.synthesized = functools.cache(self._synthesize)
        self.service_token = ""
        self._jobs = 0
        self._exchanges = 0

    def set_up(self) -> None:
        """Bootstrap, and deploy the function that the jobs of most tests share, as is recommended."""
        app = self.synthesized(json.dumps({"part": "provider"}))
        bootstrap = self.cli.run("bootstrap", "--app", app, f"aws://{ACCOUNT}/{REGION}")
        assert bootstrap.status == 0, bootstrap.output
        self.deploy_app(app)
        [stack] = self.cloudformation.describe_stacks(StackName="Provider")["Stacks"]
        self.service_token = stack["Outputs"][0]["OutputValue"]

    def begin(self) -> None:
        """Forget what happened in other tests."""
        self.events.clear()
        self.log.clear()
        self.listeners.clear()
        self.aws.robomaker.calls.clear()
        self.aws.robomaker.switch_off()
        self._exchanges = len(self.aws.exchanges)

    def start_job(self, **settings: Any) -> str:
        """Start a world export job and give its ARN."""
        self._jobs += 1
        arn = f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/job-{self._jobs}"
        self.aws.robomaker.start_job(arn, **settings)
        return arn

    def deploy_app(self, app: str) -> None:
        """Run ``cdk deploy`` with a synthesized app, which succeeds."""
        deployed = self.cli.run("deploy", "--app", app, "--require-approval", "never")
        assert deployed.status == 0, deployed.output

    def deploy(self, job_arn: str, *, wait: int = 30, best_effort: bool = False, **context: object) -> None:
        """Run ``cdk deploy``, which succeeds. With ``in_stack``, the job's stack has a function of its own."""
        self._run(True, "deploy", context, *self._parameters(job_arn, wait, best_effort))

    def fail_to_deploy(self, job_arn: str, *, wait: int = 30, best_effort: bool = False, **context: object) -> str:
        """Run ``cdk deploy``, which fails, and give what it printed."""
        return self._run(False, "deploy", context, *self._parameters(job_arn, wait, best_effort))

    def destroy(self) -> None:
        """Run ``cdk destroy``, which succeeds."""
        self._run(True, "destroy", {}, "--force")

    def fail_to_destroy(self) -> str:
        """Run ``cdk destroy``, which fails, and give what it printed."""
        return self._run(False, "destroy", {}, "--force")

    def clear(self) -> None:
        """Leave no stack behind, whatever a test left it in."""
        while STACK in self.aws.stacks():
            if self.aws.stacks()[STACK] == "DELETE_FAILED":
                self.cloudformation.delete_stack(StackName=STACK, DeletionMode="FORCE_DELETE_STACK")
            elif not self.aws.stacks()[STACK].endswith("_IN_PROGRESS"):
                self.cloudformation.delete_stack(StackName=STACK)
            time.sleep(0.05)

    def _run(self, succeeds: bool, command: str, context: Mapping[str, object], *arguments: str) -> str:
        finished = self.cli.run(command, "--app", self.synthesized(json.dumps(context)), *arguments)
        assert (finished.status == 0) is succeeds, finished.output
        return finished.output

    def _parameters(self, job_arn: str, wait: int, best_effort: bool) -> list[str]:
        given = {
            "JobArn": job_arn,
            "Wait": wait,
            "BestEffort": str(best_effort).lower(),
            "ServiceToken": self.service_token,
        }
        pairs = [word for name, value in given.items() for word in ("--parameters", f"{name}={value}")]
        return ["--require-approval", "never", *pairs]

    def _hear(self, _: str, event: Event) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    def _synthesize(self, context: str, app: str = "tests.e2e.app") -> str:
        """Synthesize an app once for each context: the CDK CLI takes a cloud assembly as an app, too."""
        assembly = self._assemblies / sha256(f"{app} {context}".encode()).hexdigest()[:16]
        with assembly.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
            if not (assembly / "manifest.json").exists():
                environment = {**os.environ, "CDK_OUTDIR": str(assembly), "CDK_CONTEXT_JSON": context}
                subprocess.run([sys.executable, "-m", app], cwd=PROJECT, env=environment, check=True)
        return str(assembly)

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request to the custom resource, with its answers."""
        return self.aws.exchanges[self._exchanges :]

    @property
    def calls(self) -> list[str]:
        """The operations that were called, without their common ending."""
        return [call.operation.removesuffix("WorldExportJob") for call in self.aws.robomaker.calls]

    @property
    def cloudformation(self) -> Any:  # boto3-stubs has no types for it here
        """A client of the local CloudFormation."""
        return self.aws.client("cloudformation")

    def granted(self, stack: str) -> list[dict[str, Any]]:
        """Read the statements of the role that the function of a stack runs as."""
        iam = self.aws.client("iam")
        resources = self.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        [role] = [
            found["PhysicalResourceId"]
            for found in resources
            if found["ResourceType"] == "AWS::IAM::Role" and "Provider" in found["LogicalResourceId"]
        ]
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        statements: list[dict[str, Any]] = []
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            statements += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
        return statements

    @property
    def physical_id(self) -> str:
        """The physical id of the deployed job."""
        resources = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        [job] = [found for found in resources if found["ResourceType"] == "Custom::ManagedWorldExportJob"]
        return str(job["PhysicalResourceId"])

    def history(self, logical_id: str = "") -> list[str]:
        """Give the statuses of a resource, by the beginning of its logical id, or of the stack."""
        wanted = re.compile(rf"{logical_id}[0-9A-F]{{8}}" if logical_id else "")
        return [event.status for event in self.events if wanted.fullmatch(event.logical_id)]


@pytest.fixture(scope="session")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    # One folder for all workers, and for this run: what an earlier one has synthesized may be of other code.
    base = tmp_path_factory.getbasetemp()
    cloud = Cloud(tmp_path_factory.mktemp("cdk"), base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    with closing(cloud.aws):
        cloud.set_up()
        yield cloud


@pytest.fixture
def cloud(_cloud: Cloud) -> Iterator[Cloud]:
    """Give a cloud without the stack, and hold every answer of the test against CloudFormation's rules."""
    _cloud.begin()
    yield _cloud
    _cloud.aws.robomaker.switch_off()
    _cloud.aws.front.switch_off()
    _cloud.aws.functions.resolve_as_ever()
    for exchange in _cloud.exchanges:
        if exchange.event.get("PhysicalResourceId", "").startswith("arn:"):
            _cloud.aws.robomaker.start_job(exchange.event["PhysicalResourceId"], status="Canceled")
    _cloud.clear()
    for exchange in _cloud.exchanges:
        [body] = exchange.bodies
        assert invalidity(exchange.event, body) == ""

"""A local AWS for the stories, which one worker tells, with the CDK CLI, and what happened since a test began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.cdk_cli import CdkCli
from sandbox.cloudformation.custom_resources import Exchange, invalidity
from sandbox.cloudformation.lifecycle import Event
from sandbox.local_aws import ACCOUNT, REGION, LocalAws
from tests.assemblies import Assemblies
from tests.aws_cli import AwsCli

Run = Callable[[str], tuple[int, str]]


class Cloud:
    """The local AWS, the CDK CLI, and what happened since the test began.

    Parameters
    ----------
    home : Path
        A folder for the CDK CLI.
    assemblies : Assemblies
        The synthesized apps.
    """

    def __init__(self, home: Path, assemblies: Assemblies) -> None:
        self.events: list[Event] = []
        self.log: list[str] = []
        self.assemblies = assemblies
        self.aws = LocalAws(lambda _, event: self.events.append(event), log=self.log.append)
        self.cli = CdkCli(self.aws.url, home)
        self.cloudformation = self.aws.client("cloudformation")
        self._jobs = 0
        self._exchanges = 0
        bootstrapped = self.cli.run("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        assert bootstrapped.status == 0, bootstrapped.output

    def begin(self) -> None:
        """Forget what happened in other tests."""
        self.aws.robomaker.calls.clear()
        self.aws.front.calls.clear()
        self._exchanges = len(self.aws.exchanges)
        self.events.clear()
        self.log.clear()

    def start_job(self, name: str = "", **settings: Any) -> str:
        """Start a world export job and give its ARN."""
        self._jobs += 1
        arn = f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/{name or f'job-{self._jobs}'}"
        self.aws.robomaker.start_job(arn, **settings)
        return arn

    def deploy(self, app: Path, *stacks: str, fails: bool = False, **parameters: object) -> str:
        """Run ``cdk deploy`` with an assembly, which succeeds or fails, and give what it printed."""
        given = [f"--parameters={stacks[-1]}:{name}={value}" for name, value in parameters.items()]
        return self.run("deploy", *stacks, *given, "--require-approval", "never", app=app, fails=fails)

    def destroy(self, app: Path, *stacks: str, fails: bool = False) -> str:
        """Run ``cdk destroy`` with an assembly, which succeeds or fails, and give what it printed."""
        return self.run("destroy", *stacks, "--force", app=app, fails=fails)

    def settled(self, stack: str) -> str:
        """Wait for an operation of a stack, and give the stack's status, or "gone"."""
        while (status := self.aws.stacks().get(stack, "gone")).endswith("_IN_PROGRESS"):
            time.sleep(0.05)
        return status

    def run(self, *command: str, app: Path, fails: bool = False) -> str:
        """Run any command with an assembly, which succeeds or fails, and give what it printed."""
        finished = self.cli.run(*command, "--app", str(app))
        assert (finished.status != 0) is fails, finished.output
        return finished.output

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request to a custom resource, with its answers."""
        return self.aws.exchanges[self._exchanges :]

    def physical_id(self, stack: str, resource_type: str) -> str:
        """Return the physical id of the stack's first resource of a type."""
        found = self.cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        return next(str(one["PhysicalResourceId"]) for one in found if one["ResourceType"] == resource_type)

    def granted(self, stack: str) -> list[dict[str, Any]]:
        """Read the statements that the role of the stack's function has, without those for its log."""
        iam, role = self.aws.client("iam"), self.physical_id(stack, "AWS::IAM::Role")
        policies = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        statements = [statement for policy in policies for statement in policy["Statement"]]
        return [statement for statement in statements if "logs:" not in str(statement)]


@pytest.fixture(scope="session")
def _cloud(tmp_path_factory: pytest.TempPathFactory, assemblies: Assemblies) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("cdk"), assemblies)
    with closing(cloud.aws):
        yield cloud


@pytest.fixture
def cloud(_cloud: Cloud) -> Iterator[Cloud]:
    """Yield a cloud, and check each answer of the test against CloudFormation's rules."""
    _cloud.begin()
    yield _cloud
    _cloud.aws.robomaker.switch_off()
    _cloud.aws.front.switch_off()
    for exchange in _cloud.exchanges:
        [body] = exchange.bodies
        assert invalidity(exchange.event, body) == ""


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path) -> Run:
    """Return what runs commands of the AWS CLI: each gives its exit status and what it prints."""
    return AwsCli(tmp_path, {"": cloud.aws.url, "robomaker": cloud.aws.robomaker.url})

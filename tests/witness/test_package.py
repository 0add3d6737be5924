"""The package for teams without the CDK, deployed as `aws cloudformation deploy` does, on each cloud."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import boto3
import cfnlint.decode
from botocore.exceptions import ClientError, WaiterError

from sandbox import PROJECT
from sandbox.local_aws import REGION
from tests.pages import blocks

from .clouds import LocalCloud
from .stage import arn_of

JOB, TASKS, _ = blocks((PROJECT / "docs" / "without-the-cdk.md").read_text(), "yaml")
POLICIES = {"Policy", "WorldExportJobsPolicy"}


class Team:
    """A team with a bucket, the package and CloudFormation, and without the CDK."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.aws: dict[str, Any] = {
            name: boto3.client(name, endpoint_url=cloud.url, region_name=REGION)
            for name in ("cloudformation", "ecs", "iam", "lambda", "s3", "stepfunctions")
        }
        self._cloudformation = self.aws["cloudformation"]
        self._bucket = f"code-{uuid.uuid4()}"
        self.aws["s3"].create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def deploy_provider(self, template: str, code: bytes, **kinds: str) -> str:
        """Deploy the provider with some code, and give its service token."""
        key = f"{uuid.uuid4()}.zip"
        self.aws["s3"].put_object(Bucket=self._bucket, Key=key, Body=code)
        assert self.deploy("Provider", template, CodeBucket=self._bucket, CodeKey=key, **kinds).endswith("_COMPLETE")
        [stack] = self._cloudformation.describe_stacks(StackName="Provider")["Stacks"]
        return str(stack["Outputs"][0]["OutputValue"])

    def deploy(self, stack: str, template: str, **parameters: str) -> str:
        """Create or update a stack, and give the status that it ends in."""
        is_new = self.status(stack) == "gone"
        change_set = self._cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"change-{uuid.uuid4()}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        self._settle("change_set_create_complete", ChangeSetName=change_set["Id"], StackName=stack)
        self._cloudformation.execute_change_set(ChangeSetName=change_set["Id"], StackName=stack)
        self._settle(f"stack_{'create' if is_new else 'update'}_complete", StackName=stack)
        return self.status(stack)

    def delete(self, stack: str) -> str:
        """Delete a stack, and give the status that it ends in."""
        self._cloudformation.delete_stack(StackName=stack)
        self._settle("stack_delete_complete", StackName=stack)
        return self.status(stack)

    def status(self, stack: str) -> str:
        """Return the status of a stack, or "gone"."""
        try:
            return str(self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        except ClientError:
            return "gone"

    def resource(self, stack: str, logical_id: str) -> str:
        """Return the physical id of a resource."""
        found = self._cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def run_task(self, cluster: str) -> str:
        """Run a task that ends when it is stopped, and give its ARN."""
        ecs = self.aws["ecs"]
        ecs.register_task_definition(family="work", containerDefinitions=[{"name": "work", "image": "w", "memory": 9}])
        return str(ecs.run_task(cluster=cluster, taskDefinition="work", launchType="FARGATE")["tasks"][0]["taskArn"])

    def status_of_task(self, cluster: str, task: str) -> str:
        """Return a task's lastStatus, or "gone" with its cluster, which the sandbox does not delete while tasks run."""
        try:
            return str(self.aws["ecs"].describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]["lastStatus"])
        except self.aws["ecs"].exceptions.ClusterNotFoundException:
            return "gone"

    def _settle(self, waiter: str, **names: str) -> None:
        with contextlib.suppress(WaiterError):  # the stack's status tells
            self._cloudformation.get_waiter(waiter).wait(**names, WaiterConfig={"Delay": 1})


def test_a_team_without_the_cdk(cloud: LocalCloud, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "package", str(tmp_path)], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    template, code = (tmp_path / "provider.yaml").read_text(), (tmp_path / "handler.zip").read_bytes()
    team, job = Team(cloud), arn_of("packaged")
    cloud.robomaker.start_job(job)
    token = team.deploy_provider(template, code)
    role = team.resource("Provider", "Role")
    assert set(team.aws["iam"].list_role_policies(RoleName=role)["PolicyNames"]) == POLICIES
    assert team.deploy("Simulation", JOB, JobArn=job) == "CREATE_COMPLETE"

    # New code and one more kind. Neither the stacks nor the service token notice.
    newer = io.BytesIO(code)
    with zipfile.ZipFile(newer, "a") as archive:
        archive.writestr("newer.py", "")
    assert team.deploy_provider(template, newer.getvalue(), EcsTasks="true") == token
    assert team.aws["lambda"].get_function(FunctionName=token)["Configuration"]["CodeSize"] == newer.tell()
    assert set(team.aws["iam"].list_role_policies(RoleName=role)["PolicyNames"]) == POLICIES | {"EcsTasksPolicy"}
    assert team.delete("Simulation") == "gone"
    assert cloud.robomaker.status(job) == "Canceled"

    # `aws cloudformation package --use-json` does the same.
    assert team.deploy("Nightly", json.dumps(cfnlint.decode.decode_str(TASKS)[0])) == "CREATE_COMPLETE"
    cluster = team.resource("Nightly", "Cluster")
    task = team.run_task(cluster)
    assert team.status_of_task(cluster, task) == "RUNNING"
    assert team.delete("Nightly") == "gone"
    assert team.status_of_task(cluster, task) in ("STOPPED", "gone")
    assert team.delete("Provider") == "gone"

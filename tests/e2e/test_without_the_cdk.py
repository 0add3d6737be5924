"""The packaged provider and the page's plain template, deployed as `aws cloudformation deploy` does, by change sets."""

from __future__ import annotations

import io
import time
import uuid
import zipfile
from collections.abc import Iterator

import pytest

from sandbox import PROJECT
from sandbox.local_aws import REGION
from sandbox.robomaker import CANCEL_REFUSED
from tests.e2e.conftest import STACK, Cloud
from tests.pages import blocks

PROVIDER = "world-export-provider"
PLAIN = blocks((PROJECT / "docs" / "without-the-cdk.md").read_text(), "yaml")[0]


# What makes the package is not read before: every worker reads this module, and the CDK takes a gigabyte of each.
@pytest.fixture(scope="module")
def template() -> str:
    from package.provider_template import provider_template

    return provider_template()


@pytest.fixture(scope="module")
def code() -> bytes:
    from package.handler_zip import handler_zip

    return handler_zip()


class Team:
    """A team that has a bucket, the package and CloudFormation, and no CDK."""

    def __init__(self, cloud: Cloud, template: str) -> None:
        self.cloud = cloud
        self._template = template
        self._s3 = cloud.aws.client("s3")
        self._bucket = f"code-{uuid.uuid4()}"
        self._s3.create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def deploy_provider(self, code: bytes, key: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=code)
        self._deploy(PROVIDER, self._template, CodeBucket=self._bucket, CodeKey=key)

    def deploy_job(self, job_arn: str, template: str = PLAIN) -> None:
        self._deploy(STACK, template, JobArn=job_arn)

    def delete(self, stack: str) -> str:
        """Delete a stack, and give the status that it ends in."""
        self.cloud.cloudformation.delete_stack(StackName=stack)
        return self._settled(stack)

    @property
    def service_token(self) -> str:
        [stack] = self.cloud.cloudformation.describe_stacks(StackName=PROVIDER)["Stacks"]
        return str(stack["Outputs"][0]["OutputValue"])

    def _deploy(self, stack: str, template: str, **parameters: str) -> None:
        cloudformation = self.cloud.cloudformation
        change_set = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"change-{uuid.uuid4()}",
            ChangeSetType="UPDATE" if stack in self.cloud.aws.stacks() else "CREATE",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        cloudformation.execute_change_set(ChangeSetName=change_set["Id"], StackName=stack)
        assert self._settled(stack) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")

    def _settled(self, stack: str) -> str:
        while (status := self.cloud.aws.stacks().get(stack, "DELETE_COMPLETE")).endswith("_IN_PROGRESS"):
            time.sleep(0.05)
        return status


@pytest.fixture
def team(cloud: Cloud, template: str, code: bytes) -> Iterator[Team]:
    """Give a team that has deployed the provider."""
    team = Team(cloud, template)
    team.deploy_provider(code, "first.zip")
    yield team
    cloud.aws.robomaker.switch_off()
    cloud.clear()
    team.delete(PROVIDER)


def test_a_deleted_stack_cancels_its_job(team: Team) -> None:
    job = team.cloud.start_job(cancel_seconds=1)
    team.deploy_job(job)
    assert team.cloud.physical_id == job
    assert team.cloud.aws.robomaker.status(job) == "Running"
    assert team.delete(STACK) == "DELETE_COMPLETE"
    assert team.cloud.aws.robomaker.status(job) == "Canceled"


def test_a_stack_of_another_job_cancels_the_old_one(team: Team) -> None:
    old, new = team.cloud.start_job(), team.cloud.start_job()
    team.deploy_job(old)
    team.deploy_job(new)
    assert team.cloud.physical_id == new
    assert (team.cloud.aws.robomaker.status(old), team.cloud.aws.robomaker.status(new)) == ("Canceled", "Running")


def test_a_delete_that_failed_says_that_it_can_be_tried_again_and_it_can(team: Team) -> None:
    job = team.cloud.start_job()
    team.deploy_job(job, PLAIN.replace("WaitSeconds: 300", "WaitSeconds: 1"))
    team.cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
    assert team.delete(STACK) == "DELETE_FAILED"
    [reason] = [event.reason for event in team.cloud.events if event.logical_id and event.status == "DELETE_FAILED"]
    assert "Delete the stack again to try again" in reason
    team.cloud.aws.robomaker.switch_off()
    assert team.delete(STACK) == "DELETE_COMPLETE"
    assert team.cloud.aws.robomaker.status(job) == "Canceled"


def test_code_under_a_new_key_replaces_the_old_and_leaves_stacks_and_the_service_token_alone(
    team: Team, code: bytes
) -> None:
    job, token = team.cloud.start_job(), team.service_token
    team.deploy_job(job)
    newer = _with_another_file(code)
    team.deploy_provider(newer, "second.zip")
    assert team.cloud.aws.function(token).code == newer
    assert team.service_token == token
    assert [exchange.event["RequestType"] for exchange in team.cloud.exchanges] == ["Create"]
    assert team.delete(STACK) == "DELETE_COMPLETE"
    assert team.cloud.aws.robomaker.status(job) == "Canceled"


def test_the_provider_stays_while_a_stack_imports_its_token_and_goes_after_it(team: Team) -> None:
    team.deploy_job(team.cloud.start_job())
    assert team.delete(PROVIDER) == "CREATE_COMPLETE"
    assert team.delete(STACK) == "DELETE_COMPLETE"
    assert team.delete(PROVIDER) == "DELETE_COMPLETE"


def _with_another_file(package: bytes) -> bytes:
    """Give the package of a newer version."""
    newer = io.BytesIO(package)
    with zipfile.ZipFile(newer, "a") as archive:
        archive.writestr("newer.py", "")
    return newer.getvalue()

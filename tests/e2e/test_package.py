"""The package for teams without the CDK, deployed by change sets, as `aws cloudformation deploy` does."""

from __future__ import annotations

import io
import uuid
import zipfile

import pytest

from sandbox import PROJECT
from sandbox.local_aws import REGION
from sandbox.robomaker import CANCEL_REFUSED
from tests.e2e.conftest import Cloud
from tests.pages import blocks

pytestmark = pytest.mark.xdist_group("stories")

PLAIN = blocks((PROJECT / "docs" / "without-the-cdk.md").read_text(), "yaml")[0]


class Team:
    """A team with a bucket, the package and CloudFormation, and without the CDK."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._s3 = cloud.aws.client("s3")
        self._bucket = f"code-{uuid.uuid4()}"
        self._s3.create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    def deploy_provider(self, template: str, code: bytes, key: str) -> str:
        """Deploy the provider and give its service token."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=code)
        self.deploy("PackagedProvider", template, CodeBucket=self._bucket, CodeKey=key)
        [stack] = self._cloud.cloudformation.describe_stacks(StackName="PackagedProvider")["Stacks"]
        return str(stack["Outputs"][0]["OutputValue"])

    def deploy(self, stack: str, template: str, **parameters: str) -> None:
        """Create or update a stack."""
        cloudformation = self._cloud.cloudformation
        change_set = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"change-{uuid.uuid4()}",
            ChangeSetType="UPDATE" if stack in self._cloud.aws.stacks() else "CREATE",
            TemplateBody=template,
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )
        cloudformation.execute_change_set(ChangeSetName=change_set["Id"], StackName=stack)
        assert self._cloud.settled(stack) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")

    def delete(self, stack: str) -> str:
        """Delete a stack, and give the status that it ends in."""
        self._cloud.cloudformation.delete_stack(StackName=stack)
        return self._cloud.settled(stack)


def test_a_team_without_the_cdk(cloud: Cloud) -> None:
    # Not imported before: each worker reads this module, and the CDK takes a gigabyte of each.
    from package.handler_zip import handler_zip
    from package.provider_template import provider_template

    team, robomaker = Team(cloud), cloud.aws.robomaker
    template, code = provider_template(), handler_zip()
    token = team.deploy_provider(template, code, "first.zip")
    old, new = cloud.start_job(), cloud.start_job(cancel_seconds=1)
    team.deploy("Plain", PLAIN.replace("WaitSeconds: 300", "WaitSeconds: 1"), JobArn=old)
    assert robomaker.status(old) == "Running"

    # Code under another key replaces the function's code. Neither the stacks nor the service token notice.
    newer = io.BytesIO(code)
    with zipfile.ZipFile(newer, "a") as archive:
        archive.writestr("newer.py", "")
    assert team.deploy_provider(template, newer.getvalue(), "second.zip") == token
    assert cloud.aws.function(token).code == newer.getvalue()
    assert cloud.requests == ["Create"]

    team.deploy("Plain", PLAIN.replace("WaitSeconds: 300", "WaitSeconds: 1"), JobArn=new)
    assert (robomaker.status(old), robomaker.status(new)) == ("Canceled", "Running")

    robomaker.switch_on(CANCEL_REFUSED)
    assert team.delete("Plain") == "DELETE_FAILED"
    [reason] = [event.reason for event in cloud.events if event.logical_id and event.status == "DELETE_FAILED"]
    assert "Delete the stack again to try again" in reason
    robomaker.switch_off()
    assert team.delete("Plain") == "gone"
    assert robomaker.status(new) == "Canceled"
    assert team.delete("PackagedProvider") == "gone"

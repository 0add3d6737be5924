"""The CloudFormation API of the local AWS: what can be deleted, with what let go of, and what can't."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.cloudformation.backend import LifecycleBackend
from sandbox.local_aws import LocalAws
from tests.sandbox.answers import put

BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "a-bucket"}}
# Depends on the bucket, as a job does on what it writes to.
JOB = {"Type": "Custom::Job", "Properties": {"ServiceToken": "arn:function", "Bucket": {"Ref": "Bucket"}}}
KEPT = {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain", "Properties": {}}
STACK = {"Resources": {"Bucket": BUCKET, "Job": JOB, "Kept": KEPT}}


class Cloud:
    """The local AWS, with custom resources that answer as a test wants it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.failing: set[str] = set()
        self.cloudformation = aws.client("cloudformation")
        self.s3 = aws.client("s3")

    def answer(self, _: str, event: dict[str, Any]) -> None:
        """Answer a request at once: FAILED, if its type is to fail."""
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        status = "FAILED" if event["RequestType"] in self.failing else "SUCCESS"
        body = json.dumps({**copied, "Status": status, "Reason": "No.", "PhysicalResourceId": "job-1"})
        put(event["ResponseURL"], body.encode())

    def create(self, stack: str, template: dict[str, Any]) -> str:
        """Create a stack and give the status that it ends in."""
        change = {"StackName": stack, "ChangeSetName": f"change-of-{stack}"}
        self.cloudformation.create_change_set(**change, ChangeSetType="CREATE", TemplateBody=json.dumps(template))
        self.cloudformation.execute_change_set(**change)
        return self.settled(stack)

    def delete(self, stack: str, **how: Any) -> str:
        """Delete a stack and give the status that it ends in."""
        self.cloudformation.delete_stack(StackName=stack, **how)
        return self.settled(stack)

    def settled(self, stack: str) -> str:
        """Wait until nothing is in progress. A stack that is gone has the status ``""``."""
        while "IN_PROGRESS" in (status := self.aws.stacks().get(stack, "")):
            time.sleep(0.01)
        return status

    def buckets(self) -> list[str]:
        """Give the names of the buckets that exist."""
        return [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with closing(LocalAws()) as aws:
        cloud = Cloud(aws)
        monkeypatch.setattr(LifecycleBackend, "_invoke", staticmethod(cloud.answer))
        yield cloud


@pytest.fixture
def failed(cloud: Cloud) -> Cloud:
    """Give a cloud whose stack ``Stack`` is in DELETE_FAILED, because its job could not be deleted."""
    assert cloud.create("Stack", STACK) == "CREATE_COMPLETE"
    cloud.failing = {"Delete"}
    assert cloud.delete("Stack") == "DELETE_FAILED"
    return cloud


class TestInDeleteFailed:
    def test_the_stack_has_what_failed_and_nothing_else(self, failed: Cloud) -> None:
        left = failed.cloudformation.describe_stack_resources(StackName="Stack")["StackResources"]
        assert [resource["LogicalResourceId"] for resource in left] == ["Job"]
        assert failed.buckets() == []

    def test_a_second_delete_tries_what_failed_again(self, failed: Cloud) -> None:
        assert failed.delete("Stack") == "DELETE_FAILED"
        failed.failing = set()
        assert failed.delete("Stack") == ""

    def test_what_failed_can_be_retained(self, failed: Cloud) -> None:
        assert failed.delete("Stack", RetainResources=["Job"]) == ""

    def test_the_stack_can_be_deleted_by_force(self, failed: Cloud) -> None:
        assert failed.delete("Stack", DeletionMode="FORCE_DELETE_STACK") == ""

    @pytest.mark.parametrize("name", ["Bucket", "Kept", "Nonsense"])
    def test_nothing_that_is_gone_can_be_retained(self, failed: Cloud, name: str) -> None:
        with pytest.raises(ClientError, match="resources to retain must be in a valid state"):
            failed.delete("Stack", RetainResources=["Job", name])
        assert failed.aws.stacks()["Stack"] == "DELETE_FAILED"


class TestInAnyOtherStatus:
    def test_nothing_can_be_retained(self, cloud: Cloud) -> None:
        cloud.create("Stack", STACK)
        with pytest.raises(ClientError, match="only when the stack is in the DELETE_FAILED state") as refused:
            cloud.delete("Stack", RetainResources=["Job"])
        assert refused.value.response["Error"]["Code"] == "ValidationError"
        assert cloud.aws.stacks()["Stack"] == "CREATE_COMPLETE"

    def test_the_stack_can_not_be_deleted_by_force(self, cloud: Cloud) -> None:
        cloud.create("Stack", STACK)
        with pytest.raises(ClientError, match="FORCE_DELETE_STACK in a delete stack operation only when"):
            cloud.delete("Stack", DeletionMode="FORCE_DELETE_STACK")

    def test_a_rollback_that_failed_takes_a_plain_delete_first(self, cloud: Cloud) -> None:
        cloud.failing = {"Create", "Delete"}
        assert cloud.create("Stack", STACK) == "ROLLBACK_FAILED"
        left = cloud.cloudformation.describe_stack_resources(StackName="Stack")["StackResources"]
        assert [resource["LogicalResourceId"] for resource in left] == ["Job"]
        with pytest.raises(ClientError, match="only when the stack is in the DELETE_FAILED state"):
            cloud.delete("Stack", RetainResources=["Job"])
        assert cloud.delete("Stack") == "DELETE_FAILED"
        assert cloud.delete("Stack", RetainResources=["Job"]) == ""

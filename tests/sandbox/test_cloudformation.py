"""The CloudFormation of the local AWS refuses what CloudFormation refuses, and waits for what it waits for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.cloudformation.backend import LifecycleBackend
from sandbox.local_aws import ACCOUNT, LocalAws
from tests.sandbox.answers import put

ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"
BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "a-bucket"}}
# Depends on the bucket, as a job does on what it writes to.
JOB = {"Type": "Custom::Job", "Properties": {"ServiceToken": "arn:function", "Bucket": {"Ref": "Bucket"}}}
KEPT = {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain", "Properties": {}}
STACK = {"Bucket": BUCKET, "Job": JOB, "Kept": KEPT}


class Cloud:
    """The local AWS, with custom resources that answer as a test wants it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.failing: set[str] = set()
        self.cloudformation = aws.client("cloudformation")

    def answer(self, _: str, event: dict[str, Any]) -> None:
        """Answer a request at once: FAILED, if its type is to fail. What is named Silent has no answer."""
        if event["LogicalResourceId"] == "Silent" and event["RequestType"] == "Create":
            return
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        status = "FAILED" if event["RequestType"] in self.failing else "SUCCESS"
        sent = event.get("PhysicalResourceId", "job-1")
        put(
            event["ResponseURL"],
            json.dumps({**copied, "Status": status, "Reason": "No.", "PhysicalResourceId": sent}).encode(),
        )

    def change(self, kind: str, **resources: Any) -> str:
        """Create or update the stack, and give the status that it ends in."""
        change = {"StackName": "Stack", "ChangeSetName": "change"}
        template = json.dumps({"Resources": resources})
        self.cloudformation.create_change_set(**change, ChangeSetType=kind, TemplateBody=template)
        self.cloudformation.execute_change_set(**change)
        return self.settled()

    def delete(self, **how: Any) -> str:
        """Delete the stack, and give the status that it ends in."""
        self.cloudformation.delete_stack(StackName="Stack", **how)
        return self.settled()

    def settled(self) -> str:
        """Wait until nothing is in progress. A stack that is gone has the status ``""``."""
        while "IN_PROGRESS" in (status := self.aws.stacks().get("Stack", "")):
            time.sleep(0.01)
        return status

    def resources(self) -> list[str]:
        """Give the logical ids of what the stack has."""
        found = self.cloudformation.describe_stack_resources(StackName="Stack")["StackResources"]
        return [resource["LogicalResourceId"] for resource in found]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with closing(LocalAws()) as aws:
        cloud = Cloud(aws)
        monkeypatch.setattr(LifecycleBackend, "_invoke", staticmethod(cloud.answer))
        yield cloud


def test_a_stack_in_delete_failed_retains_only_what_it_still_has(cloud: Cloud) -> None:
    cloud.change("CREATE", **STACK)
    cloud.failing = {"Delete"}
    assert cloud.delete() == "DELETE_FAILED"
    assert cloud.resources() == ["Job"]
    for name in ("Bucket", "Kept", "Nonsense"):
        with pytest.raises(ClientError, match="resources to retain must be in a valid state"):
            cloud.delete(RetainResources=["Job", name])
    assert cloud.delete(RetainResources=["Job"]) == ""


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"RetainResources": ["Job"]}, "only when the stack is in the DELETE_FAILED state"),
        ({"DeletionMode": "FORCE_DELETE_STACK"}, "FORCE_DELETE_STACK in a delete stack operation only when"),
    ],
)
@pytest.mark.parametrize(("failing", "status"), [(set(), "CREATE_COMPLETE"), ({"Create", "Delete"}, "ROLLBACK_FAILED")])
def test_a_stack_in_another_status_retains_nothing(
    cloud: Cloud, how: dict[str, Any], words: str, failing: set[str], status: str
) -> None:
    cloud.failing = failing
    assert cloud.change("CREATE", **STACK) == status
    with pytest.raises(ClientError, match=words):
        cloud.delete(**how)
    assert cloud.aws.stacks()["Stack"] == status


def test_a_cleanup_goes_on_to_what_the_failed_resource_depends_on(cloud: Cloud) -> None:
    cloud.change("CREATE", **STACK)
    cloud.failing = {"Delete"}
    assert cloud.change("UPDATE", Kept=KEPT) == "UPDATE_COMPLETE"
    assert cloud.aws.client("s3").list_buckets()["Buckets"] == []


def test_a_creation_that_is_under_way_is_canceled_when_another_resource_fails(cloud: Cloud) -> None:
    cloud.failing = {"Create"}
    silent = {"Type": "Custom::Job", "Properties": {"ServiceToken": "arn:function", "ServiceTimeout": "30"}}
    assert cloud.change("CREATE", Silent=silent, **STACK) == "ROLLBACK_COMPLETE"
    events = cloud.cloudformation.describe_stack_events(StackName="Stack")["StackEvents"]
    canceled = [event for event in events if "cancelled" in event.get("ResourceStatusReason", "")]
    assert [event["LogicalResourceId"] for event in canceled] == ["Silent"]


def test_the_deletion_of_a_stack_waits_for_the_executions_of_its_state_machine(cloud: Cloud) -> None:
    properties = {"StateMachineName": "flow", "RoleArn": ROLE, "DefinitionString": "{}"}
    cloud.change("CREATE", Flow={"Type": "AWS::StepFunctions::StateMachine", "Properties": properties})
    [flow] = cloud.cloudformation.describe_stack_resources(StackName="Stack")["StackResources"]
    execution = cloud.aws.step_functions.start_execution(flow["PhysicalResourceId"])
    deletion = threading.Thread(target=cloud.delete)
    deletion.start()
    while not cloud.aws.step_functions.is_deleting(flow["PhysicalResourceId"]):
        time.sleep(0.01)
    assert cloud.aws.stacks() == {"Stack": "DELETE_IN_PROGRESS"}
    cloud.aws.step_functions.settle(execution, "SUCCEEDED")
    deletion.join()
    assert cloud.aws.stacks() == {}

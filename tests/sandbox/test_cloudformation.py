"""What the CloudFormation of the local AWS refuses, as far as no story of `verify` shows it."""

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

JOB = {"Type": "Custom::Job", "Properties": {"ServiceToken": "arn:function"}}
KEPT = {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain", "Properties": {}}


class Cloud:
    """The local AWS, with custom resources that answer as a test wants it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.failing: set[str] = set()
        self.cloudformation = aws.client("cloudformation")

    def answer(self, _: str, event: dict[str, Any]) -> None:
        """Answer a request at once: FAILED, if its type is to fail."""
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        status = "FAILED" if event["RequestType"] in self.failing else "SUCCESS"
        sent = {"PhysicalResourceId": event.get("PhysicalResourceId", "job-1")}
        put(event["ResponseURL"], json.dumps({**copied, **sent, "Status": status, "Reason": "No."}).encode())

    def create(self, **resources: Any) -> str:
        """Create the stack, and give the status that it ends in."""
        change = {"StackName": "Stack", "ChangeSetName": "change"}
        template = json.dumps({"Resources": resources})
        self.cloudformation.create_change_set(**change, ChangeSetType="CREATE", TemplateBody=template)
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


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with closing(LocalAws()) as aws:
        cloud = Cloud(aws)
        monkeypatch.setattr(LifecycleBackend, "_invoke", staticmethod(cloud.answer))
        yield cloud


def test_a_stack_in_delete_failed_retains_only_what_it_still_has(cloud: Cloud) -> None:
    cloud.create(Job=JOB, Kept=KEPT)
    cloud.failing = {"Delete"}
    assert cloud.delete() == "DELETE_FAILED"
    for name in ("Kept", "Nonsense"):
        with pytest.raises(ClientError, match="resources to retain must be in a valid state"):
            cloud.delete(RetainResources=["Job", name])
    assert cloud.delete(RetainResources=["Job"]) == ""


@pytest.mark.parametrize("how", [{"RetainResources": ["Job"]}, {"DeletionMode": "FORCE_DELETE_STACK"}])
@pytest.mark.parametrize(("failing", "status"), [(set(), "CREATE_COMPLETE"), ({"Create", "Delete"}, "ROLLBACK_FAILED")])
def test_a_stack_in_another_status_retains_nothing(
    cloud: Cloud, how: dict[str, Any], failing: set[str], status: str
) -> None:
    cloud.failing = failing
    assert cloud.create(Job=JOB) == status
    with pytest.raises(ClientError, match="only when the stack is in the DELETE_FAILED state"):
        cloud.delete(**how)
    assert cloud.settled() == status

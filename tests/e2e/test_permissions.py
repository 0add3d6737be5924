"""The calls that the handler makes are exactly those that its role allows, by recorded traffic and deployed policy."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import boto3

from sandbox.local_aws import REGION
from tests.e2e.conftest import Cloud


def test_what_is_called_is_granted_and_what_is_granted_is_called(cloud: Cloud) -> None:
    replaced, deleted = cloud.start_job(cancel_seconds=1), cloud.start_job(cancel_seconds=1)
    cloud.deploy(replaced)
    [statement] = [found for found in _granted(cloud) if found["Action"][0].startswith("robomaker:")]
    cloud.deploy(deleted)
    cloud.destroy()

    assert {f"robomaker:{call.operation}" for call in cloud.aws.robomaker.calls} == set(statement["Action"])
    assert {call.job for call in cloud.aws.robomaker.calls} == {replaced, deleted}
    assert all(fnmatchcase(call.job, statement["Resource"]) for call in cloud.aws.robomaker.calls)


def test_beside_robomaker_the_role_may_only_write_its_log(cloud: Cloud) -> None:
    cloud.deploy(cloud.start_job())
    others = {
        action for statement in _granted(cloud) for action in statement["Action"] if not action.startswith("robomaker:")
    }
    assert others == {"logs:CreateLogStream", "logs:PutLogEvents"}


def _granted(cloud: Cloud) -> list[dict[str, Any]]:
    """Read the statements of the role that the deployed function runs as."""
    iam = boto3.client("iam", endpoint_url=cloud.aws.url, region_name=REGION)
    client = boto3.client("cloudformation", endpoint_url=cloud.aws.url, region_name=REGION)
    resources = client.describe_stack_resources(StackName="Provider")["StackResources"]
    [role] = [
        found["PhysicalResourceId"]
        for found in resources
        if found["ResourceType"] == "AWS::IAM::Role" and "Provider" in found["LogicalResourceId"]
    ]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    statements: list[dict[str, Any]] = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document: Any = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        statements += document["Statement"]
    return statements

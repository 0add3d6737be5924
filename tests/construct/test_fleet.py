"""A template of many jobs stays within CloudFormation's limits."""

from __future__ import annotations

import json

from aws_cdk import Stack
from aws_cdk.assertions import Template

from cdk_world_export_job import ManagedWorldExportJob
from tests.construct.conftest import JOB

# CloudFormation User Guide, quotas.
MAX_RESOURCES = 500
MAX_TEMPLATE_BYTES = 1_000_000


def test_400_jobs_share_one_function_and_one_policy_within_the_limits(stack: Stack) -> None:
    for number in range(400):
        ManagedWorldExportJob(stack, f"Job{number}", job_arn=f"{JOB}-{number}")
    template = Template.from_stack(stack)
    for kind in ("AWS::Lambda::Function", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        template.resource_count_is(kind, 1)
    assert len(template.to_json()["Resources"]) <= MAX_RESOURCES
    assert len(json.dumps(template.to_json())) <= MAX_TEMPLATE_BYTES

"""Many jobs in a stack, and many stacks in an app: within CloudFormation's limits, and each with its own."""

from __future__ import annotations

import json

from aws_cdk import App, Environment, Stack
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


def test_stacks_of_several_accounts_and_regions_each_have_their_own_function_and_policy() -> None:
    environments = [
        ("aws", "111111111111", "us-west-2"),
        ("aws", "222222222222", "eu-west-1"),
        ("aws-us-gov", "333333333333", "us-gov-west-1"),
    ]
    app = App(context={"@aws-cdk/core:enablePartitionLiterals": True})
    stacks = []
    for partition, account, region in environments:
        stack = Stack(app, f"Stack-{region}", env=Environment(account=account, region=region))
        job_arn = f"arn:{partition}:robomaker:{region}:{account}:world-export-job/job-1"
        ManagedWorldExportJob(stack, "Job", job_arn=job_arn)
        stacks.append(stack)
    for (partition, account, _), stack in zip(environments, stacks, strict=True):
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Lambda::Function", 1)
        [policy] = template.find_resources("AWS::IAM::Policy").values()
        granted = policy["Properties"]["PolicyDocument"]["Statement"][1]["Resource"]
        assert granted == f"arn:{partition}:robomaker:*:{account}:world-export-job/*"

"""How do I test my own stack? Copy this file, replace MyStack with your stack, and run pytest on it."""

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct

from cdk_world_export_job import InvalidArgumentError, ManagedWorldExportJob, WorldExportJobProvider

JOB_ARN = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"
JOB = "Custom::ManagedWorldExportJob"


class MyStack(Stack):
    """Replace it with your stack."""

    def __init__(self, scope: Construct, id: str, *, job_arn: str, provider: WorldExportJobProvider) -> None:
        super().__init__(scope, id)
        bucket = s3.Bucket(self, "Worlds", enforce_ssl=True)
        role = iam.Role(self, "ExportRole", assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"))
        bucket.grant_put(role)
        job = ManagedWorldExportJob(self, "Job", job_arn=job_arn, provider=provider)
        job.node.add_dependency(bucket, role)


@pytest.fixture
def app() -> App:
    """Give an app that does not bundle the handler, which makes tests faster."""
    return App(context={"aws:cdk:bundling-stacks": []})


@pytest.fixture
def provider(app: App) -> WorldExportJobProvider:
    """Give a provider in a stack of its own."""
    return WorldExportJobProvider(Stack(app, "Provider"), "Provider")


@pytest.fixture
def stack(app: App, provider: WorldExportJobProvider) -> MyStack:
    """Give the stack to test."""
    return MyStack(app, "MyStack", job_arn=JOB_ARN, provider=provider)


def test_the_job_is_canceled_with_the_stack(stack: MyStack) -> None:
    """The stack's deletion cancels it, and fails if it can't be canceled."""
    Template.from_stack(stack).has_resource(
        JOB, {"Properties": {"JobArn": JOB_ARN, "BestEffort": False}, "DeletionPolicy": "Delete"}
    )


def test_the_bucket_and_the_role_outlive_the_job(stack: MyStack) -> None:
    """CloudFormation deletes a resource before the resources that it depends on."""
    template = Template.from_stack(stack)
    for kind in ("AWS::S3::Bucket", "AWS::IAM::Role"):
        [name] = template.find_resources(kind)
        template.has_resource(JOB, {"DependsOn": Match.array_with([name])})


def test_a_failed_deletion_can_be_retried(stack: MyStack) -> None:
    """The function is in another stack, which can't be deleted before this one."""
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Lambda::Function", 0)
    template.has_resource_properties(JOB, {"ServiceToken": {"Fn::ImportValue": Match.any_value()}})


def test_no_other_construct_of_the_app_cancels_the_same_job(stack: MyStack) -> None:
    """Synthesis would warn of it."""
    Annotations.from_stack(stack).has_no_warning("*", Match.any_value())


def test_a_typo_in_the_arn_is_an_error_at_synthesis(app: App, provider: WorldExportJobProvider) -> None:
    """It names the construct, the argument, the value, the rule and the fix."""
    with pytest.raises(InvalidArgumentError, match=r"^Typo/Job: job_arn 'job-1' is not valid: it is not an ARN"):
        MyStack(app, "Typo", job_arn="job-1", provider=provider)

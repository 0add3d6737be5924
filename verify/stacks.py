"""The CDK app of the stories, with a stage for each variant: before an update, in one that fails, and after one.

The stages have the same stacks, so that deploying another stage updates them.
"""

from __future__ import annotations

from aws_cdk import App, Aws, Duration, RemovalPolicy, Stack, Stage, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobs

from . import BASE, BEFORE, FAILING, PREFIX, VARIANTS

# What is not stopped ends by itself after an hour.
_WAIT = '{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}}'
_SLEEP, _IMAGE = ["sleep", "3600"], "public.ecr.aws/docker/library/busybox:stable"
# No such job exists. The region is one of those that had RoboMaker.
_JOB = f"arn:aws:robomaker:us-west-2:{Aws.ACCOUNT_ID}:world-export-job/wej-zzzzzzzzzzzz"


def _base(stage: Stage) -> StopOnDeleteProvider:
    """Declare the provider, and what the tasks and executions need."""
    stack = Stack(stage, "Base", stack_name=BASE)
    week, destroy = logs.RetentionDays.ONE_WEEK, RemovalPolicy.DESTROY
    services = [iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("lambda", "states", "emr-serverless")]
    # The run assumes the function's role to measure how long a change of its permissions takes.
    principals = iam.CompositePrincipal(*services, iam.AccountRootPrincipal())
    provider = StopOnDeleteProvider(
        stack,
        "Provider",
        kinds=[EcsTasks, StateMachineExecutions, EmrServerlessJobRuns, WorldExportJobs],
        log_group=logs.LogGroup(stack, "Log", log_group_name=PREFIX, retention=week, removal_policy=destroy),
        role=iam.Role(stack, "Role", role_name=PREFIX, assumed_by=principals),
    )
    stack.export_value(provider.service_token)
    # Fargate pulls the image from the internet. The tasks use the default security group, which allows that.
    public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
    ec2.Vpc(
        stack, "Vpc", max_azs=1, nat_gateways=0, subnet_configuration=[public], restrict_default_security_group=False
    )
    task, image = ecs.FargateTaskDefinition(stack, "Task", family=PREFIX), ecs.ContainerImage.from_registry(_IMAGE)
    task.add_container("sleep", image=image, command=_SLEEP, memory_limit_mib=512, stop_timeout=Duration.seconds(5))
    return provider


def _declare(
    stack: Stack, part: str, provider: StopOnDeleteProvider | None, *, suffix: str = "", emr: bool = False
) -> None:
    """Declare a cluster and a state machine, each with a StopOnDelete if there is a provider."""
    name = f"{PREFIX}-{part.lower()}{suffix}"
    role = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{PREFIX}"
    machine = sfn.CfnStateMachine(
        stack, f"{part}Machine", state_machine_name=name, role_arn=role, definition_string=_WAIT
    )
    containers: list[EcsTasks | StateMachineExecutions | EmrServerlessJobRuns] = [
        EcsTasks(ecs.CfnCluster(stack, f"{part}Cluster", cluster_name=name)),
        StateMachineExecutions(machine),
    ]
    if emr:
        types = emrserverless.CfnApplication
        application = types(
            stack,
            f"{part}Application",
            name=name,
            release_label="emr-7.13.0",  # the first with sessions (EMR Serverless API reference, StartSession)
            type="SPARK",
            interactive_configuration=types.InteractiveConfigurationProperty(session_enabled=True),
            maximum_capacity=types.MaximumAllowedResourcesProperty(cpu="16 vCPU", memory="64 GB"),
        )
        containers.append(EmrServerlessJobRuns(application))
    for jobs in containers if provider else []:
        StopOnDelete(stack, f"{part}Stop{type(jobs).__name__}", jobs=jobs, provider=provider, wait=Duration.minutes(5))


def _variant(app: App, variant: str, *, emr: bool) -> None:
    stage = Stage(app, variant)
    provider = _base(stage)
    # The description is the variant, so that it shows which template GetTemplate returns.
    deleted, updated, failed, world = (
        Stack(stage, name, stack_name=f"{PREFIX}-{name.lower()}", description=variant)
        for name in ("Deleted", "Updated", "Failed", "World")
    )
    _declare(deleted, "Deleted", provider, emr=emr)
    _declare(updated, "Replaced", provider, suffix=f"-{variant}")
    _declare(updated, "Kept", provider if variant == BEFORE else None)
    if variant == BEFORE:
        _declare(updated, "Left", provider)
    if variant == FAILING:
        _declare(updated, "New", provider)
        others = [one for one in updated.node.children if isinstance(one, StopOnDelete)]
        # Its Create fails, because a stack's name is not the ARN of a job.
        failing = ManagedWorldExportJob(updated, "Failing", job_arn=Aws.STACK_NAME, provider=provider)
        failing.node.add_dependency(*others)
    _declare(failed, "Failed", provider, suffix=f"-{variant}")
    ManagedWorldExportJob(world, "Job", job_arn=_JOB, provider=provider)


if __name__ == "__main__":
    app = App()
    for variant in VARIANTS:
        _variant(app, variant, emr=app.node.try_get_context("emr") == "1")
    Tags.of(app).add(PREFIX, "true")
    app.synth()

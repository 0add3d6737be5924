"""Stacks with every part of the library, for the scanners of templates."""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    Jobs,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobs
from stacks.provider_stack import ProviderStack
from stacks.world_export_stack import WorldExportStack

ACCOUNT = "123456789012"
JOB = f"arn:aws:robomaker:us-west-2:{ACCOUNT}:world-export-job/job-1"
ENVIRONMENT = Environment(account=ACCOUNT, region="us-west-2")
KINDS: list[type[Jobs]] = [WorldExportJobs, EcsTasks, StateMachineExecutions, EmrServerlessJobRuns]


def _provider_of_the_example(app: App) -> Stack:
    return ProviderStack(app, "Provider")


def _example(app: App) -> Stack:
    return WorldExportStack(app, "Stack", job_arn=JOB, provider=ProviderStack(app, "Provider").provider)


def _each_kind_with_a_role_of_ones_own(app: App) -> Stack:
    stack = Stack(app, "Stack", env=ENVIRONMENT)
    cluster = ecs.Cluster.from_cluster_arn(stack, "Cluster", f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod")
    arn = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
    state_machine = sfn.StateMachine.from_state_machine_arn(stack, "StateMachine", arn)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    provider = StopOnDeleteProvider(stack, "Provider", role=role)
    ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)
    StopOnDelete(stack, "Tasks", jobs=EcsTasks(cluster, family="nightly"), provider=provider)
    StopOnDelete(stack, "Executions", jobs=StateMachineExecutions(state_machine), provider=provider)
    StopOnDelete(stack, "Runs", jobs=EmrServerlessJobRuns("00fexample"), provider=provider)
    return stack


def _provider_of_each_kind_in_a_vpc(app: App) -> Stack:
    stack = Stack(app, "Stack")
    vpc = ec2.Vpc(stack, "Vpc", flow_logs={"All": ec2.FlowLogOptions()})
    StopOnDeleteProvider(stack, "Provider", kinds=KINDS, vpc=vpc)
    return stack


BUILDS: list[Callable[[App], Stack]] = [
    _provider_of_the_example,
    _example,
    _each_kind_with_a_role_of_ones_own,
    _provider_of_each_kind_in_a_vpc,
]

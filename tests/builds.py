"""An app with every part of the library, for the scanners of templates."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Stack
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
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider, WorldExportJobs
from stacks.world_export_stack import WorldExportStack
from tests.construct.names import CLUSTER, ENVIRONMENT, JOB, STATE_MACHINE

KINDS: list[type[Jobs]] = [WorldExportJobs, EcsTasks, StateMachineExecutions, EmrServerlessJobRuns]


def app_of_every_part(folder: Path, **context: object) -> App:
    """Declare the app, without bundling the handler, because that takes time."""
    app = App(outdir=str(folder), context={"aws:cdk:bundling-stacks": [], **context})
    provider: StopOnDeleteProvider = WorldExportJobProvider(Stack(app, "ExampleProvider"), "Provider")
    WorldExportStack(app, "Example", job_arn=JOB, provider=provider)

    stack = Stack(app, "EachKindWithARoleOfOnesOwn", env=ENVIRONMENT)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    provider = StopOnDeleteProvider(stack, "Provider", role=role)
    cluster = ecs.Cluster.from_cluster_arn(stack, "Cluster", CLUSTER)
    state_machine = sfn.StateMachine.from_state_machine_arn(stack, "StateMachine", STATE_MACHINE)
    ManagedWorldExportJob(stack, "Job", job_arn=f"{JOB}-2", provider=provider)
    StopOnDelete(stack, "Tasks", jobs=EcsTasks(cluster, family="nightly"), provider=provider)
    StopOnDelete(stack, "Executions", jobs=StateMachineExecutions(state_machine), provider=provider)
    StopOnDelete(stack, "Runs", jobs=EmrServerlessJobRuns("00fexample"), provider=provider)

    stack = Stack(app, "ProviderOfEachKindInAVpc")
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1, flow_logs={"All": ec2.FlowLogOptions()})
    StopOnDeleteProvider(stack, "Provider", kinds=KINDS, vpc=vpc)
    return app

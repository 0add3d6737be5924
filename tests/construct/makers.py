"""Apps and constructs with defaults for what a test does not choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_cdk import App
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions, StopOnDelete
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobs
from tests.construct.names import JOB

Make = Callable[..., Any]


def make_app(**context: Any) -> App:
    """Make an app that does not bundle the handler, because that takes time."""
    return App(context={"aws:cdk:bundling-stacks": [], **context})


def make_job(scope: Construct, id: str = "Job", **arguments: Any) -> ManagedWorldExportJob:
    return ManagedWorldExportJob(scope, id, **{"job_arn": JOB, **arguments})


def make_stop(scope: Construct, id: str = "Stop", **arguments: Any) -> StopOnDelete:
    return StopOnDelete(scope, id, **{"jobs": EmrServerlessJobRuns("00fexample"), **arguments})


def make_users(scope: Construct, provider: Any = None) -> dict[type[Jobs], Any]:
    """Make a construct that stops jobs of each kind."""
    cluster, machine = ecs.CfnCluster(scope, "Cluster"), sfn.CfnStateMachine(scope, "StateMachine", role_arn="role")
    users: dict[type[Jobs], Any] = {WorldExportJobs: make_job(scope, provider=provider)}
    for jobs in (EcsTasks(cluster), StateMachineExecutions(machine), EmrServerlessJobRuns("00fexample")):
        users[type(jobs)] = make_stop(scope, f"Stop{type(jobs).__name__}", jobs=jobs, provider=provider)
    return users

"""The checks that a security team runs on templates: cfn-lint and cdk-nag's AwsSolutions (Checkov: tests/release)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from cdk_nag import AwsSolutionsChecks

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
from tests.construct.conftest import ACCOUNT, JOB
from tests.linting import findings

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
EVERY_KIND = pytest.mark.parametrize("build", BUILDS)


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    return tmp_path / "cdk.out"


@EVERY_KIND
def test_cfn_lint_finds_nothing(assembly: Path, build: Callable[[App], Stack]) -> None:
    app = App(outdir=str(assembly))
    stack = build(app)
    app.synth()
    assert findings((assembly / stack.template_file).read_text()) == []


@EVERY_KIND
def test_cdk_nag_finds_nothing_that_is_not_justified_in_code(assembly: Path, build: Callable[[App], Stack]) -> None:
    app = App(outdir=str(assembly), context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    build(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    app.synth()
    report = json.loads((assembly / "validation-report.json").read_text())
    [pack] = [plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions"]
    assert (pack["violations"], pack["conclusion"]) == ([], "success")
    assert pack["suppressedViolations"]

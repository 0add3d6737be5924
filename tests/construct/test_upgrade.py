"""What a deployed stack depends on does not move from release to release.

CloudFormation knows resources by their logical ids: when one moves, the old resource is deleted, which cancels a job or
takes the function away from jobs that are deployed. A change here needs a major version and a way to migrate.
"""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, NestedStack, Stack, Stage
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider
from tests.construct.conftest import JOB

MOVED = "a deployed stack would cancel its job or lose its function: see tests/construct/test_upgrade.py"

SHARED_PROVIDER = {
    "WorldExportJobProviderFunctionDC3EF343": "AWS::Lambda::Function",
    "WorldExportJobProviderLogs6CDAC4E0": "AWS::Logs::LogGroup",
    "WorldExportJobProviderPolicy206004E9": "AWS::IAM::Policy",
    "WorldExportJobProviderRoleE951C4EB": "AWS::IAM::Role",
}


def _types(stack: Stack) -> dict[str, str]:
    resources: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    return {name: resource["Type"] for name, resource in resources.items()}


def _in_a_stack(app: App) -> tuple[Stack, Construct]:
    stack = Stack(app, "Stack")
    return stack, stack


def _in_a_construct(app: App) -> tuple[Stack, Construct]:
    stack = Stack(app, "Stack")
    return stack, Construct(stack, "Part")


def _in_a_stage(app: App) -> tuple[Stack, Construct]:
    stack = Stack(Stage(app, "Prod"), "Stack")
    return stack, stack


def _in_a_nested_stack(app: App) -> tuple[Stack, Construct]:
    stack = NestedStack(Stack(app, "Stack"), "Nested")
    return stack, stack


@pytest.mark.parametrize(
    ("build", "job_id"),
    [
        (_in_a_stack, "JobB9D00F9F"),
        (_in_a_construct, "PartJob9DB4CBD6"),
        (_in_a_stage, "JobB9D00F9F"),
        (_in_a_nested_stack, "JobB9D00F9F"),
    ],
)
def test_the_logical_ids_and_types_stay(app: App, build: Any, job_id: str) -> None:
    stack, scope = build(app)
    ManagedWorldExportJob(scope, "Job", job_arn=JOB)
    assert _types(stack) == {**SHARED_PROVIDER, job_id: "Custom::ManagedWorldExportJob"}, MOVED


def test_the_logical_ids_of_a_provider_of_ones_own_stay(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    assert set(_types(stack)) == {
        "ProviderFunction30350776",
        "ProviderLogs6E147F93",
        "ProviderRole1DE8EC3B",
        "ProviderPolicy73D9A088",
    }, MOVED


def test_the_names_of_the_properties_stay(stack: Stack) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    [job] = Template.from_stack(stack).find_resources("Custom::ManagedWorldExportJob").values()
    assert set(job["Properties"]) == {
        "ServiceToken",
        "ServiceTimeout",
        "JobArn",
        "WaitSeconds",
        "BestEffort",
        "ProviderStays",
    }, MOVED


def test_two_stacks_of_one_stage_do_not_share_a_provider(app: App) -> None:
    stage = Stage(app, "Prod")
    stacks = [Stack(stage, "One"), Stack(stage, "Two")]
    for stack in stacks:
        ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    for stack in stacks:
        assert _types(stack).items() >= SHARED_PROVIDER.items()


def test_a_nested_stack_has_a_provider_of_its_own(stack: Stack) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    nested = NestedStack(stack, "Nested")
    ManagedWorldExportJob(nested, "Job", job_arn=JOB)
    assert _types(nested).items() >= SHARED_PROVIDER.items()
    assert _types(stack).items() >= SHARED_PROVIDER.items()

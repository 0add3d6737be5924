"""The resources of both constructs: their properties, policies, logical ids and limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, NestedStack, RemovalPolicy, Stack
from constructs import Construct

from cdk_world_export_job import WorldExportJobProvider
from tests.construct.makers import Make, make_job, make_stop, make_users
from tests.construct.names import FUNCTION, JOB, JOB_TYPE, LOG_GROUP, POLICY, ROLE, STOP_TYPE
from tests.construct.templates import of_type, properties_of, resource_of, resources

# CloudFormation knows resources by their logical ids: when one moves, the old resource is deleted, which stops jobs or
# takes the function away from deployed resources. A change here needs a way to migrate.
MOVED = "a deployed stack would stop its jobs or lose its function"
SHARED_PROVIDER = {
    "StopOnDeleteProviderFunction0254480E": FUNCTION,
    "StopOnDeleteProviderLogs7D3309FC": LOG_GROUP,
    "StopOnDeleteProviderPolicy59F5EE16": POLICY,
    "StopOnDeleteProviderRoleF542487A": ROLE,
}
JOBS_POLICY = "StopOnDeleteProviderWorldExportJobsPolicy20D1AB39"
RUNS_POLICY = "StopOnDeleteProviderEmrServerlessJobRunsPolicy3DF8F6B2"


@pytest.mark.parametrize(
    ("make", "resource_type", "policy", "properties"),
    [
        (make_job, JOB_TYPE, JOBS_POLICY, {"JobArn": JOB}),
        (make_stop, STOP_TYPE, RUNS_POLICY, {"Kind": "EmrServerlessJobRuns", "Container": "00fexample"}),
    ],
)
def test_have_the_defaults_of_the_contract(
    stack: Stack, make: Make, resource_type: str, policy: str, properties: dict[str, Any]
) -> None:
    assert resource_of(make(stack)) == {
        "Type": resource_type,
        "Properties": {
            "ServiceToken": {"Fn::GetAtt": ["StopOnDeleteProviderFunction0254480E", "Arn"]},
            "ServiceTimeout": "960",
            **properties,
            "WaitSeconds": 300,
            "BestEffort": False,
            "ProviderOutlivesStack": False,
        },
        "DependsOn": [policy],
        "UpdateReplacePolicy": "Delete",
        "DeletionPolicy": "Delete",
    }


@pytest.mark.parametrize("make", [make_job, make_stop])
def test_take_what_is_chosen(stack: Stack, make: Make) -> None:
    waits = {0: Duration.seconds(0), 840: Duration.minutes(14), 5: Duration.millis(5000)}
    with_wait = {seconds: make(stack, f"Wait{seconds}", wait=wait, best_effort=True) for seconds, wait in waits.items()}
    policies = {
        "Retain": RemovalPolicy.RETAIN,
        "RetainExceptOnCreate": RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        "Delete": RemovalPolicy.DESTROY,
    }
    at_once = {name: make(stack, f"AtOnce{name}", removal_policy=policy) for name, policy in policies.items()}
    later = {name: make(stack, f"Later{name}", removal_policy=RemovalPolicy.RETAIN) for name in policies}
    for name, construct in later.items():
        construct.apply_removal_policy(policies[name])

    for seconds, construct in with_wait.items():
        assert properties_of(construct).items() >= {"WaitSeconds": seconds, "BestEffort": True}.items()
    for name in policies:
        assert resource_of(at_once[name])["DeletionPolicy"] == resource_of(later[name])["DeletionPolicy"] == name
    assert resource_of(at_once["Retain"])["UpdateReplacePolicy"] == "Retain"


def test_of_a_job_have_its_arn_as_an_attribute(stack: Stack) -> None:
    """A resource that uses it is created after the job's resource."""
    assert stack.resolve(make_job(stack).job_arn) == {"Fn::GetAtt": ["JobB9D00F9F", "JobArn"]}


def _nested(app: App) -> NestedStack:
    outer = Stack(app, "Stack")
    make_job(outer, "OfTheOuterStack")
    return NestedStack(outer, "Nested")


@pytest.mark.parametrize(
    ("build", "job", "stop"),
    [
        (lambda app: Stack(app, "Stack"), "JobB9D00F9F", "Stop580F65EA"),
        (lambda app: Construct(Stack(app, "Stack"), "Part"), "PartJob9DB4CBD6", "PartStop84D8470A"),
        (_nested, "JobB9D00F9F", "Stop580F65EA"),
    ],
    ids=["a stack", "a part of it", "a nested stack"],
)
@pytest.mark.parametrize("order", [(make_job, make_stop), (make_stop, make_job)], ids=["job first", "job last"])
def test_have_logical_ids_that_stay(
    app: App, build: Callable[[App], Construct], job: str, stop: str, order: tuple[Make, Make]
) -> None:
    scope = build(app)
    for make in order:
        make(scope)
    types = {name: resource["Type"] for name, resource in resources(Stack.of(scope)).items()}
    policies = {JOBS_POLICY: POLICY, RUNS_POLICY: POLICY}
    assert types == {**SHARED_PROVIDER, **policies, job: JOB_TYPE, stop: STOP_TYPE}, MOVED


def test_of_a_provider_of_ones_own_have_logical_ids_that_stay(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    own = {"ProviderFunction30350776", "ProviderLogs6E147F93", "ProviderRole1DE8EC3B", "ProviderPolicy73D9A088"}
    assert own <= set(resources(stack)), MOVED


def test_share_one_function_and_a_policy_each_kind_within_the_limits(stack: Stack) -> None:
    """CloudFormation takes 500 resources and a template of 1 MB (User Guide, quotas).

    IAM takes 10,240 characters of inline policies in a role (IAM User Guide, quotas; aws/aws-cdk 31975).
    """
    for scope in ("One", "Two", "Three"):
        make_users(Construct(stack, scope))
    found = resources(stack)
    assert len(found) == 3 * (4 + 2) + len(SHARED_PROVIDER) + 4
    largest = max(len(json.dumps({name: made})) for name, made in found.items() if made["Type"].startswith("Custom::"))
    assert largest * 490 < 1_000_000
    policies = of_type(found, POLICY).values()
    assert sum(len(json.dumps(policy["Properties"]["PolicyDocument"])) for policy in policies) < 10_240

"""The resources of both constructs: their properties, policies, order, logical ids and limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Duration, NestedStack, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobProvider
from tests.construct.conftest import (
    JOB,
    cfn_resource,
    make_job,
    make_stop,
    of_type,
    properties_of,
    resource_of,
    resources,
)

FUNCTION, POLICY = "AWS::Lambda::Function", "AWS::IAM::Policy"
JOB_TYPE, STOP_TYPE = "Custom::ManagedWorldExportJob", "Custom::StopOnDelete"
EVERY_CONSTRUCT = pytest.mark.parametrize("make", [make_job, make_stop])

Make = Callable[..., Any]

# CloudFormation knows resources by their logical ids: when one moves, the old resource is deleted, which stops jobs or
# takes the function away from deployed resources. A change here needs a way to migrate.
MOVED = "a deployed stack would stop its jobs or lose its function"
SHARED_PROVIDER = {
    "StopOnDeleteProviderFunction0254480E": FUNCTION,
    "StopOnDeleteProviderLogs7D3309FC": "AWS::Logs::LogGroup",
    "StopOnDeleteProviderPolicy59F5EE16": POLICY,
    "StopOnDeleteProviderRoleF542487A": "AWS::IAM::Role",
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


@EVERY_CONSTRUCT
def test_take_what_is_chosen(stack: Stack, make: Make) -> None:
    waits = {0: Duration.seconds(0), 120: Duration.minutes(2), 840: Duration.minutes(14), 5: Duration.millis(5000)}
    policies = {
        "Retain": RemovalPolicy.RETAIN,
        "RetainExceptOnCreate": RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        "Delete": RemovalPolicy.DESTROY,
    }
    with_wait = {seconds: make(stack, f"Wait{seconds}", wait=wait, best_effort=True) for seconds, wait in waits.items()}
    at_once = {name: make(stack, f"At once {name}", removal_policy=policy) for name, policy in policies.items()}
    later = {name: make(stack, f"Later {name}", removal_policy=RemovalPolicy.RETAIN) for name in policies}
    for name, construct in later.items():
        construct.apply_removal_policy(policies[name])
    cfn_resource(at_once["Retain"]).add_metadata("team", "simulation")

    assert [properties_of(found)["WaitSeconds"] for found in with_wait.values()] == list(waits)
    assert properties_of(with_wait[0])["BestEffort"] is True
    for name in policies:
        assert resource_of(at_once[name])["DeletionPolicy"] == resource_of(later[name])["DeletionPolicy"] == name
    retained = resource_of(at_once["Retain"])
    assert (retained["UpdateReplacePolicy"], retained["Metadata"]["team"]) == ("Retain", "simulation")


def test_are_deleted_before_what_their_jobs_need_and_after_what_starts_jobs(stack: Stack) -> None:
    bucket = s3.CfnBucket(stack, "Bucket")
    rule = events.CfnRule(stack, "Rule", schedule_expression="rate(1 day)")
    job, stop = make_job(stack), make_stop(stack)
    for construct in (job, stop):
        construct.node.add_dependency(bucket)
        rule.node.add_dependency(construct)
    CfnOutput(stack, "Arn", value=job.job_arn)
    assert "Bucket" in resource_of(job)["DependsOn"]
    assert "Bucket" in resource_of(stop)["DependsOn"]
    names = {stack.resolve(cfn_resource(construct).logical_id) for construct in (job, stop)}
    assert names <= set(resource_of(rule)["DependsOn"])
    [output] = Template.from_stack(stack).find_outputs("Arn").values()
    assert output["Value"] == {"Fn::GetAtt": ["JobB9D00F9F", "JobArn"]}


def _in_a_nested_stack(app: App) -> Construct:
    outer = Stack(app, "Stack")
    make_job(outer, "OfTheOuterStack")
    return NestedStack(outer, "Nested")


@pytest.mark.parametrize(
    ("build", "job", "stop"),
    [
        (lambda app: Stack(app, "Stack"), "JobB9D00F9F", "Stop580F65EA"),
        (lambda app: Construct(Stack(app, "Stack"), "Part"), "PartJob9DB4CBD6", "PartStop84D8470A"),
        (lambda app: Stack(Stage(app, "Prod"), "Stack"), "JobB9D00F9F", "Stop580F65EA"),
        (_in_a_nested_stack, "JobB9D00F9F", "Stop580F65EA"),
    ],
)
@pytest.mark.parametrize("order", [(make_job, make_stop), (make_stop, make_job)])
def test_the_logical_ids_stay_whichever_construct_comes_first(
    app: App, build: Callable[[App], Construct], job: str, stop: str, order: tuple[Make, Make]
) -> None:
    scope = build(app)
    for make in order:
        make(scope)
    types = {name: resource["Type"] for name, resource in resources(Stack.of(scope)).items()}
    policies = {JOBS_POLICY: POLICY, RUNS_POLICY: POLICY}
    assert types == {**SHARED_PROVIDER, **policies, job: JOB_TYPE, stop: STOP_TYPE}, MOVED


@pytest.mark.parametrize("provider", [StopOnDeleteProvider, WorldExportJobProvider])
def test_the_logical_ids_of_a_provider_of_ones_own_stay(stack: Stack, provider: Any) -> None:
    provider(stack, "Provider")
    own = {"ProviderFunction30350776", "ProviderLogs6E147F93", "ProviderRole1DE8EC3B", "ProviderPolicy73D9A088"}
    assert own <= set(resources(stack)), MOVED


def test_many_in_a_stack_share_one_function_and_a_policy_each_kind_within_the_limits(stack: Stack) -> None:
    """CloudFormation takes 500 resources and a template of 1 MB (User Guide, quotas).

    IAM takes 10,240 characters of inline policies in a role (IAM User Guide, quotas; aws-cdk 31975).
    """
    cluster = ecs.CfnCluster(stack, "Cluster")
    state_machine = sfn.CfnStateMachine(stack, "StateMachine", role_arn="arn:aws:iam::123456789012:role/r")
    make_job(stack)
    for number in range(200):
        jobs = [EcsTasks(cluster), StateMachineExecutions(state_machine), EmrServerlessJobRuns(f"00f{number}")]
        make_stop(stack, f"Stop{number}", jobs=jobs[number % 3])
    found = resources(stack)
    assert len(found) == 201 + 2 + 8
    assert len(json.dumps(found)) * 490 / 201 < 1_000_000
    policies = of_type(found, POLICY).values()
    assert sum(len(json.dumps(policy["Properties"]["PolicyDocument"])) for policy in policies) < 10_240

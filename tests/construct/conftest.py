"""Stacks to put constructs into, and what their templates and warnings say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import jsii
import pytest
from aws_cdk import App, Aspects, CfnResource, Environment, IAspect, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct, IConstruct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions, StopOnDelete
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobs

ACCOUNT, OTHER_ACCOUNT = "123456789012", "9" * 12
ENVIRONMENT = Environment(account=ACCOUNT, region="us-west-2")
JOB = f"arn:aws:robomaker:us-west-2:{ACCOUNT}:world-export-job/job-1"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
FUNCTION_ARN = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:exports"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/mine"
KEY_ARN = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"

FUNCTION, POLICY = "AWS::Lambda::Function", "AWS::IAM::Policy"
ROLE, LOG_GROUP = "AWS::IAM::Role", "AWS::Logs::LogGroup"
JOB_TYPE, STOP_TYPE = "Custom::ManagedWorldExportJob", "Custom::StopOnDelete"

Resources = dict[str, dict[str, Any]]
Make = Callable[..., Any]


def make_app(**context: Any) -> App:
    """Make an app that does not bundle the handler, because that takes time."""
    return App(context={"aws:cdk:bundling-stacks": [], **context})


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def stack(app: App) -> Stack:
    """Give a stack whose account and region are not known."""
    return Stack(app, "Stack")


@pytest.fixture
def stack_of_account(app: App) -> Stack:
    """Give a stack whose account and region are known."""
    return Stack(app, "StackOfAccount", env=ENVIRONMENT)


@pytest.fixture(scope="module")
def shared_stack() -> Stack:
    """Give a stack of a known account and region, for all tests of a module that do not synthesize it."""
    return Stack(make_app(), "Stack", env=ENVIRONMENT)


@pytest.fixture
def scope(shared_stack: Stack) -> Iterator[Construct]:
    """Give a scope of the test's own in the shared stack."""
    scope = Construct(shared_stack, "Scope")
    yield scope
    shared_stack.node.try_remove_child("Scope")


def resources(stack: Stack) -> Resources:
    """Synthesize a stack, and give its resources."""
    return cast(Resources, Template.from_stack(stack).to_json().get("Resources", {}))


def of_type(found: Resources, resource_type: str) -> Resources:
    return {name: resource for name, resource in found.items() if resource["Type"] == resource_type}


def the(found: Resources, resource_type: str) -> dict[str, Any]:
    """Give the only resource of a type."""
    [resource] = of_type(found, resource_type).values()
    return resource


def cfn_resource(construct: IConstruct) -> CfnResource:
    """Give the resource that a construct stands for."""
    while not isinstance(construct, CfnResource):
        construct = cast(IConstruct, construct.node.default_child)
    return construct


def resource_of(construct: IConstruct) -> dict[str, Any]:
    """Synthesize a construct's stack, and give its resource."""
    stack = Stack.of(construct)
    return resources(stack)[stack.resolve(cfn_resource(construct).logical_id)]


def properties_of(construct: IConstruct) -> dict[str, Any]:
    return dict(resource_of(construct)["Properties"])


def warnings_of(stack: Stack) -> dict[str, str]:
    """Synthesize a stack, and give its warnings by the paths of their constructs."""
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return {message.id: str(message.entry.data) for message in found}


def change_each(resource: type[CfnResource], scope: Construct, change: Callable[[Any], object]) -> None:
    """Let an aspect change the resources of a class in a scope."""
    Aspects.of(scope).add(_Change(resource, change))


@jsii.implements(IAspect)
class _Change:
    def __init__(self, resource: type[CfnResource], change: Callable[[Any], object]) -> None:
        self._resource, self._change = resource, change

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, self._resource):
            self._change(node)


def make_job(scope: Construct, id: str = "Job", **arguments: Any) -> ManagedWorldExportJob:  # noqa: A002
    return ManagedWorldExportJob(scope, id, **{"job_arn": JOB, **arguments})


def make_stop(scope: Construct, id: str = "Stop", **arguments: Any) -> StopOnDelete:  # noqa: A002
    return StopOnDelete(scope, id, **{"jobs": EmrServerlessJobRuns("00fexample"), **arguments})


def make_users(scope: Construct, provider: Any = None) -> dict[type[Jobs], Any]:
    """Make a construct that stops jobs of each kind."""
    cluster, machine = ecs.CfnCluster(scope, "Cluster"), sfn.CfnStateMachine(scope, "StateMachine", role_arn="role")
    users: dict[type[Jobs], Any] = {WorldExportJobs: make_job(scope, provider=provider)}
    for jobs in (EcsTasks(cluster), StateMachineExecutions(machine), EmrServerlessJobRuns("00fexample")):
        users[type(jobs)] = make_stop(scope, f"Stop{type(jobs).__name__}", jobs=jobs, provider=provider)
    return users

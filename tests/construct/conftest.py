"""Stacks to put constructs into, and their templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from aws_cdk import App, CfnResource, Environment, Stack
from aws_cdk.assertions import Template
from constructs import Construct, IConstruct

from cdk_stop_on_delete import EmrServerlessJobRuns, StopOnDelete
from cdk_world_export_job import ManagedWorldExportJob

ACCOUNT = "123456789012"
JOB = f"arn:aws:robomaker:us-west-2:{ACCOUNT}:world-export-job/job-1"

Resources = dict[str, dict[str, Any]]


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
    return Stack(app, "StackOfAccount", env=Environment(account=ACCOUNT, region="us-west-2"))


@pytest.fixture(scope="module")
def shared_stack() -> Stack:
    """Give a stack for all tests of a module that do not synthesize it."""
    return Stack(make_app(), "Stack")


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


def make_job(scope: Construct, id: str = "Job", **arguments: Any) -> ManagedWorldExportJob:  # noqa: A002
    return ManagedWorldExportJob(scope, id, **{"job_arn": JOB, **arguments})


def make_stop(scope: Construct, id: str = "Stop", **arguments: Any) -> StopOnDelete:  # noqa: A002
    return StopOnDelete(scope, id, **{"jobs": EmrServerlessJobRuns("00fexample"), **arguments})

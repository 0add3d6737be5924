"""A warning at synthesis of two constructs that own the end of the same job."""

from __future__ import annotations

from typing import Any

import jsii
import pytest
from aws_cdk import (
    Annotations,
    App,
    Aspects,
    CfnParameter,
    CfnResource,
    IAspect,
    NestedStack,
    RemovalPolicy,
    Stack,
    Stage,
    assertions,
)
from constructs import Construct, IConstruct

from cdk_world_export_job import ManagedWorldExportJob
from tests.construct.conftest import JOB


def _warnings(stack: Stack) -> list[tuple[str, str]]:
    found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    return [(message.id, str(message.entry.data)) for message in found]


def _own(scope: Construct, id: str, **arguments: Any) -> ManagedWorldExportJob:  # noqa: A002
    return ManagedWorldExportJob(scope, id, **{"job_arn": JOB, **arguments})


def test_names_both_once(stack: Stack) -> None:
    _own(stack, "One")
    _own(stack, "Two")
    [(path, text)] = _warnings(stack)
    assert path == "/Stack/Two"
    assert text.startswith(f"Stack/Two: job_arn '{JOB}' is that of Stack/One, too: the first of them")


def test_comes_once_for_each_construct_beside_the_first(stack: Stack) -> None:
    for name in ("One", "Two", "Three"):
        _own(stack, name)
    assert [path for path, _ in _warnings(stack)] == ["/Stack/Two", "/Stack/Three"]


def test_looks_through_all_stacks_of_an_app(app: App) -> None:
    _own(Stack(app, "A"), "Job")
    other = Stack(app, "B")
    _own(NestedStack(other, "Nested"), "Job")
    app.synth()
    [entry] = other.node.find_child("Nested").node.find_child("Job").node.metadata
    assert str(entry.data).startswith(f"B/Nested/Job: job_arn '{JOB}' is that of A/Job, too")


def test_looks_through_all_stages_because_a_job_is_in_one_account_only(app: App) -> None:
    _own(Stack(Stage(app, "Beta"), "Stack"), "Job")
    prod = Stack(Stage(app, "Prod"), "Stack")
    _own(prod, "Job")
    [(_, text)] = _warnings(prod)
    assert "is that of Beta/Stack/Job, too" in text


@pytest.mark.parametrize("retained", ["One", "Two"])
def test_does_not_come_if_one_of_them_leaves_the_job_running(stack: Stack, retained: str) -> None:
    for name in ("One", "Two"):
        _own(stack, name, removal_policy=RemovalPolicy.RETAIN if name == retained else RemovalPolicy.DESTROY)
    assert _warnings(stack) == []


def test_knows_a_removal_policy_that_is_set_later(stack: Stack) -> None:
    first = _own(stack, "One")
    _own(stack, "Two")
    first.apply_removal_policy(RemovalPolicy.RETAIN)
    assert _warnings(stack) == []


def test_knows_a_removal_policy_that_an_aspect_sets(stack: Stack) -> None:
    @jsii.implements(IAspect)
    class Retain:
        def visit(self, node: IConstruct) -> None:
            if isinstance(node, CfnResource):
                node.apply_removal_policy(RemovalPolicy.RETAIN)

    first = _own(stack, "One")
    _own(stack, "Two")
    Aspects.of(first).add(Retain())
    assert _warnings(stack) == []


def test_does_not_come_of_other_jobs_or_of_tokens_or_of_other_apps(stack: Stack) -> None:
    parameter = CfnParameter(stack, "JobArn")
    _own(stack, "One")
    _own(stack, "Two", job_arn=f"{JOB}-2")
    _own(stack, "Three", job_arn=parameter.value_as_string)
    _own(stack, "Four", job_arn=parameter.value_as_string)
    _own(Stack(App(), "Stack"), "One")
    assert _warnings(stack) == []


def test_can_be_acknowledged(stack: Stack) -> None:
    _own(stack, "One")
    _own(stack, "Two")
    Annotations.of(stack).acknowledge_warning("cdk-world-export-job:sameJob", "On purpose")
    assert _warnings(stack) == []

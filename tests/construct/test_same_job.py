"""A warning at synthesis of two constructs that cancel the same job."""

from __future__ import annotations

import jsii
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
from constructs import IConstruct

from tests.construct.conftest import JOB, make_app, make_job


def _warnings(stack: Stack) -> dict[str, str]:
    found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    return {message.id: str(message.entry.data) for message in found}


def test_names_both_and_comes_once_for_each_construct_beside_the_first(stack: Stack) -> None:
    for name in ("One", "Two", "Three"):
        make_job(stack, name)
    warnings = _warnings(stack)
    assert list(warnings) == ["/Stack/Two", "/Stack/Three"]
    assert warnings["/Stack/Two"].startswith(f"Stack/Two: Stack/One has the same job_arn '{JOB}'. The first that is")


def test_looks_through_all_stacks_and_stages_of_an_app(app: App) -> None:
    make_job(Stack(app, "A"))
    nested = NestedStack(Stack(app, "B"), "Nested")
    make_job(nested)
    prod = Stack(Stage(app, "Prod"), "Stack")
    make_job(prod)
    app.synth()
    [entry] = nested.node.find_child("Job").node.metadata
    assert str(entry.data).startswith(f"B/Nested/Job: A/Job has the same job_arn '{JOB}'")
    assert "Prod/Stack/Job: A/Job has" in _warnings(prod)["/Prod/Stack/Job"]


@jsii.implements(IAspect)
class _Retain:
    def visit(self, node: IConstruct) -> None:
        if isinstance(node, CfnResource):
            node.apply_removal_policy(RemovalPolicy.RETAIN)


def test_does_not_come_if_all_but_one_leave_the_job_running(app: App) -> None:
    stacks = [Stack(app, name) for name in ("Argument", "Later", "Aspect")]
    for stack in stacks:
        arn = f"{JOB}-{stack.node.id}"
        policy = RemovalPolicy.RETAIN if stack.node.id == "Argument" else RemovalPolicy.DESTROY
        first = make_job(stack, "One", job_arn=arn, removal_policy=policy)
        make_job(stack, "Two", job_arn=arn)
        if stack.node.id == "Later":
            first.apply_removal_policy(RemovalPolicy.RETAIN)
        if stack.node.id == "Aspect":
            Aspects.of(first).add(_Retain())
    assert [_warnings(stack) for stack in stacks] == [{}, {}, {}]


def test_does_not_come_of_other_jobs_of_tokens_or_of_other_apps(stack: Stack) -> None:
    token = CfnParameter(stack, "JobArn").value_as_string
    for number, arn in enumerate((JOB, f"{JOB}-2", token, token)):
        make_job(stack, f"Job{number}", job_arn=arn)
    make_job(Stack(make_app(), "Stack"))
    assert _warnings(stack) == {}


def test_can_be_acknowledged(stack: Stack) -> None:
    make_job(stack, "One")
    make_job(stack, "Two")
    Annotations.of(stack).acknowledge_warning("cdk-world-export-job:sameJob", "On purpose")
    assert _warnings(stack) == {}

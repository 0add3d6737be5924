"""A warning at synthesis of two constructs that cancel the same job."""

from __future__ import annotations

from aws_cdk import Annotations, App, CfnParameter, CfnResource, NestedStack, RemovalPolicy, Stack, Stage

from tests.construct.makers import make_app, make_job
from tests.construct.names import JOB
from tests.construct.templates import change_each, warnings_of


def test_names_both_and_comes_once_for_each_construct_beside_the_first(stack: Stack) -> None:
    for name in ("One", "Two", "Three"):
        make_job(stack, name)
    warnings = warnings_of(stack)
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
    assert "Prod/Stack/Job: A/Job has" in warnings_of(prod)["/Prod/Stack/Job"]


def test_does_not_come_of_what_leaves_the_job_running_of_other_jobs_of_tokens_or_of_other_apps(stack: Stack) -> None:
    make_job(stack, "Cancels")
    make_job(stack, "AtOnce", removal_policy=RemovalPolicy.RETAIN)
    make_job(stack, "Later").apply_removal_policy(RemovalPolicy.RETAIN)
    aspect = make_job(stack, "Aspect")
    change_each(CfnResource, aspect, lambda resource: resource.apply_removal_policy(RemovalPolicy.RETAIN))
    token = CfnParameter(stack, "JobArn").value_as_string
    for number, arn in enumerate((f"{JOB}-2", token, token)):
        make_job(stack, f"Job{number}", job_arn=arn)
    make_job(Stack(make_app(), "Stack"))
    assert warnings_of(stack) == {}


def test_can_be_acknowledged(stack: Stack) -> None:
    make_job(stack, "One")
    make_job(stack, "Two")
    Annotations.of(stack).acknowledge_warning("cdk-world-export-job:sameJob", "On purpose")
    assert warnings_of(stack) == {}

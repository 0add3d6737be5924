"""A provider in the job's stack, in another one, or in another app: how the job refers to it, and what may not be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jsii
import pytest
from aws_cdk import (
    App,
    Aspects,
    CfnDynamicReference,
    CfnDynamicReferenceService,
    CfnParameter,
    Environment,
    IAspect,
    NestedStack,
    Stack,
    Stage,
)
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Template
from constructs import IConstruct

from cdk_world_export_job import InvalidArgumentError, ManagedWorldExportJob, WorldExportJobProvider
from tests.construct.conftest import ACCOUNT, JOB

TYPE = "Custom::ManagedWorldExportJob"
FLAG = "@aws-cdk/core:defaultCrossStackReferences"
FUNCTION = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:exports"

Stacks = tuple[Stack, Stack]


def _properties(stack: Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    return dict(resource["Properties"])


def _exports(stack: Stack) -> list[str]:
    outputs = Template.from_stack(stack).find_outputs("*").values()
    return [output["Export"]["Name"] for output in outputs if "Export" in output]


def _two_stacks(app: App) -> Stacks:
    return Stack(app, "Jobs"), Stack(app, "Provider")


def _two_stacks_of_a_stage(app: App) -> Stacks:
    stage = Stage(app, "Prod")
    return Stack(stage, "Jobs"), Stack(stage, "Provider")


def _a_nested_stack_of_another_root(app: App) -> Stacks:
    return NestedStack(Stack(app, "Jobs"), "Nested"), Stack(app, "Provider")


def _a_provider_in_a_nested_stack_of_another_root(app: App) -> Stacks:
    return Stack(app, "Jobs"), NestedStack(Stack(app, "Provider"), "Nested")


def _two_nested_stacks_of_two_roots(app: App) -> Stacks:
    return NestedStack(Stack(app, "Jobs"), "Nested"), NestedStack(Stack(app, "Provider"), "Nested")


def _root(stack: Stack) -> Stack:
    return stack.nested_stack_parent or stack


class TestOfAnotherRootStack:
    """The provider stays when the job's stack goes, and can't go before it."""

    @pytest.mark.parametrize("references", ["weak", "strong", None])
    @pytest.mark.parametrize(
        "build",
        [
            _two_stacks,
            _two_stacks_of_a_stage,
            _a_nested_stack_of_another_root,
            _a_provider_in_a_nested_stack_of_another_root,
            _two_nested_stacks_of_two_roots,
        ],
    )
    def test_is_imported_whatever_the_app_says_of_its_references(
        self, build: Callable[[App], Stacks], references: str | None
    ) -> None:
        app = App(context={FLAG: references} if references else {})
        jobs, elsewhere = build(app)
        provider = WorldExportJobProvider(elsewhere, "Provider")
        ManagedWorldExportJob(jobs, "Job", job_arn=JOB, provider=provider)
        app.synth()

        properties = _properties(jobs)
        [export] = _exports(_root(elsewhere))
        assert properties["ServiceToken"] == {"Fn::ImportValue": export}
        assert properties["ProviderStays"] is True
        assert _root(elsewhere) in _root(jobs).dependencies
        Template.from_stack(jobs).resource_count_is("AWS::Lambda::Function", 0)

    def test_is_exported_once_for_all_its_jobs_and_for_ones_own_export(self, app: App) -> None:
        elsewhere = Stack(app, "Provider")
        provider = WorldExportJobProvider(elsewhere, "Provider")
        for number in range(2):
            ManagedWorldExportJob(Stack(app, f"Jobs{number}"), "Job", job_arn=JOB, provider=provider)
        elsewhere.export_value(provider.service_token)
        app.synth()
        assert len(_exports(elsewhere)) == 1

    def test_may_still_get_another_logical_id_by_an_aspect(self, app: App) -> None:
        @jsii.implements(IAspect)
        class Rename:
            def visit(self, node: IConstruct) -> None:
                if isinstance(node, lambda_.CfnFunction):
                    node.override_logical_id("Renamed")

        jobs, elsewhere = _two_stacks(app)
        ManagedWorldExportJob(jobs, "Job", job_arn=JOB, provider=WorldExportJobProvider(elsewhere, "Provider"))
        Aspects.of(elsewhere).add(Rename())
        app.synth()
        [output] = Template.from_stack(elsewhere).find_outputs("*").values()
        assert output["Value"] == {"Fn::GetAtt": ["Renamed", "Arn"]}
        assert _properties(jobs)["ServiceToken"] == {"Fn::ImportValue": output["Export"]["Name"]}

    def test_may_be_in_a_stack_whose_place_is_not_known(self, app: App, stack_of_account: Stack) -> None:
        provider = WorldExportJobProvider(Stack(app, "Provider"), "Provider")
        ManagedWorldExportJob(stack_of_account, "Job", job_arn=JOB, provider=provider)
        app.synth()
        assert _properties(stack_of_account)["ProviderStays"] is True

    @pytest.mark.parametrize(
        ("account", "region", "named"),
        [("9" * 12, "us-west-2", f"account is {'9' * 12}"), (ACCOUNT, "eu-west-1", "region is eu-west-1")],
    )
    def test_may_not_be_in_another_account_or_region(
        self, app: App, stack_of_account: Stack, account: str, region: str, named: str
    ) -> None:
        elsewhere = Stack(app, "One", env=Environment(account=account, region=region))
        provider = WorldExportJobProvider(elsewhere, "Provider")
        with pytest.raises(ValueError, match=f"^StackOfAccount/Job: provider 'One/Provider' is not valid: its {named}"):
            ManagedWorldExportJob(stack_of_account, "Job", job_arn=JOB, provider=provider)

    def test_may_not_be_in_another_stage(self, app: App) -> None:
        provider = WorldExportJobProvider(Stack(Stage(app, "Beta"), "Stack"), "Provider")
        with pytest.raises(
            ValueError, match=r"^Prod/Stack/Job: provider 'Beta/Stack/Provider' .* another stage .* Import it"
        ):
            ManagedWorldExportJob(Stack(Stage(app, "Prod"), "Stack"), "Job", job_arn=JOB, provider=provider)


class TestOfTheSameRootStack:
    """The provider goes with the job, whichever nested stacks they are in."""

    @pytest.mark.parametrize("references", ["weak", "strong", None])
    def test_of_the_stack_around_a_nested_one(self, references: str | None) -> None:
        app = App(context={FLAG: references} if references else {})
        root = Stack(app, "Root")
        nested = NestedStack(root, "Nested")
        ManagedWorldExportJob(nested, "Job", job_arn=JOB, provider=WorldExportJobProvider(root, "Provider"))
        app.synth()
        [parameter] = Template.from_stack(nested).find_parameters("*")
        assert _properties(nested)["ServiceToken"] == {"Ref": parameter}
        assert _properties(nested)["ProviderStays"] is False
        assert _exports(root) == []

    def test_of_a_nested_stack(self, app: App) -> None:
        root = Stack(app, "Root")
        nested = NestedStack(root, "Nested")
        ManagedWorldExportJob(root, "Job", job_arn=JOB, provider=WorldExportJobProvider(nested, "Provider"))
        app.synth()
        [_, attribute] = _properties(root)["ServiceToken"]["Fn::GetAtt"]
        assert attribute.startswith("Outputs.")
        assert _properties(root)["ProviderStays"] is False

    def test_of_the_nested_stack_next_door(self, app: App) -> None:
        root = Stack(app, "Root")
        jobs, elsewhere = NestedStack(root, "Jobs"), NestedStack(root, "Elsewhere")
        ManagedWorldExportJob(jobs, "Job", job_arn=JOB, provider=WorldExportJobProvider(elsewhere, "Provider"))
        app.synth()
        assert _properties(jobs)["ServiceToken"].keys() == {"Ref"}
        assert _properties(jobs)["ProviderStays"] is False


class TestOfAnotherApp:
    """It is imported by its service token, and always stays."""

    @pytest.mark.parametrize("service_token", [FUNCTION, f"{FUNCTION}:live", f"{FUNCTION}:$LATEST"])
    def test_serves_a_job_by_the_arn_of_the_function_or_of_an_alias(
        self, stack_of_account: Stack, service_token: str
    ) -> None:
        provider = WorldExportJobProvider.from_service_token(stack_of_account, "Provider", service_token)
        job = ManagedWorldExportJob(stack_of_account, "Job", job_arn=JOB, provider=provider)
        assert job.provider is provider
        assert provider.service_token == service_token
        assert _properties(stack_of_account).items() >= {"ServiceToken": service_token, "ProviderStays": True}.items()
        Template.from_stack(stack_of_account).resource_count_is("AWS::Lambda::Function", 0)

    @pytest.mark.parametrize("service_token", [FUNCTION, f"{FUNCTION}:live"])
    def test_has_the_metrics_of_its_function_by_name(self, stack: Stack, service_token: str) -> None:
        provider = WorldExportJobProvider.from_service_token(stack, "Provider", service_token)
        for metric in (
            provider.metric_teardowns(),
            provider.metric_left_running(),
            provider.metric_teardown_seconds(),
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider).metric_left_running(),
        ):
            assert metric.dimensions == {"FunctionName": "exports"}

    def test_may_be_given_by_a_token_of_which_metrics_take_the_name(self, stack: Stack) -> None:
        token = ssm.StringParameter.value_for_string_parameter(stack, "/service-token")
        provider = WorldExportJobProvider.from_service_token(stack, "Provider", token)
        ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)
        reference = _properties(stack)["ServiceToken"]
        assert reference.keys() == {"Ref"}
        assert stack.resolve(provider.metric_left_running().dimensions) == {
            "FunctionName": {"Fn::Select": [6, {"Fn::Split": [":", reference]}]}
        }

    @pytest.mark.parametrize(
        "service_token",
        ["{{resolve:ssm:/token}}", CfnDynamicReference(CfnDynamicReferenceService.SSM, "/token").to_string()],
        ids=["literal", "token"],
    )
    def test_serves_a_job_by_a_dynamic_reference_but_has_no_metrics_then(
        self, stack: Stack, service_token: str
    ) -> None:
        provider = WorldExportJobProvider.from_service_token(stack, "Provider", service_token)
        ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)
        assert _properties(stack)["ServiceToken"] == "{{resolve:ssm:/token}}"
        with pytest.raises(
            ValueError, match=r"^Stack/Provider: service_token .* dynamic reference.* Pass `StringParam"
        ):
            provider.metric_left_running()

    @pytest.mark.parametrize(
        ("service_token", "rule"),
        [
            ("", "must be the ARN of a Lambda function"),
            ("exports", "must be the ARN of a Lambda function"),
            (FUNCTION.removesuffix(":exports"), "must be the ARN of a Lambda function"),
            (f"{FUNCTION}\n", "must be the ARN of a Lambda function"),
            (f"arn:aws:sns:us-west-2:{ACCOUNT}:exports", "must be the ARN of a Lambda function"),
            (None, "must be the ARN of a Lambda function"),
            (f"{FUNCTION}:7", "it is the function's version 7, which no fix can ever reach"),
        ],
    )
    def test_is_refused_if_a_literal_is_no_such_arn(self, stack: Stack, service_token: Any, rule: str) -> None:
        with pytest.raises(ValueError, match=r"^Stack/Provider: service_token .* is not valid: .* Pass the") as error:
            WorldExportJobProvider.from_service_token(stack, "Provider", service_token)
        assert rule in str(error.value)

    def test_is_refused_if_it_is_the_parameter_and_not_its_value(self, stack: Stack) -> None:
        parameter: Any = CfnParameter(stack, "P")
        with pytest.raises(ValueError, match=r"^Stack/Provider: service_token CfnParameter .*value_as_string"):
            WorldExportJobProvider.from_service_token(stack, "Provider", parameter)

    @pytest.mark.parametrize(
        ("elsewhere", "named"),
        [
            (FUNCTION.replace("us-west-2", "eu-west-1"), "region is eu-west-1"),
            (FUNCTION.replace(ACCOUNT, "9" * 12), f"account is {'9' * 12}"),
        ],
    )
    def test_is_refused_by_a_job_elsewhere_where_both_places_are_known(
        self, stack: Stack, stack_of_account: Stack, elsewhere: str, named: str
    ) -> None:
        provider = WorldExportJobProvider.from_service_token(stack_of_account, "Provider", elsewhere)
        with pytest.raises(ValueError, match=f"^StackOfAccount/Job: provider '{elsewhere}' is not valid: its {named}"):
            ManagedWorldExportJob(stack_of_account, "Job", job_arn=JOB, provider=provider)
        ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)
        assert _properties(stack)["ServiceToken"] == elsewhere


class TestMistakes:
    def test_a_function_is_no_provider(self, stack: Stack) -> None:
        function: Any = WorldExportJobProvider(stack, "Mine").function
        words = (
            r"^Stack/Job: provider Function 'Stack/Mine/Function' is not valid: it must be a WorldExportJobProvider, .*"
            r"makes the function"
        )
        with pytest.raises(InvalidArgumentError, match=words):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=function)

    def test_a_provider_of_a_second_copy_of_the_library_is_named_as_such(self, stack: Stack) -> None:
        provider = WorldExportJobProvider(stack, "Mine")
        with (
            _second_copy() as copy,
            pytest.raises(ValueError, match=r"another copy of this library, .*\. Import it once"),
        ):
            copy.ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)

    def test_a_shared_provider_of_a_second_copy_of_the_library_is_named_as_such(self, stack: Stack) -> None:
        ManagedWorldExportJob(stack, "One", job_arn=JOB)
        with (
            _second_copy() as copy,
            pytest.raises(ValueError, match=r"another copy of this library, .* Import it once"),
        ):
            copy.ManagedWorldExportJob(stack, "Two", job_arn=JOB)

    def test_another_construct_of_the_shared_providers_name_is_named_as_such(self, stack: Stack) -> None:
        CfnParameter(stack, "WorldExportJobProvider")
        words = (
            "^Stack/WorldExportJobProvider: id 'WorldExportJobProvider' is not valid: .* a CfnParameter. Give that one"
        )
        with pytest.raises(ValueError, match=words):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB)


@contextmanager
def _second_copy() -> Iterator[Any]:
    """Import the library again, as a notebook that reloads its modules does."""
    first = {name: module for name, module in sys.modules.items() if name.startswith("cdk_world_export_job")}
    for name in first:
        del sys.modules[name]
    try:
        import cdk_world_export_job as copy

        yield copy
    finally:
        sys.modules.update(first)

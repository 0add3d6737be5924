"""A provider in the user's stack, in another one, or in another app: how it is referred to, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsii
import pytest
from aws_cdk import (
    App,
    Aspects,
    CfnDynamicReference,
    CfnDynamicReferenceService,
    Environment,
    IAspect,
    NestedStack,
    Stack,
    Stage,
)
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Annotations, Match, Template
from constructs import IConstruct

from cdk_stop_on_delete import EmrServerlessJobRuns, InvalidArgumentError, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobProvider
from tests.construct.conftest import ACCOUNT, make_app, make_job, make_stop, of_type, properties_of, resources
from tests.construct.test_provider import STATEMENTS, make_user

FLAG = "@aws-cdk/core:defaultCrossStackReferences"
FUNCTION = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:exports"

Stacks = tuple[Stack, Stack]


def _exports(stack: Stack) -> list[str]:
    outputs = Template.from_stack(stack).find_outputs("*").values()
    return [output["Export"]["Name"] for output in outputs if "Export" in output]


def _two_stacks(app: App) -> Stacks:
    return Stack(app, "Jobs"), Stack(app, "Provider")


def _two_stacks_of_a_stage(app: App) -> Stacks:
    stage = Stage(app, "Prod")
    return Stack(stage, "Jobs"), Stack(stage, "Provider")


def _two_nested_stacks_of_two_roots(app: App) -> Stacks:
    return NestedStack(Stack(app, "Jobs"), "Nested"), NestedStack(Stack(app, "Provider"), "Nested")


def _root(stack: Stack) -> Stack:
    return stack.nested_stack_parent or stack


class TestOfAnotherRootStack:
    """The provider remains when the user's stack is deleted, and can't be deleted before it."""

    @pytest.mark.parametrize("references", ["weak", "strong", None])
    @pytest.mark.parametrize("build", [_two_stacks, _two_stacks_of_a_stage, _two_nested_stacks_of_two_roots])
    def test_is_imported_whatever_the_app_says_of_its_references(
        self, build: Callable[[App], Stacks], references: str | None
    ) -> None:
        app = make_app(**({FLAG: references} if references else {}))
        users, elsewhere = build(app)
        provider = WorldExportJobProvider(elsewhere, "Provider", kinds=[EmrServerlessJobRuns])
        made = [make_job(users, provider=provider), make_stop(users, provider=provider)]
        app.synth()
        [export] = _exports(_root(elsewhere))
        for user in made:
            properties = properties_of(user)
            assert properties["ServiceToken"] == {"Fn::ImportValue": export}
            assert properties["ProviderOutlivesStack"] is True
        assert _root(elsewhere) in _root(users).dependencies
        assert {resource["Type"].split("::")[0] for resource in resources(users).values()} == {"Custom"}

    def test_is_exported_once_for_all_its_users_by_the_logical_id_that_an_aspect_leaves(self, app: App) -> None:
        @jsii.implements(IAspect)
        class Rename:
            def visit(self, node: IConstruct) -> None:
                if isinstance(node, lambda_.CfnFunction):
                    node.override_logical_id("Renamed")

        elsewhere = Stack(app, "Provider")
        provider = WorldExportJobProvider(elsewhere, "Provider")
        jobs = [make_job(Stack(app, name), provider=provider) for name in ("One", "Two")]
        Aspects.of(elsewhere).add(Rename())
        app.synth()
        [output] = Template.from_stack(elsewhere).find_outputs("*").values()
        assert output["Value"] == {"Fn::GetAtt": ["Renamed", "Arn"]}
        for job in jobs:
            assert properties_of(job)["ServiceToken"] == {"Fn::ImportValue": output["Export"]["Name"]}

    def test_may_be_exported_by_its_stack_too(self, app: App) -> None:
        users, elsewhere = _two_stacks(app)
        provider = WorldExportJobProvider(elsewhere, "Provider")
        make_job(users, provider=provider)
        elsewhere.export_value(provider.service_token)
        app.synth()
        assert len(_exports(elsewhere)) == 1

    @pytest.mark.parametrize("known", [{}, {"account": ACCOUNT}, {"region": "us-west-2"}])
    def test_is_in_a_place_of_which_the_same_parts_are_known_or_synthesis_warns(
        self, app: App, stack_of_account: Stack, known: dict[str, str]
    ) -> None:
        other = Stack(app, "Other", env=Environment(**known))
        make_job(stack_of_account, provider=WorldExportJobProvider(other, "Provider"))
        [warning] = Annotations.from_stack(stack_of_account).find_warning("/StackOfAccount/Job", Match.any_value())
        assert str(warning.entry.data).startswith(
            f"StackOfAccount/Job: the stack of its provider 'Other/Provider' is in {other.environment}, but its own"
            f" stack is in {stack_of_account.environment}. Give both stacks the same `env`."
        )

    @pytest.mark.parametrize(
        ("account", "region", "named"),
        [("9" * 12, "us-west-2", f"account is {'9' * 12}"), (ACCOUNT, "eu-west-1", "region is eu-west-1")],
    )
    def test_may_not_be_in_another_account_or_region(
        self, app: App, stack_of_account: Stack, account: str, region: str, named: str
    ) -> None:
        elsewhere = Stack(app, "One", env=Environment(account=account, region=region))
        provider = WorldExportJobProvider(elsewhere, "Provider")
        words = rf"^StackOfAccount/Job: provider 'One/Provider' is not valid: its {named}"
        with pytest.raises(InvalidArgumentError, match=words):
            make_job(stack_of_account, provider=provider)

    def test_may_not_be_in_another_stage(self, app: App) -> None:
        provider = WorldExportJobProvider(Stack(Stage(app, "Beta"), "Stack"), "Provider")
        words = r"^Prod/Stack/Job: provider 'Beta/Stack/Provider' .* another stage .* Import it with"
        with pytest.raises(InvalidArgumentError, match=words):
            make_job(Stack(Stage(app, "Prod"), "Stack"), provider=provider)

    def test_must_list_the_kind(self, app: App) -> None:
        for kind in STATEMENTS:
            listed = [other for other in STATEMENTS if other is not kind]
            provider = StopOnDeleteProvider(Stack(app, f"Elsewhere{kind.__name__}"), "Provider", kinds=listed)
            names = ", ".join(found.__name__ for found in [*listed, kind])
            words = (
                rf"provider '{provider.node.path}' is not valid: it is in another stack, .* do not list {kind.__name__}"
            )
            with pytest.raises(InvalidArgumentError, match=rf"{words}, .* Make it with kinds=\[{names}\]\."):
                make_user(Stack(app, f"Users{kind.__name__}"), kind, provider)


class TestOfTheSameRootStack:
    """The provider is deleted with its users, after them, whichever nested stacks they are in."""

    @pytest.mark.parametrize("references", ["weak", "strong", None])
    def test_of_the_stack_around_a_nested_one(self, references: str | None) -> None:
        app = make_app(**({FLAG: references} if references else {}))
        root = Stack(app, "Root")
        nested = NestedStack(root, "Nested")
        job = make_job(nested, provider=WorldExportJobProvider(root, "Provider"))
        app.synth()
        [parameter] = Template.from_stack(nested).find_parameters("*")
        assert properties_of(job)["ServiceToken"] == {"Ref": parameter}
        assert properties_of(job)["ProviderOutlivesStack"] is False
        assert _exports(root) == []
        [policy] = [name for name in of_type(resources(root), "AWS::IAM::Policy") if "WorldExportJobs" in name]
        [resource] = of_type(resources(root), "AWS::CloudFormation::Stack").values()
        assert policy in resource["DependsOn"]

    def test_of_a_nested_stack_or_the_one_next_door(self, app: App) -> None:
        root = Stack(app, "Root")
        users, elsewhere = NestedStack(root, "Jobs"), NestedStack(root, "Elsewhere")
        provider = WorldExportJobProvider(elsewhere, "Provider", kinds=[EmrServerlessJobRuns])
        job, stop = make_job(root, provider=provider), make_stop(users, provider=provider)
        app.synth()
        assert properties_of(job)["ServiceToken"]["Fn::GetAtt"][1].startswith("Outputs.")
        assert properties_of(stop)["ServiceToken"].keys() == {"Ref"}
        assert not properties_of(job)["ProviderOutlivesStack"]
        assert not properties_of(stop)["ProviderOutlivesStack"]

    def test_must_list_the_kind_too(self, app: App) -> None:
        provider = WorldExportJobProvider(Stack(app, "Root"), "Provider")
        with pytest.raises(InvalidArgumentError, match=r"'Root/Provider' is not valid: it is in another stack"):
            make_stop(NestedStack(Stack.of(provider), "Nested"), provider=provider)


class TestOfAnotherApp:
    """It is imported by its service token, and always remains. What it may stop can't be checked."""

    @pytest.mark.parametrize("imported", [StopOnDeleteProvider, WorldExportJobProvider])
    @pytest.mark.parametrize("service_token", [FUNCTION, f"{FUNCTION}:live", f"{FUNCTION}:$LATEST"])
    def test_is_used_by_the_arn_of_the_function_or_of_an_alias(
        self, stack_of_account: Stack, imported: Any, service_token: str
    ) -> None:
        provider = imported.from_service_token(stack_of_account, "Provider", service_token)
        users = [make_user(stack_of_account, kind, provider, kind.__name__) for kind in STATEMENTS]
        expected = {"ServiceToken": service_token, "ProviderOutlivesStack": True}
        for user in users:
            assert properties_of(user).items() >= expected.items()
        assert of_type(resources(stack_of_account), "AWS::IAM::Policy") == {}
        assert provider.metric_left_running().dimensions == {"FunctionName": "exports"}

    def test_may_be_given_by_a_token_of_which_metrics_take_the_name(self, stack: Stack) -> None:
        token = ssm.StringParameter.value_for_string_parameter(stack, "/service-token")
        job = make_job(stack, provider=WorldExportJobProvider.from_service_token(stack, "Provider", token))
        reference = properties_of(job)["ServiceToken"]
        assert reference.keys() == {"Ref"}
        name = {"Fn::Select": [6, {"Fn::Split": [":", reference]}]}
        assert stack.resolve(job.metric_left_running().dimensions) == {"FunctionName": name, "Service": "RoboMaker"}

    @pytest.mark.parametrize(
        "service_token",
        ["{{resolve:ssm:/token}}", CfnDynamicReference(CfnDynamicReferenceService.SSM, "/token").to_string()],
        ids=["literal", "token"],
    )
    def test_may_be_a_dynamic_reference_which_has_no_metrics(self, stack: Stack, service_token: str) -> None:
        provider = WorldExportJobProvider.from_service_token(stack, "Provider", service_token)
        assert properties_of(make_job(stack, provider=provider))["ServiceToken"] == "{{resolve:ssm:/token}}"
        words = r"^Stack/Provider: service_token .* dynamic reference.* Pass `StringParam"
        with pytest.raises(InvalidArgumentError, match=words):
            provider.metric_left_running()


def test_of_ones_own_is_used_as_it_is(stack: Stack) -> None:
    provider = StopOnDeleteProvider(stack, "Mine")
    users = [make_job(stack, provider=provider), make_stop(stack, provider=provider)]
    assert [user.provider for user in users] == [provider, provider]
    token = stack.resolve(provider.service_token)
    assert [properties_of(user)["ServiceToken"] for user in users] == [token, token]
    assert len(of_type(resources(stack), "AWS::Lambda::Function")) == 1

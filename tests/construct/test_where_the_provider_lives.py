"""A provider in the user's stack, in another one, or in another app. What is refused is in test_arguments.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aws_cdk import App, CfnDynamicReference, CfnDynamicReferenceService, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Template

from cdk_stop_on_delete import EmrServerlessJobRuns, InvalidArgumentError, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobProvider
from tests.construct.makers import make_app, make_job, make_stop
from tests.construct.names import ENVIRONMENT, FUNCTION_ARN, POLICY
from tests.construct.templates import change_each, of_type, properties_of, resource_of, resources, warnings_of

REFERENCES = "@aws-cdk/core:defaultCrossStackReferences"


def _exports(stack: Stack) -> list[str]:
    outputs = Template.from_stack(stack).find_outputs("*").values()
    return [output["Export"]["Name"] for output in outputs if "Export" in output]


def _root(stack: Stack) -> Stack:
    return stack.nested_stack_parent or stack


class TestOfAnotherRootStack:
    """The provider remains when the user's stack is deleted, and can't be deleted before it."""

    @pytest.mark.parametrize(
        ("build", "context"),
        [
            *((Stack, {REFERENCES: references}) for references in ("weak", "strong")),
            (Stack, {}),
            (lambda app, name: Stack(app.node.try_find_child("Prod") or Stage(app, "Prod"), name), {}),
            (lambda app, name: NestedStack(Stack(app, name), "Nested"), {}),
        ],
        ids=["weak references", "strong references", "default", "in a stage", "nested"],
    )
    def test_is_exported_once_for_all_its_users_whatever_the_app_says_of_its_references(
        self, build: Callable[[App, str], Stack], context: dict[str, str]
    ) -> None:
        """By the logical id that an aspect leaves. Its stack may export it, too (tests/repository/test_app.py)."""
        app = make_app(**context)
        users, others, elsewhere = (build(app, name) for name in ("Users", "Others", "Provider"))
        provider = WorldExportJobProvider(elsewhere, "Provider", kinds=[EmrServerlessJobRuns])
        made = [make_job(users, provider=provider), make_stop(users, provider=provider)]
        made.append(make_job(others, provider=provider))
        change_each(lambda_.CfnFunction, elsewhere, lambda function: function.override_logical_id("Renamed"))
        app.synth()
        [output] = Template.from_stack(elsewhere).find_outputs("*").values()
        assert output["Value"] == {"Fn::GetAtt": ["Renamed", "Arn"]}
        [export] = _exports(_root(elsewhere))
        for user in made:
            properties = properties_of(user)
            assert properties["ServiceToken"] == {"Fn::ImportValue": export}
            assert properties["ProviderOutlivesStack"] is True
        assert _root(elsewhere) in _root(users).dependencies
        assert {resource["Type"].split("::")[0] for resource in resources(users).values()} == {"Custom"}

    @pytest.mark.parametrize("known", [{"account": ENVIRONMENT.account}, {"region": ENVIRONMENT.region}])
    def test_is_in_a_place_of_which_the_same_parts_are_known_or_synthesis_warns(
        self, app: App, stack_of_account: Stack, known: dict[str, str]
    ) -> None:
        other = Stack(app, "Other", env=Environment(**known))
        make_job(stack_of_account, provider=WorldExportJobProvider(other, "Provider"))
        assert warnings_of(stack_of_account)["/StackOfAccount/Job"].startswith(
            f"StackOfAccount/Job: the stack of its provider 'Other/Provider' is in {other.environment}, but its own"
            f" stack is in {stack_of_account.environment}. Give both stacks the same `env`."
        )


class TestOfTheSameRootStack:
    """The provider is deleted with its users, after them, whichever nested stacks they are in."""

    @pytest.mark.parametrize("context", [{}, {REFERENCES: "weak"}], ids=["default", "weak references"])
    @pytest.mark.parametrize(
        ("user_in", "provider_in", "reference", "later"),
        [
            ("Nested", "Root", "Ref", "ProviderWorldExportJobsPolicy"),
            ("Root", "Nested", "Fn::GetAtt", "NestedNestedStack"),
            ("Nested", "NextDoor", "Ref", "NextDoorNestedStack"),
        ],
    )
    def test_is_passed_to_nested_stacks(
        self, context: dict[str, str], user_in: str, provider_in: str, reference: str, later: str
    ) -> None:
        root = Stack(make_app(**context), "Root")
        stacks = {"Root": root, **{name: NestedStack(root, name) for name in ("Nested", "NextDoor")}}
        user = make_job(stacks[user_in], provider=WorldExportJobProvider(stacks[provider_in], "Provider"))
        properties = properties_of(user)
        assert properties["ServiceToken"].keys() == {reference}
        assert properties["ProviderOutlivesStack"] is False
        assert _exports(root) == []
        [needed] = resource_of(stacks[user_in].nested_stack_resource or user)["DependsOn"]
        assert needed.startswith(later)


class TestOfAnotherApp:
    """It is imported by its service token, and always remains. What it may stop can't be checked."""

    @pytest.mark.parametrize("service_token", [FUNCTION_ARN, f"{FUNCTION_ARN}:live", f"{FUNCTION_ARN}:$LATEST"])
    def test_is_used_by_the_arn_of_the_function_or_of_an_alias(
        self, stack_of_account: Stack, service_token: str
    ) -> None:
        provider = StopOnDeleteProvider.from_service_token(stack_of_account, "Provider", service_token)
        expected = {"ServiceToken": service_token, "ProviderOutlivesStack": True}
        for user in [make_job(stack_of_account, provider=provider), make_stop(stack_of_account, provider=provider)]:
            assert properties_of(user).items() >= expected.items()
        assert of_type(resources(stack_of_account), POLICY) == {}
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

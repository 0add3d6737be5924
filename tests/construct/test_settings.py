"""The settings of the provider's function: what is taken, and what is refused with which words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import CfnParameter, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from cdk_world_export_job import InvalidArgumentError, WorldExportJobProvider

FUNCTION = "AWS::Lambda::Function"
SUBNETS = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)


def _properties(stack: Stack) -> dict[str, Any]:
    [function] = Template.from_stack(stack).find_resources(FUNCTION).values()
    return dict(function["Properties"])


@pytest.mark.parametrize(
    ("argument", "value", "rule", "fix"),
    [
        ("vpc", "vpc-1", "it must be an IVpc", "Vpc.from_lookup(scope, id, vpc_id=...)"),
        ("vpc_subnets", ["subnet-1"], "it must be a SubnetSelection", "Subnet.from_subnet_id(scope, id, subnet_id)"),
        (
            "security_groups",
            ["sg-1"],
            "it must be a list of ISecurityGroup",
            "SecurityGroup.from_security_group_id(scope, id, group_id)",
        ),
        ("security_groups", "sg-1", "it must be a list of ISecurityGroup", "SecurityGroup.from_security_group_id("),
        ("log_group", "/x", "it must be an ILogGroup", "LogGroup.from_log_group_name(scope, id, name)"),
        ("role", "arn:aws:iam::123456789012:role/r", "it must be an IRole", "Role.from_role_arn(scope, id, arn)"),
        ("environment_encryption", "alias/k", "it must be an IKey", "Key.from_key_arn(scope, id, arn)"),
        ("architecture", "arm64", "it must be an Architecture", "Architecture.ARM_64 or Architecture.X86_64"),
    ],
)
def test_a_name_or_an_arn_in_place_of_a_construct_is_refused_with_what_to_pass(
    stack: Stack, argument: str, value: Any, rule: str, fix: str
) -> None:
    words = rf"^Stack/Provider: {argument} {re.escape(repr(value))} is not valid: {rule}. Pass.*{re.escape(fix)}"
    with pytest.raises(InvalidArgumentError, match=words):
        WorldExportJobProvider(stack, "Provider", **{argument: value})


def test_a_resource_in_place_of_a_construct_is_named_by_its_path(stack: Stack) -> None:
    role: Any = iam.CfnRole(stack, "Role", assume_role_policy_document={})
    with pytest.raises(InvalidArgumentError, match=r"^Stack/Provider: role CfnRole 'Stack/Role' is not valid"):
        WorldExportJobProvider(stack, "Provider", role=role)


@pytest.mark.parametrize("argument", ["vpc_subnets", "security_groups"])
def test_what_is_of_a_vpc_is_refused_without_one(stack: Stack, argument: str) -> None:
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    value: Any = {"vpc_subnets": SUBNETS, "security_groups": [group]}[argument]
    with pytest.raises(InvalidArgumentError, match=rf"^Stack/Provider: {argument} .* there is none. Pass `vpc`, too"):
        WorldExportJobProvider(stack, "Provider", **{argument: value})


def test_what_is_imported_is_taken(stack: Stack) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"], private_subnet_ids=["subnet-1"]
    )
    WorldExportJobProvider(
        stack,
        "Provider",
        vpc=vpc,
        security_groups=[ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")],
        role=iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::123456789012:role/r"),
        environment_encryption=kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-west-2:123456789012:key/k"),
    )
    assert _properties(stack)["VpcConfig"] == {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert _properties(stack)["KmsKeyArn"] == "arn:aws:kms:us-west-2:123456789012:key/k"


def test_the_architecture_may_be_chosen(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider", architecture=lambda_.Architecture.X86_64)
    assert _properties(stack)["Architectures"] == ["x86_64"]


class TestEnvironmentEncryption:
    def test_gives_the_key_to_the_function_and_its_use_to_the_role(self, stack: Stack) -> None:
        key = kms.Key(stack, "Key")
        WorldExportJobProvider(stack, "Provider", environment_encryption=key)
        arn = stack.resolve(key.key_arn)
        assert _properties(stack)["KmsKeyArn"] == arn
        statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": arn}
        Template.from_stack(stack).has_resource_properties(
            "AWS::IAM::Policy", {"PolicyDocument": {"Statement": Match.array_with([statement])}}
        )

    def test_is_lambdas_own_without_a_key(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider")
        assert "KmsKeyArn" not in _properties(stack)
        [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
        assert "kms:" not in str(policy)


class TestProxy:
    @pytest.mark.parametrize("proxy", ["http://proxy:3128", "http://proxy.example.com", "http://[::1]:3128/"])
    def test_becomes_the_variable_that_the_handler_goes_by(self, stack: Stack, proxy: str) -> None:
        WorldExportJobProvider(stack, "Provider", proxy=proxy)
        assert _properties(stack)["Environment"]["Variables"] == {"HTTPS_PROXY": proxy, "NO_VPC": "true"}

    def test_is_none_by_default(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider")
        assert _properties(stack)["Environment"]["Variables"] == {"NO_VPC": "true"}

    @pytest.mark.parametrize(
        ("proxy", "rule"),
        [
            ("https://proxy:3128", "by TLS. Pass the proxy's plain port, http://HOST:PORT"),
            ("proxy:3128", "no URL of the form http://HOST:PORT. Pass it as http://HOST:PORT"),
            ("proxy", "no URL of the form http://HOST:PORT"),
            ("", "no URL of the form http://HOST:PORT"),
            ("http://:3128", "no URL of the form http://HOST:PORT"),
            ("http://proxy:3128/path", "no URL of the form http://HOST:PORT"),
            ("http://pro xy:3128", "no URL of the form http://HOST:PORT"),
            ("socks5://proxy:1080", "no URL of the form http://HOST:PORT"),
            ("http://proxy:port", "no URL with a host and a port"),
            ("http://proxy:99999", "no URL with a host and a port"),
            (3128, "must be a string"),
        ],
    )
    def test_is_refused_if_no_answer_can_be_delivered_through_it(self, stack: Stack, proxy: Any, rule: str) -> None:
        words = rf"^Stack/Provider: proxy {re.escape(repr(proxy))} is not valid: .*{re.escape(rule)}"
        with pytest.raises(InvalidArgumentError, match=words):
            WorldExportJobProvider(stack, "Provider", proxy=proxy)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_is_refused_with_a_password_which_the_error_does_not_show(self, stack: Stack, scheme: str) -> None:
        with pytest.raises(InvalidArgumentError, match=rf"proxy '{scheme}://me:\.\.\.@proxy:3128' is not") as error:
            WorldExportJobProvider(stack, "Provider", proxy=f"{scheme}://me:pa55word@proxy:3128")
        assert "pa55word" not in str(error.value)

    def test_may_have_its_password_from_a_dynamic_reference(self, stack: Stack) -> None:
        proxy = "http://me:{{resolve:secretsmanager:proxy}}@proxy:3128"
        WorldExportJobProvider(stack, "Provider", proxy=proxy)
        assert _properties(stack)["Environment"]["Variables"]["HTTPS_PROXY"] == proxy

    def test_may_be_a_token(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "Proxy")
        WorldExportJobProvider(stack, "Provider", proxy=parameter.value_as_string)
        assert _properties(stack)["Environment"]["Variables"]["HTTPS_PROXY"] == {"Ref": "Proxy"}

    def test_must_not_be_the_parameter_itself(self, stack: Stack) -> None:
        parameter: Any = CfnParameter(stack, "Proxy")
        with pytest.raises(InvalidArgumentError, match=r"^Stack/Provider: proxy CfnParameter .*value_as_string"):
            WorldExportJobProvider(stack, "Provider", proxy=parameter)


def test_a_property_that_the_cdk_has_no_words_for_can_be_overridden(stack: Stack) -> None:
    function = WorldExportJobProvider(stack, "Provider").function.node.default_child
    assert isinstance(function, lambda_.CfnFunction)
    function.add_property_override("RuntimeManagementConfig.UpdateRuntimeOn", "FunctionUpdate")
    assert _properties(stack)["RuntimeManagementConfig"] == {"UpdateRuntimeOn": "FunctionUpdate"}


@pytest.mark.parametrize(
    ("child", "kind"),
    [("Role", "AWS::IAM::Role"), ("Policy", "AWS::IAM::Policy"), ("Logs", "AWS::Logs::LogGroup")],
)
def test_the_parts_can_be_found_by_name(stack: Stack, child: str, kind: str) -> None:
    part = WorldExportJobProvider(stack, "Provider").node.find_child(child)
    [logical_id] = Template.from_stack(stack).find_resources(kind)
    resource: Any = part.node.default_child
    assert stack.resolve(resource.logical_id) == logical_id

"""The function of a provider: its settings, its role, its permissions and its network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from aws_cdk import App, CfnParameter, Environment, NestedStack, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    InvalidArgumentError,
    Jobs,
    StateMachineExecutions,
    StopOnDeleteProvider,
)
from cdk_world_export_job import WorldExportJobProvider, WorldExportJobs
from tests.construct.makers import make_app, make_job, make_stop, make_users
from tests.construct.names import ACCOUNT, ENVIRONMENT, FUNCTION, KEY_ARN, LOG_GROUP, POLICY, ROLE, ROLE_ARN
from tests.construct.templates import Resources, change_each, of_type, properties_of, resource_of, resources, the

STACK = "AWS::CloudFormation::Stack"

# Each kind -> the services that its permissions name. tests/repository/test_docs.py compares each statement with the
# page provider.md.
KINDS: dict[type[Jobs], set[str]] = {
    WorldExportJobs: {"robomaker"},
    EcsTasks: {"cloudformation", "ecs"},
    StateMachineExecutions: {"cloudformation", "states"},
    EmrServerlessJobRuns: {"cloudformation", "emr-serverless"},
}


def _statements(found: Resources, name: str = "") -> list[dict[str, Any]]:
    policies = [policy for key, policy in of_type(found, POLICY).items() if name in key]
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


def _needed(kind: type[Jobs], stack: Stack, **options: bool) -> list[dict[str, Any]]:
    """Return the statements that a kind has for a role that is made elsewhere."""
    return [stack.resolve(statement.to_statement_json()) for statement in kind.statements(stack, **options)]


def _actions(statements: list[dict[str, Any]]) -> set[str]:
    return set(re.findall(r'"([a-z-]+:[A-Z]\w+)"', json.dumps(statements)))


def test_the_defaults(stack: Stack) -> None:
    """A function with all the time there is, a log that outlives the stack, and a role that may write it."""
    StopOnDeleteProvider(stack, "Provider")
    found = resources(stack)
    [log_group] = of_type(found, LOG_GROUP)
    properties = the(found, FUNCTION)["Properties"]
    assert {name: value for name, value in properties.items() if name not in ("Code", "Description", "Role")} == {
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Architectures": ["arm64"],
        "Timeout": 900,
        "MemorySize": 256,
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": log_group}},
        "Environment": {"Variables": {"FUNCTION_OUTSIDE_VPC": "true"}},
    }
    assert found[log_group]["Properties"]["RetentionInDays"] == 365
    assert found[log_group]["DeletionPolicy"] == "Retain"
    [statement] = _statements(found)
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == {"Fn::GetAtt": [log_group, "Arn"]}
    # Its permissions are deleted after it.
    assert set(the(found, FUNCTION)["DependsOn"]) == {*of_type(found, POLICY), *of_type(found, ROLE)}


def test_the_settings_are_the_functions(stack: Stack) -> None:
    """All in one stack, because synthesis takes time."""
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"], private_subnet_ids=["subnet-1"]
    )
    subnets = ec2.SubnetSelection(subnets=[ec2.Subnet.from_subnet_id(stack, "Subnet", "subnet-2")])
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    log_group = logs.LogGroup.from_log_group_name(stack, "Log", "/mine")
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    size: Any = CfnParameter(stack, "Size", type="Number").value_as_number
    token = CfnParameter(stack, "Proxy").value_as_string
    with_login = "http://me:{{resolve:secretsmanager:proxy}}@proxy:3128"
    fixed = iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=False)
    # Settings -> what the function's properties, or its variables, have then.
    table: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"memory_size": 1024}, {"MemorySize": 1024}),
        ({"memory_size": size}, {"MemorySize": {"Ref": "Size"}}),
        ({"log_group": log_group}, {"LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/mine"}}),
        ({"role": fixed}, {"Role": ROLE_ARN}),
        ({"architecture": lambda_.Architecture.X86_64}, {"Architectures": ["x86_64"]}),
        ({"environment_encryption": key}, {"KmsKeyArn": KEY_ARN}),
        (
            {"vpc": vpc, "vpc_subnets": subnets, "security_groups": [group]},
            {"VpcConfig": {"SubnetIds": ["subnet-2"], "SecurityGroupIds": ["sg-1"]}},
        ),
        ({"proxy": "http://proxy.example.com"}, {"HTTPS_PROXY": "http://proxy.example.com"}),
        ({"proxy": "http://[::1]:3128/"}, {"HTTPS_PROXY": "http://[::1]:3128/"}),
        ({"proxy": token}, {"HTTPS_PROXY": {"Ref": "Proxy"}}),
        ({"proxy": with_login}, {"HTTPS_PROXY": with_login}),
        ({"vpc": None, "proxy": None, "role": None, "runtime": None}, {"Runtime": "python3.13"}),
        *(
            ({"runtime": lambda_.Runtime(name, lambda_.RuntimeFamily.PYTHON)}, {"Runtime": name})
            for name in ("python3.11", "python3.12", "python3.14")
        ),
    ]
    made = [StopOnDeleteProvider(stack, f"Case{number}", **chosen) for number, (chosen, _) in enumerate(table)]
    found = resources(stack)
    for provider, (chosen, expected) in zip(made, table, strict=True):
        properties = properties_of(provider.function)
        variables = properties.get("Environment", {}).get("Variables", {})
        assert {**properties, **variables}.items() >= expected.items()
        assert ("FUNCTION_OUTSIDE_VPC" in variables) is ("VpcConfig" not in properties)
        decrypts = {"Action": "kms:Decrypt", "Effect": "Allow", "Resource": KEY_ARN}
        allowed = decrypts in _statements(found, f"{provider.node.id}Policy")
        assert allowed is ("environment_encryption" in chosen)


def test_the_parts_are_found_by_name_and_can_be_changed(stack: Stack) -> None:
    provider = StopOnDeleteProvider(stack, "Provider")
    function = cast(lambda_.CfnFunction, provider.function.node.default_child)
    function.add_property_override("VpcConfig.SubnetIds", ["subnet-1"])
    function.add_property_deletion_override("Environment.Variables.FUNCTION_OUTSIDE_VPC")
    found = [resource_of(provider.node.find_child(name)) for name in ("Role", "Policy", "Logs", "Function")]
    assert [part["Type"] for part in found] == [ROLE, POLICY, LOG_GROUP, FUNCTION]
    assert found[-1]["Properties"]["VpcConfig"] == {"SubnetIds": ["subnet-1"]}
    assert found[-1]["Properties"].get("Environment", {}).get("Variables", {}) == {}


class TestVpc:
    def test_is_deleted_after_the_function(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc", max_azs=1, restrict_default_security_group=False)
        vpc.add_interface_endpoint("RoboMaker", service=ec2.InterfaceVpcEndpointAwsService("robomaker"))
        group = ec2.SecurityGroup(stack, "Group", vpc=vpc, allow_all_outbound=False, disable_inline_rules=True)
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443))
        StopOnDeleteProvider(stack, "Provider", vpc=vpc, security_groups=[group])
        found = resources(stack)
        for part in ("Route", "SubnetRouteTableAssociation", "VPCEndpoint", "SecurityGroupEgress"):
            network = of_type(found, f"AWS::EC2::{part}")
            assert network
            assert set(network) <= set(the(found, FUNCTION)["DependsOn"])
        # Its permissions are on the page provider.md (tests/repository/test_docs.py), and not in a managed policy.
        assert "ManagedPolicyArns" not in the(found, ROLE)["Properties"]

    def test_of_an_aspect_is_seen(self, stack: Stack) -> None:
        """The handler may take silence for the retirement of RoboMaker only outside a VPC."""
        in_vpc = lambda_.CfnFunction.VpcConfigProperty(subnet_ids=["subnet-1"], security_group_ids=["sg-1"])
        StopOnDeleteProvider(stack, "Provider")
        change_each(lambda_.CfnFunction, stack, lambda function: setattr(function, "vpc_config", in_vpc))
        assert the(resources(stack), FUNCTION)["Properties"].get("Environment", {}).get("Variables", {}) == {}


class TestPermissions:
    """One policy a kind, beside the function, for all jobs of the account; each user is deleted before it."""

    @pytest.fixture
    def stack(self) -> Stack:
        """Return a stack that writes partitions as they are, which reads better."""
        return Stack(make_app(**{"@aws-cdk/core:enablePartitionLiterals": True}), "Stack", env=ENVIRONMENT)

    def test_are_those_of_each_kind_that_is_used_and_read_only_the_own_stack_unless_it_is_listed(
        self, stack: Stack
    ) -> None:
        provider = WorldExportJobProvider(stack, "Provider", kinds=[EcsTasks, EcsTasks])
        made = [make_users(Construct(stack, name), provider) for name in ("One", "Two")]
        found = resources(stack)
        [role] = of_type(found, ROLE)
        for kind, services in KINDS.items():
            [name] = [name for name in of_type(found, POLICY) if kind.__name__ in name]
            listed = kind in (WorldExportJobs, EcsTasks)
            assert _statements(found, name) == _needed(kind, stack, other_stacks=listed)
            assert {action.partition(":")[0] for action in _actions(_statements(found, name))} == services
            assert found[name]["Properties"]["Roles"] == [{"Ref": role}]
            for users in made:
                assert users[kind].provider is provider
                assert name in resource_of(users[kind])["DependsOn"]
        [read, *_] = _statements(found, "JobRunsPolicy")
        assert read["Resource"] == {"Ref": "AWS::StackId"}
        the(found, FUNCTION)

    def test_in_a_nested_stack_include_its_root(self, stack: Stack) -> None:
        """The handler reads the root to tell its deletion from that of one nested stack."""
        outer = NestedStack(stack, "Outer")
        inner = NestedStack(outer, "Inner")
        make_stop(inner)
        found = {each.node.id: Template.from_stack(each).to_json() for each in (stack, outer, inner)}
        [parameter], [of_outer] = found["Inner"]["Parameters"], found["Outer"]["Parameters"]
        [read, *_] = _statements(found["Inner"]["Resources"], "JobRunsPolicy")
        assert read["Resource"] == [{"Ref": parameter}, {"Ref": "AWS::StackId"}]
        given = [the(found[name]["Resources"], STACK)["Properties"]["Parameters"] for name in ("Stack", "Outer")]
        assert given == [{of_outer: {"Ref": "AWS::StackId"}}, {parameter: {"Ref": of_outer}}]

    def test_have_the_partition_of_the_stack(self) -> None:
        app = make_app(**{"@aws-cdk/core:enablePartitionLiterals": True})
        stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        StopOnDeleteProvider(stack, "Provider", kinds=list(KINDS))
        found = resources(stack)
        # Its log is in text format, which is the only one there.
        assert the(found, FUNCTION)["Properties"]["LoggingConfig"]["LogFormat"] == "Text"
        assert set(re.findall("arn:aws[a-z-]*", json.dumps(_statements(found)))) == {"arn:aws-us-gov"}

    @pytest.mark.parametrize("mutable", [True, False])
    def test_are_given_to_a_role_that_is_imported_unless_it_can_not_be_changed(
        self, stack: Stack, mutable: bool
    ) -> None:
        role = iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=mutable)
        job = make_job(stack, provider=StopOnDeleteProvider(stack, "Provider", role=role))
        needed = _needed(WorldExportJobs, stack) if mutable else []
        assert _statements(resources(stack), "WorldExportJobsPolicy") == needed
        assert ("DependsOn" in resource_of(job)) is mutable

    def test_are_complete_when_a_role_is_customized(self, tmp_path: Path) -> None:
        """`Role.customize_roles` reads a policy when it is attached, for those who make the roles by hand."""
        app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
        stack = Stack(app, "Stack")
        iam.Role.customize_roles(stack, prevent_synthesis=False)
        make_users(stack)
        app.synth()
        report = (tmp_path / "iam-policy-report.txt").read_text()
        actions = {action for kind in KINDS for action in _actions(_needed(kind, stack))}
        assert [action for action in {"logs:PutLogEvents", *actions} if action not in report] == []

    def test_that_several_stacks_give_a_role_do_not_replace_each_other(self, app: App) -> None:
        outer = Stack(app, "Outer")
        role = iam.Role(outer, "MyRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        stacks = [Stack(app, "One"), Stack(app, "A" * 80), NestedStack(outer, "One"), NestedStack(outer, "Two")]
        for stack in stacks:
            make_users(stack, StopOnDeleteProvider(stack, "Provider", role=role))
        app.synth()
        names = set()
        for stack in stacks:
            for policy in of_type(resources(stack), POLICY).values():
                [name, region] = policy["Properties"]["PolicyName"]["Fn::Join"][1]
                assert region == {"Ref": "AWS::Region"}
                assert len(name) < 128 - len("ap-northeast-1")
                names.add(name)
        assert len(names) == len(stacks) * (1 + len(KINDS))


class TestShared:
    def test_is_the_same_for_every_scope_and_class_with_the_kinds_of_the_class(self, app: App, stack: Stack) -> None:
        provider = WorldExportJobProvider.get_or_create(stack)
        assert StopOnDeleteProvider.get_or_create(provider) is provider
        assert type(provider) is StopOnDeleteProvider
        assert make_job(stack).provider is make_stop(stack).provider is provider
        make_job(Stack(app, "Elsewhere"), provider=provider)
        assert len(_statements(resources(stack), "WorldExportJobsPolicy")) == 1

    def test_has_settings_if_it_is_made_first(self, stack: Stack) -> None:
        provider = WorldExportJobProvider(stack, "StopOnDeleteProvider", memory_size=512)
        assert make_job(stack).provider is make_stop(stack).provider is provider
        assert the(resources(stack), FUNCTION)["Properties"]["MemorySize"] == 512

    @pytest.mark.parametrize(
        ("other", "words"),
        [
            (StopOnDeleteProvider, "Make a provider before the constructs that use it"),
            (CfnParameter, "there is a CfnParameter of this id"),
        ],
    )
    def test_is_not_made_where_there_is_a_construct_of_its_id(
        self, stack: Stack, other: type[Construct], words: str
    ) -> None:
        other(stack, "Provider")
        with pytest.raises(InvalidArgumentError, match=rf"^Stack/Provider: id 'Provider' is not valid: .*{words}"):
            StopOnDeleteProvider(stack, "Provider")

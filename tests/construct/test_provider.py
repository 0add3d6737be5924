"""The function of a provider: its settings, its role, its permissions and its network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, cast

import jsii
import pytest
from aws_cdk import App, Aspects, CfnParameter, Environment, IAspect, NestedStack, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct, IConstruct

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    InvalidArgumentError,
    Jobs,
    StateMachineExecutions,
    StopOnDeleteProvider,
)
from cdk_world_export_job import WorldExportJobProvider, WorldExportJobs
from tests.construct.conftest import (
    ACCOUNT,
    Resources,
    make_app,
    make_job,
    make_stop,
    of_type,
    properties_of,
    resource_of,
    resources,
    the,
)

STACK = "AWS::CloudFormation::Stack"
FUNCTION, POLICY, LOG_GROUP, ROLE = "AWS::Lambda::Function", "AWS::IAM::Policy", "AWS::Logs::LogGroup", "AWS::IAM::Role"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/mine"
KEY_ARN = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"


def _arn(service: str, resource: str, region: str = "*") -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def _allowed(action: str | list[str], resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


READS = _allowed(
    [
        "cloudformation:DescribeStackResource",
        "cloudformation:DescribeStacks",
        "cloudformation:GetTemplate",
        "cloudformation:ListStackResources",
    ],
    _arn("cloudformation", "stack/*/*", "us-west-2"),
)
CLUSTERS = _arn("ecs", "cluster/*")
STATEMENTS: dict[type[Jobs], list[dict[str, Any]]] = {
    WorldExportJobs: [
        _allowed(
            ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"],
            _arn("robomaker", "world-export-job/*"),
        )
    ],
    EcsTasks: [
        READS,
        _allowed("ecs:DescribeClusters", CLUSTERS),
        _allowed(["ecs:ListDaemons", "ecs:ListTasks"], "*", Condition={"ArnLike": {"ecs:cluster": CLUSTERS}}),
        _allowed(["ecs:DescribeTasks", "ecs:StopTask"], _arn("ecs", "task/*")),
    ],
    StateMachineExecutions: [
        READS,
        _allowed("states:ListExecutions", _arn("states", "stateMachine:*")),
        _allowed("states:StopExecution", _arn("states", "execution:*:*")),
    ],
    EmrServerlessJobRuns: [
        READS,
        _allowed(
            [
                "emr-serverless:GetApplication",
                "emr-serverless:ListJobRuns",
                "emr-serverless:ListSessions",
                "emr-serverless:StopApplication",
            ],
            _arn("emr-serverless", "/applications/*"),
        ),
        _allowed("emr-serverless:CancelJobRun", _arn("emr-serverless", "/applications/*/jobruns/*")),
        _allowed("emr-serverless:TerminateSession", _arn("emr-serverless", "/applications/*/sessions/*")),
    ],
}
EVERY_KIND = pytest.mark.parametrize("kind", STATEMENTS)


def _statements_of(kind: type[Jobs], *stacks: object) -> list[dict[str, Any]]:
    """Give the statements of a kind that is not listed, so that the function reads only these stacks."""
    reads = {**READS, "Resource": stacks[0] if len(stacks) == 1 else [*stacks]}
    return [reads if statement is READS else statement for statement in STATEMENTS[kind]]


def make_user(scope: Construct, kind: type[Jobs], provider: Any = None, name: str = "User") -> Construct:
    """Make a construct that stops jobs of a kind."""
    if kind is WorldExportJobs:
        return make_job(scope, name, provider=provider)
    jobs: dict[Any, Any] = {
        EcsTasks: lambda: EcsTasks(ecs.CfnCluster(scope, f"Cluster{name}")),
        StateMachineExecutions: lambda: StateMachineExecutions(
            sfn.CfnStateMachine(scope, f"StateMachine{name}", role_arn="role")
        ),
        EmrServerlessJobRuns: lambda: EmrServerlessJobRuns("00fexample"),
    }
    return make_stop(scope, name, jobs=jobs[kind](), provider=provider)


def _statements(found: Resources, name: str = "") -> list[dict[str, Any]]:
    policies = [policy for key, policy in of_type(found, POLICY).items() if name in key]
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


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
    writes = {"Fn::GetAtt": [log_group, "Arn"]}
    assert _statements(found) == [{**_allowed(["logs:CreateLogStream", "logs:PutLogEvents"], ""), "Resource": writes}]
    assert "ManagedPolicyArns" not in the(found, ROLE)["Properties"]
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
        decrypts = _allowed("kms:Decrypt", KEY_ARN) in _statements(found, f"{provider.node.id}Policy")
        assert decrypts is ("environment_encryption" in chosen)


def test_the_parts_are_found_by_name_and_can_be_changed(stack: Stack) -> None:
    provider = StopOnDeleteProvider(stack, "Provider")
    function = cast(lambda_.CfnFunction, provider.function.node.default_child)
    function.add_property_override("RuntimeManagementConfig.UpdateRuntimeOn", "FunctionUpdate")
    function.add_property_override("VpcConfig.SubnetIds", ["subnet-1"])
    function.add_property_deletion_override("Environment.Variables.FUNCTION_OUTSIDE_VPC")
    iam.PermissionsBoundary.of(stack).apply(iam.ManagedPolicy.from_aws_managed_policy_name("Boundary"))
    found = {name: resource_of(provider.node.find_child(name)) for name in ("Role", "Policy", "Logs", "Function")}
    assert [part["Type"] for part in found.values()] == [ROLE, POLICY, LOG_GROUP, FUNCTION]
    properties = found["Function"]["Properties"]
    assert properties["RuntimeManagementConfig"] == {"UpdateRuntimeOn": "FunctionUpdate"}
    assert properties.get("Environment", {}).get("Variables", {}) == {}
    assert "PermissionsBoundary" in found["Role"]["Properties"]


@pytest.fixture(scope="module")
def in_a_vpc() -> Resources:
    stack = Stack(make_app(), "Stack")
    vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
    vpc.add_interface_endpoint("RoboMaker", service=ec2.InterfaceVpcEndpointAwsService("robomaker"))
    vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc, allow_all_outbound=False, disable_inline_rules=True)
    group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443))
    StopOnDeleteProvider(stack, "Provider", vpc=vpc, security_groups=[group])
    return resources(stack)


class TestVpc:
    def test_is_deleted_after_the_function(self, in_a_vpc: Resources) -> None:
        [function] = [body for body in of_type(in_a_vpc, FUNCTION).values() if "VpcConfig" in body["Properties"]]
        for part in ("Route", "SubnetRouteTableAssociation", "VPCEndpoint", "SecurityGroupEgress"):
            network = of_type(in_a_vpc, f"AWS::EC2::{part}")
            assert network
            assert set(network) <= set(function["DependsOn"])

    def test_gives_the_role_network_interfaces_and_no_managed_policy(self, in_a_vpc: Resources) -> None:
        [statement] = [statement for statement in _statements(in_a_vpc, "Provider") if statement["Resource"] == "*"]
        assert statement["Action"] == [
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ]
        roles = of_type(in_a_vpc, ROLE).items()
        assert not any("ManagedPolicyArns" in role["Properties"] for name, role in roles if "Provider" in name)

    def test_of_an_aspect_is_seen(self, stack: Stack) -> None:
        """The handler may take silence for the retirement of RoboMaker only outside a VPC."""

        @jsii.implements(IAspect)
        class IntoTheVpc:
            def visit(self, node: IConstruct) -> None:
                if isinstance(node, lambda_.CfnFunction):
                    node.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                        subnet_ids=["subnet-1"], security_group_ids=["sg-1"]
                    )

        StopOnDeleteProvider(stack, "Provider")
        Aspects.of(stack).add(IntoTheVpc())
        assert the(resources(stack), FUNCTION)["Properties"].get("Environment", {}).get("Variables", {}) == {}


class TestPermissions:
    """One policy a kind, beside the function, for all jobs of the account; each user is deleted before it."""

    @pytest.fixture
    def stack(self) -> Stack:
        """Give a stack that writes partitions as they are, which reads better."""
        app = make_app(**{"@aws-cdk/core:enablePartitionLiterals": True})
        return Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-west-2"))

    @pytest.mark.parametrize("listed", [False, True])
    @EVERY_KIND
    def test_are_those_of_the_kind_and_no_more(self, stack: Stack, kind: type[Jobs], listed: bool) -> None:
        provider = StopOnDeleteProvider(stack, "Mine", kinds=[kind, kind]) if listed else None
        users = [make_user(stack, kind, provider, name) for name in ("One", "Two")]
        found = resources(stack)
        assert len(of_type(found, POLICY)) == 2
        expected = STATEMENTS[kind] if listed else _statements_of(kind, {"Ref": "AWS::StackId"})
        assert _statements(found, f"{kind.__name__}Policy") == expected
        [policy] = [name for name in of_type(found, POLICY) if kind.__name__ in name]
        assert [resource_of(user)["DependsOn"] for user in users] == [[policy], [policy]]
        [role] = of_type(found, ROLE)
        assert found[policy]["Properties"]["Roles"] == [{"Ref": role}]
        # Only those of a StopOnDelete ask CloudFormation.
        assert ("cloudformation:" in str(_statements(found))) is (kind is not WorldExportJobs)

    def test_of_a_kind_that_is_not_listed_come_with_its_use_in_the_same_stack(self, stack: Stack) -> None:
        provider = WorldExportJobProvider(stack, "Provider", kinds=[EcsTasks])
        make_user(stack, StateMachineExecutions, provider)
        found = resources(stack)
        for kind in (WorldExportJobs, EcsTasks):
            assert _statements(found, f"{kind.__name__}Policy") == STATEMENTS[kind]
        unlisted = _statements_of(StateMachineExecutions, {"Ref": "AWS::StackId"})
        assert _statements(found, "StateMachineExecutionsPolicy") == unlisted
        the(found, FUNCTION)

    def test_in_a_nested_stack_include_its_root(self, stack: Stack) -> None:
        """The handler reads the root to tell its deletion from that of one nested stack."""
        outer = NestedStack(stack, "Outer")
        inner = NestedStack(outer, "Inner")
        make_user(inner, EmrServerlessJobRuns)
        found = {each.node.id: Template.from_stack(each).to_json() for each in (stack, outer, inner)}
        [parameter] = found["Inner"]["Parameters"]
        assert _statements(found["Inner"]["Resources"], "JobRunsPolicy") == _statements_of(
            EmrServerlessJobRuns, {"Ref": parameter}, {"Ref": "AWS::StackId"}
        )
        [of_outer] = found["Outer"]["Parameters"]
        given = [the(found[name]["Resources"], STACK)["Properties"]["Parameters"] for name in ("Stack", "Outer")]
        assert given == [{of_outer: {"Ref": "AWS::StackId"}}, {parameter: {"Ref": of_outer}}]

    def test_have_the_partition_of_the_stack(self) -> None:
        app = make_app(**{"@aws-cdk/core:enablePartitionLiterals": True})
        stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        StopOnDeleteProvider(stack, "Provider", kinds=list(STATEMENTS))
        found = resources(stack)
        # Its log is in text format, which is the only one there.
        assert the(found, FUNCTION)["Properties"]["LoggingConfig"]["LogFormat"] == "Text"
        arns = [arn for statement in _statements(found) if str(arn := statement["Resource"]) != "*"]
        assert len([arn for arn in arns if str(arn).startswith("arn:aws-us-gov:")]) == 11

    def test_are_public_for_a_role_that_is_made_elsewhere(self, stack: Stack) -> None:
        for kind, expected in STATEMENTS.items():
            statements = [stack.resolve(statement.to_statement_json()) for statement in kind.statements(stack)]
            assert statements == expected

    def test_are_left_to_a_role_that_can_not_be_changed(self, stack: Stack) -> None:
        role = iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=False)
        user = make_user(stack, EcsTasks, StopOnDeleteProvider(stack, "Provider", role=role))
        assert of_type(resources(stack), POLICY) == {}
        assert "DependsOn" not in resource_of(user)

    def test_are_complete_when_a_role_is_customized(self, tmp_path: Path) -> None:
        """`Role.customize_roles` reads a policy when it is attached, for those who make the roles by hand."""
        app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
        stack = Stack(app, "Stack")
        iam.Role.customize_roles(stack, prevent_synthesis=False)
        for kind in STATEMENTS:
            make_user(stack, kind, name=kind.__name__)
        app.synth()
        report = (tmp_path / "iam-policy-report.txt").read_text()
        actions = re.findall(r'"[a-z-]+:[A-Z]\w+"', json.dumps([*STATEMENTS.values(), "logs:PutLogEvents"]))
        assert len(actions) > 20
        assert [action for action in actions if action not in report] == []

    def test_are_given_to_a_role_that_is_imported(self, stack: Stack) -> None:
        role = iam.Role.from_role_arn(stack, "Role", ROLE_ARN)
        make_user(stack, WorldExportJobs, StopOnDeleteProvider(stack, "Provider", role=role))
        assert _statements(resources(stack), "WorldExportJobsPolicy") == STATEMENTS[WorldExportJobs]

    def test_that_several_stacks_give_a_role_do_not_replace_each_other(self, app: App) -> None:
        outer = Stack(app, "Outer")
        role = iam.Role(outer, "MyRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        stacks = [Stack(app, "One"), Stack(app, "A" * 80), NestedStack(outer, "One"), NestedStack(outer, "Two")]
        for stack in stacks:
            provider = StopOnDeleteProvider(stack, "Provider", role=role)
            for kind in STATEMENTS:
                make_user(stack, kind, provider, f"Stop{kind.__name__}")
        app.synth()
        names = set()
        for stack in stacks:
            for policy in of_type(resources(stack), POLICY).values():
                [name, region] = policy["Properties"]["PolicyName"]["Fn::Join"][1]
                assert region == {"Ref": "AWS::Region"}
                assert len(name) < 128 - len("ap-northeast-1")
                names.add(name)
        assert len(names) == len(stacks) * (1 + len(STATEMENTS))


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

    def test_takes_no_settings_later(self, stack: Stack) -> None:
        make_job(stack)
        words = r"^Stack/StopOnDeleteProvider: id 'StopOnDeleteProvider' is not valid: .* Make a provider before"
        with pytest.raises(InvalidArgumentError, match=words):
            StopOnDeleteProvider(stack, "StopOnDeleteProvider", memory_size=512)

    def test_is_not_another_construct_of_its_id(self, stack: Stack) -> None:
        CfnParameter(stack, "StopOnDeleteProvider")
        words = "^Stack/StopOnDeleteProvider: id CfnParameter .* there is a CfnParameter of this id"
        with pytest.raises(InvalidArgumentError, match=words):
            make_stop(stack)

"""The function of a provider: its settings, its role, its permissions and its network."""

from __future__ import annotations

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

FUNCTION, POLICY, LOG_GROUP, ROLE = "AWS::Lambda::Function", "AWS::IAM::Policy", "AWS::Logs::LogGroup", "AWS::IAM::Role"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/mine"
KEY_ARN = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"


def _function_role(scope: Construct, name: str = "MyRole") -> iam.Role:
    return iam.Role(scope, name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def _arn(service: str, resource: str, region: str = "*") -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def _allowed(action: str | list[str], resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


READS = _allowed(
    ["cloudformation:DescribeStackResource", "cloudformation:DescribeStacks", "cloudformation:GetTemplate"],
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
        _allowed("ecs:ListTasks", "*", Condition={"ArnLike": {"ecs:cluster": CLUSTERS}}),
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
            ["emr-serverless:GetApplication", "emr-serverless:ListJobRuns", "emr-serverless:StopApplication"],
            _arn("emr-serverless", "/applications/*"),
        ),
        _allowed("emr-serverless:CancelJobRun", _arn("emr-serverless", "/applications/*/jobruns/*")),
    ],
}
EVERY_KIND = pytest.mark.parametrize("kind", STATEMENTS)


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


@pytest.fixture(scope="module")
def defaults() -> Resources:
    stack = Stack(make_app(), "Stack")
    StopOnDeleteProvider(stack, "Provider")
    return resources(stack)


class TestDefaults:
    def test_are_a_function_that_logs_json_and_has_all_the_time_there_is(self, defaults: Resources) -> None:
        [log_group] = of_type(defaults, LOG_GROUP)
        properties = the(defaults, FUNCTION)["Properties"]
        assert {name: value for name, value in properties.items() if name not in ("Code", "Description", "Role")} == {
            "Handler": "index.handler",
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Timeout": 900,
            "MemorySize": 256,
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": log_group}},
            "Environment": {"Variables": {"FUNCTION_OUTSIDE_VPC": "true"}},
        }

    def test_are_a_log_that_is_kept_for_a_year_and_outlives_the_stack(self, defaults: Resources) -> None:
        log_group = the(defaults, LOG_GROUP)
        assert (log_group["Properties"]["RetentionInDays"], log_group["DeletionPolicy"]) == (365, "Retain")

    def test_are_a_role_that_may_write_the_log_and_nothing_else(self, defaults: Resources) -> None:
        [log_group] = of_type(defaults, LOG_GROUP)
        [statement] = _statements(defaults)
        assert (statement["Action"], statement["Resource"]) == (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {"Fn::GetAtt": [log_group, "Arn"]},
        )
        assert "ManagedPolicyArns" not in the(defaults, ROLE)["Properties"]

    def test_are_permissions_that_are_deleted_after_the_function(self, defaults: Resources) -> None:
        assert set(the(defaults, FUNCTION)["DependsOn"]) == {*of_type(defaults, POLICY), *of_type(defaults, ROLE)}


@pytest.fixture(scope="module")
def settings_stack() -> Stack:
    return Stack(make_app(), "Stack")


@pytest.fixture(scope="module")
def made(settings_stack: Stack) -> dict[str, StopOnDeleteProvider]:
    stack = settings_stack
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"], private_subnet_ids=["subnet-1"]
    )
    subnet = ec2.Subnet.from_subnet_id(stack, "Subnet", "subnet-2")
    size: Any = CfnParameter(stack, "Size", type="Number").value_as_number
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    settings: dict[str, dict[str, Any]] = {
        "memory_size": {"memory_size": 1024},
        "memory_size token": {"memory_size": size},
        "log_group": {"log_group": logs.LogGroup.from_log_group_name(stack, "Log", "/mine")},
        "role": {"role": iam.Role.from_role_arn(stack, "Role", ROLE_ARN, mutable=False)},
        "architecture": {"architecture": lambda_.Architecture.X86_64},
        "environment_encryption": {"environment_encryption": key},
        "vpc": {"vpc": vpc, "security_groups": [group]},
        "vpc_subnets": {"vpc": vpc, "vpc_subnets": ec2.SubnetSelection(subnets=[subnet])},
        "proxy": {"proxy": "http://proxy.example.com"},
        "proxy ipv6": {"proxy": "http://[::1]:3128/"},
        "proxy token": {"proxy": CfnParameter(stack, "Proxy").value_as_string},
        "proxy password": {"proxy": "http://me:{{resolve:secretsmanager:proxy}}@proxy:3128"},
        "none": {"vpc": None, "proxy": None, "role": None, "runtime": None},
        **{
            f"runtime {name}": {"runtime": lambda_.Runtime(name, lambda_.RuntimeFamily.PYTHON)}
            for name in ("python3.11", "python3.12", "python3.14")
        },
    }
    return {name: StopOnDeleteProvider(stack, f"Case {name}", **chosen) for name, chosen in settings.items()}


class TestSettings:
    """All in one stack, because synthesis takes time."""

    @pytest.mark.parametrize(
        ("case", "expected"),
        [
            ("memory_size", {"MemorySize": 1024}),
            ("memory_size token", {"MemorySize": {"Ref": "Size"}}),
            ("log_group", {"LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/mine"}}),
            ("role", {"Role": ROLE_ARN}),
            ("architecture", {"Architectures": ["x86_64"]}),
            ("environment_encryption", {"KmsKeyArn": KEY_ARN}),
            ("vpc", {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}),
            ("proxy", {"HTTPS_PROXY": "http://proxy.example.com"}),
            ("proxy ipv6", {"HTTPS_PROXY": "http://[::1]:3128/"}),
            ("proxy token", {"HTTPS_PROXY": {"Ref": "Proxy"}}),
            ("proxy password", {"HTTPS_PROXY": "http://me:{{resolve:secretsmanager:proxy}}@proxy:3128"}),
            ("none", {"Runtime": "python3.13", "FUNCTION_OUTSIDE_VPC": "true"}),
            ("runtime python3.11", {"Runtime": "python3.11"}),
            ("runtime python3.12", {"Runtime": "python3.12"}),
            ("runtime python3.14", {"Runtime": "python3.14"}),
        ],
    )
    def test_are_the_functions(
        self, made: dict[str, StopOnDeleteProvider], case: str, expected: dict[str, Any]
    ) -> None:
        properties = properties_of(made[case].function)
        variables = properties.get("Environment", {}).get("Variables", {})
        assert {**properties, **variables}.items() >= expected.items()
        assert ("FUNCTION_OUTSIDE_VPC" in variables) is ("VpcConfig" not in properties)

    def test_choose_the_subnets(self, made: dict[str, StopOnDeleteProvider]) -> None:
        assert properties_of(made["vpc_subnets"].function)["VpcConfig"]["SubnetIds"] == ["subnet-2"]

    def test_let_the_role_use_the_key(self, settings_stack: Stack, made: dict[str, StopOnDeleteProvider]) -> None:
        keyed = [statement for statement in _statements(resources(settings_stack)) if "kms:" in str(statement)]
        assert keyed == [_allowed("kms:Decrypt", KEY_ARN)]
        assert "kms:" in str(resource_of(made["environment_encryption"].node.find_child("Policy")))

    def test_make_no_policy_of_a_role_that_can_not_be_changed(self, made: dict[str, StopOnDeleteProvider]) -> None:
        stack = Stack.of(made["role"])
        assert not any("Caserole" in name for name in of_type(resources(stack), POLICY))


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
    @pytest.mark.parametrize(
        "resource_type",
        [
            "AWS::EC2::Route",
            "AWS::EC2::SubnetRouteTableAssociation",
            "AWS::EC2::VPCEndpoint",
            "AWS::EC2::SecurityGroupEgress",
        ],
    )
    def test_is_deleted_after_the_function(self, in_a_vpc: Resources, resource_type: str) -> None:
        [function] = [body for body in of_type(in_a_vpc, FUNCTION).values() if "VpcConfig" in body["Properties"]]
        assert of_type(in_a_vpc, resource_type)
        assert set(of_type(in_a_vpc, resource_type)) <= set(function["DependsOn"])

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
        assert _statements(found, f"{kind.__name__}Policy") == STATEMENTS[kind]
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
        for kind in (WorldExportJobs, EcsTasks, StateMachineExecutions):
            assert _statements(found, f"{kind.__name__}Policy") == STATEMENTS[kind]
        the(found, FUNCTION)

    def test_have_the_partition_of_the_stack(self) -> None:
        app = make_app(**{"@aws-cdk/core:enablePartitionLiterals": True})
        stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        StopOnDeleteProvider(stack, "Provider", kinds=list(STATEMENTS))
        arns = [arn for statement in _statements(resources(stack)) if str(arn := statement["Resource"]) != "*"]
        assert len([arn for arn in arns if str(arn).startswith("arn:aws-us-gov:")]) == 10

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
        make_user(stack, EcsTasks)
        app.synth()
        report = (tmp_path / "iam-policy-report.txt").read_text()
        assert "ecs:StopTask" in report
        assert "logs:PutLogEvents" in report

    @pytest.mark.parametrize("imported", [False, True])
    def test_are_given_to_a_role_of_another_stack(self, app: App, imported: bool) -> None:
        elsewhere, stack = Stack(app, "Elsewhere"), Stack(app, "Users")
        role: iam.IRole = iam.Role.from_role_arn(elsewhere, "Role", ROLE_ARN) if imported else _function_role(elsewhere)
        make_user(stack, WorldExportJobs, StopOnDeleteProvider(stack, "Provider", role=role))
        [statement] = _statements(resources(stack), "WorldExportJobsPolicy")
        assert statement["Action"] == STATEMENTS[WorldExportJobs][0]["Action"]

    def test_that_several_stacks_give_a_role_do_not_replace_each_other(self, app: App) -> None:
        outer = Stack(app, "Outer")
        role = _function_role(outer)
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
    def test_is_the_same_for_every_scope_and_class(self, stack: Stack) -> None:
        first = WorldExportJobProvider.get_or_create(stack)
        assert StopOnDeleteProvider.get_or_create(first) is first
        assert type(first) is StopOnDeleteProvider
        assert make_job(stack).provider is make_stop(stack).provider is first

    def test_may_do_what_the_class_that_it_is_asked_of_lists(self, app: App, stack: Stack) -> None:
        provider = WorldExportJobProvider.get_or_create(stack)
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

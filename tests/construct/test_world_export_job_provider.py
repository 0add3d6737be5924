"""The function, its role and its log."""

from __future__ import annotations

from typing import Any

import jsii
import pytest
from aws_cdk import App, Aspects, CfnParameter, Environment, IAspect, NestedStack, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Match, Template
from constructs import IConstruct

from cdk_world_export_job import InvalidArgumentError, WorldExportJobProvider

FUNCTION, POLICY, LOG_GROUP = "AWS::Lambda::Function", "AWS::IAM::Policy", "AWS::Logs::LogGroup"


def _statements(stack: Stack) -> list[dict[str, Any]]:
    policies = Template.from_stack(stack).find_resources(POLICY).values()
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


def _of(stack: Stack, kind: str) -> set[str]:
    return set(Template.from_stack(stack).find_resources(kind))


def _needs(stack: Stack) -> set[str]:
    [function] = Template.from_stack(stack).find_resources(FUNCTION).values()
    return set(function["DependsOn"])


def test_the_function_is_what_the_design_says(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    Template.from_stack(stack).has_resource_properties(
        FUNCTION,
        {
            "Handler": "index.handler",
            "Timeout": 900,
            "MemorySize": 256,
            "Architectures": ["arm64"],
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": Match.any_value()},
        },
    )


class TestRuntime:
    def test_is_python_3_13_whatever_the_cdk_names(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider")
        Template.from_stack(stack).has_resource_properties(FUNCTION, {"Runtime": "python3.13"})

    @pytest.mark.parametrize(
        "runtime",
        [
            lambda_.Runtime.PYTHON_3_11,
            lambda_.Runtime.PYTHON_3_12,
            lambda_.Runtime("python3.14", lambda_.RuntimeFamily.PYTHON),
        ],
        ids=lambda runtime: runtime.name,
    )
    def test_may_be_a_python_that_the_handler_is_tested_on(self, stack: Stack, runtime: lambda_.Runtime) -> None:
        WorldExportJobProvider(stack, "Provider", runtime=runtime)
        Template.from_stack(stack).has_resource_properties(FUNCTION, {"Runtime": runtime.name})

    @pytest.mark.parametrize(
        "runtime",
        [lambda_.Runtime.PYTHON_3_10, lambda_.Runtime.NODEJS_20_X, lambda_.Runtime.PROVIDED_AL2023],
        ids=lambda runtime: runtime.name,
    )
    def test_must_not_be_another(self, stack: Stack, runtime: lambda_.Runtime) -> None:
        words = rf"^Stack/Provider: runtime '{runtime.name}' is not valid: .* needs 3\.11 or newer\. Leave it out"
        with pytest.raises(ValueError, match=words):
            WorldExportJobProvider(stack, "Provider", runtime=runtime)

    def test_must_be_a_runtime(self, stack: Stack) -> None:
        name: Any = "python3.13"
        words = r"^Stack/Provider: runtime 'python3\.13' is not valid: it must be a Runtime\. .*Runtime\.PYTHON_3_13"
        with pytest.raises(InvalidArgumentError, match=words):
            WorldExportJobProvider(stack, "Provider", runtime=name)


class TestNoVpc:
    """The function may take silence for the end of RoboMaker only where it is known to be in no VPC."""

    @staticmethod
    def _variables(stack: Stack) -> dict[str, str]:
        [function] = Template.from_stack(stack).find_resources(FUNCTION).values()
        return dict(function["Properties"].get("Environment", {}).get("Variables", {}))

    def test_is_said_where_there_is_none(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider")
        assert self._variables(stack) == {"NO_VPC": "true"}

    def test_is_not_said_where_there_is_one(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider", vpc=ec2.Vpc(stack, "Vpc"))
        assert self._variables(stack) == {}

    def test_is_not_said_where_an_aspect_puts_the_function_into_one(self, app: App, stack: Stack) -> None:
        @jsii.implements(IAspect)
        class IntoTheVpc:
            def visit(self, node: IConstruct) -> None:
                if isinstance(node, lambda_.CfnFunction):
                    node.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                        subnet_ids=["subnet-1"], security_group_ids=["sg-1"]
                    )

        WorldExportJobProvider(stack, "Provider")
        Aspects.of(app).add(IntoTheVpc())
        app.synth()
        assert self._variables(stack) == {}

    def test_can_be_taken_out_by_hand_beside_a_raw_override(self, stack: Stack) -> None:
        function = WorldExportJobProvider(stack, "Provider").function.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        function.add_property_override("VpcConfig.SubnetIds", ["subnet-1"])
        function.add_property_deletion_override("Environment.Variables.NO_VPC")
        assert self._variables(stack) == {}


def test_the_log_is_kept_for_a_year_and_outlives_the_stack(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    Template.from_stack(stack).has_resource(
        LOG_GROUP, {"Properties": {"RetentionInDays": 365}, "DeletionPolicy": "Retain"}
    )


def test_the_role_may_cancel_and_describe_jobs_write_its_log_and_nothing_else(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    log_group = next(iter(Template.from_stack(stack).find_resources(LOG_GROUP)))
    jobs = ["arn:", {"Ref": "AWS::Partition"}, ":robomaker:*:", {"Ref": "AWS::AccountId"}, ":world-export-job/*"]
    assert _statements(stack) == [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [log_group, "Arn"]},
        },
        {
            "Effect": "Allow",
            "Action": ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"],
            "Resource": {"Fn::Join": ["", jobs]},
        },
    ]
    [role] = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    assert "ManagedPolicyArns" not in role["Properties"]


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")])
def test_the_arn_in_the_policy_has_the_partition_of_the_stack(region: str, partition: str) -> None:
    app = App(context={"@aws-cdk/core:enablePartitionLiterals": True})
    stack = Stack(app, "Stack", env=Environment(account="123456789012", region=region))
    WorldExportJobProvider(stack, "Provider")
    assert _statements(stack)[1]["Resource"] == f"arn:{partition}:robomaker:*:123456789012:world-export-job/*"


def test_the_permissions_are_deleted_after_the_function(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    assert _needs(stack) == _of(stack, POLICY) | _of(stack, "AWS::IAM::Role")


def test_ones_own_settings_are_taken(stack: Stack) -> None:
    log_group = logs.LogGroup(stack, "Log")
    role = iam.Role(stack, "MyRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    WorldExportJobProvider(stack, "Provider", memory_size=1024, log_group=log_group, role=role)
    template = Template.from_stack(stack)
    template.resource_count_is(LOG_GROUP, 1)
    template.resource_count_is("AWS::IAM::Role", 1)
    template.has_resource_properties(
        FUNCTION,
        {
            "MemorySize": 1024,
            "Role": stack.resolve(role.role_arn),
            "LoggingConfig": {"LogGroup": stack.resolve(log_group.log_group_name)},
        },
    )
    assert [statement["Action"][0] for statement in _statements(stack)] == [
        "logs:CreateLogStream",
        "robomaker:CancelWorldExportJob",
    ]


def test_a_role_that_can_not_be_changed_is_taken_as_it_is(stack: Stack) -> None:
    role = iam.Role.from_role_arn(stack, "MyRole", "arn:aws:iam::123456789012:role/mine", mutable=False)
    WorldExportJobProvider(stack, "Provider", role=role)
    Template.from_stack(stack).resource_count_is(POLICY, 0)


@pytest.mark.parametrize("imported", [False, True])
def test_a_role_may_be_another_stacks(app: App, stack: Stack, imported: bool) -> None:
    elsewhere = Stack(app, "Elsewhere")
    role: iam.IRole = iam.Role(elsewhere, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    if imported:
        role = iam.Role.from_role_arn(elsewhere, "MyRole", "arn:aws:iam::123456789012:role/mine")
    WorldExportJobProvider(stack, "Provider", role=role)
    assert len(_statements(stack)) == 2


def test_a_role_may_be_that_of_the_stack_around_a_nested_one(stack: Stack) -> None:
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    nested = NestedStack(stack, "Nested")
    WorldExportJobProvider(nested, "Provider", role=role)
    assert len(_statements(nested)) == 2
    assert _of(stack, POLICY) == set()


def test_the_policies_that_several_stacks_give_a_role_do_not_replace_each_other(app: App) -> None:
    outer = Stack(app, "Outer")
    role = iam.Role(outer, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    stacks = [Stack(app, "One"), Stack(app, "Two"), NestedStack(outer, "One"), NestedStack(outer, "Two")]
    for stack in stacks:
        WorldExportJobProvider(stack, "Provider", role=role)
    names = set()
    for stack in stacks:
        [policy] = Template.from_stack(stack).find_resources(POLICY).values()
        [name, region] = policy["Properties"]["PolicyName"]["Fn::Join"][1]
        assert region == {"Ref": "AWS::Region"}
        assert len(name) < 128 - len("ap-northeast-1")
        names.add(name)
    assert len(names) == len(stacks)


@pytest.mark.parametrize("memory_size", [127, 10_241, -1, 256.5, True, None, "256"])
def test_a_memory_size_out_of_lambdas_range_is_refused(stack: Stack, memory_size: Any) -> None:
    with pytest.raises(ValueError, match=r"^Stack/Provider: memory_size .* is not valid: .* from 128 to 10,240"):
        WorldExportJobProvider(stack, "Provider", memory_size=memory_size)


def test_a_memory_size_may_be_a_token(stack: Stack) -> None:
    size = CfnParameter(stack, "Size", type="Number")
    WorldExportJobProvider(stack, "Provider", memory_size=size.value_as_number)  # type: ignore[arg-type]  # a float
    Template.from_stack(stack).has_resource_properties(FUNCTION, {"MemorySize": {"Ref": "Size"}})


def test_settings_for_the_shared_one_after_the_first_job_are_refused(stack: Stack) -> None:
    WorldExportJobProvider.get_or_create(stack)
    with pytest.raises(ValueError, match=r"^Stack/WorldExportJobProvider: .* the first job .* Make your own before"):
        WorldExportJobProvider(stack, "WorldExportJobProvider", memory_size=512)


def test_a_permissions_boundary_is_put_on_by_the_cdk(stack: Stack) -> None:
    iam.PermissionsBoundary.of(stack).apply(iam.ManagedPolicy.from_aws_managed_policy_name("Boundary"))
    WorldExportJobProvider(stack, "Provider")
    Template.from_stack(stack).has_resource_properties("AWS::IAM::Role", {"PermissionsBoundary": Match.any_value()})


class TestVpc:
    def test_the_role_may_make_network_interfaces_by_no_more_than_its_own_policy(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider", vpc=ec2.Vpc(stack, "Vpc"))
        [statement] = [found for found in _statements(stack) if found["Resource"] == "*"]
        assert statement["Action"] == [
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ]
        roles = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
        assert not any("ManagedPolicyArns" in role["Properties"] for role in roles)

    def test_the_function_may_be_in_one(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc")
        group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
        WorldExportJobProvider(stack, "Provider", vpc=vpc, security_groups=[group])
        Template.from_stack(stack).has_resource_properties(
            FUNCTION,
            {
                "VpcConfig": {
                    "SubnetIds": [stack.resolve(subnet.subnet_id) for subnet in vpc.private_subnets],
                    "SecurityGroupIds": [stack.resolve(group.security_group_id)],
                }
            },
        )

    def test_the_subnets_may_be_chosen(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc")
        chosen = ec2.SubnetSelection(subnets=[vpc.private_subnets[1]])
        WorldExportJobProvider(stack, "Provider", vpc=vpc, vpc_subnets=chosen)
        Template.from_stack(stack).has_resource_properties(
            FUNCTION, {"VpcConfig": {"SubnetIds": [stack.resolve(vpc.private_subnets[1].subnet_id)]}}
        )

    def test_its_routes_are_deleted_after_the_function(self, stack: Stack) -> None:
        WorldExportJobProvider(stack, "Provider", vpc=ec2.Vpc(stack, "Vpc"))
        assert _of(stack, "AWS::EC2::Route") <= _needs(stack)
        assert _of(stack, "AWS::EC2::SubnetRouteTableAssociation") <= _needs(stack)

    def test_its_endpoints_are_deleted_after_the_function(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc", nat_gateways=0)
        vpc.add_interface_endpoint("RoboMaker", service=ec2.InterfaceVpcEndpointAwsService("robomaker"))
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        isolated = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        WorldExportJobProvider(stack, "Provider", vpc=vpc, vpc_subnets=isolated)
        assert len(_of(stack, "AWS::EC2::VPCEndpoint")) == 2
        assert _of(stack, "AWS::EC2::VPCEndpoint") <= _needs(stack)

    def test_the_rules_of_its_security_group_are_deleted_after_the_function(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc")
        group = ec2.SecurityGroup(stack, "Group", vpc=vpc, allow_all_outbound=False, disable_inline_rules=True)
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443))
        WorldExportJobProvider(stack, "Provider", vpc=vpc, security_groups=[group])
        template = Template.from_stack(stack)
        assert template.find_resources("AWS::EC2::SecurityGroupEgress")
        assert _of(stack, "AWS::EC2::SecurityGroupEgress") <= _needs(stack)


def test_the_shared_one_can_get_settings_later_without_becoming_another(stack: Stack) -> None:
    shared = stack.resolve(WorldExportJobProvider.get_or_create(stack).service_token)
    again = Stack(App(), "Stack")
    WorldExportJobProvider(again, "WorldExportJobProvider", memory_size=512)
    assert again.resolve(WorldExportJobProvider.get_or_create(again).service_token) == shared


def test_get_or_create_gives_the_same_to_every_scope_of_a_stack(stack: Stack) -> None:
    first = WorldExportJobProvider.get_or_create(stack)
    assert WorldExportJobProvider.get_or_create(first) is first


def test_the_function_can_be_changed_as_any_other(stack: Stack) -> None:
    provider = WorldExportJobProvider(stack, "Provider")
    provider.function.add_environment("COLOR", "red")
    Template.from_stack(stack).has_resource_properties(
        FUNCTION, {"Environment": {"Variables": {"COLOR": "red", "NO_VPC": "true"}}}
    )

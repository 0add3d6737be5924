"""Where the cluster, state machine or application of a StopOnDelete is made, and what the resource says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsii
import pytest
from aws_cdk import App, Aspects, CfnParameter, CfnResource, Environment, IAspect, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, InvalidArgumentError, StateMachineExecutions
from tests.construct.conftest import ACCOUNT, cfn_resource, make_stop, of_type, properties_of, resource_of, resources

ASSOCIATIONS = "AWS::ECS::ClusterCapacityProviderAssociations"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
OWNERSHIP = {"ContainerLogicalId", "ContainerDeletionPolicy"}

Jobs = EcsTasks | StateMachineExecutions | EmrServerlessJobRuns
Made = tuple[CfnResource, Jobs]


def _cluster(scope: Construct, **arguments: Any) -> ecs.Cluster:
    return ecs.Cluster(scope, "Cluster", vpc=ec2.Vpc(scope, "Vpc", max_azs=1), **arguments)


def _tasks(scope: Construct) -> Made:
    cluster = _cluster(scope)
    return cfn_resource(cluster), EcsTasks(cluster)


def _tasks_of_an_l1(scope: Construct) -> Made:
    cluster = ecs.CfnCluster(scope, "Cluster")
    return cluster, EcsTasks(cluster)


def _tasks_of_a_token(scope: Construct) -> Made:
    cluster = ecs.CfnCluster(scope, "Cluster")
    return cluster, EcsTasks(ecs.Cluster.from_cluster_arn(scope, "Imported", cluster.attr_arn))


def _tasks_of_a_name(scope: Construct) -> Made:
    cluster = ecs.CfnCluster(scope, "Cluster")
    vpc = ec2.Vpc(scope, "Vpc", max_azs=1)
    imported = ecs.Cluster.from_cluster_attributes(scope, "I", cluster_name=cluster.ref, vpc=vpc, security_groups=[])
    return cluster, EcsTasks(imported)


def _executions(scope: Construct) -> Made:
    definition = sfn.DefinitionBody.from_chainable(sfn.Pass(scope, "Pass"))
    machine = sfn.StateMachine(scope, "StateMachine", definition_body=definition)
    return cfn_resource(machine), StateMachineExecutions(machine)


def _executions_of_an_l1(scope: Construct) -> Made:
    machine = sfn.CfnStateMachine(scope, "StateMachine", role_arn="role")
    return machine, StateMachineExecutions(machine)


def _executions_of_a_token(scope: Construct) -> Made:
    machine = sfn.CfnStateMachine(scope, "StateMachine", role_arn="role")
    return machine, StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(scope, "Imported", machine.ref))


def _application(scope: Construct) -> emrserverless.CfnApplication:
    return emrserverless.CfnApplication(scope, "Application", release_label="emr-7.0.0", type="SPARK")


def _runs(scope: Construct) -> Made:
    application = _application(scope)
    return application, EmrServerlessJobRuns(application)


def _runs_of_a_token(scope: Construct) -> Made:
    application = _application(scope)
    return application, EmrServerlessJobRuns(application.attr_application_id)


MADE = [_tasks, _tasks_of_an_l1, _executions, _executions_of_an_l1, _runs]
NAMED = [_tasks_of_a_token, _tasks_of_a_name, _executions_of_a_token, _runs_of_a_token]
EVERY_CONTAINER = pytest.mark.parametrize("make", [*MADE, *NAMED])


class TestOfTheSameStack:
    """By the logical id, the handler asks CloudFormation whether the stack deletes the container."""

    @EVERY_CONTAINER
    def test_is_referred_to_and_named_with_its_policy(self, stack: Stack, make: Callable[[Construct], Made]) -> None:
        container, jobs = make(stack)
        stop = make_stop(stack, jobs=jobs)
        container.apply_removal_policy(RemovalPolicy.RETAIN)
        container.override_logical_id("Renamed")
        properties = properties_of(stop)
        assert "Renamed" in str(properties["Container"])
        assert properties["ContainerLogicalId"] == "Renamed"
        assert properties["ContainerDeletionPolicy"] == "Retain"

    @pytest.mark.parametrize(
        ("policy", "written"),
        [
            (RemovalPolicy.RETAIN, "Retain"),
            (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
            (RemovalPolicy.DESTROY, "Delete"),
            (None, "Delete"),
        ],
    )
    def test_has_the_policy_that_an_aspect_leaves(
        self, stack: Stack, policy: RemovalPolicy | None, written: str
    ) -> None:
        cluster, jobs = _tasks_of_an_l1(stack)
        stop = make_stop(stack, jobs=jobs)
        if policy is not None:
            Aspects.of(stack).add(_Apply(policy))
        assert properties_of(stop)["ContainerDeletionPolicy"] == written
        assert resource_of(cluster).get("DeletionPolicy", "Delete") == written


@jsii.implements(IAspect)
class _Apply:
    def __init__(self, policy: RemovalPolicy) -> None:
        self._policy = policy

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, ecs.CfnCluster):
            node.apply_removal_policy(self._policy)


class TestCapacityProviders:
    """ECS does not take one from a cluster while a task uses it, so they are deleted after the jobs."""

    @pytest.mark.parametrize("later", [False, True])
    def test_of_a_cluster_are_depended_on(self, stack: Stack, later: bool) -> None:
        cluster = _cluster(stack, **({} if later else {"enable_fargate_capacity_providers": True}))
        stop = make_stop(stack, jobs=EcsTasks(cluster))
        if later:
            cluster.enable_fargate_capacity_providers()
        [associations] = of_type(resources(stack), ASSOCIATIONS)
        assert associations in resource_of(stop)["DependsOn"]

    def test_of_the_stack_around_a_nested_one_outlive_the_nested_one(self, app: App, stack: Stack) -> None:
        cluster = _cluster(stack, enable_fargate_capacity_providers=True)
        make_stop(NestedStack(stack, "Nested"), jobs=EcsTasks(cluster))
        app.synth()
        found = resources(stack)
        [associations] = of_type(found, ASSOCIATIONS)
        [nested] = of_type(found, "AWS::CloudFormation::Stack").values()
        assert associations in nested["DependsOn"]

    def test_are_all_that_is_depended_on_in_the_scope_of_their_cluster(self, stack: Stack) -> None:
        cluster = _cluster(stack, enable_fargate_capacity_providers=True)
        stops = [make_stop(cluster, name, jobs=EcsTasks(cluster, family=name)) for name in ("first", "second")]
        CfnResource(cluster, "Starter", type="Test::Starter").node.add_dependency(*stops)
        found = resources(stack)
        allowed = {*of_type(found, ASSOCIATIONS), *of_type(found, "AWS::IAM::Policy")}
        assert set().union(*(resource_of(stop)["DependsOn"] for stop in stops)) <= allowed

    def test_of_an_imported_cluster_are_its_own_stacks(self, app: App, stack: Stack) -> None:
        elsewhere = Stack(app, "Elsewhere")
        make_stop(stack, jobs=EcsTasks(ecs.Cluster.from_cluster_arn(elsewhere, "Imported", CLUSTER)))
        app.synth()
        assert elsewhere not in stack.dependencies


class TestOfAnotherStack:
    """Its own stack decides what becomes of it, so its logical id says nothing here."""

    @EVERY_CONTAINER
    def test_is_passed_by_the_cdk(self, app: App, stack: Stack, make: Callable[[Construct], Made]) -> None:
        elsewhere = Stack(app, "Elsewhere")
        stop = make_stop(stack, jobs=make(elsewhere)[1])
        app.synth()
        properties = properties_of(stop)
        assert "Fn::ImportValue" in str(properties["Container"]) or "Fn::GetStackOutput" in str(properties["Container"])
        assert not OWNERSHIP & set(properties)
        assert elsewhere in stack.dependencies

    def test_may_be_around_a_nested_stack_or_in_one(self, app: App, stack: Stack) -> None:
        nested = NestedStack(stack, "Nested")
        inner = make_stop(nested, jobs=_tasks_of_an_l1(stack)[1])
        outer = make_stop(stack, jobs=_tasks_of_an_l1(nested)[1])
        app.synth()
        assert properties_of(inner)["Container"].keys() == {"Ref"}
        assert properties_of(outer)["Container"]["Fn::GetAtt"][1].startswith("Outputs.")
        assert not OWNERSHIP & {*properties_of(inner), *properties_of(outer)}

    @EVERY_CONTAINER
    def test_may_not_be_of_another_account(
        self, app: App, stack_of_account: Stack, make: Callable[[Construct], Made]
    ) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account="9" * 12, region="us-west-2"))
        words = rf"^StackOfAccount/Stop: jobs=.* \w+ 'Elsewhere/.* it is in the account {'9' * 12}, but the stack is in"
        with pytest.raises(InvalidArgumentError, match=words):
            make_stop(stack_of_account, jobs=make(elsewhere)[1])

    @pytest.mark.parametrize("make", [_runs, _runs_of_a_token])
    def test_may_not_be_of_another_region_if_its_name_does_not_say_which(
        self, app: App, stack_of_account: Stack, make: Callable[[Construct], Made]
    ) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account=ACCOUNT, region="eu-west-1"))
        with pytest.raises(InvalidArgumentError, match="it is in the region eu-west-1, but the stack is in us-west-2"):
            make_stop(stack_of_account, jobs=make(elsewhere)[1])


class TestImported:
    """The stack does not delete it, so only the stack's own deletion stops what runs in it."""

    def test_is_named_by_its_arn_or_id(self, stack_of_account: Stack) -> None:
        stack = stack_of_account
        machine = f"{STATE_MACHINE}(1)+=@!'.é"  # whatever its service takes
        elsewhere = CLUSTER.replace("us-west-2", "eu-west-1")  # the ARN says where to call
        stops = {
            CLUSTER: EcsTasks(ecs.Cluster.from_cluster_arn(stack, "C1", CLUSTER), family="A_b-3"),
            elsewhere: EcsTasks(ecs.Cluster.from_cluster_arn(stack, "C2", elsewhere), family="x" * 255),
            machine: StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(stack, "M1", machine)),
            "00fexample": EmrServerlessJobRuns("00fexample"),
            "x" * 64: EmrServerlessJobRuns("x" * 64),
        }
        made = {name: make_stop(stack, f"Stop{number}", jobs=jobs) for number, (name, jobs) in enumerate(stops.items())}
        for name, stop in made.items():
            properties = properties_of(stop)
            assert properties["Container"] == name
            assert not OWNERSHIP & set(properties)
        assert properties_of(made[CLUSTER])["Family"] == "A_b-3"

    def test_may_be_named_by_a_token(self, stack: Stack) -> None:
        arn = CfnParameter(stack, "Arn").value_as_string
        other = CfnResource(stack, "Lookup", type="Custom::Lookup").get_att("ApplicationId").to_string()
        machine = sfn.StateMachine.from_state_machine_arn(stack, "M", arn)
        vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
        cluster = ecs.Cluster.from_cluster_attributes(stack, "C", cluster_name="prod", vpc=vpc, security_groups=[])
        stops = [
            make_stop(stack, "M1", jobs=StateMachineExecutions(machine)),
            make_stop(stack, "R1", jobs=EmrServerlessJobRuns(other)),
            make_stop(stack, "T1", jobs=EcsTasks(cluster)),
        ]
        by_arn, by_lookup, by_name = (properties_of(stop) for stop in stops)
        assert by_arn["Container"] == {"Ref": "Arn"}
        assert by_lookup["Container"] == {"Fn::GetAtt": ["Lookup", "ApplicationId"]}
        assert by_name["Container"]["Fn::Join"][1][-1] == ":cluster/prod"
        assert not OWNERSHIP & {*by_arn, *by_lookup, *by_name}

    def test_of_another_account_passes_where_the_stacks_is_not_known(self, stack: Stack) -> None:
        arn = CLUSTER.replace(ACCOUNT, "9" * 12)
        stop = make_stop(stack, jobs=EcsTasks(ecs.Cluster.from_cluster_arn(stack, "C", arn)))
        assert properties_of(stop)["Container"] == arn

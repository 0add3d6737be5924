"""Where the cluster, state machine or application of a StopOnDelete is made, and what the resource says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import pytest
from aws_cdk import App, CfnParameter, CfnResource, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.cloudformation_include import CfnInclude, CfnIncludeProps
from constructs import Construct, IConstruct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions
from tests.construct.makers import make_stop
from tests.construct.names import ACCOUNT, CLUSTER, OTHER_ACCOUNT, STATE_MACHINE
from tests.construct.templates import cfn_resource, change_each, properties_of, resource_of

OWNERSHIP = {"ContainerLogicalId", "ContainerDeletionPolicy"}

Jobs = EcsTasks | StateMachineExecutions | EmrServerlessJobRuns


def _application(scope: Construct, name: str = "Application") -> emrserverless.CfnApplication:
    return emrserverless.CfnApplication(scope, name, release_label="emr-7.0.0", type="SPARK")


def _in_each_form(scope: Construct) -> list[tuple[IConstruct, Jobs]]:
    """Make containers, and give the jobs in each, by the container itself or by a token of its own."""
    cluster = ecs.Cluster(scope, "Cluster", vpc=ec2.Vpc(scope, "Vpc", max_azs=1))
    l1, by_arn, by_name = (ecs.CfnCluster(scope, name) for name in ("Cluster1", "Cluster2", "Cluster3"))
    of_arn = ecs.Cluster.from_cluster_arn(scope, "ByArn", by_arn.attr_arn)
    of_name = ecs.Cluster.from_cluster_attributes(scope, "ByName", cluster_name=by_name.ref, vpc=cluster.vpc)
    body = sfn.DefinitionBody.from_chainable(sfn.Pass(scope, "Pass"))
    machine = sfn.StateMachine(scope, "Machine", definition_body=body)
    l1_machine, machine_by_arn = (sfn.CfnStateMachine(scope, f"Machine{n}", role_arn="role") for n in (1, 2))
    of_machine_arn = sfn.StateMachine.from_state_machine_arn(scope, "MachineByArn", machine_by_arn.ref)
    application, by_id = _application(scope), _application(scope, "Application2")
    return [
        (cluster, EcsTasks(cluster)),
        (l1, EcsTasks(l1)),
        (by_arn, EcsTasks(of_arn)),
        (by_name, EcsTasks(of_name)),
        (machine, StateMachineExecutions(machine)),
        (l1_machine, StateMachineExecutions(l1_machine)),
        (machine_by_arn, StateMachineExecutions(of_machine_arn)),
        (application, EmrServerlessJobRuns(application)),
        (by_id, EmrServerlessJobRuns(by_id.attr_application_id)),
    ]


class TestOfTheSameStack:
    """By the logical id, the handler asks CloudFormation whether the stack deletes the container."""

    def test_is_referred_to_and_named(self, stack: Stack) -> None:
        made = {make_stop(stack, f"Stop of {it.node.id}", jobs=jobs): it for it, jobs in _in_each_form(stack)}
        for container in made.values():
            cfn_resource(container).override_logical_id(f"Renamed{container.node.id}")
        for stop, container in made.items():
            properties = properties_of(stop)
            assert f"'Renamed{container.node.id}'" in str(properties["Container"])
            assert properties["ContainerLogicalId"] == f"Renamed{container.node.id}"

    @pytest.mark.parametrize(
        ("policy", "written"),
        [
            (RemovalPolicy.RETAIN, "Retain"),
            (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
            (RemovalPolicy.DESTROY, "Delete"),
        ],
    )
    def test_has_the_policy_that_an_aspect_leaves(self, stack: Stack, policy: RemovalPolicy, written: str) -> None:
        changed, other = ecs.CfnCluster(stack, "Cluster"), ecs.CfnCluster(stack, "Other")
        stops = [make_stop(stack, f"Stop{each.node.id}", jobs=EcsTasks(each)) for each in (changed, other)]
        change_each(ecs.CfnCluster, changed, lambda cluster: cluster.apply_removal_policy(policy))
        assert [properties_of(stop)["ContainerDeletionPolicy"] for stop in stops] == [written, "Delete"]
        assert resource_of(changed)["DeletionPolicy"] == written

    def test_may_be_a_stack_that_python_did_not_make(self, stack: Stack, tmp_path: Path) -> None:
        """As CfnInclude makes one: jsii gives another object for it each time."""
        for name, type_ in (("Outer", "AWS::CloudFormation::Stack"), ("Inner", "AWS::ECS::Cluster")):
            template = {"Resources": {name: {"Type": type_, "Properties": {}}}}
            (tmp_path / f"{name}.json").write_text(json.dumps(template))
        outer, inner = (str(tmp_path / f"{name}.json") for name in ("Outer", "Inner"))
        nested = CfnInclude(
            stack, "Included", template_file=outer, load_nested_stacks={"Outer": CfnIncludeProps(template_file=inner)}
        ).get_nested_stack("Outer")
        cluster = cast(ecs.CfnCluster, nested.included_template.get_resource("Inner"))
        stop = make_stop(nested.stack, jobs=EcsTasks(cluster))
        assert properties_of(stop)["ContainerLogicalId"] == "Inner"


class TestOfAnotherStack:
    """Its own stack decides what becomes of it, so its logical id says nothing here."""

    def test_is_passed_by_the_cdk(self, app: App, stack: Stack) -> None:
        elsewhere = Stack(app, "Elsewhere")
        stops = [make_stop(stack, f"Stop of {it.node.id}", jobs=jobs) for it, jobs in _in_each_form(elsewhere)]
        app.synth()
        for properties in map(properties_of, stops):
            assert re.search("Fn::ImportValue|Fn::GetStackOutput", str(properties["Container"]))
            assert not OWNERSHIP & set(properties)
        assert elsewhere in stack.dependencies

    def test_may_be_around_a_nested_stack_or_in_one(self, app: App, stack: Stack) -> None:
        nested = NestedStack(stack, "Nested")
        inner = make_stop(nested, jobs=EcsTasks(ecs.CfnCluster(stack, "Cluster")))
        outer = make_stop(stack, jobs=EcsTasks(ecs.CfnCluster(nested, "Cluster")))
        app.synth()
        assert properties_of(inner)["Container"].keys() == {"Ref"}
        assert properties_of(outer)["Container"]["Fn::GetAtt"][1].startswith("Outputs.")
        assert not OWNERSHIP & {*properties_of(inner), *properties_of(outer)}


def test_that_is_imported_is_named_by_what_is_given(stack: Stack) -> None:
    """The stack does not delete it, so only the stack's own deletion stops what runs in it."""
    parameter = CfnParameter(stack, "Arn").value_as_string
    lookup = CfnResource(stack, "Lookup", type="Custom::Lookup").get_att("ApplicationId").to_string()
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"])
    prod = stack.format_arn(service="ecs", resource="cluster", resource_name="prod")
    clusters = (
        CLUSTER.replace("us-west-2", "eu-west-1"),  # the ARN says where to call
        CLUSTER.replace(ACCOUNT, OTHER_ACCOUNT),  # the stack's account is not known
    )
    machines = (f"{STATE_MACHINE}(1)+=@!'.é", parameter)  # whatever its service takes
    given: list[tuple[Jobs, str]] = [
        *((EcsTasks(ecs.Cluster.from_cluster_arn(stack, arn, arn)), arn) for arn in clusters),
        (EcsTasks(ecs.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="prod", vpc=vpc)), prod),
        *((StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(stack, arn, arn)), arn) for arn in machines),
        *((EmrServerlessJobRuns(name), name) for name in ("00fexample", lookup)),
    ]
    stops = {make_stop(stack, f"Stop{number}", jobs=jobs): name for number, (jobs, name) in enumerate(given)}
    for stop, name in stops.items():
        properties = properties_of(stop)
        assert properties["Container"] == stack.resolve(name)
        assert not OWNERSHIP & set(properties)

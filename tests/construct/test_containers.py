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
from tests.construct.conftest import ACCOUNT, cfn_resource, make_stop, properties_of, resource_of

CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
OWNERSHIP = {"ContainerLogicalId", "ContainerDeletionPolicy"}

Jobs = EcsTasks | StateMachineExecutions | EmrServerlessJobRuns


def _cluster(scope: Construct, **arguments: Any) -> ecs.Cluster:
    return ecs.Cluster(scope, "Cluster", vpc=ec2.Vpc(scope, "Vpc", max_azs=1), **arguments)


def _l1(scope: Construct) -> ecs.CfnCluster:
    return ecs.CfnCluster(scope, "Cluster")


def _named(scope: Construct, name: str) -> ecs.ICluster:
    vpc = ec2.Vpc(scope, "Vpc", max_azs=1)
    return ecs.Cluster.from_cluster_attributes(scope, "Named", cluster_name=name, vpc=vpc, security_groups=[])


def _state_machine(scope: Construct) -> sfn.StateMachine:
    definition = sfn.DefinitionBody.from_chainable(sfn.Pass(scope, "Pass"))
    return sfn.StateMachine(scope, "StateMachine", definition_body=definition)


def _l1_state_machine(scope: Construct) -> sfn.CfnStateMachine:
    return sfn.CfnStateMachine(scope, "StateMachine", role_arn="role")


def _application(scope: Construct) -> emrserverless.CfnApplication:
    return emrserverless.CfnApplication(scope, "Application", release_label="emr-7.0.0", type="SPARK")


def _tasks_of_arn(scope: Construct, arn: str) -> EcsTasks:
    return EcsTasks(ecs.Cluster.from_cluster_arn(scope, "Imported", arn))


def _executions_of_arn(scope: Construct, arn: str) -> StateMachineExecutions:
    return StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(scope, "Imported", arn))


# Makes a container -> the jobs in it, by the container itself or by a token of its own.
FORMS: dict[str, tuple[Callable[[Construct], Any], Callable[[Any], Jobs]]] = {
    "cluster": (_cluster, EcsTasks),
    "cluster of L1": (_l1, EcsTasks),
    "cluster by ARN": (_l1, lambda made: _tasks_of_arn(made.stack, made.attr_arn)),
    "cluster by name": (_l1, lambda made: EcsTasks(_named(made.stack, made.ref))),
    "state machine": (_state_machine, StateMachineExecutions),
    "state machine of L1": (_l1_state_machine, StateMachineExecutions),
    "state machine by ARN": (_l1_state_machine, lambda made: _executions_of_arn(made.stack, made.ref)),
    "application": (_application, EmrServerlessJobRuns),
    "application by id": (_application, lambda made: EmrServerlessJobRuns(made.attr_application_id)),
}
EVERY_FORM = pytest.mark.parametrize("form", FORMS)


def _make(form: str, scope: Construct) -> tuple[CfnResource, Jobs]:
    make, jobs = FORMS[form]
    made = make(scope)
    return cfn_resource(made), jobs(made)


class TestOfTheSameStack:
    """By the logical id, the handler asks CloudFormation whether the stack deletes the container."""

    @EVERY_FORM
    def test_is_referred_to_and_named_with_its_policy(self, stack: Stack, form: str) -> None:
        container, jobs = _make(form, stack)
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
        cluster = _l1(stack)
        stop = make_stop(stack, jobs=EcsTasks(cluster))
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


class TestOfAnotherStack:
    """Its own stack decides what becomes of it, so its logical id says nothing here."""

    @EVERY_FORM
    def test_is_passed_by_the_cdk(self, app: App, stack: Stack, form: str) -> None:
        elsewhere = Stack(app, "Elsewhere")
        stop = make_stop(stack, jobs=_make(form, elsewhere)[1])
        app.synth()
        properties = properties_of(stop)
        assert "Fn::ImportValue" in str(properties["Container"]) or "Fn::GetStackOutput" in str(properties["Container"])
        assert not OWNERSHIP & set(properties)
        assert elsewhere in stack.dependencies

    def test_may_be_around_a_nested_stack_or_in_one(self, app: App, stack: Stack) -> None:
        nested = NestedStack(stack, "Nested")
        inner = make_stop(nested, jobs=EcsTasks(_l1(stack)))
        outer = make_stop(stack, jobs=EcsTasks(_l1(nested)))
        app.synth()
        assert properties_of(inner)["Container"].keys() == {"Ref"}
        assert properties_of(outer)["Container"]["Fn::GetAtt"][1].startswith("Outputs.")
        assert not OWNERSHIP & {*properties_of(inner), *properties_of(outer)}

    @EVERY_FORM
    def test_may_not_be_of_another_account(self, app: App, stack_of_account: Stack, form: str) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account="9" * 12, region="us-west-2"))
        words = rf"^StackOfAccount/Stop: jobs=.* \w+ 'Elsewhere/.* it is in the account {'9' * 12}, but the stack is in"
        with pytest.raises(InvalidArgumentError, match=words):
            make_stop(stack_of_account, jobs=_make(form, elsewhere)[1])

    @pytest.mark.parametrize("form", ["application", "application by id"])
    def test_may_not_be_of_another_region_if_its_name_does_not_say_which(
        self, app: App, stack_of_account: Stack, form: str
    ) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account=ACCOUNT, region="eu-west-1"))
        with pytest.raises(InvalidArgumentError, match="it is in the region eu-west-1, but the stack is in us-west-2"):
            make_stop(stack_of_account, jobs=_make(form, elsewhere)[1])


class TestImported:
    """The stack does not delete it, so only the stack's own deletion stops what runs in it."""

    def test_is_named_by_what_is_given(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "Arn").value_as_string
        lookup = CfnResource(stack, "Lookup", type="Custom::Lookup").get_att("ApplicationId").to_string()
        machine = f"{STATE_MACHINE}(1)+=@!'.é"  # whatever its service takes
        elsewhere = CLUSTER.replace("us-west-2", "eu-west-1")  # the ARN says where to call
        theirs = CLUSTER.replace(ACCOUNT, "9" * 12)  # the stack's account is not known
        named: list[tuple[Callable[[Construct], Jobs], Any]] = [
            *((lambda scope, arn=arn: _tasks_of_arn(scope, arn), arn) for arn in (CLUSTER, elsewhere, theirs)),
            (lambda scope: _executions_of_arn(scope, machine), machine),
            (lambda scope: _executions_of_arn(scope, parameter), {"Ref": "Arn"}),
            *((lambda _, id_=id_: EmrServerlessJobRuns(id_), id_) for id_ in ("00fexample", "x" * 64)),
            (lambda _: EmrServerlessJobRuns(lookup), {"Fn::GetAtt": ["Lookup", "ApplicationId"]}),
        ]
        scopes = [Construct(stack, f"Scope{number}") for number in range(len(named))]
        stops = [make_stop(scope, jobs=jobs(scope)) for scope, (jobs, _) in zip(scopes, named, strict=True)]
        by_name = make_stop(stack, jobs=EcsTasks(_named(stack, "prod"), family="A_b-3", started_by="events-rule/x"))
        for stop, (_, name) in zip(stops, named, strict=True):
            assert properties_of(stop)["Container"] == name
            assert not OWNERSHIP & set(properties_of(stop))
        properties = properties_of(by_name)
        assert properties["Container"]["Fn::Join"][1][-1] == ":cluster/prod"
        assert (properties["Family"], properties["StartedBy"]) == ("A_b-3", "events-rule/x")
        assert not OWNERSHIP & set(properties)

"""What is deleted before the jobs are stopped, and what after: by arguments, by itself, and what a warning tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Annotations, App, CfnResource, Duration, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from tests.construct.makers import make_stop
from tests.construct.names import CLUSTER, ROLE_ARN, STOP_TYPE
from tests.construct.templates import Resources, cfn_resource, properties_of, resource_of, resources, the, warnings_of

NETWORK = {"NatGateway", "Route", "Subnet", "VPC", "VPCGatewayAttachment"}


def _vpc(scope: Construct) -> ec2.Vpc:
    return ec2.Vpc(scope, "Vpc", max_azs=1)


def _cluster(scope: Construct, **arguments: Any) -> ecs.Cluster:
    return ecs.Cluster(scope, "Cluster", **{"vpc": None if "vpc" in arguments else _vpc(scope), **arguments})


def _later_than(resource: dict[str, Any], found: Resources) -> set[str]:
    """Return the types of what is deleted after a resource."""
    return {found[name]["Type"].removeprefix("AWS::EC2::") for name in resource.get("DependsOn", ())}


def test_what_is_passed_is_deleted_before_or_after_the_jobs(stack: Stack) -> None:
    """Parts in both lists, the construct itself, and what is imported are left out of what is deleted after them."""
    scope = Construct(stack, "Scope")
    one, two, three = (Construct(scope, part) for part in ("One", "Two", "Three"))
    for part in (one, two, three):
        CfnResource(part, "Resource", type=f"Test::{part.node.id}")
    imported = iam.Role.from_role_arn(stack, "Imported", ROLE_ARN, mutable=False)
    last = (scope, one, two.node.find_child("Resource"), imported)
    stop = make_stop(scope, delete_first=[one, two, imported], delete_last=last)
    found = resources(stack)
    assert _later_than(resource_of(stop), found) == {"Test::Three", "AWS::IAM::Policy"}
    for starter in ("One", "Two"):
        assert _later_than(the(found, f"Test::{starter}"), found) == {STOP_TYPE}


def test_what_tasks_run_on_is_deleted_after_them_even_if_it_is_added_later(stack: Stack) -> None:
    cluster = _cluster(stack)
    stop = make_stop(stack, jobs=EcsTasks(cluster))
    cluster.enable_fargate_capacity_providers()
    group = cluster.add_capacity("Capacity", instance_type=ec2.InstanceType("m5.large"))
    made = {stack.resolve(each.logical_id) for each in group.node.find_all() if isinstance(each, CfnResource)}
    assert made <= set(resource_of(stop)["DependsOn"])
    kinds = {"ECS::ClusterCapacityProviderAssociations", "AutoScaling::LifecycleHook", "IAM::Policy"}
    assert {f"AWS::{kind}" for kind in kinds} | NETWORK <= _later_than(resource_of(stop), resources(stack))


def _all_in_the_scope_of_the_vpc(_: App, stack: Stack) -> StopOnDelete:
    vpc = _vpc(stack)
    provider = StopOnDeleteProvider(vpc, "Provider", vpc=vpc)
    rule = events.Rule(vpc, "Rule", schedule=events.Schedule.cron(minute="0"))
    jobs = EcsTasks(_cluster(vpc, vpc=vpc))
    return make_stop(vpc, jobs=jobs, provider=provider, delete_first=[rule], delete_last=[vpc])


def _a_busy_vpc(_: App, stack: Stack) -> StopOnDelete:
    vpc = _vpc(stack)
    vpc.add_flow_log("Log")
    provider = StopOnDeleteProvider(vpc, "Provider", vpc=vpc)
    endpoint = vpc.add_interface_endpoint("Ecr", service=ec2.InterfaceVpcEndpointAwsService.ECR)
    endpoint.connections.allow_default_port_from(provider.function)
    stop = make_stop(vpc, jobs=EcsTasks(_cluster(vpc, vpc=vpc)), provider=provider)
    ec2.BastionHostLinux(vpc, "Host", vpc=vpc)
    CfnResource(vpc, "Eks", type="Test::Eks").node.add_dependency(stop)
    return stop


def _in_the_scope_of_the_cluster(_: App, stack: Stack) -> StopOnDelete:
    cluster = ecs.Cluster(stack, "Cluster", enable_fargate_capacity_providers=True)
    cluster.add_capacity("Capacity", instance_type=ec2.InstanceType("m5.large"))
    stops = [make_stop(cluster, name, jobs=EcsTasks(cluster, family=name)) for name in ("first", "second")]
    CfnResource(cluster, "Starter", type="Test::Starter").node.add_dependency(*stops)
    return stops[0]


def _in_a_nested_stack(_: App, stack: Stack) -> StopOnDelete:
    cluster = _cluster(stack, enable_fargate_capacity_providers=True)
    return make_stop(NestedStack(stack, "Nested"), jobs=EcsTasks(cluster))


def _beside_a_nested_stack(_: App, stack: Stack) -> StopOnDelete:
    return make_stop(stack, jobs=EcsTasks(_cluster(NestedStack(stack, "Nested"))))


def _with_the_vpc_of_a_stack_that_is_deleted_first(app: App, stack: Stack) -> StopOnDelete:
    elsewhere = Stack(app, "Elsewhere")
    stop = make_stop(stack, jobs=EcsTasks(_cluster(stack, vpc=_vpc(elsewhere))))
    elsewhere.add_dependency(stack)
    return stop


def _with_an_imported_vpc(_: App, stack: Stack) -> StopOnDelete:
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"])
    return make_stop(stack, jobs=EcsTasks(_cluster(stack, vpc=vpc)), delete_last=[vpc])


def _of_a_cluster_that_another_stack_imports(app: App, stack: Stack) -> StopOnDelete:
    elsewhere = Stack(app, "Elsewhere")
    elsewhere.add_dependency(stack)
    return make_stop(stack, jobs=EcsTasks(ecs.Cluster.from_cluster_arn(elsewhere, "Imported", CLUSTER)))


# Whether the network is deleted after the StopOnDelete, or its nested stack, by a dependency of the resource itself.
PLACES: dict[Callable[[App, Stack], StopOnDelete], bool] = {
    _all_in_the_scope_of_the_vpc: True,
    _a_busy_vpc: True,
    _in_the_scope_of_the_cluster: True,
    _in_a_nested_stack: True,
    _beside_a_nested_stack: False,
    _with_the_vpc_of_a_stack_that_is_deleted_first: False,
    _with_an_imported_vpc: False,
    _of_a_cluster_that_another_stack_imports: False,
}


@pytest.mark.parametrize("place", PLACES)
def test_the_order_is_no_cycle_wherever_the_cluster_and_its_vpc_are(
    app: App, stack: Stack, place: Callable[[App, Stack], StopOnDelete]
) -> None:
    stop = place(app, stack)
    app.synth()
    for each in app.node.find_all():
        if isinstance(each, Stack):
            Template.from_stack(each)  # refuses a cycle between resources; synthesis refuses one between stacks
    found = resources(stack)
    first = resource_of(stop) if Stack.of(stop) is stack else the(found, "AWS::CloudFormation::Stack")
    assert (_later_than(first, found) >= NETWORK) is PLACES[place]
    assert STOP_TYPE not in _later_than(first, found)


WARNING, WARNING_OF_A_MACHINE = (f"cdk-stop-on-delete:unordered{name}" for name in ("Rule", "StateMachine"))


def _rule(scope: Construct, arn: str, name: str = "Rule", **target: Any) -> events.CfnRule:
    return events.CfnRule(scope, name, targets=[events.CfnRule.TargetProperty(arn=arn, id="Target", **target)])


def _schedule(scope: Construct, arn: str) -> None:
    window = scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF")
    target = scheduler.CfnSchedule.TargetProperty(arn=arn, role_arn="role")
    scheduler.CfnSchedule(
        scope, "Schedule", flexible_time_window=window, schedule_expression="rate(1 day)", target=target
    )


def _another_after(stop: StopOnDelete) -> CfnResource:
    resource = CfnResource(Stack.of(stop), "Another", type="Test::Another")
    resource.node.add_dependency(stop)
    return resource


class TestWarningOfARule:
    """A rule or schedule that may start jobs while others are stopped."""

    def test_shows_the_line_to_add_once_for_each_that_may_start_what_is_stopped(self, app: App, stack: Stack) -> None:
        body = sfn.DefinitionBody.from_chainable(sfn.Pass(stack, "Pass"))
        machine = sfn.StateMachine(stack, "StateMachine", definition_body=body)
        cluster, shared, retained = (ecs.CfnCluster(stack, name) for name in ("Cluster", "Shared", "Retained"))
        retained.apply_removal_policy(RemovalPolicy.RETAIN)
        stopped = {
            "Executions": StateMachineExecutions(machine),
            "Tasks": EcsTasks(cluster),
            "Nightly": EcsTasks(shared, family="nightly"),
            "Imported": EcsTasks(ecs.Cluster.from_cluster_arn(stack, "ByArn", CLUSTER)),
            "Kept": EcsTasks(retained),
        }
        for name, jobs in stopped.items():
            make_stop(stack, name, jobs=jobs)

        rule = events.Rule(stack, "Rule", schedule=events.Schedule.cron(minute="0"))
        for _ in range(2):
            rule.add_target(targets.SfnStateMachine(machine))
        _schedule(stack, cfn_resource(machine).get_att("Arn").to_string())
        _rule(stack, cluster.attr_arn, "OfCluster")
        _rule(stack, CLUSTER, "OfImported")
        for family in ("nightly", "daily"):
            definition = ecs.CfnTaskDefinition(stack, f"Task {family}", family=family)
            parameters = events.CfnRule.EcsParametersProperty(task_definition_arn=definition.ref)
            _rule(stack, shared.attr_arn, family, ecs_parameters=parameters)
        _rule(stack, retained.attr_arn, "OfRetained")
        _rule(stack, ecs.CfnCluster(stack, "Other").attr_arn, "OfOther")
        _rule(Stack(app, "Elsewhere"), cluster.attr_arn)
        events.CfnRule(stack, "WithoutTargets", schedule_expression="rate(1 day)")

        warned = {
            "Stack/Rule": "Executions",
            "Stack/Schedule": "Executions",
            "Stack/OfCluster": "Tasks",
            "Stack/OfImported": "Imported",
            "Stack/nightly": "Nightly",
        }
        assert warnings_of(stack) == {
            f"/{path}": f"{path}: it may start jobs while Stack/{stop} stops them, because neither depends on the"
            " other. Pass it to the StopOnDelete as delete_first=[rule], or add rule.node.add_dependency(stop)."
            f" [ack: {WARNING}]"
            for path, stop in warned.items()
        }

    @pytest.mark.parametrize(
        ("order", "told"),
        [
            (lambda rule, stop: rule.node.add_dependency(stop), ""),
            (lambda rule, stop: rule.add_dependency(cfn_resource(stop)), ""),
            (lambda rule, stop: rule.node.add_dependency(_another_after(stop)), ""),
            (lambda rule, stop: stop.node.add_dependency(rule), "Stack/Stop depends on it. Pass it as delete_first=["),
            (lambda _, stop: stop.apply_removal_policy(RemovalPolicy.RETAIN), ""),
            # CDK 2.180 ignores an acknowledgment at the construct itself.
            (lambda rule, _: Annotations.of(Stack.of(rule)).acknowledge_warning(WARNING), ""),
        ],
    )
    def test_tells_if_the_order_is_wrong_and_does_not_come_if_it_is_right_or_nothing_is_stopped(
        self, stack: Stack, order: Any, told: str
    ) -> None:
        cluster = ecs.CfnCluster(stack, "Cluster")
        order(_rule(stack, cluster.attr_arn), make_stop(stack, jobs=EcsTasks(cluster)))
        assert [told in text for text in warnings_of(stack).values()] == [True] * bool(told)


def _run_task(cluster: Any, task_definition: str = "nightly", resource: str = "ecs:runTask.sync") -> dict[str, Any]:
    parameters = {"Cluster": cluster, "TaskDefinition": task_definition}
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
    return {"StartAt": "Run", "States": {"Run": state}}


def _machine(scope: Construct, **definition: Any) -> sfn.CfnStateMachine:
    return sfn.CfnStateMachine(scope, "StateMachine", role_arn="role", **definition)


def _stop_executions(machine: sfn.CfnStateMachine, **arguments: Any) -> StopOnDelete:
    return make_stop(Stack.of(machine), "StopExecutions", jobs=StateMachineExecutions(machine), **arguments)


class TestWarningOfAStateMachine:
    """A state machine whose executions may start tasks while others are stopped."""

    @pytest.mark.parametrize(
        ("order", "warned"),
        [
            (lambda *_: None, True),
            (lambda machine, _: _stop_executions(machine), True),
            (lambda machine, stop: stop.node.add_dependency(_stop_executions(machine)), True),
            (lambda machine, stop: _stop_executions(machine, delete_last=[stop]), False),
            (lambda machine, stop: machine.node.add_dependency(stop), False),
            (lambda machine, _: Annotations.of(Stack.of(machine)).acknowledge_warning(WARNING_OF_A_MACHINE), False),
        ],
    )
    def test_tells_to_stop_the_executions_first(self, stack: Stack, order: Any, warned: bool) -> None:
        cluster = ecs.CfnCluster(stack, "Cluster")
        machine = _machine(stack, definition=_run_task(cluster.attr_arn))
        order(machine, make_stop(stack, jobs=EcsTasks(cluster)))
        expected = (
            "Stack/StateMachine: its executions may start tasks after Stack/Stop has stopped them. Stop the executions"
            " first: add a StopOnDelete with jobs=StateMachineExecutions(state_machine) and delete_last=[stop]. If it"
            " is an EXPRESS state machine, pass delete_first=[state_machine] in place of that."
            f" [ack: {WARNING_OF_A_MACHINE}]"
        )
        assert warnings_of(stack) == ({"/Stack/StateMachine": expected} if warned else {})

    @pytest.mark.parametrize(
        ("definition", "warned"),
        [
            (lambda made: {"definition_string": Stack.of(made).to_json_string(_run_task(made.ref))}, True),
            (lambda made: {"definition": _run_task(made.attr_arn)}, True),
            (lambda _: {"definition": _run_task("mine", resource="aws-sdk:ecs:runTask")}, True),
            (lambda _: {"definition_string": json.dumps(_run_task(CLUSTER))}, True),
            (lambda _: {"definition_string": json.dumps(_run_task("prod"), indent=2)}, True),
            (
                lambda made: {
                    "definition_string": json.dumps(_run_task("${Cluster}")),
                    "definition_substitutions": {"Cluster": made.attr_arn},
                },
                True,
            ),
            (lambda made: {"definition": _run_task(made.attr_arn, resource="ecs:listTasks")}, False),
            (lambda _: {"definition": _run_task(f"{CLUSTER}-2")}, False),
            (lambda _: {"definition": _run_task("production")}, False),
            (lambda made: {"definition": _run_task(made.attr_arn, "daily")}, False),
            (lambda _: {"definition_s3_location": {"bucket": "mine", "key": "definition"}}, False),
        ],
    )
    def test_comes_of_one_that_runs_tasks_in_the_cluster(self, stack: Stack, definition: Any, warned: bool) -> None:
        made = ecs.CfnCluster(stack, "Cluster", cluster_name="mine")
        vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"])
        imported = ecs.Cluster.from_cluster_attributes(stack, "Imported", cluster_name="prod", vpc=vpc)
        ecs.CfnTaskDefinition(stack, "Daily", family="daily")
        for name, cluster in (("Made", made), ("Shared", imported)):
            make_stop(stack, name, jobs=EcsTasks(cluster, family="nightly"))
        _machine(stack, **definition(made))
        assert len(warnings_of(stack)) == warned


def test_a_warning_tells_that_express_executions_end_by_themselves(stack: Stack) -> None:
    machine = sfn.CfnStateMachine(stack, "StateMachine", role_arn="role", state_machine_type="EXPRESS")
    make_stop(stack, jobs=StateMachineExecutions(machine))
    expected = "Stack/Stop: Stack/StateMachine is an EXPRESS state machine. Its executions can't be stopped"
    assert warnings_of(stack)["/Stack/Stop"].startswith(expected)


def test_a_warning_tells_of_a_provider_that_nothing_can_use(stack: Stack) -> None:
    used, listed, unused = (Construct(stack, name) for name in ("Used", "Listed", "Unused"))
    make_stop(stack, provider=StopOnDeleteProvider(used, "Provider"))
    StopOnDeleteProvider(listed, "Provider", kinds=[EcsTasks])
    StopOnDeleteProvider(unused, "Provider")
    [(path, message)] = warnings_of(stack).items()
    assert path == "/Stack/Unused/Provider"
    assert message.startswith("Stack/Unused/Provider: it lists no kind of jobs, and no construct of its stack uses it.")


@pytest.mark.parametrize(
    ("wait", "warned"),
    [(None, True), (Duration.minutes(6), False), (Duration.minutes(5), True), (Duration.seconds(0), False)],
)
def test_a_warning_tells_of_a_wait_that_a_grace_period_uses_up(
    stack: Stack, wait: Duration | None, warned: bool
) -> None:
    jobs = EmrServerlessJobRuns("00f", shutdown_grace_period=Duration.minutes(5))
    stop = make_stop(stack, jobs=jobs, wait=wait)
    assert properties_of(stop)["ShutdownGracePeriodInSeconds"] == 300
    expected = f"{stop.node.path}: its `wait` of 300 seconds is not longer than the shutdown grace"
    assert [message.startswith(expected) for message in warnings_of(stack).values()] == [True] * warned

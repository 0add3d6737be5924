"""The app of the table of containers: a stack for each way of changing one, with every row that is changed that way."""

from __future__ import annotations

from aws_cdk import App, CfnResource, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from tests.containers import DEFINITION, NO_APPLICATION, Declared, Row
from tests.e2e.changes import CHANGES, DEPLOYED

CfnContainer = ecs.CfnCluster | sfn.CfnStateMachine | emrserverless.CfnApplication

ROLE = "arn:aws:iam::123456789012:role/role"
POLICIES = {
    "Delete": RemovalPolicy.DESTROY,
    "Retain": RemovalPolicy.RETAIN,
    "RetainExceptOnCreate": RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
}


def _make(stack: Stack, row: Row, name: str) -> CfnContainer:
    if row.kind == "EcsTasks":
        return ecs.CfnCluster(stack, f"{row.id}Container", cluster_name=f"{row.id}-{name}")
    if row.kind == "StateMachineExecutions":
        return sfn.CfnStateMachine(
            stack,
            f"{row.id}Container",
            state_machine_name=f"{row.id}-{name}",
            state_machine_type="EXPRESS" if row.express else "STANDARD",
            role_arn=ROLE,
            definition_string=DEFINITION,
        )
    return emrserverless.CfnApplication(
        stack, f"{row.id}Container", name=f"{row.id}-{name}", release_label="emr-7.10.0", type="SPARK"
    )


def _jobs(container: CfnContainer, family: str) -> EcsTasks | StateMachineExecutions | EmrServerlessJobRuns:
    if isinstance(container, ecs.CfnCluster):
        return EcsTasks(container, family or None)
    if isinstance(container, sfn.CfnStateMachine):
        return StateMachineExecutions(container)
    return EmrServerlessJobRuns(container)


def _declare(stack: Stack, row: Row, declared: Declared) -> list[StopOnDelete]:
    """Declare what a row does, and give its StopOnDeletes."""
    if row.shared:
        container = SHARED[row]
    elif declared.container:
        container = _make(stack, row, declared.container)
        container.apply_removal_policy(POLICIES[declared.policy])
    return [
        StopOnDelete(
            stack,
            f"{row.id}{name}",
            jobs=_jobs(container, family),
            wait=Duration.seconds(row.wait),
            best_effort=row.best_effort,
            provider=provider,
        )
        for name, family in declared.stops
    ]


app = App()
env = Environment(account="123456789012", region="us-west-2")
provider = StopOnDeleteProvider(
    Stack(app, "StopProvider", env=env), "Provider", kinds=[EcsTasks, StateMachineExecutions, EmrServerlessJobRuns]
)
shared = Stack(app, "StopShared", env=env)
SHARED = {row: _make(shared, row, "shared") for row in DEPLOYED if row.shared}
for container in SHARED.values():
    # Whether a StopOnDelete needs it yet or not.
    shared.export_value(container.ref if isinstance(container, emrserverless.CfnApplication) else container.attr_arn)
is_after = app.node.try_get_context("after")
for change, rows in CHANGES.items():
    stack = Stack(app, change, env=env)
    # No template is without a resource.
    CfnResource(stack, "Anchor", type="AWS::CloudFormation::WaitConditionHandle")
    declared = {row: row.after if is_after else row.before for row in rows}
    stops = [stop for row in rows if (what := declared[row]) for stop in _declare(stack, row, what)]
    if any(what and what.fails for what in declared.values()):
        fails = StopOnDelete(stack, "Fails", jobs=EmrServerlessJobRuns(NO_APPLICATION), provider=provider)
        fails.node.add_dependency(*stops)
app.synth()

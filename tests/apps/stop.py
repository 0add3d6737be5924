"""StopOnDelete of every kind: one stack replaces the containers, in another the constructs are taken out."""

from __future__ import annotations

from aws_cdk import App, Duration, Environment, Stack
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

ENVIRONMENT = Environment(account="123456789012", region="us-west-2")
ROLE = "arn:aws:iam::123456789012:role/role"
DEFINITION = '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'

Jobs = EcsTasks | StateMachineExecutions | EmrServerlessJobRuns


def jobs_of_every_kind(stack: Stack, name: str) -> list[Jobs]:
    """Declare a cluster, a state machine and an application, and give what runs in them."""
    cluster = ecs.CfnCluster(stack, "Cluster", cluster_name=name)
    machine = sfn.CfnStateMachine(
        stack, "StateMachine", state_machine_name=name, role_arn=ROLE, definition_string=DEFINITION
    )
    application = emrserverless.CfnApplication(
        stack, "Application", name=name, release_label="emr-7.10.0", type="SPARK"
    )
    return [EcsTasks(cluster), StateMachineExecutions(machine), EmrServerlessJobRuns(application)]


app = App()
after = bool(app.node.try_get_context("after"))
provider = StopOnDeleteProvider(
    Stack(app, "StopProvider", env=ENVIRONMENT),
    "Provider",
    kinds=[EcsTasks, StateMachineExecutions, EmrServerlessJobRuns],
)

replaced = Stack(app, "StopReplaced", env=ENVIRONMENT)
for number, jobs in enumerate(jobs_of_every_kind(replaced, "second" if after else "first")):
    StopOnDelete(replaced, f"Stop{number}", jobs=jobs, wait=Duration.seconds(2), provider=provider)

taken_out = Stack(app, "StopTakenOut", env=ENVIRONMENT)
for number, jobs in enumerate(jobs_of_every_kind(taken_out, "kept")):
    if not after:
        StopOnDelete(taken_out, f"Stop{number}", jobs=jobs, provider=provider)

stuck = Stack(app, "StopInStack", env=ENVIRONMENT)
StopOnDelete(
    stuck, "Stop", jobs=EcsTasks(ecs.CfnCluster(stuck, "Cluster", cluster_name="stuck")), wait=Duration.seconds(1)
)
app.synth()

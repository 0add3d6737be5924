"""StopOnDelete of every kind, in a stack that replaces the containers, and with the default provider."""

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

app = App()
provider_stack = Stack(app, "StopProvider", env=ENVIRONMENT)
provider = StopOnDeleteProvider(
    provider_stack, "Provider", kinds=[EcsTasks, StateMachineExecutions, EmrServerlessJobRuns]
)

replaced = Stack(app, "StopReplaced", env=ENVIRONMENT)
name = "second" if app.node.try_get_context("after") else "first"
cluster = ecs.CfnCluster(replaced, "Cluster", cluster_name=name)
machine = sfn.CfnStateMachine(
    replaced, "StateMachine", state_machine_name=name, role_arn=ROLE, definition_string=DEFINITION
)
spark = emrserverless.CfnApplication(replaced, "Application", name=name, release_label="emr-7.10.0", type="SPARK")
for jobs in (EcsTasks(cluster), StateMachineExecutions(machine), EmrServerlessJobRuns(spark)):
    StopOnDelete(replaced, f"Stop{type(jobs).__name__}", jobs=jobs, provider=provider)

stuck = Stack(app, "StopInStack", env=ENVIRONMENT)
its = EcsTasks(ecs.CfnCluster(stuck, "Cluster", cluster_name="stuck"))
StopOnDelete(stuck, "Stop", jobs=its, wait=Duration.seconds(1))
app.synth()

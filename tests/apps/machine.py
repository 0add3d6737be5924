"""The executions of a state machine: stopped in its own stack, unless that is taken out, and in another stack."""

from __future__ import annotations

from aws_cdk import App, Duration, Environment, Stack
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import StateMachineExecutions, StopOnDelete, StopOnDeleteProvider

ENVIRONMENT = Environment(account="123456789012", region="us-west-2")

app = App()
stack = Stack(app, "Machine", env=ENVIRONMENT)
wait = sfn.Wait(stack, "Wait", time=sfn.WaitTime.duration(Duration.days(1)))
machine = sfn.StateMachine(
    stack, "Machine", state_machine_name="witness", definition_body=sfn.DefinitionBody.from_chainable(wait)
)
provider = StopOnDeleteProvider(stack, "Provider", kinds=[StateMachineExecutions])

if app.node.try_get_context("stop_in_stack") != "no":
    StopOnDelete(stack, "Stop", jobs=StateMachineExecutions(machine), provider=provider)

other = Stack(app, "MachineUser", env=ENVIRONMENT)
imported = sfn.StateMachine.from_state_machine_name(other, "Machine", "witness")
StopOnDelete(other, "Stop", jobs=StateMachineExecutions(imported), provider=provider)
app.synth()

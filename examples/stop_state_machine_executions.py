"""How do I delete a state machine with running executions? Stop them first."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import StateMachineExecutions, StopOnDelete

app = App()
stack = Stack(app, "StopStateMachineExecutions")
wait = sfn.Wait(stack, "Wait", time=sfn.WaitTime.duration(Duration.days(30)))
state_machine = sfn.StateMachine(stack, "StateMachine", definition_body=sfn.DefinitionBody.from_chainable(wait))
StopOnDelete(stack, "StopExecutions", jobs=StateMachineExecutions(state_machine))
app.synth()

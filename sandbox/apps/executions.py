"""A state machine whose executions are started from outside, with a StopOnDelete and without."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import StateMachineExecutions, StopOnDelete


def state_machine(stack: Stack, name: str) -> sfn.StateMachine:
    """Make a state machine whose executions take a day."""
    wait = sfn.Wait(stack, "Wait", time=sfn.WaitTime.duration(Duration.days(1)))
    body = sfn.DefinitionBody.from_chainable(wait)
    return sfn.StateMachine(stack, "StateMachine", state_machine_name=name, definition_body=body)


app = App()
with_stop = Stack(app, "WithStop")
StopOnDelete(with_stop, "Stop", jobs=StateMachineExecutions(state_machine(with_stop, "WithStop")))

state_machine(Stack(app, "WithoutStop"), "WithoutStop")
app.synth()

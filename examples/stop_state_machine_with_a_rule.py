"""How do I keep a rule from starting new executions while they are stopped? Delete the rule first."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import StateMachineExecutions, StopOnDelete

app = App()
stack = Stack(app, "StopStateMachineWithARule")
wait = sfn.Wait(stack, "Wait", time=sfn.WaitTime.duration(Duration.days(30)))
state_machine = sfn.StateMachine(stack, "StateMachine", definition_body=sfn.DefinitionBody.from_chainable(wait))
rule = events.Rule(stack, "Rule", schedule=events.Schedule.rate(Duration.hours(1)))
rule.add_target(targets.SfnStateMachine(state_machine))
StopOnDelete(stack, "StopExecutions", jobs=StateMachineExecutions(state_machine), delete_first=[rule])
app.synth()

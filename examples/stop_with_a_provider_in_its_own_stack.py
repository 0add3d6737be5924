"""How do I learn of a failed deletion, and retry it? With the provider and an alarm in a stack of their own."""

from aws_cdk import App, CfnParameter, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import EcsTasks, StateMachineExecutions, StopOnDelete, StopOnDeleteProvider

app = App()
provider_stack = Stack(app, "StopProvider")
provider = StopOnDeleteProvider(provider_stack, "Provider", kinds=[EcsTasks, StateMachineExecutions])
# Always write this line, so that no deployment removes the export while another stack still imports it.
provider_stack.export_value(provider.service_token)
# This alarm is in the provider's stack, which is deleted last. For all functions of the account, see alarm.py.
alarm = provider.metric_left_running().create_alarm(
    provider_stack,
    "LeftRunning",
    alarm_description="Jobs may still be running. What to do: docs/operators.md of cdk-world-export-job",
    threshold=1,
    evaluation_periods=1,
    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
)
email = CfnParameter(provider_stack, "Email", description="The address that the alarm is sent to").value_as_string
on_call = sns.Topic(provider_stack, "OnCall")
on_call.add_subscription(subscriptions.EmailSubscription(email))
alarm.add_alarm_action(actions.SnsAction(on_call))

tasks_stack = Stack(app, "Tasks")
vpc = ec2.Vpc(tasks_stack, "Vpc", max_azs=2)
cluster = ecs.Cluster(tasks_stack, "Cluster", vpc=vpc)
StopOnDelete(tasks_stack, "StopTasks", jobs=EcsTasks(cluster), provider=provider)

steps_stack = Stack(app, "Steps")
body = sfn.DefinitionBody.from_chainable(sfn.Pass(steps_stack, "Step"))
state_machine = sfn.StateMachine(steps_stack, "StateMachine", definition_body=body)
StopOnDelete(steps_stack, "StopExecutions", jobs=StateMachineExecutions(state_machine), provider=provider)
app.synth()

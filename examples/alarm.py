"""How do I learn that a job was left running? With an alarm for all stacks of an account and region."""

from aws_cdk import App, CfnParameter, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions

from cdk_world_export_job import WorldExportJobProvider

app = App()
# In a stack of its own, because an alarm in the job's stack would be deleted with the job.
stack = Stack(app, "WorldExportAlarm")
email = CfnParameter(stack, "Email", description="The address that the alarm is sent to").value_as_string
on_call = sns.Topic(stack, "OnCall")
on_call.add_subscription(subscriptions.EmailSubscription(email))
alarm = WorldExportJobProvider.metric_all_left_running().create_alarm(
    stack,
    "LeftRunning",
    alarm_description="A world export job may still be running. What to do: docs/operators.md of cdk-world-export-job",
    threshold=1,
    evaluation_periods=1,
    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
)
alarm.add_alarm_action(actions.SnsAction(on_call))
app.synth()

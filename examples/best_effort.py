"""How do I go on whatever RoboMaker says? With best effort, and an alarm in a stack that stays on jobs left behind."""

from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
ManagedWorldExportJob(
    Stack(app, "BestEffort"),
    "Job",
    job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    best_effort=True,
)
# One for all stacks of the account and region. In the job's own stack it would be deleted before the job.
operations = Stack(app, "Operations")
alarm = WorldExportJobProvider.metric_all_left_running().create_alarm(
    operations,
    "LeftRunning",
    alarm_description="A world export job may be running although its stack has given it up",
    threshold=1,
    evaluation_periods=1,
    treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
)
alarm.add_alarm_action(actions.SnsAction(sns.Topic(operations, "OnCall")))
app.synth()

"""A job whose provider is in its own stack. It waits a few seconds only, so that a refusal takes no longer."""

from aws_cdk import App, Duration, Stack

from cdk_world_export_job import ManagedWorldExportJob

app = App()
ManagedWorldExportJob(
    Stack(app, "WorldExport"),
    "WorldExportJob",
    job_arn=app.node.try_get_context("job_arn") or "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    wait=Duration.seconds(5),
)
app.synth()

"""A job whose provider has a stack of its own, as in the example app, but which waits a few seconds only."""

from aws_cdk import App, Duration, Stack

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
provider = WorldExportJobProvider(Stack(app, "WorldExportProvider"), "Provider")
ManagedWorldExportJob(
    Stack(app, "WorldExport"),
    "WorldExportJob",
    job_arn=app.node.try_get_context("job_arn") or "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    wait=Duration.seconds(5),
    provider=provider,
)
app.synth()

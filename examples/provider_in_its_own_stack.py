"""How can a failed deletion be retried? With the provider in a stack of its own, which is deleted last."""

from aws_cdk import App, Stack

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

JOBS = {"Forest": "job-1", "Warehouse": "job-2"}

app = App()
provider_stack = Stack(app, "Provider")
provider = WorldExportJobProvider(provider_stack, "WorldExportJobs")
# Always write this line, so that no deployment removes the export while the stack of a job still imports it.
provider_stack.export_value(provider.service_token)
for stack, job in JOBS.items():
    ManagedWorldExportJob(
        Stack(app, stack),
        job,
        job_arn=f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/{job}",
        provider=provider,
    )
app.synth()

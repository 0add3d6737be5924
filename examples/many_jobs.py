"""How do I put many jobs into one stack? They share one function and one policy."""

from aws_cdk import App, Stack

from cdk_world_export_job import ManagedWorldExportJob

JOBS = ["job-1", "job-2", "job-3"]

app = App()
stack = Stack(app, "ManyJobs")
for job in JOBS:
    ManagedWorldExportJob(stack, job, job_arn=f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/{job}")
app.synth()

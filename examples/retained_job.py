"""How do I leave a job running when its stack is deleted? With RETAIN. If it is deployed, also change `wait`."""

from aws_cdk import App, RemovalPolicy, Stack

from cdk_world_export_job import ManagedWorldExportJob

app = App()
stack = Stack(app, "RetainedJob")
ManagedWorldExportJob(
    stack,
    "Job",
    job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    removal_policy=RemovalPolicy.RETAIN,
)
app.synth()

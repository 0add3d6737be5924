"""How do I cancel a job that is in another region than the stack? The function calls the region in the job's ARN."""

from aws_cdk import App, Environment, Stack

from cdk_world_export_job import ManagedWorldExportJob

app = App()
stack = Stack(app, "JobInAnotherRegion", env=Environment(account="123456789012", region="eu-west-1"))
ManagedWorldExportJob(stack, "Job", job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1")
app.synth()

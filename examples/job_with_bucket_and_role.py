"""How do I keep the bucket and the role until the job has stopped? The job depends on both."""

from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from cdk_world_export_job import ManagedWorldExportJob

app = App()
stack = Stack(app, "JobWithBucketAndRole")
bucket = s3.Bucket(stack, "Worlds", enforce_ssl=True)
role = iam.Role(stack, "ExportRole", assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"))
bucket.grant_put(role)
job = ManagedWorldExportJob(stack, "Job", job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1")
job.node.add_dependency(bucket, role)
app.synth()

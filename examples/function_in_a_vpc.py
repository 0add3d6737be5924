"""How do I run the function in a VPC? It needs a route to RoboMaker and S3, such as a NAT gateway."""

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
stack = Stack(app, "FunctionInAVpc")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=1)
provider = WorldExportJobProvider(stack, "Provider", vpc=vpc)
ManagedWorldExportJob(
    stack,
    "Job",
    job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    provider=provider,
)
app.synth()

"""How do I run the function in a VPC without a route to the internet? With endpoints for RoboMaker and S3."""

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
stack = Stack(app, "VpcWithoutInternet")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0)
# This endpoint serves only jobs in the region of the VPC.
vpc.add_interface_endpoint("RoboMaker", service=ec2.InterfaceVpcEndpointAwsService("robomaker"))
# CloudFormation's response URLs are in S3.
vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
provider = WorldExportJobProvider(stack, "Provider", vpc=vpc)
ManagedWorldExportJob(
    stack,
    "Job",
    job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    provider=provider,
)
app.synth()

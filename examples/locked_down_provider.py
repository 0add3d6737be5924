"""How do I run the function behind a proxy, with variables that my own key encrypts? With arguments of the provider."""

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms

from cdk_world_export_job import WorldExportJobProvider

app = App()
stack = Stack(app, "LockedDownProvider")
WorldExportJobProvider(
    stack,
    "WorldExportJobs",
    vpc=ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0),
    proxy="http://proxy.example.com:3128",
    environment_encryption=kms.Key(stack, "Key", enable_key_rotation=True),
)
app.synth()

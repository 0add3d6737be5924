"""How do I choose the function's memory, log group, role and Python? With a provider that you pass to each job."""

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
stack = Stack(app, "CustomProvider")
provider = WorldExportJobProvider(
    stack,
    "Provider",
    memory_size=512,
    log_group=logs.LogGroup(stack, "Log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY),
    role=iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")),
    runtime=lambda_.Runtime.PYTHON_3_11,
)
for job in ("job-1", "job-2"):
    ManagedWorldExportJob(
        stack,
        job,
        job_arn=f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/{job}",
        provider=provider,
    )
app.synth()

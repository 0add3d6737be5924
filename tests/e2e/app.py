"""The app of the end-to-end tests: the example's stack with everything that a test may choose, by context."""

from aws_cdk import App, CfnParameter, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
context = app.node.try_get_context
stack = Stack(app, "WorldExport", env=Environment(account="123456789012", region="us-west-2"))

role = iam.Role(stack, "ExportRole", assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"))
provider = WorldExportJobProvider.get_or_create(stack)
if context("endpoint"):
    provider.function.add_environment("AWS_ENDPOINT_URL_ROBOMAKER", context("endpoint"))
if context("debug"):
    function = provider.function.node.default_child
    assert isinstance(function, lambda_.CfnFunction)
    function.add_property_override("LoggingConfig.ApplicationLogLevel", "DEBUG")

for number in range(int(context("fleet") or 0)):
    arn = f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/fleet-{number}"
    ManagedWorldExportJob(stack, f"Fleet{number}", job_arn=arn)

# A parameter is a token: what it holds is known only at deployment.
job = ManagedWorldExportJob(
    stack,
    context("id") or "Job",
    job_arn=CfnParameter(stack, "JobArn").value_as_string,
    wait=Duration.seconds(int(app.node.get_context("wait"))),
    best_effort=context("best_effort") == "true",
    removal_policy=RemovalPolicy.RETAIN if context("retain") else RemovalPolicy.DESTROY,
)
job.node.add_dependency(role)
if context("taken_bucket"):
    # A bucket whose name is taken fails to create, after the job was updated.
    s3.Bucket(stack, "Taken", bucket_name=context("taken_bucket")).node.add_dependency(job)

app.synth()

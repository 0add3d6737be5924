"""The app of the end-to-end tests: a provider's stack, or a job's stack with everything that a test may choose."""

from aws_cdk import App, CfnOutput, CfnParameter, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

ARN = "arn:aws:robomaker:us-west-2:123456789012:world-export-job"

app = App()
context = app.node.try_get_context
env = Environment(account="123456789012", region="us-west-2")

if context("part") == "provider":
    stack = Stack(app, "Provider", env=env)
    CfnOutput(stack, "ServiceToken", value=WorldExportJobProvider(stack, "Provider").service_token)
else:
    stack = Stack(app, "WorldExport", env=env)
    role = iam.Role(stack, "ExportRole", assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"))
    # What may be a parameter is one, so that few apps have to be synthesized.
    service_token = CfnParameter(stack, "ServiceToken").value_as_string
    provider = None
    if not context("in_stack"):
        provider = WorldExportJobProvider.from_service_token(stack, "Provider", service_token)
    elif context("debug") or context("timeout"):
        function = WorldExportJobProvider.get_or_create(stack).function.node.default_child
        assert isinstance(function, lambda_.CfnFunction)
        if context("debug"):
            function.add_property_override("LoggingConfig.ApplicationLogLevel", "DEBUG")
        if context("timeout"):
            function.timeout = int(context("timeout"))
    elif context("memory"):
        WorldExportJobProvider(stack, "WorldExportJobProvider", memory_size=int(context("memory")))

    wait = Duration.seconds(CfnParameter(stack, "Wait", type="Number").value_as_number)
    for number in range(int(context("fleet") or 0)):
        ManagedWorldExportJob(stack, f"Fleet{number}", job_arn=f"{ARN}/fleet-{number}", wait=wait, provider=provider)

    job = ManagedWorldExportJob(
        stack,
        context("id") or "Job",
        job_arn=CfnParameter(stack, "JobArn").value_as_string,
        wait=wait,
        best_effort=CfnParameter(stack, "BestEffort").value_as_string,
        removal_policy=RemovalPolicy.RETAIN if context("retain") else RemovalPolicy.DESTROY,
        provider=provider,
    )
    job.node.add_dependency(role)
    if context("then"):
        # What follows the job fails, after the job was created or updated: a job whose ARN the handler refuses.
        later = CfnParameter(stack, "LaterArn", default=context("then")).value_as_string
        ManagedWorldExportJob(stack, "Later", job_arn=later, provider=provider).node.add_dependency(job)

app.synth()

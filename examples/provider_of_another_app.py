"""How do I use a provider that another app or team deployed? By its service token, here from an SSM parameter."""

from aws_cdk import App, Stack
from aws_cdk import aws_ssm as ssm

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

app = App()
stack = Stack(app, "ProviderOfAnotherApp")
# The other app stored `provider.service_token` there. You can also pass the ARN of the function as a literal.
service_token = ssm.StringParameter.value_for_string_parameter(stack, "/world-export-jobs/service-token")
ManagedWorldExportJob(
    stack,
    "Job",
    job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1",
    provider=WorldExportJobProvider.from_service_token(stack, "Provider", service_token),
)
app.synth()

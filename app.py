"""The deployable example: `cdk deploy --all -c job_arn=arn:...`, and `cdk destroy --all`."""

import os

from aws_cdk import Acknowledgment, Annotations, App, Environment, Stack, Validations

from cdk_world_export_job import WorldExportJobProvider
from stacks.world_export_stack import WorldExportStack

STACK = "WorldExport"
PROVIDER_STACK = "WorldExportProvider"

app = App()
env = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION"))
provider_stack = Stack(app, PROVIDER_STACK, env=env)
provider = WorldExportJobProvider(provider_stack, "Provider")
# Always, also while the app has no job: CloudFormation does not remove an export that is in use.
provider_stack.export_value(provider.service_token)
job_arn = app.node.try_get_context("job_arn")
if job_arn:
    WorldExportStack(app, STACK, job_arn=job_arn, provider=provider, env=env)
else:
    # An error on an empty stack, and no exit, so that `cdk destroy --all` needs no ARN.
    stack = Stack(app, STACK, env=env)
    stack.add_stack_dependency(provider_stack)  # as a job has it, so that the provider's is destroyed last
    Annotations.of(stack).add_error(
        "Which world export job? Pass its ARN:"
        " cdk deploy --all -c job_arn=arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID"
    )
    Validations.of(stack).acknowledge(
        Acknowledgment(id="CloudFormation-Validate::F0001", reason="The error above says why the stack is empty")
    )
app.synth()

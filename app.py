"""The deployable example: `cdk deploy --all -c job_arn=arn:...`, and `cdk destroy --all`."""

import os

from aws_cdk import Acknowledgment, Annotations, App, Environment, Stack, Validations

from stacks.provider_stack import ProviderStack
from stacks.world_export_stack import WorldExportStack

STACK = "WorldExport"
PROVIDER_STACK = "WorldExportProvider"

app = App()
env = Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION"))
provider_stack = ProviderStack(app, PROVIDER_STACK, env=env)
job_arn = app.node.try_get_context("job_arn")
if job_arn:
    WorldExportStack(app, STACK, job_arn=job_arn, provider=provider_stack.provider, env=env)
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

"""The witness's app: what the example can't show, because it takes a short wait, or a function in the job's stack."""

from __future__ import annotations

from aws_cdk import App, CfnCondition, CfnParameter, CfnResource, Duration, Environment, Fn, Stack
from aws_cdk import aws_iam as iam

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

# Long enough for a cancel that takes no time, short for one that is refused.
WAIT = Duration.seconds(3)
ENVIRONMENT = Environment(account="123456789012", region="us-west-2")


class WitnessStack(Stack):
    """A job with the role that it needs, and later another one, if its ARN is given."""

    def __init__(self, scope: App, id: str, provider: WorldExportJobProvider | None = None) -> None:  # noqa: A002
        super().__init__(scope, id, env=ENVIRONMENT)
        role = iam.Role(self, "ExportRole", assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"))
        arn, later_arn = CfnParameter(self, "JobArn"), CfnParameter(self, "LaterArn", default="")

        job = ManagedWorldExportJob(self, "Job", job_arn=arn.value_as_string, wait=WAIT, provider=provider)
        job.node.add_dependency(role)

        later = ManagedWorldExportJob(self, "Later", job_arn=later_arn.value_as_string, wait=WAIT, provider=provider)
        later.node.add_dependency(job)
        resource = later.node.find_child("Resource").node.default_child
        assert isinstance(resource, CfnResource)
        given = Fn.condition_not(Fn.condition_equals(later_arn.value_as_string, ""))
        resource.cfn_options.condition = CfnCondition(self, "Later given", expression=given)


app = App()
provider_stack = Stack(app, "WitnessProvider", env=ENVIRONMENT)
WitnessStack(app, "Witness", WorldExportJobProvider(provider_stack, "Provider"))
WitnessStack(app, "WitnessInStack")
app.synth()

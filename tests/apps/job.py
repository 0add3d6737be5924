"""World export jobs: with the provider in a stack of its own, with the default provider, and with every setting."""

from __future__ import annotations

from aws_cdk import App, CfnCondition, CfnParameter, CfnResource, Duration, Environment, Fn, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

ENVIRONMENT = Environment(account="123456789012", region="us-west-2")
ARN = "arn:aws:robomaker:us-west-2:123456789012:world-export-job"


class JobStack(Stack):
    """A job that needs a role, and a second job that is declared if its ARN is given.

    Parameters
    ----------
    scope : App
        The app.
    id : str
        The stack's name.
    provider : WorldExportJobProvider, optional
        The provider. Default: the one that the construct makes in the stack.
    """

    def __init__(self, scope: App, id: str, provider: WorldExportJobProvider | None = None) -> None:
        super().__init__(scope, id, env=ENVIRONMENT)
        role = iam.Role(self, "ExportRole", assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"))
        arn, later_arn = CfnParameter(self, "JobArn"), CfnParameter(self, "LaterArn", default="")
        seconds = CfnParameter(self, "Wait", type="Number", default=3)
        wait = Duration.seconds(seconds.value_as_number)

        job = ManagedWorldExportJob(self, "Job", job_arn=arn.value_as_string, wait=wait, provider=provider)
        job.node.add_dependency(role)

        later = ManagedWorldExportJob(self, "Later", job_arn=later_arn.value_as_string, wait=wait, provider=provider)
        later.node.add_dependency(job)
        resource = later.node.find_child("Resource").node.default_child
        assert isinstance(resource, CfnResource)
        given = Fn.condition_not(Fn.condition_equals(later_arn.value_as_string, ""))
        resource.cfn_options.condition = CfnCondition(self, "Later given", expression=given)


class SettingsStack(Stack):
    """One job for each way in which a Delete can end, and a function that logs everything it can."""

    def __init__(self, scope: App, id: str) -> None:
        super().__init__(scope, id, env=ENVIRONMENT)
        wait = Duration.seconds(1)
        for name in ("Gone", "Finished", "Throttled", "Retired"):
            ManagedWorldExportJob(self, name, job_arn=f"{ARN}/{name}", wait=Duration.seconds(60))
        ManagedWorldExportJob(self, "BestEffort", job_arn=f"{ARN}/BestEffort", wait=wait, best_effort=True)
        ManagedWorldExportJob(self, "NotAwaited", job_arn=f"{ARN}/NotAwaited", wait=Duration.seconds(0))
        ManagedWorldExportJob(self, "Kept", job_arn=f"{ARN}/Kept", removal_policy=RemovalPolicy.RETAIN)
        [function] = [found for found in self.node.find_all() if isinstance(found, lambda_.CfnFunction)]
        function.add_property_override("LoggingConfig.ApplicationLogLevel", "DEBUG")


app = App()
JobStack(app, "Job", WorldExportJobProvider(Stack(app, "JobProvider", env=ENVIRONMENT), "Provider"))
JobStack(app, "JobInStack")
SettingsStack(app, "JobSettings")
app.synth()

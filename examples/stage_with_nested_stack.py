"""How do I use it in stages and nested stacks? Each stage has one provider for all its jobs."""

from aws_cdk import App, NestedStack, Stack, Stage
from constructs import Construct

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider


class Simulation(Stage):
    """The provider in a stack of its own, a stack with a job, and a stack whose nested stack has a job."""

    def __init__(self, scope: Construct, id: str, *, jobs: str) -> None:
        super().__init__(scope, id)
        provider = WorldExportJobProvider(Stack(self, "Provider"), "WorldExportJobs")
        ManagedWorldExportJob(Stack(self, "Forests"), "Forest", job_arn=f"{jobs}-forest", provider=provider)
        nested = NestedStack(Stack(self, "Warehouses"), "Worlds")
        ManagedWorldExportJob(nested, "Warehouse", job_arn=f"{jobs}-warehouse", provider=provider)


app = App()
# A provider can't serve another stage: the CDK deploys each stage separately, usually into its own account.
for stage in ("Beta", "Prod"):
    jobs = f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/{stage.lower()}"
    Simulation(app, stage, jobs=jobs)
app.synth()

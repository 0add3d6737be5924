"""How do I add my company's permissions boundary and tags? With aspects, as for everything else in the app."""

from aws_cdk import App, Stack, Tags
from aws_cdk import aws_iam as iam

from cdk_world_export_job import ManagedWorldExportJob

app = App()
stack = Stack(app, "BoundaryAndTags")
ManagedWorldExportJob(stack, "Job", job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1")
# The boundary must allow the statements in docs/provider.md. Otherwise no job can be canceled.
boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "team-boundary")
iam.PermissionsBoundary.of(app).apply(boundary)
# The function, its role and its log group get the tag. A custom resource has no tags.
Tags.of(app).add("team", "simulation")
app.synth()

"""How do I delete an EMR Serverless application that is in use? Cancel its job runs and stop it first."""

from aws_cdk import App, Stack
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam

from cdk_stop_on_delete import EmrServerlessJobRuns, StopOnDelete

app = App()
stack = Stack(app, "StopEmrServerlessJobRuns")
application = emrserverless.CfnApplication(stack, "Application", release_label="emr-7.5.0", type="SPARK")
role = iam.Role(stack, "JobRole", assumed_by=iam.ServicePrincipal("emr-serverless.amazonaws.com"))
# The job runs use the role until they have stopped.
StopOnDelete(stack, "StopJobRuns", jobs=EmrServerlessJobRuns(application), delete_last=[role])
app.synth()

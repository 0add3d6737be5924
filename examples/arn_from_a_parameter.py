"""How do I pass the ARN at deployment? `cdk deploy --parameters JobArn=arn:...`; the function checks it."""

from aws_cdk import App, CfnParameter, Stack

from cdk_world_export_job import ManagedWorldExportJob

app = App()
stack = Stack(app, "ArnFromAParameter")
job_arn = CfnParameter(stack, "JobArn", description="The ARN of the world export job")
ManagedWorldExportJob(stack, "Job", job_arn=job_arn.value_as_string)
app.synth()

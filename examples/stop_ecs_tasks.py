"""How do I delete a cluster with running tasks? Stop them first. The cluster's network stays until then."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs

from cdk_stop_on_delete import EcsTasks, StopOnDelete

app = App()
stack = Stack(app, "StopEcsTasks")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
cluster = ecs.Cluster(stack, "Cluster", vpc=vpc)
StopOnDelete(stack, "StopTasks", jobs=EcsTasks(cluster), wait=Duration.minutes(10))
app.synth()

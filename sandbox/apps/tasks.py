"""A cluster in which tasks are started from outside, with a StopOnDelete and without."""

from aws_cdk import App, Stack
from aws_cdk import aws_ecs as ecs

from cdk_stop_on_delete import EcsTasks, StopOnDelete

app = App()
stack = Stack(app, "WithStop")
cluster = ecs.CfnCluster(stack, "Cluster", cluster_name="WithStop")
StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))

ecs.CfnCluster(Stack(app, "WithoutStop"), "Cluster", cluster_name="WithoutStop")
app.synth()

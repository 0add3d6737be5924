"""The app of a stack whose tasks are stopped by a function of its own, which doesn't wait for long."""

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_ecs as ecs

from cdk_stop_on_delete import EcsTasks, StopOnDelete

app = App()
stack = Stack(app, "StuckTasks")
cluster = ecs.CfnCluster(stack, "Cluster")
StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster), wait=Duration.seconds(1))
CfnOutput(stack, "ClusterArn", value=cluster.attr_arn)
app.synth()

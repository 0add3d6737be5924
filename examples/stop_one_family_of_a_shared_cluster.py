"""How do I stop only my tasks in a shared cluster? By the family of their task definition."""

from aws_cdk import App, Stack
from aws_cdk import aws_ecs as ecs

from cdk_stop_on_delete import EcsTasks, StopOnDelete

app = App()
stack = Stack(app, "StopOneFamilyOfASharedCluster")
cluster = ecs.Cluster.from_cluster_arn(stack, "Shared", "arn:aws:ecs:us-west-2:123456789012:cluster/shared")
task_definition = ecs.FargateTaskDefinition(stack, "Nightly", family="nightly")
task_definition.add_container("Main", image=ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/busybox"))
tasks = EcsTasks(cluster, family=task_definition.family)
StopOnDelete(stack, "StopTasks", jobs=tasks, delete_last=[task_definition])
app.synth()

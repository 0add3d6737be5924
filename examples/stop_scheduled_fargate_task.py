"""How do I delete a running ScheduledFargateTask? Delete the schedule, stop the task, then delete the rest."""

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as ecs_patterns
from aws_cdk.aws_applicationautoscaling import Schedule

from cdk_stop_on_delete import EcsTasks, StopOnDelete

app = App()
stack = Stack(app, "StopScheduledFargateTask")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
task = ecs_patterns.ScheduledFargateTask(
    stack,
    "Nightly",
    cluster=ecs.Cluster(stack, "Cluster", vpc=vpc),
    schedule=Schedule.cron(hour="3", minute="0"),
    scheduled_fargate_task_image_options=ecs_patterns.ScheduledFargateTaskImageOptions(
        image=ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/busybox")
    ),
)
StopOnDelete(
    stack,
    "StopTasks",
    jobs=EcsTasks(task.cluster),
    delete_first=[task.event_rule],  # otherwise it could start a task after the others are stopped
    delete_last=[task],  # the task definition, the roles and the security group; the network needs no argument
)
app.synth()

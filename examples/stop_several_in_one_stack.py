"""How do I stop executions that start tasks, and the tasks? With `delete_last`, which stops the executions first."""

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks

from cdk_stop_on_delete import EcsTasks, StateMachineExecutions, StopOnDelete

app = App()
stack = Stack(app, "StopSeveralInOneStack")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
cluster = ecs.Cluster(stack, "Cluster", vpc=vpc)
task_definition = ecs.FargateTaskDefinition(stack, "Step")
task_definition.add_container("Main", image=ecs.ContainerImage.from_registry("public.ecr.aws/docker/library/busybox"))
run_task = sfn_tasks.EcsRunTask(
    stack,
    "RunTask",
    cluster=cluster,
    task_definition=task_definition,
    launch_target=sfn_tasks.EcsFargateLaunchTarget(platform_version=ecs.FargatePlatformVersion.LATEST),
    integration_pattern=sfn.IntegrationPattern.RUN_JOB,
)
state_machine = sfn.StateMachine(stack, "StateMachine", definition_body=sfn.DefinitionBody.from_chainable(run_task))
tasks = StopOnDelete(
    stack,
    "StopTasks",
    jobs=EcsTasks(cluster),
    wait=Duration.minutes(10),
    delete_last=[task_definition, run_task],  # the CDK creates the tasks' security group in `run_task`
)
StopOnDelete(stack, "StopExecutions", jobs=StateMachineExecutions(state_machine), delete_last=[tasks])
app.synth()

"""The CDK app of the stories, in three variants: before an update, in an update that fails, and after an update.

`python -m verify.stacks FOLDER ACCOUNT RUN emr|-` writes the cloud assembly of each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, Fn, RemovalPolicy, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    Jobs,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobs

from . import BASE, BEFORE, FAILING, PREFIX, PROJECT, TAG, VARIANTS

# What is not stopped ends by itself after an hour.
_WAIT = '{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}}'
_SLEEP = ecs.CfnTaskDefinition.ContainerDefinitionProperty(
    name="sleep",
    image="public.ecr.aws/docker/library/busybox:stable",
    command=["sleep", "3600"],
    memory=512,
    stop_timeout=5,
)
# No such job exists. The region is one of those that had RoboMaker.
_JOB = "arn:aws:robomaker:us-west-2:{account}:world-export-job/wej-{run}"

_AnyJobs = EcsTasks | StateMachineExecutions | EmrServerlessJobRuns


def _base(app: App, run: str) -> StopOnDeleteProvider:
    """Declare the provider, and what the tasks and executions need."""
    stack = Stack(app, "Base", stack_name=BASE)
    week, destroy = logs.RetentionDays.ONE_WEEK, RemovalPolicy.DESTROY
    log_group = logs.LogGroup(stack, "Log", log_group_name=f"{PREFIX}-{run}", retention=week, removal_policy=destroy)
    kinds: list[type[Jobs]] = [EcsTasks, StateMachineExecutions, EmrServerlessJobRuns, WorldExportJobs]
    provider = StopOnDeleteProvider(stack, "Provider", kinds=kinds, log_group=log_group)
    stack.export_value(provider.service_token)
    role = provider.node.find_child("Role")
    assert isinstance(role, iam.Role)  # noqa: S101 - the provider makes it
    assert role.assume_role_policy  # noqa: S101 - ditto
    # The run assumes the function's role to measure how long a change of its permissions takes.
    trust = iam.PolicyStatement(actions=["sts:AssumeRole"], principals=[iam.AccountRootPrincipal()])
    role.assume_role_policy.add_statements(trust)
    for service in ("states", "emr-serverless"):
        principal = iam.ServicePrincipal(f"{service}.amazonaws.com")
        iam.Role(stack, f"Role-{service}", role_name=f"{PREFIX}-{service}-{run}", assumed_by=principal)

    public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)
    # Fargate pulls the image from the internet. The tasks use the default security group, which allows that.
    vpc = ec2.Vpc(
        stack,
        "Network",
        availability_zones=[Fn.select(0, Fn.get_azs())],
        nat_gateways=0,
        subnet_configuration=[public],
        restrict_default_security_group=False,
    )
    task = ecs.CfnTaskDefinition(
        stack,
        "Task",
        family=f"{PREFIX}-{run}",
        cpu="256",
        memory="512",
        network_mode="awsvpc",
        requires_compatibilities=["FARGATE"],
        container_definitions=[_SLEEP],
    )
    outputs = {
        "Role": role.role_name,
        "Subnet": vpc.public_subnets[0].subnet_id,
        "TaskDefinition": task.ref,
    }
    for name, value in outputs.items():
        CfnOutput(stack, f"The{name}", key=name, value=value)
    return provider


class _Jobs(Stack):
    """A stack with clusters and state machines, each with a StopOnDelete or without."""

    def __init__(self, app: App, name: str, provider: StopOnDeleteProvider, account: str, run: str) -> None:
        # The description is the variant, so that it shows which template GetTemplate returns.
        super().__init__(app, name, stack_name=f"{PREFIX}-{name.lower()}", description=app.node.get_context("variant"))
        self._provider, self._account, self._run = provider, account, run

    def declare(self, role: str, *, generation: str = "", stops: bool = True, emr: bool = False) -> None:
        """Declare a cluster and a state machine for one part of a story. Another generation replaces them."""
        name = "-".join(filter(None, [self.stack_name, role.lower(), generation, self._run]))
        role_arn = f"arn:aws:iam::{self._account}:role/{PREFIX}-states-{self._run}"
        machine = sfn.CfnStateMachine(
            self, f"{role}Machine", state_machine_name=name, role_arn=role_arn, definition_string=_WAIT
        )
        cluster = ecs.CfnCluster(self, f"{role}Cluster", cluster_name=name)
        containers: list[_AnyJobs] = [EcsTasks(cluster), StateMachineExecutions(machine)]
        if emr:
            types = emrserverless.CfnApplication
            application = types(
                self,
                f"{role}Application",
                name=name,
                release_label="emr-7.13.0",  # the first with sessions (EMR Serverless User Guide, spark-connect)
                type="SPARK",
                interactive_configuration=types.InteractiveConfigurationProperty(session_enabled=True),
                maximum_capacity=types.MaximumAllowedResourcesProperty(cpu="16 vCPU", memory="64 GB"),
            )
            containers.append(EmrServerlessJobRuns(application))
        for jobs in containers if stops else []:
            self.stop(f"{role}Stop{type(jobs).__name__}", jobs)

    def stop(self, id: str, jobs: _AnyJobs) -> StopOnDelete:  # noqa: A002 - every construct names it so
        """Declare a StopOnDelete."""
        return StopOnDelete(self, id, jobs=jobs, provider=self._provider, wait=Duration.minutes(5))


def synthesize(folder: Path, account: str, run: str, *, emr: bool) -> None:
    """Write the cloud assembly of each variant into a folder of its name."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    for variant in VARIANTS:
        app = App(outdir=str(folder / variant), context={**context, "variant": variant})
        provider = _base(app, run)
        deleted, updated, failed, world = (
            _Jobs(app, name, provider, account, run) for name in ("Deleted", "Updated", "Failed", "World")
        )
        deleted.declare("Deleted", emr=emr)
        updated.declare("Replaced", generation=variant)
        updated.declare("Kept", stops=variant == BEFORE)
        if variant == BEFORE:
            updated.declare("Left")
        if variant == FAILING:
            updated.declare("New")
            others = [one for one in updated.node.children if isinstance(one, StopOnDelete)]
            missing = f"arn:aws:ecs:{updated.region}:{account}:cluster/{PREFIX}-missing"
            failing = updated.stop("Failing", EcsTasks(ecs.Cluster.from_cluster_arn(updated, "Missing", missing)))
            failing.node.add_dependency(*others)
        failed.declare("Failed", generation=variant)
        ManagedWorldExportJob(world, "Job", job_arn=_JOB.format(account=account, run=run), provider=provider)
        Tags.of(app).add(TAG, run)
        app.synth()


if __name__ == "__main__":
    synthesize(Path(sys.argv[1]), sys.argv[2], sys.argv[3], emr=sys.argv[4] == "emr")

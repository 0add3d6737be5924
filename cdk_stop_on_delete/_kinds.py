"""The kinds of jobs of a StopOnDelete: where they run, and which permissions the function needs to stop them."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aws_cdk import CfnResource, Duration, Reference, ScopedAws, Stack, Tokenization
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from ._arguments import checking, in_seconds, invalid, is_literal
from ._handler_code import Container, check_option
from ._lazy import SynthesisWarning
from ._stacks import difference, environment_of, is_nested_in, root_of


class Jobs(ABC):
    """A kind of job that a provider's function can stop. Do not subclass it: the handler supports only its own kinds.

    Pass subclasses to a provider as its ``kinds``.
    """

    @classmethod
    @abstractmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        """Return the permissions that the function needs to stop jobs of this kind.

        They cover all jobs of the kind in the account, not only the template's: an update changes the policy first,
        and its cleanup then stops the jobs that the template no longer names.

        Parameters
        ----------
        stack : Stack
            The stack of the function.
        other_stacks : bool, default: True
            Whether constructs of other stacks use the function. If not, it may read no other stack in CloudFormation
            than its own and, if that is a nested one, its root.

        Returns
        -------
        sequence of PolicyStatement
            New statements. A provider adds them to its role by itself, unless the role is imported with
            ``mutable=False``.
        """


class ContainerJobs(Jobs):
    """The jobs in one container (a cluster, state machine or application), the argument `jobs` of a StopOnDelete."""

    # The argument that takes the container.
    _ARGUMENT: ClassVar[str]
    _RESOURCE: ClassVar[type[CfnResource]]
    # What must be the same for the container and the stack. Not the region, because the handler takes it from the ARN.
    _SAME_ENVIRONMENT: ClassVar[Sequence[str]] = ("account", "partition")

    def container(self, stop: Construct) -> tuple[str, CfnResource | None]:
        """Check the container of a StopOnDelete. Return its ARN or id, and its resource or, if it is imported, None."""
        arn_or_id, argument = self._arn_or_id(stop), self._written(self._ARGUMENT)
        ours = environment_of(Stack.of(stop))
        if is_literal(stop, argument, arn_or_id):
            with checking(stop, argument, arn_or_id):
                Container.declared(
                    {"Kind": type(self).__name__, "Container": arn_or_id},
                    stack_account=ours["account"],
                    stack_partition=ours["partition"],
                )
        container = _target_of(arn_or_id, self._RESOURCE)
        theirs = environment_of(Stack.of(container)) if container else {}
        if part := difference(theirs, ours, *self._SAME_ENVIRONMENT):
            rule = f"it is in the {part} {theirs[part]}, but the stack is in {ours[part]}"
            raise invalid(stop, argument, container, rule, f"Declare the StopOnDelete in a stack of that {part}.")
        return arn_or_id, container

    def options(self, stop: Construct) -> Mapping[str, object]:  # noqa: ARG002 - a kind that has options checks them
        """Check the optional arguments, and return their properties: which of the jobs to stop, and how."""
        return {}

    def needs(self, stop: Construct) -> Sequence[IConstruct]:  # noqa: ARG002 - a kind that needs something uses it
        """Return what the jobs need until they have stopped, beside the container. It is called after all aspects."""
        return []

    def warnings(self, stop: Construct, container: CfnResource | None, wait: float) -> list[SynthesisWarning]:  # noqa: ARG002
        """Return the warnings of this kind, for a wait in seconds. It is called after all aspects."""
        return []

    def may_be_started_by(self, target: Mapping[str, Any], references: Sequence[Any], stack: Stack) -> bool:  # noqa: ARG002
        """Return whether a rule or a state machine may start these jobs.

        Parameters
        ----------
        target : Mapping
            A target of the rule, or the properties of the state machine.
        references : sequence
            What the template may write for the container: its ARN or id, ``Ref`` and ``Fn::GetAtt``.
        stack : Stack
            The stack of the rule or the state machine.
        """
        return target.get("arn") in references

    @abstractmethod
    def _arn_or_id(self, stop: Construct) -> str:
        """Return the container's ARN or id, or raise an error if the value has a wrong type."""

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        """Return the permissions that the function needs to stop jobs of this kind; see `Jobs.statements`."""
        # The handler reads the stack of the Delete request to find out whether it deletes the container.
        calls = ("DescribeStackResource", "DescribeStacks", "GetTemplate", "ListStackResources")
        actions = [f"cloudformation:{call}" for call in calls]
        if other_stacks:
            return [allow(actions, arn_of(stack, "cloudformation", "stack/*/*", region=stack.region))]
        # By the stacks' ids, not by the pattern ROOT-*, which does not match every nested stack: CloudFormation may
        # leave ROOT out of a generated name that is too long (aws-samples/sample-autonomous-cloud-coding-agents 865).
        return [allow(actions, *dict.fromkeys(ScopedAws(found).stack_id for found in (root_of(stack), stack)))]

    @classmethod
    def _written(cls, argument: str) -> str:
        """Return the argument as a StopOnDelete has it, for an error: ``jobs=EcsTasks(cluster=...)``."""
        return f"jobs={cls.__name__}({argument}=...)"


class EcsTasks(ContainerJobs):
    """The tasks of an ECS cluster, or some of them. Tasks of ECS services and of managed daemons are not stopped.

    Parameters
    ----------
    cluster : ICluster or CfnCluster
        The cluster, made by the app or imported, in the account of the StopOnDelete's stack.
    family : str, optional
        Stop only tasks of this task definition family, for a shared cluster: up to 255 letters, digits, hyphens and
        underscores (Amazon ECS API reference, RegisterTaskDefinition). May be a token. Default: every family.
    started_by : str, optional
        Stop only tasks that were started with this ``startedBy``: up to 128 printable ASCII characters and no comma.
        May be a token. Default: every ``startedBy``.
    """

    _ARGUMENT = "cluster"
    _RESOURCE = ecs.CfnCluster

    def __init__(
        self, cluster: ecs.ICluster | ecs.CfnCluster, family: str | None = None, started_by: str | None = None
    ) -> None:
        self._cluster = cluster
        self._filters = {"family": ("Family", family), "started_by": ("StartedBy", started_by)}

    def _arn_or_id(self, stop: Construct) -> str:
        if isinstance(self._cluster, ecs.CfnCluster):
            return self._cluster.attr_arn
        # Not `cluster_arn`, because clusters of EKS and MSK have it, too. Most other attributes raise an error if the
        # cluster is imported.
        if not hasattr(self._cluster, "execute_command_configuration"):
            fix = "Pass a Cluster or CfnCluster, or import one with `Cluster.from_cluster_arn(scope, id, arn)` or"
            fix += " `Cluster.from_cluster_attributes(scope, id, cluster_name=..., vpc=...)`."
            raise invalid(stop, self._written("cluster"), self._cluster, "it must be a cluster of ECS", fix)
        return self._cluster.cluster_arn

    def options(self, stop: Construct) -> Mapping[str, object]:
        given = {}
        for name, (option, value) in self._filters.items():
            if value is None:
                continue
            argument = self._written(name)
            if is_literal(stop, argument, value):
                with checking(stop, argument, value):
                    check_option(option, value)
            if definition := _target_of(value, ecs.CfnTaskDefinition):
                rule = "it becomes the ARN of a task definition"
                raise invalid(stop, argument, definition, rule, "Pass the family: `task_definition.family`.")
            given[option] = value
        return given

    def may_be_started_by(self, target: Mapping[str, Any], references: Sequence[Any], stack: Stack) -> bool:
        text = json.dumps(target).replace("\\", "")  # a definition is JSON in a string, with escaped quotes
        if not super().may_be_started_by(target, references, stack):
            cluster: Any = self._cluster.node.default_child or self._cluster
            name = re.escape(str(stack.resolve(cluster.cluster_name)))
            by_name = re.search(rf'(:cluster/|"Cluster": ?"){name}"', text)
            # Step Functions Developer Guide, connect-ecs: arn:aws:states:::ecs:runTask. The resource of the SDK
            # integration, arn:aws:states:::aws-sdk:ecs:runTask, contains the same text.
            if "ecs:runTask" not in text or not (by_name or any(json.dumps(each) in text for each in references)):
                return False
        # A target names a task definition of the stack by its Ref, and the CDK's EcsRunTask by its family. If it names
        # one, it may only start tasks of that family.
        _, family = self._filters["family"]
        if family is None:
            return True
        families = [
            stack.resolve(made.family)
            for made in stack.node.find_all()
            if isinstance(made, ecs.CfnTaskDefinition)
            if any(each and json.dumps(each) in text for each in stack.resolve([made.family, {"Ref": made.logical_id}]))
        ]
        return not families or stack.resolve(family) in families

    def needs(self, stop: Construct) -> Sequence[IConstruct]:
        # The agent on an instance stops its tasks, so the instance needs its permissions and its network until then.
        capacity = [child for child in self._cluster.node.children if isinstance(child, _CAPACITY)]
        try:
            vpc = getattr(self._cluster, "vpc", None)
        except RuntimeError:
            vpc = None  # a cluster that is imported by its ARN has none
        # Only if the VPC is in the stack of `stop` or a stack around it. Any other stack is deleted later anyway,
        # because the stack that uses its subnets depends on it.
        return [*capacity, *network(vpc)] if vpc and is_nested_in(Stack.of(stop), Stack.of(vpc)) else capacity

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        clusters = arn_of(stack, "ecs", "cluster/*")
        return [
            *super().statements(stack, other_stacks=other_stacks),
            allow(["ecs:DescribeClusters"], clusters),
            # ListDaemons supports no resource, and ListTasks only container instances, so the condition limits both to
            # clusters (Service Authorization Reference, list_ecs).
            allow(["ecs:ListDaemons", "ecs:ListTasks"], "*", conditions={"ArnLike": {"ecs:cluster": clusters}}),
            allow(["ecs:DescribeTasks", "ecs:StopTask"], arn_of(stack, "ecs", "task/*")),
        ]


# The capacity that the CDK makes in a cluster's scope, which must be deleted after the tasks. ECS does not remove a
# capacity provider from its cluster while tasks use it (Amazon ECS API reference, PutClusterCapacityProviders). If
# instances are terminated while their tasks run, the tasks may stay listed, and the stack can't be deleted
# (aws/amazon-ecs-agent 818, aws/aws-cdk 14732).
_CAPACITY = (ecs.CfnClusterCapacityProviderAssociations, autoscaling.AutoScalingGroup)


class StateMachineExecutions(ContainerJobs):
    """The executions of a Step Functions state machine. EXPRESS executions can't be stopped, and are ignored.

    Parameters
    ----------
    state_machine : IStateMachine or CfnStateMachine
        The state machine, made by the app or imported, in the account of the StopOnDelete's stack.
    """

    _ARGUMENT = "state_machine"
    _RESOURCE = sfn.CfnStateMachine

    def __init__(self, state_machine: sfn.IStateMachine | sfn.CfnStateMachine) -> None:
        self._state_machine = state_machine

    def _arn_or_id(self, stop: Construct) -> str:
        if isinstance(self._state_machine, sfn.CfnStateMachine):
            return self._state_machine.attr_arn
        # A version and an alias have `state_machine_arn`, too, but no grants.
        if not hasattr(self._state_machine, "grant_start_execution"):
            importer = "`StateMachine.from_state_machine_arn(scope, id, arn)`"
            fix = f"Pass a StateMachine or CfnStateMachine, or import one with {importer}."
            raise invalid(stop, self._written("state_machine"), self._state_machine, "it must be a state machine", fix)
        return self._state_machine.state_machine_arn

    def warnings(self, stop: Construct, container: CfnResource | None, wait: float) -> list[SynthesisWarning]:  # noqa: ARG002
        if not isinstance(container, sfn.CfnStateMachine) or container.state_machine_type != "EXPRESS":
            return []
        # Step Functions API reference, StopExecution; Developer Guide, choosing-workflow-type.
        text = (
            f"{container.node.path} is an EXPRESS state machine. Its executions can't be stopped, and end within five"
            " minutes. Remove the StopOnDelete."
        )
        return [(stop, "cdk-stop-on-delete:expressStateMachine", text)]

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        return [
            *super().statements(stack, other_stacks=other_stacks),
            allow(["states:ListExecutions"], arn_of(stack, "states", "stateMachine:*")),
            allow(["states:StopExecution"], arn_of(stack, "states", "execution:*:*")),
        ]


class EmrServerlessJobRuns(ContainerJobs):
    """The job runs and interactive sessions of an EMR Serverless application. Then the application is stopped, too.

    Parameters
    ----------
    application : CfnApplication or str
        The application, or the id of one outside the app, such as ``00fexample``: up to 64 digits and lower case
        letters (Amazon EMR Serverless API reference, GetApplication). It must be in the account and region of the
        StopOnDelete's stack. An id may be a token.
    shutdown_grace_period : Duration, optional
        How long a job run may clean up after it is canceled, in EMR release 7.9 or newer: 0, or 15 seconds to 30
        minutes (EMR Serverless User Guide, job-cancellation-grace-period). The `wait` of the StopOnDelete must be
        longer. Default: job runs are canceled without a grace period.
    """

    _ARGUMENT = "application"
    _RESOURCE = emrserverless.CfnApplication
    # An application's id does not name its region.
    _SAME_ENVIRONMENT = ("account", "partition", "region")

    def __init__(
        self, application: emrserverless.CfnApplication | str, shutdown_grace_period: Duration | None = None
    ) -> None:
        self._application = application
        self._period = shutdown_grace_period

    def _arn_or_id(self, stop: Construct) -> str:  # noqa: ARG002 - `Container.declared` checks the id
        application = self._application
        return application.ref if isinstance(application, emrserverless.CfnApplication) else application

    def options(self, stop: Construct) -> Mapping[str, object]:
        if self._period is None:
            return {}
        option, argument = "ShutdownGracePeriodInSeconds", self._written("shutdown_grace_period")
        return {option: in_seconds(stop, argument, self._period, lambda seconds: check_option(option, seconds))}

    def warnings(self, stop: Construct, container: CfnResource | None, wait: float) -> list[SynthesisWarning]:  # noqa: ARG002
        period = self._period.to_seconds() if self._period else 0
        # A token is a large negative number here (CDK Developer Guide, tokens).
        if not 0 < wait <= period:
            return []
        text = (
            f"its `wait` of {wait} seconds is not longer than the shutdown grace period of {period} seconds, so"
            " the Delete fails if a job run uses the whole period. Pass a longer `wait`."
        )
        return [(stop, "cdk-stop-on-delete:shortWait", text)]

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        calls = ("GetApplication", "ListJobRuns", "ListSessions", "StopApplication")
        applications = arn_of(stack, "emr-serverless", "/applications/*")
        return [
            *super().statements(stack, other_stacks=other_stacks),
            allow([f"emr-serverless:{call}" for call in calls], applications),
            allow(["emr-serverless:CancelJobRun"], f"{applications}/jobruns/*"),
            allow(["emr-serverless:TerminateSession"], f"{applications}/sessions/*"),
        ]


def _target_of(text: str, resource_class: type[CfnResource]) -> CfnResource | None:
    """Return the resource of a class that a token in a text refers to, or None."""
    targets = [each.target for each in Tokenization.reverse_string(text).tokens if isinstance(each, Reference)]
    return next((target for target in targets if isinstance(target, resource_class)), None)


KINDS: Sequence[type[ContainerJobs]] = (EcsTasks, StateMachineExecutions, EmrServerlessJobRuns)


def allow(actions: Sequence[str], *resources: str, **options: Any) -> iam.PolicyStatement:
    """Return a policy statement that allows actions on resources."""
    return iam.PolicyStatement(actions=actions, resources=list(resources), **options)


def arn_of(stack: Stack, service: str, resource: str, region: str = "*") -> str:
    """Return an ARN in the partition and account of a stack. Default: in every region."""
    return f"arn:{stack.partition}:{service}:{region}:{stack.account}:{resource}"


def network(vpc: IConstruct) -> list[IConstruct]:
    """Return a VPC's own constructs, such as its subnets. Others in its scope may depend on a StopOnDelete."""
    return [part for part in vpc.node.children if type(part).__module__ == ec2.__name__]

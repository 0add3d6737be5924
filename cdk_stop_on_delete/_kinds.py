"""The kinds of jobs that a StopOnDelete stops: their containers, and the permissions that the function needs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from aws_cdk import CfnResource, Duration, Reference, ScopedAws, Stack, Tokenization
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, Dependable, DependencyGroup, IConstruct, IDependable

from ._errors import AsWritten, InvalidArgumentError, invalid, naming
from ._handler_code import properties
from ._jobs import Jobs, allow, arn_of, root_of
from ._tokens import difference, is_string_token, place_of


class ContainerJobs(Jobs):
    """The jobs in one container (a cluster, state machine or application), the argument `jobs` of a StopOnDelete."""

    _ARGUMENT: ClassVar[str]
    _RESOURCE: ClassVar[type[CfnResource]]
    # What container and function must have in common. The handler takes the region from an ARN.
    _SAME_PLACE: ClassVar[Sequence[str]] = ("account", "partition")

    def container(self, stop: Construct) -> tuple[str, CfnResource | None]:
        """Check the container, and return its ARN or id, and its resource if it is in the app."""
        name, argument = self._name(stop), self._written(self._ARGUMENT)
        ours = place_of(Stack.of(stop))
        if not is_string_token(stop, argument, name):
            with naming(stop, argument):
                properties.Container.declared(
                    {"Kind": type(self).__name__, "Container": name},
                    stack_account=ours["account"],
                    stack_partition=ours["partition"],
                )
            return name, None
        for token in Tokenization.reverse_string(name).tokens:
            if isinstance(token, Reference) and isinstance(token.target, self._RESOURCE):
                theirs = place_of(Stack.of(token.target))
                if part := difference(theirs, ours, *self._SAME_PLACE):
                    rule = f"it is in the {part} {theirs[part]}, but the stack is in {ours[part]}"
                    fix = f"Declare the StopOnDelete in a stack of that {part}."
                    raise self._invalid(stop, token.target, rule, fix)
                return name, token.target
        return name, None

    def options(self, stop: Construct) -> Mapping[str, object]:  # noqa: ARG002 - a kind that has options checks them
        """Check the other arguments, and return their properties: which of the jobs to stop, and how."""
        return {}

    def needs(self) -> Sequence[IDependable]:
        """Return what else must be deleted after the jobs have stopped."""
        return []

    @abstractmethod
    def _name(self, stop: Construct) -> str:
        """Return the container's ARN or id, or raise an error if the value has a wrong type."""

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        """Return the permissions that the function needs to stop jobs of this kind; see `Jobs.statements`."""
        # The handler reads the stack of the Delete request, to find out whether the container is deleted.
        calls = ("DescribeStackResource", "DescribeStacks", "GetTemplate", "ListStackResources")
        actions = [f"cloudformation:{call}" for call in calls]
        if other_stacks:
            return [allow(actions, arn_of(stack, "cloudformation", "stack/*/*", region=stack.region))]
        # Not by names: ROOT-* does not match every nested stack, because CloudFormation may omit that name from a
        # generated name that is too long (aws-samples/sample-autonomous-cloud-coding-agents 865).
        return [allow(actions, *dict.fromkeys(ScopedAws(found).stack_id for found in (root_of(stack), stack)))]

    @classmethod
    def _written(cls, argument: str) -> str:
        """Name an argument as it is written among the StopOnDelete's other arguments."""
        return f"jobs={cls.__name__}({argument}=...)"

    def _invalid(self, stop: Construct, value: object, rule: str, fix: str) -> InvalidArgumentError:
        return invalid(stop, self._written(self._ARGUMENT), value, rule, fix)


class EcsTasks(ContainerJobs):
    """The tasks of an ECS cluster, or some of them. Tasks of ECS services and of managed daemons are not stopped.

    Parameters
    ----------
    cluster : ICluster or CfnCluster
        The cluster, made by the app or imported, in the account of the StopOnDelete's stack.
    family : str, optional
        Stop only tasks of this task definition family, in a shared cluster: up to 255 letters, digits, hyphens and
        underscores (Amazon ECS API reference, RegisterTaskDefinition). May be a token. Default: every family.
    started_by : str, optional
        Stop only tasks that were started with this ``startedBy``: up to 128 printable ASCII characters and no comma.
        May be a token. Default: whoever started them.
    """

    # Where users import it from, as tracebacks and `help()` show it.
    __module__ = "cdk_stop_on_delete"

    _SERVICE = properties.SERVICES["EcsTasks"]
    _ARGUMENT = "cluster"
    _RESOURCE = ecs.CfnCluster

    def __init__(
        self, cluster: ecs.ICluster | ecs.CfnCluster, family: str | None = None, started_by: str | None = None
    ) -> None:
        self._cluster = cluster
        self._filters = {"family": ("Family", family), "started_by": ("StartedBy", started_by)}

    def _name(self, stop: Construct) -> str:
        if isinstance(self._cluster, ecs.CfnCluster):
            return self._cluster.attr_arn
        # Clusters of EKS and MSK have an ARN, too.
        if not _has(self._cluster, "has_ec2_capacity"):
            fix = "Pass a Cluster or CfnCluster, or import one with `Cluster.from_cluster_arn(scope, id, arn)`."
            raise self._invalid(stop, self._cluster, "it must be a cluster of ECS", fix)
        return self._cluster.cluster_arn

    def options(self, stop: Construct) -> Mapping[str, object]:
        given = {}
        for name, (option, value) in self._filters.items():
            if value is None:
                continue
            argument = self._written(name)
            if not is_string_token(stop, argument, value):
                with naming(stop, argument):
                    properties.check_option(option, value)
            given[option] = value
        return given

    def needs(self) -> Sequence[IDependable]:
        # jsii keeps a DependencyGroup's identity; it would wrap a Dependable of Python anew in each call.
        needs = DependencyGroup()
        Dependable.implement(needs, _CapacityProviders(self._cluster))
        return [needs]

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        clusters = arn_of(stack, "ecs", "cluster/*")
        return [
            *super().statements(stack, other_stacks=other_stacks),
            allow(["ecs:DescribeClusters"], clusters),
            # Service Authorization Reference, list_ecs: a condition limits them to clusters, a resource can't.
            allow(["ecs:ListDaemons", "ecs:ListTasks"], "*", conditions={"ArnLike": {"ecs:cluster": clusters}}),
            allow(["ecs:DescribeTasks", "ecs:StopTask"], arn_of(stack, "ecs", "task/*")),
        ]


class _CapacityProviders(Dependable):
    """The associations of a cluster with its capacity providers, which the CDK adds after all aspects.

    ECS does not remove a capacity provider from its cluster while tasks use it (Amazon ECS API reference,
    PutClusterCapacityProviders).
    """

    def __init__(self, cluster: IConstruct) -> None:
        super().__init__()
        self._cluster = cluster

    @property
    def dependency_roots(self) -> list[IConstruct]:
        kind = ecs.CfnClusterCapacityProviderAssociations
        return [child for child in self._cluster.node.children if isinstance(child, kind)]


class StateMachineExecutions(ContainerJobs):
    """The executions of a Step Functions state machine. EXPRESS executions can't be stopped, and are ignored.

    Parameters
    ----------
    state_machine : IStateMachine or CfnStateMachine
        The state machine, made by the app or imported, in the account of the StopOnDelete's stack.
    """

    __module__ = "cdk_stop_on_delete"

    _SERVICE = properties.SERVICES["StateMachineExecutions"]
    _ARGUMENT = "state_machine"
    _RESOURCE = sfn.CfnStateMachine

    def __init__(self, state_machine: sfn.IStateMachine | sfn.CfnStateMachine) -> None:
        self._state_machine = state_machine

    def _name(self, stop: Construct) -> str:
        if isinstance(self._state_machine, sfn.CfnStateMachine):
            return self._state_machine.attr_arn
        # A version and an alias have `state_machine_arn`, too, but no grants.
        if not _has(self._state_machine, "grant_start_execution"):
            importer = "`StateMachine.from_state_machine_arn(scope, id, arn)`"
            fix = f"Pass a StateMachine or CfnStateMachine, or import one with {importer}."
            raise self._invalid(stop, self._state_machine, "it must be a state machine", fix)
        return self._state_machine.state_machine_arn

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        return [
            *super().statements(stack, other_stacks=other_stacks),
            allow(["states:ListExecutions"], arn_of(stack, "states", "stateMachine:*")),
            allow(["states:StopExecution"], arn_of(stack, "states", "execution:*:*")),
        ]


class EmrServerlessJobRuns(ContainerJobs):
    """The job runs and interactive sessions of an EMR Serverless application. The application is stopped after them.

    Parameters
    ----------
    application : CfnApplication or str
        The application, or the id of one outside the app, such as ``00fexample``: up to 64 digits and lower case
        letters (Amazon EMR Serverless API reference, GetApplication). It must be in the account and region of the
        StopOnDelete's stack. An id may be a token.
    shutdown_grace_period : Duration, optional
        How long a job run may clean up after its cancel, in EMR release 7.9 or newer: 0, or 15 seconds to 30 minutes
        (EMR Serverless User Guide, job-cancellation-grace-period). Give the StopOnDelete a longer `wait`. Default: the
        job runs are canceled without one.
    """

    __module__ = "cdk_stop_on_delete"

    _SERVICE = properties.SERVICES["EmrServerlessJobRuns"]
    _ARGUMENT = "application"
    _RESOURCE = emrserverless.CfnApplication
    # An application's id does not name its region.
    _SAME_PLACE = ("account", "partition", "region")

    def __init__(
        self, application: emrserverless.CfnApplication | str, shutdown_grace_period: Duration | None = None
    ) -> None:
        self._application = application
        self._period = shutdown_grace_period

    def _name(self, stop: Construct) -> str:  # noqa: ARG002 - `Container.declared` checks the id
        application = self._application
        return application.ref if isinstance(application, emrserverless.CfnApplication) else application

    def options(self, stop: Construct) -> Mapping[str, object]:
        period, argument = self._period, self._written("shutdown_grace_period")
        if period is None:
            return {}
        if not isinstance(period, Duration):
            fix = "Pass, for example, Duration.minutes(2)."
            raise invalid(stop, argument, period, "it must be a Duration", fix)
        seconds = period.to_seconds(integral=False)
        if not period.is_unresolved():
            with naming(stop, argument):
                properties.check_option("ShutdownGracePeriodInSeconds", AsWritten(f"{seconds:g}", period.to_string()))
        return {"ShutdownGracePeriodInSeconds": seconds}

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


KINDS: Sequence[type[ContainerJobs]] = (EcsTasks, StateMachineExecutions, EmrServerlessJobRuns)


def _has(value: object, attribute: str) -> bool:
    try:
        return hasattr(value, attribute)
    except RuntimeError:
        # The attribute exists, but the CDK does not know its value for an imported cluster.
        return True

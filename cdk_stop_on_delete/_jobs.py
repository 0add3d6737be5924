"""The kinds of jobs that a StopOnDelete stops: what they run in, and what the function may call to stop them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from aws_cdk import ArnFormat, CfnResource, Reference, Stack, Tokenization
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, Dependable, DependencyGroup, IConstruct, IDependable

from cdk_world_export_job._errors import InvalidArgumentError, invalid
from cdk_world_export_job._findings import acknowledge, wildcard
from cdk_world_export_job._handler_code import properties
from cdk_world_export_job._tokens import is_token, known, not_a_string, partition_of


class Container(NamedTuple):
    """What the jobs run in."""

    name: str
    """Its ARN, or what else names it to its service."""
    resource: CfnResource | None
    """What makes it, if that is known."""
    needs: IDependable | None = None
    """What must outlive the jobs besides the resource, if that is known."""


class Jobs(ABC):
    """The jobs of one container, as a StopOnDelete takes them."""

    _ARGUMENT: ClassVar[str]
    # What makes a container.
    _RESOURCE: ClassVar[type[CfnResource]]
    # What of its place a container shares with the function. An ARN says in which region to call.
    _PLACE: ClassVar[Sequence[str]] = ("account", "partition")

    @abstractmethod
    def _container(self, stop: Construct) -> Container:
        """Check what was given, and say what the jobs run in."""

    def _filter(self, stop: Construct) -> Mapping[str, str]:  # noqa: ARG002 - a kind that has a filter checks it
        """Check and give the properties that choose some of the container's jobs."""
        return {}

    @classmethod
    @abstractmethod
    def _statements(cls, stack: Stack) -> Sequence[iam.PolicyStatement]:
        """Allow what the function calls.

        For every container of the account and not the current one: in an update, the policy changes before the cleanup
        Delete of the old one arrives, which the handler could then no longer stop.
        """

    @classmethod
    def _written(cls, argument: str) -> str:
        """Name an argument as it is written beside the StopOnDelete's other arguments."""
        return f"jobs={cls.__name__}({argument}=...)"

    def _refuse(self, stop: Construct, value: object, rule: str, fix: str) -> InvalidArgumentError:
        return invalid(stop, self._written(self._ARGUMENT), value, rule, fix)

    def _check_place(self, stop: Construct, value: object, theirs: Mapping[str, str | None]) -> None:
        """Refuse a container that the stack's function can't reach, where both places are known."""
        ours = _place(Stack.of(stop))
        for part, there in theirs.items():
            here = ours[part]
            if there is not None and here is not None and there != here:
                raise self._refuse(
                    stop,
                    value,
                    f"it is in the {part} {there}, but the stack in {here}",
                    f"Declare the StopOnDelete in a stack of that {part}.",
                )

    def _check_resource(self, stop: Construct, resource: CfnResource) -> None:
        theirs = _place(Stack.of(resource))
        self._check_place(stop, resource, {part: theirs[part] for part in self._PLACE})

    def _named_by_token(self, stop: Construct, name: str) -> Container:
        """Give the container that a token names, with its resource if the token refers to one of the app."""
        for token in Tokenization.reverse_string(name).tokens:
            if isinstance(token, Reference) and isinstance(token.target, self._RESOURCE):
                self._check_resource(stop, token.target)
                return Container(name, token.target)
        return Container(name, None)

    def _named_by_arn(
        self, stop: Construct, value: IConstruct, arn: str, form: re.Pattern[str], such_as: str
    ) -> Container:
        """Give the container of an L2 construct, which is a resource of the app or an imported one."""
        resource = value.node.default_child
        if isinstance(resource, CfnResource):
            self._check_resource(stop, resource)
            return Container(arn, resource)
        if is_token(arn):
            return self._named_by_token(stop, arn)
        parts = form.fullmatch(arn)
        if parts is None:
            raise self._refuse(
                stop,
                arn,
                f"it is no ARN of a {self._ARGUMENT.replace('_', ' ')}",
                f"Import it by its own ARN, such as {such_as}.",
            )
        self._check_place(stop, arn, {part: parts[part] for part in self._PLACE})
        return Container(arn, None)


class EcsTasks(Jobs):
    """The tasks of an ECS cluster, whoever has started them. Those of services are left to their services.

    Parameters
    ----------
    cluster : ICluster or CfnCluster
        The cluster, made by the app or imported, in the account of the StopOnDelete's stack.
    family : str, optional
        The family of the task definitions whose tasks are meant, for a cluster that is shared: up to 255 letters,
        digits, hyphens and underscores (Amazon ECS API reference, RegisterTaskDefinition). May be a token. Default:
        every family.
    """

    # Where they are imported from, for tracebacks and `help()`.
    __module__ = "cdk_stop_on_delete"

    _ARGUMENT = "cluster"
    _RESOURCE = ecs.CfnCluster

    def __init__(self, cluster: ecs.ICluster | ecs.CfnCluster, family: str | None = None) -> None:
        self._cluster = cluster
        self._family = family

    def _container(self, stop: Construct) -> Container:
        cluster = self._cluster
        if isinstance(cluster, ecs.CfnCluster):
            self._check_resource(stop, cluster)
            return Container(cluster.attr_arn, cluster)
        # A cluster of EKS or MSK has an ARN, too.
        if not _has(cluster, "has_ec2_capacity"):
            raise self._refuse(
                stop,
                cluster,
                "it must be a cluster of ECS",
                "Pass a Cluster or CfnCluster, or import one with `Cluster.from_cluster_arn(scope, id, arn)`.",
            )
        container = self._named_by_arn(
            stop,
            cluster,
            cluster.cluster_arn,
            properties.CLUSTER_ARN,
            "arn:aws:ecs:us-west-2:123456789012:cluster/NAME",
        )
        # An object of the CDK's own, because one of Python's is another at each call.
        needs = DependencyGroup()
        Dependable.implement(needs, _CapacityProviders(cluster))
        return container._replace(needs=needs)

    def _filter(self, stop: Construct) -> Mapping[str, str]:
        if self._family is None:
            return {}
        argument = self._written("family")
        if is_token(self._family):
            if not isinstance(self._family, str):
                raise not_a_string(stop, argument, self._family)
        elif not isinstance(self._family, str) or not properties.FAMILY.fullmatch(self._family):
            raise invalid(
                stop,
                argument,
                self._family,
                "a family has up to 255 letters, digits, hyphens and underscores",
                "Pass the `family` of the task definition, without a revision.",
            )
        return {"Family": self._family}

    @classmethod
    def _statements(cls, stack: Stack) -> Sequence[iam.PolicyStatement]:
        clusters = stack.format_arn(service="ecs", region="*", resource="cluster", resource_name="*")
        tasks = stack.format_arn(service="ecs", region="*", resource="task", resource_name="*")
        return [
            iam.PolicyStatement(actions=["ecs:DescribeClusters"], resources=[clusters]),
            # Service Authorization Reference, list_amazonelasticcontainerservice: it has no resource, but a condition.
            iam.PolicyStatement(
                actions=["ecs:ListTasks"], resources=["*"], conditions={"ArnLike": {"ecs:cluster": clusters}}
            ),
            iam.PolicyStatement(actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[tasks]),
        ]


class _CapacityProviders(Dependable):
    """What associates capacity providers with a cluster, which the CDK makes within it when all aspects are through.

    One that a task uses can't be taken from its cluster (Amazon ECS API reference, PutClusterCapacityProviders).
    """

    def __init__(self, cluster: ecs.ICluster) -> None:
        super().__init__()
        self._cluster = cluster

    @property
    def dependency_roots(self) -> list[IConstruct]:
        kind = ecs.CfnClusterCapacityProviderAssociations
        return [child for child in self._cluster.node.children if isinstance(child, kind)]


class StateMachineExecutions(Jobs):
    """The executions of a Step Functions state machine. One of type EXPRESS has none that can be stopped.

    Parameters
    ----------
    state_machine : IStateMachine or CfnStateMachine
        The state machine, made by the app or imported, in the account of the StopOnDelete's stack.
    """

    __module__ = "cdk_stop_on_delete"

    _ARGUMENT = "state_machine"
    _RESOURCE = sfn.CfnStateMachine

    def __init__(self, state_machine: sfn.IStateMachine | sfn.CfnStateMachine) -> None:
        self._state_machine = state_machine

    def _container(self, stop: Construct) -> Container:
        state_machine = self._state_machine
        if isinstance(state_machine, sfn.CfnStateMachine):
            self._check_resource(stop, state_machine)
            return Container(state_machine.attr_arn, state_machine)
        # A version and an alias have the ARN of their state machine, too, but nobody can be granted to start them.
        if not _has(state_machine, "grant_start_execution"):
            raise self._refuse(
                stop,
                state_machine,
                "it must be a state machine",
                "Pass a StateMachine or CfnStateMachine, or import one with"
                " `StateMachine.from_state_machine_arn(scope, id, arn)`.",
            )
        return self._named_by_arn(
            stop,
            state_machine,
            state_machine.state_machine_arn,
            properties.STATE_MACHINE_ARN,
            "arn:aws:states:us-west-2:123456789012:stateMachine:NAME, which has no version and no alias",
        )

    @classmethod
    def _statements(cls, stack: Stack) -> Sequence[iam.PolicyStatement]:
        def arn(resource: str, name: str) -> str:
            return stack.format_arn(
                service="states",
                region="*",
                resource=resource,
                resource_name=name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )

        return [
            iam.PolicyStatement(actions=["states:ListExecutions"], resources=[arn("stateMachine", "*")]),
            iam.PolicyStatement(actions=["states:StopExecution"], resources=[arn("execution", "*:*")]),
        ]


class EmrServerlessJobRuns(Jobs):
    """The job runs of an EMR Serverless application, which is stopped after them.

    Parameters
    ----------
    application : CfnApplication or str
        The application, or the id of one that is not of the app, such as ``00fexample``: up to 64 digits and lower case
        letters (Amazon EMR Serverless API reference, GetApplication). It must be in the account and region of the
        StopOnDelete's stack. An id may be a token.
    """

    __module__ = "cdk_stop_on_delete"

    _ARGUMENT = "application"
    _RESOURCE = emrserverless.CfnApplication
    _PLACE = ("account", "partition", "region")

    def __init__(self, application: emrserverless.CfnApplication | str) -> None:
        self._application = application

    def _container(self, stop: Construct) -> Container:
        application = self._application
        if isinstance(application, emrserverless.CfnApplication):
            self._check_resource(stop, application)
            return Container(application.ref, application)
        if is_token(application):
            if not isinstance(application, str):
                raise not_a_string(stop, self._written(self._ARGUMENT), application)
            return self._named_by_token(stop, application)
        if not isinstance(application, str) or not properties.APPLICATION_ID.fullmatch(application):
            raise self._refuse(
                stop,
                application,
                "it must be an application, or an id of up to 64 digits and lower case letters",
                "Pass a CfnApplication, or the id in the last part of the ARN.",
            )
        return Container(application, None)

    @classmethod
    def _statements(cls, stack: Stack) -> Sequence[iam.PolicyStatement]:
        def arn(name: str) -> str:
            return stack.format_arn(service="emr-serverless", region="*", resource="/applications", resource_name=name)

        return [
            iam.PolicyStatement(
                actions=[
                    "emr-serverless:GetApplication",
                    "emr-serverless:ListJobRuns",
                    "emr-serverless:StopApplication",
                ],
                resources=[arn("*")],
            ),
            iam.PolicyStatement(actions=["emr-serverless:CancelJobRun"], resources=[arn("*/jobruns/*")]),
        ]


def _has(value: object, attribute: str) -> bool:
    try:
        return hasattr(value, attribute)
    except RuntimeError:
        # The CDK has to say what the attribute is, and that may be that it can't: of a Cluster from `from_cluster_arn`.
        return True


def _place(stack: Stack) -> dict[str, str | None]:
    return {"account": known(stack.account), "partition": partition_of(stack), "region": known(stack.region)}


KINDS: Sequence[type[Jobs]] = (EcsTasks, StateMachineExecutions, EmrServerlessJobRuns)


def check_jobs(stop: Construct, jobs: object) -> None:
    """Refuse what does not say of which kind the jobs are."""
    if type(jobs) in KINDS:
        return
    rule = "it does not say which jobs are meant"
    fix = "Pass EcsTasks(cluster), StateMachineExecutions(state_machine) or EmrServerlessJobRuns(application)."
    if type(jobs).__name__ in {kind.__name__ for kind in KINDS}:
        rule = "it is of another copy of this library, which was imported twice"
        fix = "Import it once, and from one place."
    raise invalid(stop, "jobs", jobs, rule, fix)


def check_listed(provider: Construct, kinds: object) -> Sequence[type[Jobs]]:
    """Give the kinds that were listed, each once."""
    if not isinstance(kinds, (list, tuple)) or any(kind not in KINDS for kind in kinds):
        names = ", ".join(kind.__name__ for kind in KINDS)
        rule = f"it must be a list of the classes {names}"
        raise invalid(provider, "kinds", kinds, rule, "Pass, for example, kinds=[EcsTasks].")
    return list(dict.fromkeys(kinds))


def allow(policy: iam.Policy, kind: type[Jobs]) -> None:
    """Let a policy allow what the function calls to stop jobs of a kind."""
    for statement in kind._statements(Stack.of(policy)):
        policy.add_statements(statement)
        for resource in statement.resources:
            acknowledge(
                policy,
                wildcard(resource),
                "The template names only the new container while the cleanup of an update stops the old one's jobs.",
            )

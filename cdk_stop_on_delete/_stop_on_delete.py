"""The end of what runs in a container, which goes with a stack."""

from __future__ import annotations

from typing import Unpack

import jsii
from aws_cdk import (
    CfnDeletionPolicy,
    CfnResource,
    Duration,
    IResolvable,
    IResolveContext,
    IStringProducer,
    Lazy,
    RemovalPolicy,
    Stack,
)
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk_world_export_job import MetricOptions
from cdk_world_export_job._choices import (
    check_best_effort,
    check_provider,
    check_removal_policy,
    check_wait,
    make_resource,
)
from cdk_world_export_job._help import shows_its_arguments

from ._jobs import Container, EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, check_jobs
from ._provider_interface import IStopOnDeleteProvider
from ._stop_on_delete_provider import StopOnDeleteProvider

RESOURCE_TYPE = "Custom::StopOnDelete"


@shows_its_arguments
class StopOnDelete(Construct):
    """Stops the jobs that run in a cluster, a state machine or an application when that goes, or the stack does.

    When the stack is deleted, every job that has not ended is stopped, and the stack's operation goes on once none is
    left. The same happens when an update deletes or replaces the container, if it is a resource of the same stack. To
    take out the StopOnDelete itself, to rename it or to change what it names stops nothing while the container stays,
    and neither does the deletion of a stack that retains the container. The log says so then. A container that is gone
    already counts as stopped.

    Whatever the jobs need until they have ended, their network and their roles, is declared with
    ``stop.node.add_dependency(vpc, role)``. Whatever starts new ones, such as a rule, depends on the StopOnDelete:
    ``rule.node.add_dependency(stop)``.

    Without a `provider`, the function is in the StopOnDelete's own stack. CloudFormation goes on after a Delete that
    failed, and deletes the function, too: a FAILED then can't be tried again, and
    ``aws cloudformation delete-stack --retain-resources`` lets go of the jobs. With a provider in a stack of its own,
    deleting the stack again tries again.

    What the arguments don't say is said of the resource itself, such as a condition or metadata:
    ``stop.node.default_child.node.default_child`` is its CfnResource.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    jobs : EcsTasks, StateMachineExecutions or EmrServerlessJobRuns
        Which jobs are stopped: those of a container that the app makes, or that was imported.
    wait : Duration, optional
        How long a Delete waits, once the jobs were told to stop, until none is left: whole seconds, from 0 to 14
        minutes. 0 stops them and does not wait. Default: 5 minutes.
    best_effort : bool, default: False
        Whether the stack goes on when the jobs can't be stopped. What went wrong is then in the function's log and in
        its metric ``LeftRunning``. May be a token that becomes ``true`` or ``false``.
    removal_policy : RemovalPolicy, default: RemovalPolicy.DESTROY
        ``RETAIN`` leaves the jobs running whatever becomes of the stack; ``RETAIN_ON_UPDATE_OR_DELETE`` does so unless
        the deployment that declared it fails. ``SNAPSHOT`` is refused.
    provider : IStopOnDeleteProvider, optional
        The function that does it, in the same account and region. Best one in a stack of its own that lists the kind of
        the jobs, on which this stack then depends, or one of another app, from
        `StopOnDeleteProvider.from_service_token`. Default: one that the stack's StopOnDeletes share.

    Raises
    ------
    InvalidArgumentError
        If an argument is of the wrong type, or a literal value breaks a rule, or a provider of another stack does not
        list the kind of the jobs; tokens are checked by the same rules at deployment. A ValueError, which names the
        construct, the argument, its value, the rule and the fix.
    ImportError
        If the crhelper that is deployed with the handler is not installed as it was published.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        jobs: EcsTasks | StateMachineExecutions | EmrServerlessJobRuns,
        wait: Duration | None = None,
        best_effort: bool | str | IResolvable = False,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        provider: IStopOnDeleteProvider | None = None,
    ) -> None:
        super().__init__(scope, id)
        check_removal_policy(self, "removal_policy", removal_policy)
        check_jobs(self, jobs)
        container, chosen = jobs._container(self), jobs._filter(self)
        check_best_effort(self, best_effort)
        seconds = check_wait(self, wait)
        check_provider(self, provider, IStopOnDeleteProvider, StopOnDeleteProvider._NAME)

        self._provider = provider or StopOnDeleteProvider.get_or_create(self)
        service = self._provider._serve(self)
        policy = self._provider._permit(self, type(jobs))
        self._resource = make_resource(
            self,
            RESOURCE_TYPE,
            service,
            removal_policy,
            {
                "Kind": type(jobs).__name__,
                "Container": container.name,
                **chosen,
                **self._ownership(container),
                "WaitSeconds": seconds,
                "BestEffort": best_effort,
            },
        )
        # CloudFormation deletes in the reverse order: the function may stop the jobs until they have ended.
        self._resource.node.add_dependency(*(need for need in (policy, container.needs) if need is not None))

    def _ownership(self, container: Container) -> dict[str, str]:
        """Say by which resource the handler finds out whether the container goes, if it is this stack's."""
        resource = container.resource
        if resource is None or Stack.of(resource) is not Stack.of(self):
            return {}
        return {
            "ContainerLogicalId": resource.logical_id,
            "ContainerDeletionPolicy": Lazy.uncached_string(_DeletionPolicy(resource)),
        }

    @property
    def provider(self) -> IStopOnDeleteProvider:
        """The function that stops the jobs, with its metrics."""
        return self._provider

    def apply_removal_policy(self, policy: RemovalPolicy) -> None:
        """Set what becomes of the jobs when the stack lets go of them, as the argument `removal_policy` does.

        Parameters
        ----------
        policy : RemovalPolicy
            ``DESTROY``, ``RETAIN`` or ``RETAIN_ON_UPDATE_OR_DELETE``.

        Raises
        ------
        InvalidArgumentError
            If it is another.
        """
        check_removal_policy(self, "policy", policy)
        self._resource.apply_removal_policy(policy)

    def metric_left_running(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of teardowns that failed, so that jobs may still be running.

        It is the provider's metric: of all StopOnDeletes that the same function serves, and gone when the function is.
        An alarm that outlives the stack takes `StopOnDeleteProvider.metric_all_left_running`.

        The log of the function tells containers apart. In CloudWatch Logs Insights::

            filter container = "EcsTasks(arn:aws:ecs:us-west-2:123456789012:cluster/prod)"
            | fields @timestamp, stack, logical_id, outcome, detail, seconds

        Parameters
        ----------
        **options : MetricOptions
            What the CDK's own metrics take: account, color, label, period, region, statistic, unit. Default: the sum
            over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return self._provider.metric_left_running(**options)


@jsii.implements(IStringProducer)
class _DeletionPolicy:
    """Says what becomes of a resource, once all aspects are through."""

    def __init__(self, resource: CfnResource) -> None:
        self._resource = resource

    def produce(self, context: IResolveContext) -> str:  # noqa: ARG002 - the CDK passes it by its name
        match self._resource.cfn_options.deletion_policy:
            case CfnDeletionPolicy.RETAIN:
                return "Retain"
            case CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE:
                return "RetainExceptOnCreate"
            case _:
                # CloudFormation User Guide, DeletionPolicy: the default of what has no snapshots.
                return "Delete"

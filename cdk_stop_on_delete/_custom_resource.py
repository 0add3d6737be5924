"""The base of StopOnDelete and ManagedWorldExportJob: the custom resource, and the arguments that both take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack, cast

from aws_cdk import CfnDeletionPolicy, CfnResource, CustomResource, Duration, IResolvable, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ._arguments import in_seconds, invalid, is_token
from ._handler_code import metrics, properties
from ._kinds import Jobs
from ._provider import FUNCTION_TIMEOUT, StopOnDeleteProvider
from ._provider_interface import IStopOnDeleteProvider, MetricOptions

# A little longer than the function's time-out, so that a lost response costs minutes, not CloudFormation's hour.
SERVICE_TIMEOUT = Duration.seconds(FUNCTION_TIMEOUT.to_seconds() + 60)

# CloudFormation User Guide, DeletionPolicy: Delete is the default of resources without snapshots.
_RETAINING: Mapping[object, str] = {
    CfnDeletionPolicy.RETAIN: "Retain",
    CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE: "RetainExceptOnCreate",
}


def deletion_policy(resource: CfnResource) -> str:
    """Return the DeletionPolicy of a resource, which an aspect may still change."""
    return _RETAINING.get(resource.cfn_options.deletion_policy, "Delete")


class JobsResource(Construct):
    """A custom resource whose Delete request stops jobs of one kind."""

    _RESOURCE_TYPE: ClassVar[str]
    # The cluster, state machine or application, if it is a resource of the same stack.
    _own_container: CfnResource | None = None

    def _make_resource(
        self,
        kind: type[Jobs],
        values: Mapping[str, object],
        wait: Duration | None,
        best_effort: bool | str | IResolvable,
        removal_policy: RemovalPolicy,
        provider: IStopOnDeleteProvider | None,
    ) -> None:
        """Check the arguments that both constructs take, and make the resource.

        Parameters
        ----------
        kind : class
            The kind of jobs that the Delete request stops.
        values : Mapping
            The properties of the resource that only this construct has.
        wait, best_effort, removal_policy, provider
            The arguments of the construct.
        """
        self._check_removal_policy("removal_policy", removal_policy)
        if not isinstance(best_effort, bool) and not is_token(best_effort):
            raise invalid(self, "best_effort", best_effort, "it must be a bool or a token", "Pass True or False.")
        if wait is None:
            wait = Duration.seconds(properties.DEFAULT_WAIT_SECONDS)
        self._wait_seconds = in_seconds(self, "wait", wait, properties.check_wait_seconds)
        if not isinstance(provider, IStopOnDeleteProvider | None):
            rule = "it must be a StopOnDeleteProvider, a WorldExportJobProvider, or what from_service_token returns"
            fix = "Make one, which makes the function, or import one with `from_service_token(scope, id, arn)`."
            raise invalid(self, "provider", provider, rule, fix)
        self._kind = kind
        self._provider = provider or StopOnDeleteProvider.get_or_create(self)
        service_token, outlives_stack = self._provider._bind(self, kind)
        self._resource = CustomResource(
            self,
            "Resource",
            resource_type=self._RESOURCE_TYPE,
            service_token=service_token,
            service_timeout=SERVICE_TIMEOUT,
            removal_policy=removal_policy,
            properties={
                **values,
                "WaitSeconds": self._wait_seconds,
                "BestEffort": best_effort,
                # The handler uses it to choose the next step in the reason of a failed Delete.
                "ProviderOutlivesStack": outlives_stack,
            },
        )
        self._cfn_resource = cast(CfnResource, self._resource.node.default_child)

    @property
    def provider(self) -> IStopOnDeleteProvider:
        """The function that stops the jobs, with its metrics."""
        return self._provider

    def apply_removal_policy(self, policy: RemovalPolicy) -> None:
        """Set the removal policy, as the argument `removal_policy` does.

        Parameters
        ----------
        policy : RemovalPolicy
            ``DESTROY``, ``RETAIN`` or ``RETAIN_ON_UPDATE_OR_DELETE``.

        Raises
        ------
        InvalidArgumentError
            If it is another policy.
        """
        self._check_removal_policy("policy", policy)
        self._resource.apply_removal_policy(policy)

    def metric_left_running(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of Delete requests that failed, so that jobs of this service may still be running.

        The metric counts all resources of the service that use the same provider. It has the function's name, so an
        alarm that must outlive the function uses `metric_all_left_running` of the provider's class.

        There is no metric for a single resource, because CloudWatch bills each value of a dimension as a metric of its
        own (CloudWatch pricing), and a job is stopped only once. Use the function's log, which has one line for each
        Delete request. In CloudWatch Logs Insights::

            filter physical_id = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID"
            | fields @timestamp, stack, logical_id, outcome, detail, seconds

        The physical id is a world export job's ARN, or the kind with the cluster, state machine or application:
        ``EcsTasks(arn:aws:ecs:us-west-2:123456789012:cluster/prod)``.

        Parameters
        ----------
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            sum over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return self._provider._metric(metrics.LEFT_RUNNING, "Sum", options, self._kind)

    def _check_removal_policy(self, argument: str, policy: object) -> None:
        if not isinstance(policy, RemovalPolicy) or policy is RemovalPolicy.SNAPSHOT:
            fix = "Pass RemovalPolicy.DESTROY, RETAIN or RETAIN_ON_UPDATE_OR_DELETE."
            raise invalid(self, argument, policy, "it must be a RemovalPolicy, and a job has no snapshots", fix)

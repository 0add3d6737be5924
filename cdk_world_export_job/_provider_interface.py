"""What a construct takes as its provider, whether it is made here or was deployed by another app."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple, TypedDict, Unpack

import jsii
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ._errors import invalid
from ._handler_code import metrics
from ._tokens import known


class MetricOptions(TypedDict, total=False):
    """What may be chosen of a metric, as the CDK's MetricOptions has it."""

    account: str
    color: str
    label: str
    period: Duration
    region: str
    statistic: str
    unit: cloudwatch.Unit


class Service(NamedTuple):
    """What a resource says of its provider."""

    token: str
    """The service token, as the stack of the resource refers to it."""
    stays: bool
    """Whether the function is there when the deletion of that stack has failed and is tried again."""


class ProviderInterface(Construct, metaclass=jsii.JSIIAbstractClass):
    """What the interfaces of the providers share; see `IWorldExportJobProvider`."""

    # The name of the class that makes one, as errors say it. It is the id of the one that is shared in a stack, and so
    # a part of the logical ids of every deployed function: it must never change.
    _NAME: ClassVar[str]
    # What takes one as its ``provider``, as errors say it.
    _SERVED: ClassVar[str]
    # Where its teardowns are counted, and as what those of all functions of an account and region.
    _NAMESPACE: ClassVar[str]
    _SERVICE: ClassVar[str]

    @property
    @abstractmethod
    def service_token(self) -> str:
        """The function's ARN, as CloudFormation calls it in a custom resource."""

    def metric_teardowns(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of Deletes that had a job to end, whatever came of it; each try counts.

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
        return self._metric(metrics.TEARDOWNS, "Sum", options)

    def metric_left_running(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of teardowns that failed, so that the job may still be running; each try counts.

        It counts what best effort answered with SUCCESS, and what failed in the cleanup of an update, too. It goes with
        the function, so an alarm on the deletion of the function's own stack takes `metric_all_left_running`.

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
        return self._metric(metrics.LEFT_RUNNING, "Sum", options)

    def metric_teardown_seconds(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how long teardowns took.

        Parameters
        ----------
        **options : MetricOptions
            What the CDK's own metrics take: account, color, label, period, region, statistic, unit. Default: the
            average over 5 minutes.

        Returns
        -------
        Metric
            In seconds.
        """
        return self._metric(metrics.TEARDOWN_SECONDS, "Average", options)

    @classmethod
    def metric_all_left_running(cls, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of teardowns that failed in any stack of an account and region, deleted ones included.

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
        return cls._metric_of({metrics.SERVICE: cls._SERVICE}, metrics.LEFT_RUNNING, "Sum", options)

    def _metric(self, name: str, statistic: str, options: MetricOptions) -> cloudwatch.Metric:
        return self._metric_of({metrics.FUNCTION: self._function_name}, name, statistic, options)

    @classmethod
    def _metric_of(
        cls, dimensions: dict[str, str], name: str, statistic: str, options: MetricOptions
    ) -> cloudwatch.Metric:
        chosen: MetricOptions = {"statistic": statistic, **options}
        return cloudwatch.Metric(namespace=cls._NAMESPACE, metric_name=name, dimensions_map=dimensions, **chosen)

    @property
    @abstractmethod
    def _function_name(self) -> str: ...

    @abstractmethod
    def _serve(self, served: Construct) -> Service:
        """Give a construct what its resource says of this provider, and refuse one that can't be served from here."""

    def _check_environment(self, served: Construct, *, shown: object, account: str | None, region: str | None) -> None:
        """Refuse a construct elsewhere than the function, where both places are known."""
        stack = Stack.of(served)
        rules = {
            # The role reaches its own account only, and what it ends is in its stack's.
            "account": (account, known(stack.account), "a function ends the jobs of its own account only"),
            # CloudFormation User Guide, crpg-ref-requests: the service token must be in the stack's region.
            "region": (region, known(stack.region), "CloudFormation calls a function of the stack's own region only"),
        }
        for kind, (theirs, ours, rule) in rules.items():
            if theirs is not None and ours is not None and theirs != ours:
                raise invalid(
                    served,
                    "provider",
                    shown,
                    f"its {kind} is {theirs}, and that of the stack {ours}, but {rule}",
                    f"Take a provider of that {kind}.",
                )


class IWorldExportJobProvider(ProviderInterface):
    """The function that ends world export jobs, as a job knows it: a service token, and metrics.

    `WorldExportJobProvider` makes one; `WorldExportJobProvider.from_service_token` imports one that another app, team
    or template has deployed. It is not for implementing: a function of your own is imported, too.
    """

    _NAME = "WorldExportJobProvider"
    _SERVED = "job"
    _NAMESPACE = metrics.NAMESPACE
    _SERVICE = metrics.ROBOMAKER

"""What a job takes as its provider, whether it is made here or was deployed by another app."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple, TypedDict, Unpack

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
    """What a job's resource says of its provider."""

    token: str
    """The service token, as the job's stack refers to it."""
    stays: bool
    """Whether the function is there when the deletion of the job's stack has failed and is tried again."""


class IWorldExportJobProvider(Construct, metaclass=jsii.JSIIAbstractClass):
    """The function that ends world export jobs, as a job knows it: a service token, and metrics.

    `WorldExportJobProvider` makes one; `WorldExportJobProvider.from_service_token` imports one that another app, team
    or template has deployed. It is not for implementing: a function of your own is imported, too.
    """

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
        return _metric(metrics.TEARDOWNS, self._by_function, "Sum", options)

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
        return _metric(metrics.LEFT_RUNNING, self._by_function, "Sum", options)

    @staticmethod
    def metric_all_left_running(**options: Unpack[MetricOptions]) -> cloudwatch.Metric:
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
        return _metric(metrics.LEFT_RUNNING, {metrics.SERVICE: metrics.ROBOMAKER}, "Sum", options)

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
        return _metric(metrics.TEARDOWN_SECONDS, self._by_function, "Average", options)

    @property
    def _by_function(self) -> dict[str, str]:
        return {metrics.FUNCTION: self._function_name}

    @property
    @abstractmethod
    def _function_name(self) -> str: ...

    @abstractmethod
    def _serve(self, job: Construct) -> Service:
        """Give a job what its resource says of this provider, and refuse one that can't be served from here."""

    def _check_environment(self, job: Construct, *, shown: object, account: str | None, region: str | None) -> None:
        """Refuse a job elsewhere than the function, where both places are known."""
        stack = Stack.of(job)
        rules = {
            # The role can only cancel jobs of its own account, and a job is in its stack's.
            "account": (account, known(stack.account), "a function ends the jobs of its own account only"),
            # CloudFormation User Guide, crpg-ref-requests: the service token must be in the stack's region.
            "region": (region, known(stack.region), "CloudFormation calls a function of the stack's own region only"),
        }
        for kind, (theirs, ours, rule) in rules.items():
            if theirs is not None and ours is not None and theirs != ours:
                raise invalid(
                    job,
                    "provider",
                    shown,
                    f"its {kind} is {theirs}, and that of the job's stack {ours}, but {rule}",
                    f"Take a provider of that {kind}.",
                )


def _metric(name: str, dimensions: dict[str, str], statistic: str, options: MetricOptions) -> cloudwatch.Metric:
    chosen: MetricOptions = {"statistic": statistic, **options}
    return cloudwatch.Metric(namespace=metrics.NAMESPACE, metric_name=name, dimensions_map=dimensions, **chosen)

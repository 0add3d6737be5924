"""What a construct takes as its provider: the interface, with the metrics, and a function that is imported."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import TypedDict, Unpack

import jsii
from aws_cdk import Arn, ArnFormat, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ._arguments import DYNAMIC_REFERENCE, invalid, is_literal
from ._handler_code import metrics, properties
from ._kinds import Jobs
from ._stacks import difference, environment_of


class MetricOptions(TypedDict, total=False):
    """The options of a metric, as the CDK's MetricOptions has them."""

    account: str
    color: str
    label: str
    period: Duration
    region: str
    statistic: str
    unit: cloudwatch.Unit


class IStopOnDeleteProvider(Construct, metaclass=jsii.JSIIAbstractClass):
    """What StopOnDelete and ManagedWorldExportJob take as their ``provider``: a service token, and metrics.

    `StopOnDeleteProvider` makes one. `StopOnDeleteProvider.from_service_token` imports one that another app, team or
    template deployed. Do not implement this interface: import the function instead.
    """

    @property
    @abstractmethod
    def service_token(self) -> str:
        """The function's ARN, which a custom resource has as its ``ServiceToken``."""

    def metric_teardowns(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of Delete requests, whatever their outcome. Each try counts.

        Parameters
        ----------
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            sum over 5 minutes.

        Returns
        -------
        Metric
            In counts, of all services whose jobs the function stops.
        """
        return self._metric(metrics.TEARDOWNS, "Sum", options)

    def metric_left_running(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of Delete requests that failed, so that jobs may still be running. Each try counts.

        It includes failures that were answered with SUCCESS because of `best_effort`, and failures in the cleanup of an
        update. The metric has the function's name, so an alarm that must outlive the function uses
        `metric_all_left_running`.

        Parameters
        ----------
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            sum over 5 minutes.

        Returns
        -------
        Metric
            In counts, of all services whose jobs the function stops.
        """
        return self._metric(metrics.LEFT_RUNNING, "Sum", options)

    def metric_teardown_seconds(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how long Delete requests took.

        Parameters
        ----------
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            average over 5 minutes.

        Returns
        -------
        Metric
            In seconds, of all services whose jobs the function stops.
        """
        return self._metric(metrics.TEARDOWN_SECONDS, "Average", options)

    @classmethod
    def metric_all_left_running(cls, kind: type[Jobs], **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of Delete requests for jobs of a kind that failed, in all stacks of an account and region.

        Stacks that were deleted are included.

        Parameters
        ----------
        kind : class
            The kind of job, such as ``EcsTasks``.
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            sum over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return _make_metric(metrics.LEFT_RUNNING, "Sum", options, {metrics.SERVICE: properties.SERVICES[kind.__name__]})

    def _metric(
        self, name: str, statistic: str, options: MetricOptions, kind: type[Jobs] | None = None
    ) -> cloudwatch.Metric:
        service = {metrics.SERVICE: properties.SERVICES[kind.__name__]} if kind else {}
        return _make_metric(name, statistic, options, {metrics.FUNCTION: self._function_name, **service})

    @property
    @abstractmethod
    def _function_name(self) -> str: ...

    @abstractmethod
    def _bind(self, user: Construct, kind: type[Jobs]) -> tuple[str, bool]:
        """Let a construct use the function for a kind of jobs, or raise an error if it can't.

        Returns
        -------
        tuple of str and bool
            The service token, as a value for the construct's stack, and whether the function still exists after that
            stack is deleted, so that a failed deletion can be retried.
        """

    def _check_environment(self, user: Construct, shown: object, theirs: Mapping[str, str | None]) -> None:
        """Raise an error if the construct and the function are known to be in different accounts or regions."""
        ours = environment_of(Stack.of(user))
        if part := difference(theirs, ours, *_SAME_ENVIRONMENT):
            rule = f"its {part} is {theirs[part]}, and that of the stack {ours[part]}, but {_SAME_ENVIRONMENT[part]}"
            raise invalid(user, "provider", shown, rule, f"Use a provider of that {part}.")


_SAME_ENVIRONMENT = {
    # Its role and its jobs are in one account.
    "account": "a function stops the jobs of its own account only",
    # CloudFormation User Guide, crpg-ref-requests: the service token must be in the stack's region.
    "region": "CloudFormation calls a function of the stack's own region only",
}


def _make_metric(name: str, statistic: str, options: MetricOptions, dimensions: dict[str, str]) -> cloudwatch.Metric:
    chosen: MetricOptions = {"statistic": statistic, **options}
    return cloudwatch.Metric(namespace=metrics.NAMESPACE, metric_name=name, dimensions_map=dimensions, **chosen)


# Lambda API reference, FunctionConfiguration and AliasConfiguration: a function's ARN, and that of an alias of it. An
# alias can move to a newer version, and its name is never a number (CreateAlias). A version never changes, and
# CloudFormation can't give a deployed resource another token.
_FUNCTION_ARN = re.compile(
    r"arn:[a-z-]+:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12})"
    r":function:(?P<name>[A-Za-z0-9_-]{1,64})(:(\$LATEST|(?![0-9]+$)[A-Za-z0-9_-]{1,128}))?"
)


class ImportedProvider(IStopOnDeleteProvider):
    """The function that `StopOnDeleteProvider.from_service_token` imports."""

    def __init__(self, scope: Construct, id: str, service_token: str) -> None:
        super().__init__(scope, id)
        self._service_token = service_token
        self._arn: re.Match[str] | None = None
        if is_literal(self, "service_token", service_token):
            self._arn = _FUNCTION_ARN.fullmatch(service_token)
            if self._arn is None:
                rule = "it must be the ARN of a Lambda function or an alias, not of a version, which is never updated"
                fix = "Pass a provider's `service_token`, such as arn:aws:lambda:us-west-2:123456789012:function:NAME."
                raise invalid(self, "service_token", service_token, rule, fix)

    @property
    def service_token(self) -> str:
        """The function's ARN, as it was given."""
        return self._service_token

    @property
    def _function_name(self) -> str:
        if self._arn:
            return self._arn["name"]
        if DYNAMIC_REFERENCE in str(Stack.of(self).resolve(self._service_token)):
            rule = "it is a dynamic reference, from which the template can't read the function's name for a metric"
            fix = "Pass `StringParameter.value_for_string_parameter(...)` instead."
            raise invalid(self, "service_token", self._service_token, rule, fix)
        return Arn.split(self._service_token, ArnFormat.COLON_RESOURCE_NAME).resource_name or ""

    def _bind(self, user: Construct, kind: type[Jobs]) -> tuple[str, bool]:  # noqa: ARG002 - its kinds aren't known
        self._check_environment(user, self._service_token, self._arn.groupdict() if self._arn else {})
        return self._service_token, True

"""A world export job whose end a stack owns."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ._handler_code import properties
from ._help import shows_its_arguments
from ._world_export_job_provider import FUNCTION_TIMEOUT, MetricOptions, WorldExportJobProvider

RESOURCE_TYPE = "Custom::ManagedWorldExportJob"

# A little over the function's time-out, so that an answer that is lost costs minutes and not CloudFormation's hour.
SERVICE_TIMEOUT = Duration.seconds(FUNCTION_TIMEOUT.to_seconds() + 60)


@shows_its_arguments
class ManagedWorldExportJob(Construct):
    """A world export job that is canceled when the stack gives it up.

    When the stack is deleted, or updated to another job, the job is canceled, and the stack's operation goes on once
    it has really stopped. A job that is already gone counts as stopped, and so does every job of a RoboMaker that has
    been retired. The job is never started or changed by the stack.

    Whatever the job needs until it has stopped, its bucket and its role, is declared with
    ``job.node.add_dependency(bucket, role)``.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    job_arn : str
        The job's ARN, as CreateWorldExportJob returned it. May be a token. The job may be in any region of the
        stack's account.
    wait : Duration, optional
        How long a Delete waits, once the cancel was accepted, until the job has stopped: whole seconds, from 0 to 14
        minutes. 0 cancels and does not wait. Default: 5 minutes.
    best_effort : bool, default: False
        Whether the stack goes on when the job can't be canceled. What went wrong is then in the function's log and in
        its metric ``LeftRunning``.
    removal_policy : RemovalPolicy, default: RemovalPolicy.DESTROY
        ``RETAIN`` leaves the job running whenever the stack gives it up; ``RETAIN_ON_UPDATE_OR_DELETE`` does so unless
        the deployment that declared it fails. ``SNAPSHOT`` is refused.
    provider : WorldExportJobProvider, optional
        The function that does it. One of another stack must be in the same account and region, and must not be deleted
        before the job. Default: one that all jobs of the stack share.

    Raises
    ------
    ValueError
        If a literal value breaks a rule; tokens are checked by the same rules at deployment. The message names the
        value, the rule and the fix.
    TypeError
        If `wait` is no Duration, or `provider` no WorldExportJobProvider.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        job_arn: str,
        wait: Duration | None = None,
        best_effort: bool = False,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        provider: WorldExportJobProvider | None = None,
    ) -> None:
        super().__init__(scope, id)
        if removal_policy is RemovalPolicy.SNAPSHOT:
            raise ValueError("removal_policy SNAPSHOT is not valid: a job has no snapshots. Use DESTROY or RETAIN.")
        self._check_arn(job_arn)
        self._check_provider(provider)
        checked = {
            "JobArn": job_arn,
            "WaitSeconds": _seconds(wait),
            "BestEffort": properties.check_best_effort(best_effort),
        }

        self._provider = provider or WorldExportJobProvider.get_or_create(self)
        self._resource = CustomResource(
            self,
            "Resource",
            resource_type=RESOURCE_TYPE,
            service_token=self._provider.service_token,
            service_timeout=SERVICE_TIMEOUT,
            removal_policy=removal_policy,
            properties=checked,
        )

    def _check_arn(self, job_arn: object) -> None:
        if isinstance(job_arn, str) and Token.is_unresolved(job_arn):
            return
        account = Stack.of(self).account
        properties.JobArn.parse(job_arn, stack_account=None if Token.is_unresolved(account) else account)

    def _check_provider(self, provider: object) -> None:
        if provider is None:
            return
        if not isinstance(provider, WorldExportJobProvider):
            raise TypeError(
                f"provider must be a WorldExportJobProvider, not {provider!r}: it makes the function itself."
            )
        here, there = Stack.of(self), Stack.of(provider)
        for kind, ours, theirs in (("account", here.account, there.account), ("region", here.region, there.region)):
            if ours != theirs and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs):
                raise ValueError(
                    f"provider {provider.node.path!r} is not valid: its {kind} is {theirs}, and the job's {ours}:"
                    " CloudFormation calls no function elsewhere. Make a provider for this stack."
                )

    @property
    def job_arn(self) -> str:
        """The job's ARN, as a token that resolves once the resource has been created."""
        return self._resource.get_att_string("JobArn")

    @property
    def provider(self) -> WorldExportJobProvider:
        """The function that ends the job, with its metrics."""
        return self._provider

    def metric_left_running(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of teardowns that failed, so that a job may still be running.

        It is the provider's metric: of all jobs that the same function serves, and gone when the function is. An alarm
        that outlives the stack takes `WorldExportJobProvider.metric_all_left_running`.

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


def _seconds(wait: Duration | None) -> float:
    if wait is None:
        return properties.DEFAULT_WAIT_SECONDS
    if not isinstance(wait, Duration):
        raise TypeError(f"wait must be a Duration, such as Duration.minutes(5), not {wait!r}.")
    if wait.is_unresolved():
        return wait.to_seconds()
    seconds = wait.to_seconds(integral=False)
    return properties.check_wait_seconds(int(seconds) if seconds == int(seconds) else seconds)

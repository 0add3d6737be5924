"""A world export job whose end a stack owns."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import Duration, IResolvable, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ._choices import check_best_effort, check_provider, check_removal_policy, check_wait, make_resource
from ._errors import blamed_on, invalid
from ._handler_code import properties
from ._help import shows_its_arguments
from ._provider_interface import IWorldExportJobProvider, MetricOptions
from ._same_job import warn_of_other_owners
from ._tokens import is_token, known, not_a_string, partition_of
from ._world_export_job_provider import WorldExportJobProvider

RESOURCE_TYPE = "Custom::ManagedWorldExportJob"


@shows_its_arguments
class ManagedWorldExportJob(Construct):
    """A world export job that is canceled when its stack lets go of it.

    When the stack is deleted, or updated to another job, the job is canceled, and the stack's operation goes on once
    it has really stopped. A job that is already gone counts as stopped, and so does every job of a RoboMaker that has
    been retired. The job is never started or changed by the stack.

    Whatever the job needs until it has stopped, its bucket and its role, is declared with
    ``job.node.add_dependency(bucket, role)``.

    Without a `provider`, the function is in the job's own stack. CloudFormation goes on after a Delete that failed, and
    deletes the function, too: a FAILED then can't be tried again, and
    ``aws cloudformation delete-stack --retain-resources`` lets go of the job. With a provider in a stack of its own,
    deleting the stack again tries again.

    Two jobs of an app with the same literal ARN each own its end, and the first that is deleted cancels it: synthesis
    warns of them. What the arguments don't say is said of the resource itself, such as a condition or metadata:
    ``job.node.default_child.node.default_child`` is its CfnResource.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    job_arn : str
        The job's ARN, as CreateWorldExportJob returned it. May be a token. The job may be in any region of the
        stack's account and partition that RoboMaker was in.
    wait : Duration, optional
        How long a Delete waits, once the cancel was accepted, until the job has stopped: whole seconds, from 0 to 14
        minutes. 0 cancels and does not wait. Default: 5 minutes.
    best_effort : bool, default: False
        Whether the stack goes on when the job can't be canceled. What went wrong is then in the function's log and in
        its metric ``LeftRunning``. May be a token that becomes ``true`` or ``false``.
    removal_policy : RemovalPolicy, default: RemovalPolicy.DESTROY
        ``RETAIN`` leaves the job running when the stack lets go of it; ``RETAIN_ON_UPDATE_OR_DELETE`` does so unless
        the deployment that declared it fails. ``SNAPSHOT`` is refused.
    provider : IWorldExportJobProvider, optional
        The function that does it, in the same account and region. Best one in a stack of its own, on which the job's
        stack then depends, or one of another app, from `WorldExportJobProvider.from_service_token`. Default: one that
        all jobs of the stack share.

    Raises
    ------
    InvalidArgumentError
        If an argument is of the wrong type, or a literal value breaks a rule; tokens are checked by the same rules at
        deployment. A ValueError, which names the construct, the argument, its value, the rule and the fix.
    ImportError
        If the crhelper that is deployed with the handler is not installed as it was published.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        job_arn: str,
        wait: Duration | None = None,
        best_effort: bool | str | IResolvable = False,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        provider: IWorldExportJobProvider | None = None,
    ) -> None:
        super().__init__(scope, id)
        check_removal_policy(self, "removal_policy", removal_policy)
        self._check_arn(job_arn)
        check_best_effort(self, best_effort)
        seconds = check_wait(self, wait)
        check_provider(self, provider, IWorldExportJobProvider, WorldExportJobProvider._NAME)

        self._provider = provider or WorldExportJobProvider.get_or_create(self)
        self._resource = make_resource(
            self,
            RESOURCE_TYPE,
            self._provider._serve(self),
            removal_policy,
            {"JobArn": job_arn, "WaitSeconds": seconds, "BestEffort": best_effort},
        )
        if not is_token(job_arn):
            warn_of_other_owners(self, job_arn, self._resource)

    def _check_arn(self, job_arn: object) -> None:
        if is_token(job_arn):
            if not isinstance(job_arn, str):
                raise not_a_string(self, "job_arn", job_arn)
            return
        if not isinstance(job_arn, str):
            raise invalid(self, "job_arn", job_arn, "it must be a string", "Pass what CreateWorldExportJob returned.")
        stack = Stack.of(self)
        with blamed_on(self, "job_arn"):
            properties.JobArn.parse(
                job_arn, stack_account=known(stack.account), stack_partition=partition_of(stack), new=True
            )

    @property
    def job_arn(self) -> str:
        """The job's ARN, as a token that resolves once the resource has been created."""
        return self._resource.get_att_string("JobArn")

    @property
    def provider(self) -> IWorldExportJobProvider:
        """The function that ends the job, with its metrics."""
        return self._provider

    def apply_removal_policy(self, policy: RemovalPolicy) -> None:
        """Set what becomes of the job when the stack lets go of it, as the argument `removal_policy` does.

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
        """Return the number of teardowns that failed, so that a job may still be running.

        It is the provider's metric: of all jobs that the same function serves, and gone when the function is. An alarm
        that outlives the stack takes `WorldExportJobProvider.metric_all_left_running`.

        There is no metric by job. CloudWatch bills each value of a dimension as a metric of its own (CloudWatch
        pricing), and a metric filter's dimensions, too, while a job ends but once. The log of the function tells jobs
        apart. In CloudWatch Logs Insights::

            filter job = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID"
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

"""The construct that cancels a world export job, its kind of jobs, and the provider that lists this kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Unpack
from weakref import WeakKeyDictionary

from aws_cdk import Duration, IResolvable, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct

from cdk_stop_on_delete import IStopOnDeleteProvider, Jobs, MetricOptions, StopOnDeleteProvider
from cdk_stop_on_delete._arguments import checking, is_literal
from cdk_stop_on_delete._custom_resource import JobsResource, deletion_policy
from cdk_stop_on_delete._handler_code import JobArn
from cdk_stop_on_delete._kinds import allow, arn_of
from cdk_stop_on_delete._lazy import SynthesisWarning, warn_at_validation
from cdk_stop_on_delete._stacks import environment_of

# The constructs of each app, by the literal ARN of their job.
_OWNERS: WeakKeyDictionary[IConstruct, dict[str, list[ManagedWorldExportJob]]] = WeakKeyDictionary()


class WorldExportJobs(Jobs):
    """World export jobs of AWS RoboMaker, as one of a provider's `kinds`."""

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:  # noqa: ARG003
        """Return the permissions that the function needs to cancel world export jobs; see `Jobs.statements`."""
        actions = ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"]
        return [allow(actions, arn_of(stack, "robomaker", "world-export-job/*"))]


class ManagedWorldExportJob(JobsResource):
    """A world export job that is canceled when its stack is deleted or no longer declares it.

    When the stack is deleted, or updated to another job, the job is canceled. The stack's operation continues once the
    job has stopped. A job that no longer exists counts as stopped. So does every job once RoboMaker has been retired.
    The stack never starts or changes the job.

    Add a dependency on what the job uses until it has stopped, its bucket and its role:
    ``job.node.add_dependency(bucket, role)``.

    Without a `provider`, the function is in the job's own stack. After a Delete request that failed, CloudFormation
    continues and deletes the function, too. Then the deletion can't be retried, and ``aws cloudformation delete-stack
    --retain-resources`` deletes the stack and leaves the job running. If the provider is in a stack of its own, delete
    the stack again to retry.

    If two constructs of an app have the same literal ARN, the first that is deleted cancels the job. Synthesis warns of
    them. Change anything else, such as a condition or metadata, on the resource itself:
    ``job.node.default_child.node.default_child`` is its CfnResource.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    job_arn : str
        The job's ARN, as CreateWorldExportJob returned it. May be a token. The job must be in the stack's account and
        partition, in any region that had RoboMaker.
    wait : Duration, optional
        How long a Delete request waits for the job to stop, after RoboMaker accepted the cancel: whole seconds, from 0
        to 14 minutes. 0 does not wait. Default: 5 minutes.
    best_effort : bool, default: False
        Whether the deletion continues if the job can't be canceled. The function's log and its metric ``LeftRunning``
        then show the failure. May be a token that becomes ``true`` or ``false``.
    removal_policy : RemovalPolicy, default: RemovalPolicy.DESTROY
        ``RETAIN`` leaves the job running, also when the stack is deleted; ``RETAIN_ON_UPDATE_OR_DELETE`` does so unless
        the deployment that declared the job fails. ``SNAPSHOT`` is refused.
    provider : IStopOnDeleteProvider, optional
        The function that cancels the job, in the same account and region. Recommended: a `WorldExportJobProvider` in a
        stack of its own, on which the job's stack then depends. For a provider of another app, use
        `WorldExportJobProvider.from_service_token`. Default: one that the stack's constructs share.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or an invalid literal value, or a provider of another stack does not list
        WorldExportJobs. It is a ValueError, and names the construct, the argument, its value, the rule and the fix.
        Tokens are checked by the same rules at deployment.
    ImportError
        If crhelper, which is deployed with the handler, is not installed, or is another version.
    """

    _RESOURCE_TYPE = "Custom::ManagedWorldExportJob"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        job_arn: str,
        wait: Duration | None = None,
        best_effort: bool | str | IResolvable = False,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        provider: IStopOnDeleteProvider | None = None,
    ) -> None:
        super().__init__(scope, id)
        literal = is_literal(self, "job_arn", job_arn)
        if literal:
            ours = environment_of(Stack.of(self))
            with checking(self, "job_arn", job_arn):
                JobArn.parse(job_arn, stack_account=ours["account"], stack_partition=ours["partition"], new=True)
        self._make_resource(WorldExportJobs, {"JobArn": job_arn}, wait, best_effort, removal_policy, provider)
        if literal:
            owners = _OWNERS.setdefault(self.node.root, {}).setdefault(job_arn, [])
            owners.append(self)
            warn_at_validation(self, lambda: self._find_earlier_owner(job_arn, owners))

    def _find_earlier_owner(self, job_arn: str, owners: list[ManagedWorldExportJob]) -> Iterator[SynthesisWarning]:
        """Find another construct of the app, in any stack or stage, that cancels the same job."""
        # Called after all aspects, because an aspect may set RETAIN. While a job moves from one construct to another,
        # one of them has RETAIN, and needs no warning.
        cancel = [owner for owner in owners if deletion_policy(owner._cfn_resource) == "Delete"]
        if self in cancel[1:]:
            text = (
                f"{cancel[0].node.path} has the same job_arn {job_arn!r}. The first that is deleted cancels the job."
                " Declare it once, or give all but one of them removal_policy=RemovalPolicy.RETAIN."
            )
            yield self, "cdk-world-export-job:sameJob", text

    @property
    def job_arn(self) -> str:
        """The job's ARN, as an attribute of the resource. A resource that uses it is created after this one."""
        return self._resource.get_att_string("JobArn")


class WorldExportJobProvider(StopOnDeleteProvider):
    """The Lambda function that cancels world export jobs: a StopOnDeleteProvider that lists the kind WorldExportJobs.

    Recommended: declare it in a stack of its own, and pass it to each job as ``provider``. Then a failed deletion can
    be retried. See `StopOnDeleteProvider` for the alternatives, and for how to change the function.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    kinds : sequence of classes, default: ()
        Other kinds of jobs that it also stops, for each StopOnDelete of another stack that shares the function.
    **settings : ProviderSettings
        The settings of the function.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or an invalid literal value, or `scope` already has a construct of this id. It
        is a ValueError, and names the construct, the argument, its value, the rule and the fix.
    ImportError
        If crhelper, which is deployed with the handler, is not installed, or is another version.
    """

    _KINDS = (WorldExportJobs,)

    @classmethod
    def metric_all_left_running(
        cls, kind: type[Jobs] = WorldExportJobs, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Return the number of Delete requests that failed, in all stacks of an account and region.

        Stacks that were deleted are included.

        Parameters
        ----------
        kind : class, default: WorldExportJobs
            The kind of job.
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            sum over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return super().metric_all_left_running(kind, **options)

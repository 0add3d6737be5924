"""The construct that cancels a world export job."""

from __future__ import annotations

from typing import cast

from aws_cdk import CfnResource, Duration, IResolvable, RemovalPolicy, Stack
from constructs import Construct

from cdk_stop_on_delete import IStopOnDeleteProvider
from cdk_stop_on_delete._errors import invalid, naming
from cdk_stop_on_delete._handler_code import JobArn
from cdk_stop_on_delete._help import shows_its_arguments
from cdk_stop_on_delete._on_delete import OnDelete
from cdk_stop_on_delete._tokens import is_string_token, place_of

from ._same_job import warn_of_other_owners
from ._world_export_jobs import WorldExportJobs

RESOURCE_TYPE = "Custom::ManagedWorldExportJob"


@shows_its_arguments
class ManagedWorldExportJob(OnDelete):
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
    provider : IWorldExportJobProvider, optional
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

    __module__ = "cdk_world_export_job"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - every construct names it so
        *,
        job_arn: str,
        wait: Duration | None = None,
        best_effort: bool | str | IResolvable = False,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        provider: IStopOnDeleteProvider | None = None,
    ) -> None:
        super().__init__(scope, id)
        literal = not is_string_token(self, "job_arn", job_arn)
        if literal:
            self._check_arn(job_arn)
        values = {"JobArn": job_arn}
        self._make_resource(RESOURCE_TYPE, WorldExportJobs, values, wait, best_effort, removal_policy, provider)
        if literal:
            warn_of_other_owners(self, job_arn, cast(CfnResource, self._resource.node.default_child))

    def _check_arn(self, job_arn: object) -> None:
        if not isinstance(job_arn, str):
            raise invalid(self, "job_arn", job_arn, "it must be a string", "Pass what CreateWorldExportJob returned.")
        place = place_of(Stack.of(self))
        with naming(self, "job_arn"):
            JobArn.parse(job_arn, stack_account=place["account"], stack_partition=place["partition"], new=True)

    @property
    def job_arn(self) -> str:
        """The job's ARN, as an attribute of the resource. A resource that uses it is created after this one."""
        return self._resource.get_att_string("JobArn")

"""The construct that stops the jobs in a cluster, a state machine or an application."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct, IConstruct

from ._arguments import invalid
from ._custom_resource import JobsResource, deletion_policy
from ._kinds import KINDS, EcsTasks, EmrServerlessJobRuns, StateMachineExecutions
from ._lazy import lazy_dependency, lazy_string, warn_at_validation
from ._order import check_constructs, check_delete_first, find_unordered, without
from ._provider_interface import IStopOnDeleteProvider
from ._stacks import is_same


class StopOnDelete(JobsResource):
    """Stops the jobs in a cluster, state machine or application before it, or the stack, is deleted.

    When the stack is deleted, every unfinished job is stopped. The deletion continues once no job is left. The same
    happens when an update deletes or replaces the cluster, state machine or application, if that is a resource of the
    same stack. No job is stopped when only the StopOnDelete is removed, renamed or changed, or when the deleted stack
    retains the cluster, state machine or application; the log then states the cause. If the cluster, state machine or
    application no longer exists, its jobs count as stopped.

    Pass as `delete_first` what starts new jobs, such as a rule, and as `delete_last` what the jobs use until they have
    stopped, such as their roles. Do not pass the cluster, state machine or application itself: it is deleted after its
    jobs anyway. The same holds for a cluster's network, its capacity providers and the Auto Scaling groups that it
    made, if they are in the same stack, or in a stack that this one is nested in.

    Without a `provider`, the function is in the StopOnDelete's own stack. After a Delete request that failed,
    CloudFormation continues and deletes the function, too. Then the deletion can't be retried, and ``aws
    cloudformation delete-stack --retain-resources`` deletes the stack and leaves the jobs running. If the provider is
    in a stack of its own, delete the stack again to retry.

    Change anything else, such as a condition or metadata, on the resource itself:
    ``stop.node.default_child.node.default_child`` is its CfnResource.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    jobs : EcsTasks, StateMachineExecutions or EmrServerlessJobRuns
        The jobs to stop, in a cluster, state machine or application that the app makes or imports.
    delete_first : sequence of constructs, default: ()
        What starts new jobs. It is deleted before the jobs are stopped, because it depends on the StopOnDelete.
        Imported constructs are ignored.
    delete_last : sequence of constructs, default: ()
        What the jobs use until they have stopped. It is deleted after them, because the StopOnDelete depends on it.
        Parts of it that are also part of a construct in `delete_first` are left out. Imported constructs are ignored.
    wait : Duration, optional
        How long a Delete request waits for the jobs to stop, after the stops were sent: whole seconds, from 0 to 14
        minutes. 0 does not wait. Default: 5 minutes.
    best_effort : bool, default: False
        Whether the deletion continues if the jobs can't be stopped. The function's log and its metric ``LeftRunning``
        then show the failure. May be a token that becomes ``true`` or ``false``.
    removal_policy : RemovalPolicy, default: RemovalPolicy.DESTROY
        ``RETAIN`` leaves the jobs running, also when the stack is deleted; ``RETAIN_ON_UPDATE_OR_DELETE`` does so
        unless the deployment that declared the StopOnDelete fails. ``SNAPSHOT`` is refused.
    provider : IStopOnDeleteProvider, optional
        The function that stops the jobs, in the same account and region. Recommended: a `StopOnDeleteProvider` in a
        stack of its own, with the kind of the jobs in its `kinds`; this stack then depends on that stack. For a
        provider of another app, use `StopOnDeleteProvider.from_service_token`. Default: one that the stack's constructs
        share.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or an invalid literal value, or a provider of another stack does not list the
        kind of the jobs. It is a ValueError, and names the construct, the argument, its value, the rule and the fix.
        Tokens are checked by the same rules at deployment.
    ImportError
        If crhelper, which is deployed with the handler, is not installed, or is another version.
    """

    _RESOURCE_TYPE = "Custom::StopOnDelete"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        jobs: EcsTasks | StateMachineExecutions | EmrServerlessJobRuns,
        delete_first: Sequence[IConstruct] = (),
        delete_last: Sequence[IConstruct] = (),
        wait: cdk.Duration | None = None,
        best_effort: bool | str | cdk.IResolvable = False,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
        provider: IStopOnDeleteProvider | None = None,
    ) -> None:
        super().__init__(scope, id)
        if type(jobs) not in KINDS:
            fix = "Pass EcsTasks(cluster), StateMachineExecutions(state_machine) or EmrServerlessJobRuns(application)."
            raise invalid(self, "jobs", jobs, "it does not say which jobs to stop", fix)
        check_constructs(self, "delete_first", delete_first, "rule")
        check_constructs(self, "delete_last", delete_last, "role")
        arn_or_id, container = jobs.container(self)
        check_delete_first(self, delete_first, container)
        values = {"Kind": type(jobs).__name__, "Container": arn_or_id, **jobs.options(self)}
        if container is not None and is_same(cdk.Stack.of(container), cdk.Stack.of(self)):
            self._own_container = own = container
            # The handler uses these to find out whether this stack deletes the container.
            values["ContainerLogicalId"] = own.logical_id
            values["ContainerDeletionPolicy"] = lazy_string(lambda: deletion_policy(own))
        self._make_resource(type(jobs), values, wait, best_effort, removal_policy, provider)

        for starter in delete_first:
            starter.node.add_dependency(self)
        first, last = [self, *delete_first], [*delete_last]
        self._resource.node.add_dependency(lazy_dependency(lambda: without(first, [*last, *jobs.needs(self)])))
        warn_at_validation(
            self,
            lambda: [*jobs.warnings(self, container, self._wait_seconds), *find_unordered(self, jobs, arn_or_id)],
        )

"""The construct that stops the jobs in a cluster, a state machine or an application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import aws_cdk as cdk
from constructs import Construct, IConstruct

from ._errors import wrong_type
from ._help import shows_its_arguments
from ._kinds import KINDS, ContainerJobs, EcsTasks, EmrServerlessJobRuns, StateMachineExecutions
from ._on_delete import OnDelete
from ._order import at_synthesis, check_constructs, check_delete_first, unordered_starters
from ._provider_interface import IStopOnDeleteProvider
from ._tokens import is_token, late
from ._warnings import Found, warn_at_synthesis

RESOURCE_TYPE = "Custom::StopOnDelete"
# CloudFormation User Guide, DeletionPolicy: Delete is the default of resources without snapshots.
_RETAINING = {
    cdk.CfnDeletionPolicy.RETAIN: "Retain",
    cdk.CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE: "RetainExceptOnCreate",
}


@shows_its_arguments
class StopOnDelete(OnDelete):
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

    __module__ = "cdk_stop_on_delete"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - every construct names it so
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
            raise wrong_type(self, "jobs", jobs, *KINDS, rule="it does not say which jobs to stop", fix=fix)
        check_constructs(self, "delete_first", delete_first, "rule")
        check_constructs(self, "delete_last", delete_last, "role")
        name, resource = jobs.container(self)
        check_delete_first(self, delete_first, resource)
        values = {"Kind": type(jobs).__name__, "Container": name, **jobs.options(self)}
        own = resource if resource is not None and cdk.Stack.of(resource) is cdk.Stack.of(self) else None
        if own is not None:
            # The handler uses these to find out whether this stack deletes the container.
            values["ContainerLogicalId"] = own.logical_id
            values["ContainerDeletionPolicy"] = late(lambda: _deletion_policy(own))
        self._make_resource(RESOURCE_TYPE, type(jobs), values, wait, best_effort, removal_policy, provider)
        for starter in delete_first:
            starter.node.add_dependency(self)
        last = [*delete_last]
        needs = at_synthesis(lambda: [*last, *jobs.needs(self)], leave_out=[self, *delete_first])
        self._resource.node.add_dependency(needs)
        warn_at_synthesis(self, "cdk-stop-on-delete:unorderedRule", lambda: self._unordered_rules(jobs, name, own))
        self._warn_of_wait(wait, values.get("ShutdownGracePeriodInSeconds"))

    def _warn_of_wait(self, wait: cdk.Duration | None, period: object) -> None:
        seconds = self._wait_seconds(wait)
        if (
            isinstance(period, (int, float))
            and not is_token(period)
            and not is_token(seconds)
            and 0 < seconds <= period
        ):
            text = (
                f"{self.node.path}: its `wait` of {seconds:g} seconds is not longer than the shutdown grace period of"
                f" {period:g} seconds, so the Delete fails if a job run uses the whole period. Pass a longer `wait`."
            )
            cdk.Annotations.of(self).add_warning_v2("cdk-stop-on-delete:shortWait", text)

    def _unordered_rules(self, jobs: ContainerJobs, name: str, own: cdk.CfnResource | None) -> Iterator[Found]:
        """Find the rules that may start jobs after this construct has stopped them."""
        stack, stop = cdk.Stack.of(self), cast(cdk.CfnResource, self._resource.node.default_child)
        if any(_deletion_policy(resource) != "Delete" for resource in (stop, own) if resource is not None):
            return
        names = [stack.resolve(name)]
        if own is not None:
            logical_id = stack.resolve(own.logical_id)
            names += [{"Ref": logical_id}, {"Fn::GetAtt": [logical_id, "Arn"]}]

        def starts_jobs(target: Mapping[str, Any]) -> bool:
            return target.get("arn") in names and jobs.may_be_started_by(target, stack)

        for rule in unordered_starters(stop, starts_jobs):
            yield (
                cast(IConstruct, rule.node.scope) if rule.node.id == "Resource" else rule,
                f"it may start jobs while {self.node.path} stops them, because neither depends on the other. Pass it to"
                " the StopOnDelete as delete_first=[rule], or add rule.node.add_dependency(stop).",
            )


def _deletion_policy(resource: cdk.CfnResource) -> str:
    policy = resource.cfn_options.deletion_policy
    return _RETAINING.get(policy, "Delete") if policy else "Delete"

"""The construct that stops the jobs in a cluster, a state machine or an application."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from ._arguments import invalid
from ._custom_resource import JobsResource, deletion_policy
from ._kinds import KINDS, ContainerJobs, EcsTasks, EmrServerlessJobRuns, StateMachineExecutions
from ._lazy import SynthesisWarning, lazy_dependency, lazy_string, warn_at_validation
from ._order import check_constructs, check_delete_first, depends_on, possible_starters, without
from ._provider import IStopOnDeleteProvider
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

    __module__ = "cdk_stop_on_delete"

    _RESOURCE_TYPE = "Custom::StopOnDelete"
    # The cluster, state machine or application, if it is a resource of the same stack.
    _own_container: cdk.CfnResource | None = None

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
        warn_at_validation(self, lambda: self._find_warnings(jobs, arn_or_id, container))

    def _find_warnings(
        self, jobs: ContainerJobs, arn_or_id: str, container: cdk.CfnResource | None
    ) -> Iterator[SynthesisWarning]:
        for warning_id, text in jobs.warnings(container, self._wait_seconds).items():
            yield self, warning_id, text

        # What may start jobs after this construct has stopped them.
        stack, own = cdk.Stack.of(self), self._own_container
        if any(deletion_policy(resource) != "Delete" for resource in (self._cfn_resource, own) if resource is not None):
            return  # no job is stopped
        references = stack.resolve([arn_or_id, own.ref, own.get_att("Arn")] if own is not None else [arn_or_id])
        for starter, targets in possible_starters(stack, of_tasks=isinstance(jobs, EcsTasks)):
            if not any(jobs.may_be_started_by(each, references, stack) for each in targets):
                continue
            # A state machine may be deleted later, if another StopOnDelete stops its executions before.
            others = [found for found in stack.node.find_all() if isinstance(found, StopOnDelete)]
            its = [each for each in others if each._own_container and is_same(each._own_container, starter)]
            if any(depends_on(first, self._cfn_resource) for first in (starter, *(each._cfn_resource for each in its))):
                continue
            path, warning = self.node.path, "unorderedRule"
            if isinstance(starter, sfn.CfnStateMachine):
                warning = "unorderedStateMachine"
                text = (
                    f"its executions may start tasks after {path} has stopped them. Stop the executions first: add a"
                    " StopOnDelete with jobs=StateMachineExecutions(state_machine) and delete_last=[stop]. If it is an"
                    " EXPRESS state machine, pass delete_first=[state_machine] in place of that."
                )
            elif depends_on(self._cfn_resource, starter):
                text = (
                    f"it may start jobs while {path} stops them, because {path} depends on it. Pass it as"
                    " delete_first=[rule] in place of delete_last."
                )
            else:
                text = (
                    f"it may start jobs while {path} stops them, because neither depends on the other. Pass it to the"
                    " StopOnDelete as delete_first=[rule], or add rule.node.add_dependency(stop)."
                )
            shown = cast(IConstruct, starter.node.scope) if starter.node.id == "Resource" else starter
            yield shown, f"cdk-stop-on-delete:{warning}", text

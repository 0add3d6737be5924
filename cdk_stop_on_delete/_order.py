"""The order of deletion: what is deleted before the jobs are stopped, and what after they have stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from ._arguments import invalid
from ._custom_resource import JobsResource, deletion_policy
from ._kinds import ContainerJobs, EcsTasks
from ._lazy import SynthesisWarning
from ._stacks import is_same


def check_constructs(stop: Construct, argument: str, value: object, example: str) -> None:
    """Raise the error of an argument that is not a list of constructs."""
    # Not by isinstance: for an imported construct, jsii makes an object that is no Construct, but has its attributes.
    if not isinstance(value, (list, tuple)) or any(
        isinstance(each, type) or not hasattr(each, "node") for each in value
    ):
        fix = f"Pass, for example, {argument}=[{example}]."
        raise invalid(stop, argument, value, "it must be a list of constructs", fix)


def check_delete_first(stop: Construct, constructs: Sequence[IConstruct], container: CfnResource | None) -> None:
    """Raise the error of a construct that can't be deleted before the jobs are stopped."""
    for construct in constructs:
        # ScheduledFargateTask and ScheduledEc2Task of aws_ecs_patterns, which contain the rule and the task definition.
        if hasattr(construct, "event_rule"):
            rule = "the tasks need its task definition and roles until they have stopped"
            fix = "For a construct named task, pass delete_first=[task.event_rule] and delete_last=[task]."
            raise invalid(stop, "delete_first", construct, rule, fix)
        for part in (stop, container):
            if part is not None and _contains(construct, part):
                rule = f"it contains {part.node.path}, which can't be deleted before this StopOnDelete"
                raise invalid(stop, "delete_first", construct, rule, "Pass only what starts jobs, such as a rule.")


def without(left_out: Sequence[IConstruct], constructs: Iterable[IConstruct]) -> list[IConstruct]:
    """Return the constructs, except those in `left_out`. One that contains such a one is replaced by its parts."""
    kept: list[IConstruct] = []
    for construct in constructs:
        if any(_contains(other, construct) for other in left_out):
            continue
        if any(_contains(construct, other) for other in left_out):
            kept += without(left_out, construct.node.children)
        else:
            kept.append(construct)
    return kept


def _contains(scope: IConstruct, construct: IConstruct) -> bool:
    return f"{construct.node.path}/".startswith(f"{scope.node.path}/")


def find_unordered(stop: JobsResource, jobs: ContainerJobs, arn_or_id: str) -> Iterator[SynthesisWarning]:
    """Warn of what may start jobs after a StopOnDelete has stopped them, in its stack. Call it after all aspects."""
    stack, path, container = Stack.of(stop), stop.node.path, stop._own_container
    if any(deletion_policy(each) != "Delete" for each in (stop._cfn_resource, container) if each is not None):
        return  # no job is stopped
    references = stack.resolve([arn_or_id, *([container.ref, container.get_att("Arn")] if container else [])])
    constructs = stack.node.find_all()
    stops = [found for found in constructs if isinstance(found, JobsResource)]
    for starter, targets in _possible_starters(stack, constructs, of_tasks=isinstance(jobs, EcsTasks)):
        if not any(jobs.may_be_started_by(target, references, stack) for target in targets):
            continue
        # A state machine may be deleted after the jobs, if another StopOnDelete stops its executions before them.
        before = [each._cfn_resource for each in stops if each._own_container and is_same(each._own_container, starter)]
        if any(_depends_on(first, stop._cfn_resource) for first in (starter, *before)):
            continue
        warning = "unorderedRule"
        if isinstance(starter, sfn.CfnStateMachine):
            warning = "unorderedStateMachine"
            text = (
                f"its executions may start tasks after {path} has stopped them. Stop the executions first: add a"
                " StopOnDelete with jobs=StateMachineExecutions(state_machine) and delete_last=[stop]. If it is an"
                " EXPRESS state machine, pass delete_first=[state_machine] in place of that."
            )
        elif _depends_on(stop._cfn_resource, starter):
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


# By name, because importing these modules takes most of a second.
_RULES = ("aws_cdk.aws_events.CfnRule", "aws_cdk.aws_scheduler.CfnSchedule")


def _possible_starters(
    stack: Stack, constructs: Iterable[IConstruct], *, of_tasks: bool
) -> Iterator[tuple[CfnResource, list[dict[str, Any]]]]:
    """Yield the rules and schedules of a stack with their targets, and for tasks its state machines, too."""
    for found in constructs:
        is_rule = f"{type(found).__module__}.{type(found).__name__}" in _RULES
        is_machine = of_tasks and isinstance(found, sfn.CfnStateMachine)
        if (is_rule or is_machine) and isinstance(found, CfnResource) and is_same(Stack.of(found), stack):
            properties = stack.resolve(found._cfn_properties)
            targets = properties.get("targets") or properties.get("target") or properties
            yield found, targets if isinstance(targets, list) else [targets]


def _depends_on(resource: CfnResource, other: CfnResource) -> bool:
    """Return whether a resource depends on another one, directly or not."""
    # Compared by their paths, because jsii may make another object each time.
    seen: set[str] = set()
    unseen: list[CfnResource | Stack] = [resource]
    while unseen:
        found = unseen.pop()
        if isinstance(found, CfnResource) and found.node.path not in seen:
            seen.add(found.node.path)
            unseen.extend(found.obtain_dependencies())
    return other.node.path in seen

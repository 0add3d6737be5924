"""The order of deletion: what is deleted before the jobs are stopped, and what after they have stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IConstruct

from ._arguments import invalid
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
        if hasattr(construct, "event_rule"):
            rule = "the tasks need its task definition and roles until they have stopped"
            fix = "If this construct is task, pass delete_first=[task.event_rule] and delete_last=[task]."
            raise invalid(stop, "delete_first", construct, rule, fix)
        for part in (stop, container):
            if part is not None and _contains(construct, part):
                rule = f"it contains {part.node.path}, which can't be deleted before this StopOnDelete"
                raise invalid(stop, "delete_first", construct, rule, "Pass only what starts jobs, such as a rule.")


def without(left_out: Sequence[IConstruct], constructs: Iterable[IConstruct]) -> list[IConstruct]:
    """Return the constructs that are not in `left_out`, and of one that contains such a construct the other parts."""
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


def network(vpc: IConstruct) -> list[IConstruct]:
    """Return a VPC's own constructs, such as its subnets. Others in its scope may depend on a StopOnDelete."""
    return [part for part in vpc.node.children if type(part).__module__ == ec2.__name__]


# By name, because importing these modules takes most of a second.
_RULES = ("aws_cdk.aws_events.CfnRule", "aws_cdk.aws_scheduler.CfnSchedule")
_STATE_MACHINE = "aws_cdk.aws_stepfunctions.CfnStateMachine"


def possible_starters(stack: Stack, *, of_tasks: bool) -> Iterator[tuple[CfnResource, list[dict[str, Any]]]]:
    """Yield the rules and schedules of a stack with their targets, and for tasks its state machines, too."""
    types = (*_RULES, _STATE_MACHINE) if of_tasks else _RULES
    for found in stack.node.find_all():
        if (
            f"{type(found).__module__}.{type(found).__name__}" in types
            and isinstance(found, CfnResource)
            and is_same(Stack.of(found), stack)
        ):
            properties = stack.resolve(found._cfn_properties)
            targets = properties.get("targets") or properties.get("target") or properties
            yield found, targets if isinstance(targets, list) else [targets]


def depends_on(resource: CfnResource, other: CfnResource) -> bool:
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

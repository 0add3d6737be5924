"""Dependencies: what is deleted before the jobs are stopped, and what is deleted after they have stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, Dependable, DependencyGroup, IConstruct, IDependable

from ._errors import invalid


def check_constructs(stop: Construct, argument: str, value: object, example: str) -> None:
    """Raise the error of an argument that is not a list of constructs."""
    # An imported construct is no Construct: jsii makes an object with the attributes of its interface.
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
                rule = f"it contains {part.node.path}, which is deleted after it"
                raise invalid(stop, "delete_first", construct, rule, "Pass only what starts jobs, such as a rule.")


def at_synthesis(constructs: Callable[[], Iterable[IConstruct]], leave_out: Sequence[IConstruct] = ()) -> IDependable:
    """Return a dependency on constructs that are known only after all aspects, without those in `leave_out`."""
    # Not a Dependable of Python: jsii would wrap it anew in each call. It keeps a DependencyGroup's identity.
    group = DependencyGroup()
    Dependable.implement(group, _AtSynthesis(constructs, leave_out))
    return group


class _AtSynthesis(Dependable):
    def __init__(self, constructs: Callable[[], Iterable[IConstruct]], leave_out: Sequence[IConstruct]) -> None:
        super().__init__()
        self._constructs = constructs
        self._leave_out = leave_out

    @property
    def dependency_roots(self) -> list[IConstruct]:
        return [root for construct in self._constructs() for root in _without(construct, self._leave_out)]


def _without(construct: IConstruct, leave_out: Sequence[IConstruct]) -> list[IConstruct]:
    if any(_contains(other, construct) for other in leave_out):
        return []
    if not any(_contains(construct, other) for other in leave_out):
        return [construct]
    return [root for child in construct.node.children for root in _without(child, leave_out)]


def _contains(scope: IConstruct, construct: IConstruct) -> bool:
    return f"{construct.node.path}/".startswith(f"{scope.node.path}/")


def network(vpc: IConstruct) -> list[IConstruct]:
    """Return the parts of a VPC that are its network. Others in its scope may depend on a StopOnDelete."""
    return [part for part in vpc.node.children if type(part).__module__ == ec2.__name__]


# Class -> its attribute with the targets. By name, because importing these modules takes most of a second.
_TARGETS = {"aws_cdk.aws_events.CfnRule": "targets", "aws_cdk.aws_scheduler.CfnSchedule": "target"}


def unordered_starters(stop: CfnResource, starts_jobs: Callable[[Mapping[str, Any]], bool]) -> Iterator[CfnResource]:
    """Find the rules and schedules of the stack that may start jobs after the others were stopped.

    Parameters
    ----------
    stop : CfnResource
        The resource of a StopOnDelete.
    starts_jobs : callable
        Returns whether a resolved target of a rule or schedule starts such jobs.
    """
    stack = Stack.of(stop)
    for found in stack.node.find_all():
        attribute = _TARGETS.get(f"{type(found).__module__}.{type(found).__name__}")
        if attribute is None or not isinstance(found, CfnResource) or Stack.of(found) is not stack:
            continue
        targets = stack.resolve(getattr(found, attribute)) or []
        if any(map(starts_jobs, targets if isinstance(targets, list) else [targets])) and not _depends_on(found, stop):
            yield found


def _depends_on(resource: CfnResource, stop: CfnResource) -> bool:
    """Return whether a resource depends on another one, directly or not."""
    # Compared by their paths, because jsii may make another object each time.
    seen: set[str] = set()
    unseen: list[CfnResource | Stack] = [resource]
    while unseen:
        found = unseen.pop()
        if isinstance(found, CfnResource) and found.node.path not in seen:
            seen.add(found.node.path)
            unseen.extend(found.obtain_dependencies())
    return stop.node.path in seen

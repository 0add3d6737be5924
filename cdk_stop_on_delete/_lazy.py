"""Strings, dependencies and warnings that the CDK asks for after all aspects, when the template is nearly complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jsii
from aws_cdk import Annotations, IResolveContext, IStringProducer, Lazy
from constructs import Dependable, DependencyGroup, IConstruct, IDependable, IValidation

# The construct at which a warning is shown, the id by which users acknowledge it, and its message.
SynthesisWarning = tuple[IConstruct, str, str]


def lazy_string(value: Callable[[], str | None]) -> str:
    """Return a token for a string that `value` returns at synthesis. If it returns None, the property is left out."""
    return Lazy.uncached_string(_String(value))


def lazy_dependency(constructs: Callable[[], list[IConstruct]]) -> IDependable:
    """Return a dependency on the constructs that the function returns at synthesis."""
    # In a DependencyGroup, because jsii would wrap a Dependable of Python again in each call, as another object.
    group = DependencyGroup()
    Dependable.implement(group, _Roots(constructs))
    return group


def warn_at_validation(construct: IConstruct, find: Callable[[], Iterable[SynthesisWarning]]) -> None:
    """Add the warnings that `find` returns when the CDK validates the construct, after all aspects."""
    construct.node.add_validation(_Warnings(find))


@jsii.implements(IStringProducer)
class _String:
    def __init__(self, value: Callable[[], str | None]) -> None:
        self._value = value

    def produce(self, context: IResolveContext) -> str | None:  # noqa: ARG002 - the CDK passes it by its name
        return self._value()


class _Roots(Dependable):
    def __init__(self, constructs: Callable[[], list[IConstruct]]) -> None:
        super().__init__()
        self._constructs = constructs

    @property
    def dependency_roots(self) -> list[IConstruct]:
        return self._constructs()


@jsii.implements(IValidation)
class _Warnings:
    def __init__(self, find: Callable[[], Iterable[SynthesisWarning]]) -> None:
        self._find = find

    def validate(self) -> list[str]:
        for construct, warning_id, message in self._find():
            Annotations.of(construct).add_warning_v2(warning_id, f"{construct.node.path}: {message}")
        return []

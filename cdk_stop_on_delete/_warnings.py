"""Warnings at synthesis."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jsii
from aws_cdk import Annotations
from constructs import IConstruct, IValidation

# The construct at which a warning is shown, and its message.
Found = tuple[IConstruct, str]


def warn_at_synthesis(construct: IConstruct, warning_id: str, find: Callable[[], Iterable[Found]]) -> None:
    """Add the warnings that `find` yields after all aspects. Users acknowledge them by `warning_id`."""
    construct.node.add_validation(_Warn(warning_id, find))


@jsii.implements(IValidation)
class _Warn:
    def __init__(self, warning_id: str, find: Callable[[], Iterable[Found]]) -> None:
        self._id = warning_id
        self._find = find

    def validate(self) -> list[str]:
        for construct, message in self._find():
            Annotations.of(construct).add_warning_v2(self._id, f"{construct.node.path}: {message}")
        return []

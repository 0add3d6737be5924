"""Lets a construct show its own arguments in `help()` and in the API reference, where jsii's metaclass hides them."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TypeVar

C = TypeVar("C", bound=type)


def shows_its_arguments(construct: C) -> C:
    """Give a construct's class the signature and the docstring that belong to it."""
    init = construct.__init__  # type: ignore[misc]  # of a class that is known, not of an instance that may override it
    signature = inspect.signature(init)
    parameters = [_as_written(parameter) for parameter in signature.parameters.values()]
    init.__doc__ = "Make the construct; the arguments are those of the class."
    # inspect looks for __signature__ on any object.
    init.__signature__ = signature.replace(parameters=parameters)
    construct.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters[1:], return_annotation=inspect.Signature.empty
    )
    return construct


def _as_written(parameter: inspect.Parameter) -> inspect.Parameter:
    if isinstance(parameter.default, Enum):
        return parameter.replace(default=_Shown(parameter.default))
    return parameter


class _Shown:
    """A default that a signature shows as it is written: ``Enum.MEMBER``, and not ``<Enum.MEMBER: 'MEMBER'>``."""

    def __init__(self, member: Enum) -> None:
        self._member = member

    def __repr__(self) -> str:
        return str(self._member)

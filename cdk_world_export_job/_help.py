"""Lets a construct show its own arguments in `help()` and in the API reference, where jsii's metaclass hides them."""

from __future__ import annotations

import inspect
from typing import TypeVar

C = TypeVar("C", bound=type)


def shows_its_arguments(construct: C) -> C:
    """Give a construct's class the signature and the docstring that belong to it."""
    init = construct.__init__  # type: ignore[misc]  # of a class that is known, not of an instance that may override it
    signature = inspect.signature(init)
    init.__doc__ = "Make the construct; the arguments are those of the class."
    construct.__signature__ = signature.replace(  # type: ignore[attr-defined]  # inspect looks for it on any object
        parameters=list(signature.parameters.values())[1:], return_annotation=inspect.Signature.empty
    )
    return construct

"""Shows a construct's arguments in `help()`, notebooks and the API reference.

Without it, they show the signature of jsii's metaclass, ``(*args, **kwargs)``, and none of the provider's settings.
"""

from __future__ import annotations

import inspect
import re
from typing import TypeVar, get_type_hints

from ._settings import ProviderSettings

C = TypeVar("C", bound=type)


def shows_its_arguments(construct: C) -> C:
    """Give a construct's class its own signature and docstring, with each of the `ProviderSettings` that it takes."""
    init = construct.__init__  # type: ignore[misc]  # the class is known here
    signature = inspect.signature(init)
    parameters = [shown for parameter in signature.parameters.values() for shown in _shown(parameter)]
    init.__doc__ = "Make the construct; the class describes the arguments."
    # inspect reads __signature__ of any object.
    init.__signature__ = signature.replace(parameters=parameters)
    construct.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters[1:], return_annotation=inspect.Signature.empty
    )
    _, _, settings = inspect.cleandoc(ProviderSettings.__doc__ or "").partition("----------\n")
    described = inspect.cleandoc(construct.__doc__ or "")
    construct.__doc__ = re.sub(r"\*\*settings : .*\n(?: +.*\n)*", lambda _: f"{settings}\n", described)
    return construct


def _shown(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if parameter.kind is not parameter.VAR_KEYWORD:
        return [parameter]
    hints = get_type_hints(ProviderSettings)
    return [inspect.Parameter(name, parameter.KEYWORD_ONLY, default=None, annotation=hints[name]) for name in hints]

"""The errors of arguments. Each names the construct's path, the argument, its value, the rule and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from aws_cdk import Duration
from constructs import IConstruct, Node

from ._handler_code import properties


class InvalidArgumentError(ValueError):
    """An argument of a construct breaks a rule, or has a wrong type.

    The message names the construct's path, the argument and its value as they were written, the rule and the fix.
    """

    # Where users import it from, as tracebacks and `help()` show it.
    __module__ = "cdk_stop_on_delete"


class Shown:
    """A text that an error shows as the value of an argument, without the quotes of a str."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def invalid(construct: IConstruct, argument: str, value: object, rule: str, fix: str) -> InvalidArgumentError:
    """Create the error of an argument that breaks a rule."""
    # The handler's class gives both kinds of errors the same form.
    name, shown = f"{construct.node.path}: {argument}", Shown(_as_written(value))
    return InvalidArgumentError(str(properties.InvalidPropertyError(name, shown, rule, fix)))


def wrong_type(
    construct: IConstruct, argument: str, value: object, *classes: type, rule: str, fix: str
) -> InvalidArgumentError:
    """Create the error of a value of a wrong class. It also detects a class from a second import of this library."""
    if {found.__name__ for found in type(value).__mro__} & {expected.__name__ for expected in classes}:
        rule = "it is of another copy of this library, which was imported twice"
        fix = "Import it once, and from one place."
    return invalid(construct, argument, value, rule, fix)


@contextmanager
def checking(construct: IConstruct, argument: str, value: object) -> Iterator[None]:
    """Turn an error of the handler's rules, which names a property, into one that names the argument and its value."""
    try:
        yield
    except properties.InvalidPropertyError as error:
        raise invalid(construct, argument, value, error.rule, error.fix) from None


def _as_written(value: object) -> str:
    match value:
        case object(node=Node(path=path)):
            # The class of an imported construct is made by jsii, such as _RoleProxy or InterfaceDynamicProxy.
            kind = type(value).__name__.removeprefix("_").removesuffix("Proxy").removesuffix("Dynamic")
            return f"{kind} {path!r}"
        case Duration():
            return value.to_string()
        case Enum():
            return str(value)
    return repr(value)

"""Makes the errors of arguments: they name the construct's path, the argument, its value, the rule and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from aws_cdk import Duration
from constructs import Construct, IConstruct

from ._handler_code import properties


class InvalidArgumentError(ValueError):
    """An argument of a construct breaks a rule, or has a wrong type.

    The message names the construct's path, the argument and its value as they were written, the rule and the fix.
    """

    # Where users import it from, as tracebacks and `help()` show it.
    __module__ = "cdk_stop_on_delete"


class AsWritten:
    """A value for the handler's rules, which an error shows as the construct's user wrote it.

    The rules read a value's `str`, because CloudFormation sends strings, and errors show its `repr`.

    Parameters
    ----------
    value : object
        The value in the template.
    written : str
        The value as the user wrote it.
    """

    def __init__(self, value: object, written: str) -> None:
        self._value = value
        self._written = written

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return self._written


def invalid(construct: IConstruct, argument: str, value: object, rule: str, fix: str) -> InvalidArgumentError:
    """Make the error of an argument that breaks a rule of the constructs."""
    shown = AsWritten(value, _written(value))
    return InvalidArgumentError(str(properties.InvalidPropertyError(_named(construct, argument), shown, rule, fix)))


def wrong_type(
    construct: IConstruct, argument: str, value: object, *classes: type, rule: str, fix: str
) -> InvalidArgumentError:
    """Make the error of a value that is not of these classes, but may be of their copies in a second import."""
    if {found.__name__ for found in type(value).__mro__} & {expected.__name__ for expected in classes}:
        rule = "it is of another copy of this library, which was imported twice"
        fix = "Import it once, and from one place."
    return invalid(construct, argument, value, rule, fix)


@contextmanager
def naming(construct: IConstruct, argument: str) -> Iterator[None]:
    """Let an error of the handler's rules name the construct's argument instead of the resource's property."""
    try:
        yield
    except properties.InvalidPropertyError as error:
        _, _, rest = str(error).partition(" ")
        raise InvalidArgumentError(f"{_named(construct, argument)} {rest}") from None


def _named(construct: IConstruct, argument: str) -> str:
    return f"{construct.node.path}: {argument}"


def _written(value: object) -> str:
    match value:
        case Construct():
            # jsii makes the class of an imported construct, such as _RoleProxy.
            kind = type(value).__name__.removeprefix("_").removesuffix("Proxy")
            return f"{kind} {value.node.path!r}"
        case Duration():
            return value.to_string()
        case Enum():
            return str(value)
    return repr(value)

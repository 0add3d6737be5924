"""Creates the errors of arguments. Each names the construct's path, the argument, its value, the rule and the fix."""

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


class AsWritten(str):
    """A value for the handler's rules, as CloudFormation sends it, that an error shows as the user wrote it.

    Parameters
    ----------
    value : object
        The value in the template.
    written : str
        The value as the user wrote it.
    """

    _written: str

    def __new__(cls, value: object, written: str) -> AsWritten:
        text = super().__new__(cls, value)
        text._written = written
        return text

    def __repr__(self) -> str:
        return self._written


def invalid(construct: IConstruct, argument: str, value: object, rule: str, fix: str) -> InvalidArgumentError:
    """Make the error of an argument that breaks a rule of the constructs."""
    shown = AsWritten(value, _written(value))
    return InvalidArgumentError(str(properties.InvalidPropertyError(_named(construct, argument), shown, rule, fix)))


def wrong_type(
    construct: IConstruct, argument: str, value: object, *classes: type, rule: str, fix: str
) -> InvalidArgumentError:
    """Create the error of a value of a wrong class. It may be the same class of a second import of this library."""
    if {found.__name__ for found in type(value).__mro__} & {expected.__name__ for expected in classes}:
        rule = "it is of another copy of this library, which was imported twice"
        fix = "Import it once, and from one place."
    return invalid(construct, argument, value, rule, fix)


@contextmanager
def naming(construct: IConstruct, argument: str) -> Iterator[None]:
    """Replace the resource's property with the construct's argument in an error of the handler's rules."""
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

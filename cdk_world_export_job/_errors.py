"""Words what is wrong with an argument as its user wrote it: the construct's path, the argument, the value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from aws_cdk import Duration
from constructs import Construct, IConstruct

from ._handler_code import properties


class InvalidArgumentError(ValueError):
    """An argument of a construct breaks a rule, or is of a type that can't be taken.

    The message names the construct's path, the argument and its value as they were written, the rule and the fix.
    """

    # Where it is imported from, for tracebacks and `help()`.
    __module__ = "cdk_world_export_job"


class AsWritten:
    """A value that the handler's rules judge, but that an error shows as the user of the construct wrote it.

    The rules read a value's `str`, because CloudFormation sends strings, and errors show its `repr`.

    Parameters
    ----------
    value : object
        What the template gets.
    written : str
        What the user wrote.
    """

    def __init__(self, value: object, written: str) -> None:
        self._value = value
        self._written = written

    def __str__(self) -> str:
        return str(self._value)

    def __repr__(self) -> str:
        return self._written


def invalid(construct: IConstruct, argument: str, value: object, rule: str, fix: str) -> InvalidArgumentError:
    """Make the error of an argument that breaks a rule of the constructs' own."""
    shown = AsWritten(value, _written(value))
    return InvalidArgumentError(str(properties.InvalidPropertyError(_named(construct, argument), shown, rule, fix)))


@contextmanager
def blamed_on(construct: IConstruct, argument: str) -> Iterator[None]:
    """Let an error of the handler's rules name the argument of the construct instead of the resource's property."""
    try:
        yield
    except properties.InvalidPropertyError as error:
        _, _, said_of_it = str(error).partition(" ")
        raise InvalidArgumentError(f"{_named(construct, argument)} {said_of_it}") from None


def _named(construct: IConstruct, argument: str) -> str:
    return f"{construct.node.path}: {argument}"


def _written(value: object) -> str:
    match value:
        case Construct():
            return f"{type(value).__name__} {value.node.path!r}"
        case Duration():
            return value.to_string()
        case Enum():
            return str(value)
    return repr(value)

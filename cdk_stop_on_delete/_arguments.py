"""Checks arguments. Each error names the construct's path, the argument, its value as written, the rule and the fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from math import isfinite

from aws_cdk import CfnCondition, Duration, Stack, Token
from constructs import IConstruct, Node

from ._handler_code import properties

# CloudFormation replaces a dynamic reference by its value (User Guide, dynamic references).
DYNAMIC_REFERENCE = "{{resolve:"


class InvalidArgumentError(ValueError):
    """An argument of a construct breaks a rule, or has a wrong type.

    The message names the construct's path, the argument and its value as they were written, the rule and the fix.
    """


class Shown(str):
    """A text that an error shows as the value of an argument, without the quotes of a str."""

    __repr__ = str.__str__


def invalid(construct: IConstruct, argument: str, value: object, rule: str, fix: str) -> InvalidArgumentError:
    """Create the error of an argument that breaks a rule."""
    # With the handler's own class, so that errors of arguments and of properties have the same form.
    name, shown = f"{construct.node.path}: {argument}", Shown(_as_written(value))
    return InvalidArgumentError(str(properties.InvalidPropertyError(name, shown, rule, fix)))


@contextmanager
def checking(construct: IConstruct, argument: str, value: object) -> Iterator[None]:
    """Turn an error of the handler's rules, which names a property, into one that names the argument and its value."""
    try:
        yield
    except properties.InvalidPropertyError as error:
        raise invalid(construct, argument, value, error.rule, error.fix) from None


def is_token(value: object) -> bool:
    """Return whether a value stands for one that is known only at deployment."""
    # Tokens are objects with a method `resolve`, or strings, numbers and lists that encode one. jsii can't pass
    # other objects of Python to `Token.is_unresolved`.
    if isinstance(value, float) and not isfinite(value):  # jsii's process would end
        return False
    if isinstance(value, (str, int, float)) or (isinstance(value, list) and all(isinstance(e, str) for e in value)):
        return DYNAMIC_REFERENCE in str(value) or bool(Token.is_unresolved(value))
    return hasattr(value, "resolve") and not isinstance(value, (CfnCondition, Stack))


def is_literal(construct: IConstruct, argument: str, value: object) -> bool:
    """Return whether a string is known at synthesis, and raise the error of a value that is not a string."""
    if isinstance(value, str):
        return not is_token(value)
    fix = "Pass a string."
    if is_token(value):
        fix = (
            "Pass a string: a parameter's `value_as_string`, a token's `to_string()` or `Token.as_string(...)`, or"
            " `Fn.select(0, ...)` of a list."
        )
    raise invalid(construct, argument, value, "it must be a string", fix)


def in_seconds(construct: IConstruct, argument: str, value: object, check: Callable[[float], object]) -> float:
    """Return a Duration in seconds, checked or as a token, and raise the error of any other value."""
    if not isinstance(value, Duration):
        raise invalid(construct, argument, value, "it must be a Duration", "Pass, for example, Duration.minutes(2).")
    if value.is_unresolved() and (unit := value.unit_label()) != "seconds":
        shown, rule = Shown(f"Duration.{unit}(<token>)"), "the CDK can't convert a token to seconds"
        raise invalid(construct, argument, shown, rule, "Pass Duration.seconds(...).")
    seconds = value.to_seconds(integral=False)
    if not value.is_unresolved():
        with checking(construct, argument, value):
            check(seconds)
    return seconds


def _as_written(value: object) -> str:
    match value:
        case object(node=Node(path=path)):
            # The class of an imported construct is made by jsii, such as _RoleProxy or InterfaceDynamicProxy.
            kind = type(value).__name__.removeprefix("_").removesuffix("Proxy").removesuffix("Dynamic")
            return f"{kind} {path!r}"
        case object(resolve=_):
            return f"a {type(value).__name__}"  # a token that is no string
        case int() | float() | list() if is_token(value):
            return f"a {type(value).__name__} with a token"
        case Duration():
            return value.to_string()
        case Enum():
            return str(value)
    return repr(value)

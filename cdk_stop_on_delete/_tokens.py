"""Distinguishes literal values, which are known at synthesis, from tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aws_cdk import CfnParameter, Duration, Stack, Token
from aws_cdk.region_info import RegionInfo
from constructs import Construct, IConstruct

from ._errors import InvalidArgumentError, Shown, checking, invalid

# CloudFormation replaces a dynamic reference by its value (User Guide, dynamic references).
DYNAMIC_REFERENCE = "{{resolve:"


def literal_or_none(value: str) -> str | None:
    """Return a literal string, or None for a string that contains a token or a dynamic reference."""
    return None if DYNAMIC_REFERENCE in value or Token.is_unresolved(value) else value


def is_token(value: object) -> bool:
    """Return whether a value of any type stands for a value that is known only at deployment."""
    if isinstance(value, str):
        return literal_or_none(value) is None
    # The CDK's tokens are objects with a method `resolve`, encoded numbers, and lists with an encoded string. A
    # construct is none, although a Stack has this method. A CfnParameter counts as one, because `not_a_string` states
    # what to pass instead.
    if isinstance(value, Construct):
        return isinstance(value, CfnParameter)
    if callable(getattr(value, "resolve", None)):
        return True
    return isinstance(value, (int, float, list)) and bool(Token.is_unresolved(value))


def is_string_token(construct: IConstruct, argument: str, value: object) -> bool:
    """Return whether a value is a token, and raise the error of a token that is not a string."""
    if not is_token(value):
        return False
    if not isinstance(value, str):
        raise not_a_string(construct, argument, value)
    return True


def not_a_string(construct: IConstruct, argument: str, token: object) -> InvalidArgumentError:
    """Create the error of a token that is not a string."""
    if isinstance(token, CfnParameter):
        return invalid(construct, argument, token, "it is a parameter, not its value", "Pass its `value_as_string`.")
    fix = "Pass a string: `Token.as_string(...)`, or `Fn.select(0, ...)` of a list."
    if callable(getattr(token, "to_string", None)):
        fix = "Pass its `to_string()`."
    return invalid(construct, argument, Shown(f"a {type(token).__name__}"), "it is a token, but not a string", fix)


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


def environment_of(stack: Stack) -> dict[str, str | None]:
    """Return a stack's account, partition and region. Each is None if it is not known at synthesis."""
    account, region = literal_or_none(stack.account), literal_or_none(stack.region)
    # Stack.partition is a token unless the app has the flag @aws-cdk/core:enablePartitionLiterals.
    return {"account": account, "partition": RegionInfo.get(region).partition if region else None, "region": region}


def difference(theirs: Mapping[str, str | None], ours: Mapping[str, str | None], *parts: str) -> str | None:
    """Return the first of these parts in which two environments are known to differ, or None."""
    return next((part for part in parts if theirs.get(part) and ours[part] and theirs[part] != ours[part]), None)

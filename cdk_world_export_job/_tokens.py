"""Tells what is known at synthesis from what is known only at deployment."""

from __future__ import annotations

from aws_cdk import CfnParameter, Stack, Token
from aws_cdk.region_info import RegionInfo

# How a dynamic reference begins, whose value CloudFormation puts in (User Guide, dynamic references).
DYNAMIC_REFERENCE = "{{resolve:"


def known(value: str) -> str | None:
    """Give a string back if it is a literal, and None if it holds a token or a literal dynamic reference."""
    return None if DYNAMIC_REFERENCE in value or Token.is_unresolved(value) else value


def is_token(value: object) -> bool:
    """Tell whether a value of any type stands for one that is known only at deployment."""
    if isinstance(value, str):
        return known(value) is None
    # An object that resolves, an encoded number and a list with an encoded string are tokens to the CDK. A parameter is
    # none, but is meant as one.
    if isinstance(value, CfnParameter) or callable(getattr(value, "resolve", None)):
        return True
    return isinstance(value, (int, float, list)) and bool(Token.is_unresolved(value))


def as_string(value: object) -> str:
    """Say how to pass a token that is no string as one."""
    if isinstance(value, CfnParameter):
        return "Pass its `value_as_string`."
    if callable(getattr(value, "to_string", None)):
        return "Pass its `to_string()`."
    return "Pass a string: `Token.as_string(...)`, or `Fn.select(0, ...)` of a list."


def partition_of(stack: Stack) -> str | None:
    """Give the partition of a stack, such as ``aws``, if its region is known."""
    region = known(stack.region)
    # Not Stack.partition, which is a token unless the app has the flag @aws-cdk/core:enablePartitionLiterals.
    return RegionInfo.get(region).partition if region else None

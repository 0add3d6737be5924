"""Tells what is known at synthesis from what is known only at deployment."""

from __future__ import annotations

from aws_cdk import CfnParameter, Stack, Token
from aws_cdk.region_info import RegionInfo
from constructs import IConstruct

from ._errors import AsWritten, InvalidArgumentError, invalid

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


def not_a_string(construct: IConstruct, argument: str, token: object) -> InvalidArgumentError:
    """Make the error of what stands for a string of the deployment, but is no string itself."""
    written, rule = f"a {type(token).__name__}", "it is a token, but no string"
    fix = "Pass a string: `Token.as_string(...)`, or `Fn.select(0, ...)` of a list."
    if isinstance(token, CfnParameter):
        written, rule = f"CfnParameter {token.node.path!r}", "it is a parameter, not its value"
        fix = "Pass its `value_as_string`."
    elif callable(getattr(token, "to_string", None)):
        fix = "Pass its `to_string()`."
    return invalid(construct, argument, AsWritten(token, written), rule, fix)


def partition_of(stack: Stack) -> str | None:
    """Give the partition of a stack, such as ``aws``, if its region is known."""
    region = known(stack.region)
    # Not Stack.partition, which is a token unless the app has the flag @aws-cdk/core:enablePartitionLiterals.
    return RegionInfo.get(region).partition if region else None

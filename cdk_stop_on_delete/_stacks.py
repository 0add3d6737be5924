"""Compares stacks: their environments, and which of them are deployed together."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk.region_info import RegionInfo
from constructs import IConstruct

from ._arguments import is_token


def environment_of(stack: Stack) -> dict[str, str | None]:
    """Return a stack's account, partition and region. Each is None if it is not known at synthesis."""
    account, region = (None if is_token(part) else part for part in (stack.account, stack.region))
    # Stack.partition is a token unless the app has the flag @aws-cdk/core:enablePartitionLiterals.
    return {"account": account, "partition": RegionInfo.get(region).partition if region else None, "region": region}


def difference(theirs: Mapping[str, str | None], ours: Mapping[str, str | None], *parts: str) -> str | None:
    """Return the first of these parts in which two environments are known to differ, or None."""
    return next((part for part in parts if theirs.get(part) and ours[part] and theirs[part] != ours[part]), None)


def is_same(one: IConstruct, other: IConstruct) -> bool:
    """Return whether two objects are the same construct."""
    # jsii gives another object each time for what Python did not make, such as a nested stack of CfnInclude.
    return one is other or (one.node.path == other.node.path and one.node.root is other.node.root)


def root_of(stack: Stack) -> Stack:
    """Return the stack that a nested stack is deployed with, or the stack itself if it is not nested."""
    while (parent := stack.nested_stack_parent) is not None:
        stack = parent
    return stack


def is_nested_in(stack: Stack | None, outer: Stack) -> bool:
    """Return whether a stack is `outer`, or is nested in it."""
    return stack is not None and (is_same(stack, outer) or is_nested_in(stack.nested_stack_parent, outer))

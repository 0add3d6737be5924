"""Reads a request that CloudFormation sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

Request = Mapping[str, Any]


def resource_properties(request: Request) -> Mapping[str, object]:
    """Return the resource's properties, or an empty mapping if the request has none."""
    properties = request.get("ResourceProperties")
    return properties if isinstance(properties, dict) else {}


def property_or_default(request: Request, name: str, check: Callable[[object], T], default: T) -> T:
    """Return a property of a Delete request, or its default.

    The Create already rejected invalid values. If a value is invalid nevertheless, return the default, so that it
    blocks no Delete.

    Parameters
    ----------
    request : Mapping
        The Delete request.
    name : str
        The property's name.
    check : callable
        Returns the property's value, or raises a ValueError.
    default : object
        The value to use if the property is missing or invalid.
    """
    try:
        return check(resource_properties(request).get(name))
    except ValueError:
        return default


def partition_and_account(request: Request) -> tuple[str | None, str | None]:
    """Return the partition and the account in the id of the request's stack, or two None if it has another form."""
    found = re.fullmatch(r"arn:([^:]+):cloudformation:[^:]+:([0-9]{12}):stack/.+", str(request["StackId"]))
    return (found[1], found[2]) if found else (None, None)


def stack_name(stack_id: str) -> str:
    """Return the name in a stack's id, or the whole id if it has another form."""
    return stack_id.split(":stack/")[-1].split("/")[0]

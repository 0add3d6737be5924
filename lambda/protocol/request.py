"""Reads a request that CloudFormation sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

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


class StackId(NamedTuple):
    """The parts of a stack's id. If the id has another form than in AWS, only the name is known.

    The name is then the text after ``:stack/``, or else the id itself, up to the first slash.
    """

    name: str
    partition: str | None = None
    region: str | None = None
    account: str | None = None

    @classmethod
    def parse(cls, stack_id: object) -> StackId:
        """Return the parts of a stack's id."""
        text = str(stack_id)
        found = re.fullmatch(
            r"arn:(?P<partition>[^:]+):cloudformation:(?P<region>[^:]+):(?P<account>[0-9]{12}):"
            r"stack/(?P<name>[^/]+)(/.*)?",
            text,
        )
        return cls(**found.groupdict()) if found else cls(text.split(":stack/")[-1].split("/")[0])

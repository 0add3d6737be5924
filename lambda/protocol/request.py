"""Reads what a request of CloudFormation's says, beside its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Request = Mapping[str, Any]


def resource_properties(request: Request) -> Mapping[str, object]:
    """Give the resource's properties, none if the request has none."""
    properties = request.get("ResourceProperties")
    return properties if isinstance(properties, dict) else {}


def stack_of(request: Request) -> tuple[str | None, str | None]:
    """Give the partition and the account of the request's stack, where its id tells."""
    found = re.fullmatch(r"arn:([^:]+):cloudformation:[^:]+:([0-9]{12}):stack/.+", str(request["StackId"]))
    return (found[1], found[2]) if found else (None, None)


def stack_name(stack_id: str) -> str:
    """Give the name in a stack's id, or the whole id, where that is of another form."""
    return stack_id.split(":stack/")[-1].split("/")[0]

"""What is read of a request."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.request import property_or_default, resource_properties, stack_name, stack_of
from tests.requests import STACK_ID


@pytest.mark.parametrize(
    ("request_", "properties"),
    [
        ({"ResourceProperties": {"Color": "red"}}, {"Color": "red"}),
        ({"ResourceProperties": ["Color"]}, {}),
        ({"ResourceProperties": None}, {}),
        ({}, {}),
    ],
)
def test_the_properties_are_those_of_the_resource(request_: dict[str, Any], properties: dict[str, Any]) -> None:
    assert resource_properties(request_) == properties


@pytest.mark.parametrize(("properties", "value"), [({"Size": "7"}, 7), ({"Size": "many"}, 1), ({"Other": "7"}, 1)])
def test_a_property_that_is_missing_or_bad_is_the_default(properties: dict[str, str], value: int) -> None:
    assert property_or_default({"ResourceProperties": properties}, "Size", lambda size: int(str(size)), 1) == value


@pytest.mark.parametrize(
    ("stack_id", "partition", "account", "name"),
    [
        (STACK_ID, "aws", "123456789012", "WorldExport"),
        ("arn:aws-cn:cloudformation:cn-north-1:210987654321:stack/A/1", "aws-cn", "210987654321", "A"),
        ("arn:aws:cloudformation:us-west-2:1234:stack/A/1", None, None, "A"),
        ("stack", None, None, "stack"),
    ],
)
def test_the_stack_is_read_from_its_id(stack_id: str, partition: str | None, account: str | None, name: str) -> None:
    assert stack_of({"StackId": stack_id}) == (partition, account)
    assert stack_name(stack_id) == name

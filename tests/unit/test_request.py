"""What is read of a request."""

from __future__ import annotations

import pytest

from protocol.request import StackId
from tests.requests import STACK_ID


@pytest.mark.parametrize(
    ("stack_id", "parts"),
    [
        (STACK_ID, ("WorldExport", "aws", "us-west-2", "123456789012")),
        ("arn:aws-cn:cloudformation:cn-north-1:210987654321:stack/A/1", ("A", "aws-cn", "cn-north-1", "210987654321")),
        ("arn:aws:cloudformation:us-west-2:1234:stack/A/1", ("A", None, None, None)),
        ("arn:aws:cloudformation:us-west-2:123456789012:stack/A_B", ("A_B", "aws", "us-west-2", "123456789012")),
        ("stack", ("stack", None, None, None)),
    ],
)
def test_the_stack_is_read_from_its_id(stack_id: str, parts: tuple[str | None, ...]) -> None:
    assert StackId.parse(stack_id) == parts

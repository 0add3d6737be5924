"""What is read of a request."""

from __future__ import annotations

import pytest

from protocol.request import partition_and_account, stack_name
from tests.requests import STACK_ID


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
    assert partition_and_account({"StackId": stack_id}) == (partition, account)
    assert stack_name(stack_id) == name

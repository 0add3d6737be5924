"""The stand-in for CloudFormation judges answers as CloudFormation does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import urllib3

from sandbox.cloudformation.custom_resources import CustomResources, Exchange, ResponseUrls, invalidity
from sandbox.cloudformation.lifecycle import Declaration, ResourceError
from tests.requests import STACK_ID, request

COPIED = ("StackId", "RequestId", "LogicalResourceId")


def put(url: str, body: bytes, **headers: str) -> int:
    """PUT an answer to a response URL, and give the HTTP status."""
    return urllib3.request("PUT", url, body=body, headers=headers).status


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({}, ""),
        ({"RequestId": "another"}, "RequestId is not the request's"),
        ({"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": "x" * 1025}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": "physical-2"}, "a Delete changed the PhysicalResourceId"),
        ({"Status": "DONE"}, "Status is neither"),
        ({"Status": "FAILED"}, "a FAILED has no Reason"),
        ({"Reason": "x" * 4096}, "more than 4096"),
    ],
)
def test_an_answer_is_judged(wrong: dict[str, str], what: str) -> None:
    event = request("Delete", PhysicalResourceId="physical-1")
    copied = {key: event[key] for key in COPIED}
    answer = {**copied, "Status": "SUCCESS", "PhysicalResourceId": "physical-1", **wrong}
    found = invalidity(event, json.dumps(answer).encode())
    assert what in found
    assert bool(found) == bool(wrong)


@pytest.mark.parametrize(
    ("answer", "seconds", "what"),
    [
        (None, 0, "did not receive a response from your Custom Resource"),
        ({"PhysicalResourceId": ""}, 60, "Invalid PhysicalResourceId"),
        ({"RequestId": "another"}, 60, "RequestId is not the request's"),
    ],
    ids=["none", "no id", "invalid"],
)
def test_a_create_without_a_usable_answer_fails_with_a_made_up_id(
    urls: ResponseUrls, answer: dict[str, str] | None, seconds: int, what: str
) -> None:
    def invoke(_: str, event: dict[str, Any]) -> None:
        assert event["ResourceProperties"]["Nested"] == {"Yes": "true", "List": ["1"]}, "every value is a string"
        if answer:
            body = {"Status": "SUCCESS", **{key: event[key] for key in COPIED}, **answer}
            assert put(event["ResponseURL"], json.dumps(body).encode()) == 200

    custom = CustomResources(STACK_ID, invoke, urls)
    properties = {"ServiceToken": "arn:function", "ServiceTimeout": seconds, "Nested": {"Yes": True, "List": [1]}}
    with pytest.raises(ResourceError, match=what) as failure:
        custom.create(Declaration("Job", "Custom::Job", {}), properties)
    assert re.fullmatch(r"WorldExport-Job-[0-9A-Z]{12}", failure.value.physical_id or "")


def test_a_response_url_refuses_what_was_not_signed(urls: ResponseUrls) -> None:
    exchange = Exchange(request("Create"))
    url = urls.open(exchange)
    assert put(url, b"{}", **{"Content-Type": "application/json"}) == 403
    assert put(f"{url}0", b"{}") == put(url.split("?")[0], b"{}") == 403
    assert exchange.bodies == []

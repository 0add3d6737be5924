"""The stand-in for CloudFormation judges answers as CloudFormation does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.cloudformation.custom_resources import CustomResources, Exchange, ResponseUrls, invalidity
from sandbox.cloudformation.lifecycle import Declaration, Physical, ResourceError
from tests.requests import STACK_ID, request

DECLARATION = Declaration("Job", "Custom::Job", {})
PROPERTIES = {"ServiceToken": "arn:function", "ServiceTimeout": "1", "Count": 3, "Nested": {"Yes": True, "List": [1]}}


def _put(url: str, body: bytes, **headers: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request("PUT", f"{parts.path}?{parts.query}", body, headers)
    return connection.getresponse().status


def _answering(urls: ResponseUrls, **answer: Any) -> CustomResources:
    def invoke(_: str, event: dict[str, Any]) -> None:
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        body = {"Status": "SUCCESS", "PhysicalResourceId": "physical-1", **copied, **answer}
        assert _put(event["ResponseURL"], json.dumps(body).encode()) == 200

    return CustomResources(STACK_ID, invoke, urls)


def test_properties_are_sent_as_strings(urls: ResponseUrls) -> None:
    custom = _answering(urls)
    custom.create(DECLARATION, PROPERTIES)
    sent = custom.exchanges[0].event["ResourceProperties"]
    assert (sent["Count"], sent["Nested"]) == ("3", {"Yes": "true", "List": ["1"]})


def test_an_update_has_the_old_properties_and_the_physical_id(urls: ResponseUrls) -> None:
    custom = _answering(urls)
    custom.update(Physical(DECLARATION, "physical-0", {"Count": 2}), DECLARATION, PROPERTIES)
    event = custom.exchanges[0].event
    assert (event["PhysicalResourceId"], event["OldResourceProperties"]) == ("physical-0", {"Count": "2"})


def test_an_answer_gives_the_physical_id_and_the_attributes(urls: ResponseUrls) -> None:
    physical = _answering(urls, Data={"JobArn": "arn:job"}).create(DECLARATION, PROPERTIES)
    assert (physical.physical_id, physical.attributes) == ("physical-1", {"JobArn": "arn:job"})


def test_a_failed_answer_is_a_failure_with_its_reason_and_physical_id(urls: ResponseUrls) -> None:
    with pytest.raises(ResourceError, match=r"\[FAILED\] .* Message returned: No\.") as failure:
        _answering(urls, Status="FAILED", Reason="No.").create(DECLARATION, PROPERTIES)
    assert failure.value.physical_id == "physical-1"


def test_no_answer_within_the_service_timeout_is_a_failure(urls: ResponseUrls) -> None:
    custom = CustomResources(STACK_ID, lambda *_: None, urls)
    with pytest.raises(ResourceError, match="No answer of the custom resource arrived in 1 s"):
        custom.create(DECLARATION, PROPERTIES)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"RequestId": "another"}, "RequestId is not the request's"),
        ({"PhysicalResourceId": ""}, "PhysicalResourceId is empty"),
        ({"PhysicalResourceId": "x" * 1025}, "PhysicalResourceId is empty or too long"),
        ({"Status": "DONE"}, "Status is neither"),
        ({"Status": "FAILED"}, "a FAILED has no Reason"),
        ({"Reason": "x" * 4096}, "more than 4096"),
    ],
)
def test_an_invalid_answer_is_a_failure(urls: ResponseUrls, wrong: dict[str, str], what: str) -> None:
    with pytest.raises(ResourceError, match=what):
        _answering(urls, **wrong).create(DECLARATION, PROPERTIES)


def test_a_delete_must_keep_the_physical_id() -> None:
    event = request("Delete", PhysicalResourceId="physical-1")
    body = json.dumps({**event, "Status": "SUCCESS", "PhysicalResourceId": "physical-2"}).encode()
    assert invalidity(event, body) == "a Delete changed the PhysicalResourceId"


@pytest.mark.parametrize(
    ("change", "headers"),
    [
        (lambda url: url, {"Content-Type": "application/json"}),
        (lambda url: url.replace("Signature=", "Signature=0"), {}),
        (lambda url: url.split("?")[0], {}),
    ],
    ids=["a content type", "another signature", "no signature"],
)
def test_a_response_url_refuses_what_was_not_signed(
    urls: ResponseUrls, change: Callable[[str], str], headers: dict[str, str]
) -> None:
    exchange = Exchange(request("Create"))
    assert _put(change(urls.open(exchange)), b"{}", **headers) == 403
    assert exchange.bodies == []

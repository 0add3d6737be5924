"""The stand-in for CloudFormation judges answers as CloudFormation does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.cloudformation.custom_resources import CustomResources, Exchange, ResponseUrls, invalidity
from sandbox.cloudformation.lifecycle import CanceledError, Declaration, Patience, Physical, ResourceError
from sandbox.lambda_service import FunctionError
from tests.requests import STACK_ID, request
from tests.sandbox.answers import put

DECLARATION = Declaration("Job", "Custom::Job", {})
PROPERTIES = {"ServiceToken": "arn:function", "ServiceTimeout": "1", "Count": 3, "Nested": {"Yes": True, "List": [1]}}


FOREVER = Patience()


def _answering(urls: ResponseUrls, **answer: Any) -> CustomResources:
    def invoke(_: str, event: dict[str, Any]) -> None:
        copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
        body = {"Status": "SUCCESS", "PhysicalResourceId": "physical-1", **copied, **answer}
        assert put(event["ResponseURL"], json.dumps(body).encode()) == 200

    return CustomResources(STACK_ID, invoke, urls)


def test_properties_are_sent_as_strings(urls: ResponseUrls) -> None:
    custom = _answering(urls)
    custom.create(DECLARATION, PROPERTIES, FOREVER)
    sent = custom.exchanges[0].event["ResourceProperties"]
    assert (sent["Count"], sent["Nested"]) == ("3", {"Yes": "true", "List": ["1"]})


def test_the_reason_of_a_failure_ends_with_the_request_id(urls: ResponseUrls) -> None:
    custom = _answering(urls, Status="FAILED", Reason="No.")
    with pytest.raises(ResourceError, match=r"\[FAILED\] .* Message returned: No\.") as failure:
        custom.create(DECLARATION, PROPERTIES, FOREVER)
    assert failure.value.physical_id == "physical-1"
    assert failure.value.reason.endswith(f"No. (RequestId: {custom.exchanges[0].event['RequestId']})")


def test_a_failed_update_gives_its_physical_id(urls: ResponseUrls) -> None:
    custom = _answering(urls, Status="FAILED", Reason="No.", PhysicalResourceId="physical-2")
    with pytest.raises(ResourceError) as failure:
        custom.update(Physical(DECLARATION, "physical-1", {}), DECLARATION, PROPERTIES, FOREVER)
    assert failure.value.physical_id == "physical-2"


def test_no_answer_to_a_create_in_time_is_a_failure_with_a_made_up_id(urls: ResponseUrls) -> None:
    custom = CustomResources(STACK_ID, lambda *_: None, urls)
    with pytest.raises(ResourceError, match="did not receive a response from your Custom Resource") as failure:
        custom.create(DECLARATION, {**PROPERTIES, "ServiceTimeout": 0}, FOREVER)
    assert re.fullmatch(r"WorldExport-Job-[0-9A-Z]{12}", failure.value.physical_id or "")


def test_an_empty_physical_id_of_a_create_is_a_failure_with_a_made_up_id(urls: ResponseUrls) -> None:
    with pytest.raises(ResourceError, match="Invalid PhysicalResourceId") as failure:
        _answering(urls, PhysicalResourceId="").create(DECLARATION, PROPERTIES, FOREVER)
    assert re.fullmatch(r"WorldExport-Job-[0-9A-Z]{12}", failure.value.physical_id or "")


def test_a_create_that_is_canceled_is_a_failure_with_a_made_up_id(urls: ResponseUrls) -> None:
    patience = Patience()
    custom = CustomResources(STACK_ID, lambda *_: patience.give_up(CanceledError()), urls)
    with pytest.raises(ResourceError, match="Resource creation cancelled") as failure:
        custom.create(DECLARATION, PROPERTIES, patience)
    assert re.fullmatch(r"WorldExport-Job-[0-9A-Z]{12}", failure.value.physical_id or "")


def test_an_update_that_is_canceled_is_a_failure_of_the_resource_as_it_is(urls: ResponseUrls) -> None:
    patience = Patience()
    custom = CustomResources(STACK_ID, lambda *_: patience.give_up(CanceledError()), urls)
    with pytest.raises(ResourceError, match="Resource update cancelled") as failure:
        custom.update(Physical(DECLARATION, "physical-1", {}), DECLARATION, PROPERTIES, patience)
    assert failure.value.physical_id is None


def test_a_function_that_is_gone_is_a_failure_at_once_and_nothing_was_sent(urls: ResponseUrls) -> None:
    def invoke(arn: str, _: object) -> None:
        raise FunctionError(f"Function not found: {arn}")

    custom = CustomResources(STACK_ID, invoke, urls)
    with pytest.raises(ResourceError, match="Function not found: arn:function"):
        custom.delete(Physical(DECLARATION, "physical-1", PROPERTIES), FOREVER)
    with pytest.raises(ResourceError) as failure:
        custom.create(DECLARATION, PROPERTIES, FOREVER)
    assert failure.value.physical_id is None
    assert custom.exchanges == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"RequestId": "another"}, "RequestId is not the request's"),
        ({"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
        ({"PhysicalResourceId": "x" * 1025}, "Invalid PhysicalResourceId"),
        ({"Status": "DONE"}, "Status is neither"),
        ({"Status": "FAILED"}, "a FAILED has no Reason"),
        ({"Reason": "x" * 4096}, "more than 4096"),
    ],
)
def test_an_invalid_answer_is_a_failure(urls: ResponseUrls, wrong: dict[str, str], what: str) -> None:
    with pytest.raises(ResourceError, match=what):
        _answering(urls, **wrong).create(DECLARATION, PROPERTIES, FOREVER)


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
    assert put(change(urls.open(exchange)), b"{}", **headers) == 403
    assert exchange.bodies == []

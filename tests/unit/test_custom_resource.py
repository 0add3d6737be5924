"""What every answer keeps, whatever the registered function does."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from custom_resource import CustomResource, ExpectedError, LambdaContext
from response import NotDeliveredError
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls, invalidity
from tests.requests import Context, Sender, request


class Resource:
    """A custom resource whose functions do what a test says."""

    def __init__(self, urls: ResponseUrls) -> None:
        self.custom_resource = CustomResource()
        self.sender = Sender(self.custom_resource, urls)
        for register in (self.custom_resource.create, self.custom_resource.update, self.custom_resource.delete):
            register(self._run)
        self.run: Callable[[Any, LambdaContext], str] = lambda *_: "physical-1"
        self.calls = 0

    def _run(self, event: Any, context: LambdaContext) -> str:
        self.calls += 1
        return self.run(event, context)


@pytest.fixture
def resource(urls: ResponseUrls) -> Resource:
    return Resource(urls)


def _delete(**more: Any) -> dict[str, Any]:
    return request("Delete", PhysicalResourceId="physical-1", **more)


def test_a_success_has_the_physical_id_and_the_attributes(resource: Resource) -> None:
    def run(*_: Any) -> str:
        resource.custom_resource.Data["Color"] = "red"
        return "physical-2"

    resource.run = run
    answer = resource.sender.send(request("Create"))
    assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == (
        "SUCCESS",
        "physical-2",
        {"Color": "red"},
    )


def test_attributes_do_not_stay_for_the_next_request(resource: Resource) -> None:
    resource.custom_resource.Data["Color"] = "red"
    assert "Data" not in resource.sender.send(request("Create"))


def test_an_expected_failure_answers_its_message(resource: Resource) -> None:
    resource.run = _raising(ExpectedError("Ask your admin."))
    answer = resource.sender.send(_delete())
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "Ask your admin.")
    assert answer["PhysicalResourceId"] == "physical-1"


def test_an_unknown_error_is_answered_and_logged_with_its_trace(
    resource: Resource, caplog: pytest.LogCaptureFixture
) -> None:
    resource.run = _raising(ZeroDivisionError("by zero"))
    answer = resource.sender.send(_delete())
    assert answer["Reason"] == "The handler met an error that it does not know: ZeroDivisionError('by zero')"
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" in caplog.text


def test_a_failed_create_has_a_physical_id_that_only_its_request_decides(resource: Resource) -> None:
    resource.run = _raising(ExpectedError("no"))
    event = request("Create")
    first, again = resource.sender.send(event), resource.sender.send(event)
    assert first["PhysicalResourceId"] == again["PhysicalResourceId"] == f"never-created-{event['RequestId']}"


def test_a_failed_update_keeps_the_physical_id(resource: Resource) -> None:
    resource.run = _raising(ExpectedError("no"))
    answer = resource.sender.send(request("Update", PhysicalResourceId="physical-1", OldResourceProperties={}))
    assert answer["PhysicalResourceId"] == "physical-1"


def test_best_effort_turns_a_failed_delete_into_success(resource: Resource) -> None:
    def run(*_: Any) -> str:
        resource.custom_resource.BestEffort = True
        raise ExpectedError("no")

    resource.run = run
    assert resource.sender.send(_delete())["Status"] == "SUCCESS"
    assert resource.sender.send(request("Create"))["Status"] == "FAILED"


def test_best_effort_does_not_stay_for_the_next_request(resource: Resource) -> None:
    resource.custom_resource.BestEffort = True
    resource.run = _raising(ExpectedError("no"))
    assert resource.sender.send(_delete())["Status"] == "FAILED"


@pytest.mark.parametrize("key", ["StackId", "RequestId", "LogicalResourceId", "RequestType"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_a_request_that_lacks_something_is_answered(resource: Resource, key: str, value: object) -> None:
    answer = resource.sender.send(_delete(**{key: value}))
    assert (answer["Status"], resource.calls) == ("FAILED", 0)
    assert key in answer["Reason"]


def test_an_unknown_request_type_is_answered(resource: Resource) -> None:
    answer = resource.sender.send(request("Upsert"))
    assert "'Upsert' is unknown: it must be one of Create, Update, Delete" in answer["Reason"]
    assert resource.calls == 0


@pytest.mark.parametrize("event", [None, [], "Delete", {}, {"ResponseURL": ""}, {"ResponseURL": 7}])
def test_an_event_without_a_response_url_is_an_error(resource: Resource, event: Any) -> None:
    with pytest.raises(ValueError, match="has no ResponseURL"):
        resource.custom_resource(event, Context(900))


class TestTimeOut:
    """A function that has 2 s left keeps half a second of them for the time-out answer."""

    def test_is_answered_before_the_time_is_up(self, resource: Resource) -> None:
        started = time.monotonic()
        resource.run = _sleeping(2.5)
        answer = resource.sender.send(_delete(), seconds=2)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "physical-1")
        assert "ran out of time" in answer["Reason"]
        exchange = resource.sender.exchange
        assert exchange.first.done()
        assert time.monotonic() - started > 2, "the function went on, and its own answer was not sent"

    def test_of_a_create_has_a_physical_id(self, resource: Resource) -> None:
        resource.run = _sleeping(2.5)
        answer = resource.sender.send(request("Create"), seconds=2)
        assert answer["PhysicalResourceId"].startswith("never-created-")

    def test_does_not_come_after_an_answer(self, resource: Resource) -> None:
        resource.sender.send(_delete(), seconds=1)
        time.sleep(1.2)
        assert len(resource.sender.exchange.bodies) == 1

    def test_leaves_the_work_less_time_than_the_answer(self, resource: Resource) -> None:
        left = []

        def run(*_: Any) -> str:
            left.append(resource.custom_resource.time_left)
            return "physical-1"

        resource.run = run
        resource.sender.send(_delete(), seconds=900)
        assert 870 < left[0] <= 880


class TestDelivery:
    def test_is_retried_while_cloudformation_answers_503(self, resource: Resource) -> None:
        resource.sender.urls.fail(2)
        assert resource.sender.send(_delete())["Status"] == "SUCCESS"
        assert resource.calls == 1

    def test_that_never_succeeds_is_an_error_so_that_lambda_sends_the_request_again(
        self, resource: Resource, urls: ResponseUrls
    ) -> None:
        urls.fail(1000)
        exchange = Exchange(_delete())
        event = {**exchange.event, "ResponseURL": urls.open(exchange)}
        with pytest.raises(NotDeliveredError):
            resource.custom_resource(event, Context(1))
        urls.fail(0)
        resource.custom_resource(event, Context(900))
        assert len(exchange.bodies) == 1
        assert invalidity(event, exchange.bodies[0]) == ""


@pytest.mark.parametrize("outcome", ["success", "failure", "error", "incomplete", "undelivered"])
def test_the_response_url_is_in_no_log_at_any_level(
    resource: Resource,
    urls: ResponseUrls,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    outcome: str,
) -> None:
    for name in (None, "crhelper", "crhelper.resource_helper", "urllib3", "botocore"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        caplog.set_level(logging.DEBUG, logger=name)
    if outcome in ("failure", "error"):
        error = ExpectedError("no") if outcome == "failure" else KeyError("x")
        resource.run = _raising(error)
    event = _delete(RequestId="") if outcome == "incomplete" else _delete()
    exchange = Exchange(event)
    url = urls.open(exchange)
    if outcome == "undelivered":
        urls.fail(1000)
        with pytest.raises(NotDeliveredError) as failure:
            resource.custom_resource({**event, "ResponseURL": url}, Context(0.5))
        assert "Signature" not in str(failure.value)
    else:
        resource.custom_resource({**event, "ResponseURL": url}, Context(900))
    logged = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=str)
    assert "Signature" not in logged
    assert url not in logged


def _raising(error: Exception) -> Any:
    def run(*_: Any) -> str:
        raise error

    return run


def _sleeping(seconds: float) -> Any:
    def run(*_: Any) -> str:
        time.sleep(seconds)
        return "physical-1"

    return run

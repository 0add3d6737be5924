"""What every answer keeps, whatever the registered function does."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from protocol.custom_resource import CustomResource, ExpectedError
from protocol.response import NotDeliveredError, deliver
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls, invalidity
from tests.requests import Context, Sender, answer_soon, request


class Resource:
    """A custom resource whose functions do what a test says."""

    def __init__(self, urls: ResponseUrls) -> None:
        self.custom_resource = CustomResource()
        self.sender = Sender(self.custom_resource, urls)
        for register in (self.custom_resource.create, self.custom_resource.update, self.custom_resource.delete):
            register(self._run)
        self.run: Callable[[Any, CustomResource], str] = lambda *_: "physical-1"
        self.calls = 0

    def _run(self, event: Any, resource: CustomResource) -> str:
        self.calls += 1
        return self.run(event, resource)


@pytest.fixture
def resource(urls: ResponseUrls) -> Resource:
    return Resource(urls)


def _delete(**more: Any) -> dict[str, Any]:
    return request("Delete", PhysicalResourceId="physical-1", **more)


def test_a_success_has_the_physical_id_and_the_attributes(resource: Resource) -> None:
    def run(_: Any, handling: CustomResource) -> str:
        handling.Data["Color"] = "red"
        return "physical-2"

    resource.run = run
    answer = resource.sender.send(request("Create"))
    assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == (
        "SUCCESS",
        "physical-2",
        {"Color": "red"},
    )


def test_nothing_of_a_request_stays_for_the_next_one(resource: Resource) -> None:
    def fail(_: Any, handling: CustomResource) -> str:
        handling.Data["Color"] = "red"
        handling.BestEffort = True
        raise ExpectedError("no")

    resource.run = fail
    assert resource.sender.send(_delete())["Status"] == "SUCCESS"
    resource.run = _raising(ExpectedError("no"))
    assert resource.sender.send(_delete())["Status"] == "FAILED"
    resource.run = lambda *_: "physical-1"
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
    def run(_: Any, handling: CustomResource) -> str:
        handling.BestEffort = True
        raise ExpectedError("no")

    resource.run = run
    assert resource.sender.send(_delete())["Status"] == "SUCCESS"
    assert resource.sender.send(request("Create"))["Status"] == "FAILED"


def test_keys_that_crhelper_would_take_for_its_own_are_left_out(resource: Resource) -> None:
    event = {**_delete(), "CrHelperData": {"Color": "red"}, "CrHelperPoll": True}
    answer = resource.sender.send(event)
    assert (answer["Status"], answer.get("Data")) == ("SUCCESS", None)


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
    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer_soon(monkeypatch)

    def test_is_answered_before_the_time_is_up_whatever_the_work_still_does(self, resource: Resource) -> None:
        resource.run = _sleeping(60)
        answer = resource.sender.send(_delete(), seconds=30)
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "physical-1")
        assert "ran out of time" in answer["Reason"]

    def test_of_a_create_has_a_physical_id(self, resource: Resource) -> None:
        resource.run = _sleeping(60)
        answer = resource.sender.send(request("Create"), seconds=30)
        assert answer["PhysicalResourceId"].startswith("never-created-")

    def test_is_softened_by_best_effort(self, resource: Resource) -> None:
        def run(_: Any, handling: CustomResource) -> str:
            handling.BestEffort = True
            time.sleep(60)
            return "physical-1"

        resource.run = run
        assert resource.sender.send(_delete(), seconds=30)["Status"] == "SUCCESS"

    def test_is_the_only_answer_when_the_work_ends_later(self, resource: Resource) -> None:
        resource.run = _sleeping(1)
        answer = resource.sender.send(_delete(), seconds=30)
        exchange = resource.sender.exchange
        time.sleep(1)
        assert answer["Status"] == "FAILED"
        assert len(exchange.bodies) == 1

    def test_does_not_disturb_the_next_request(self, resource: Resource) -> None:
        resource.run = _sleeping(1)
        resource.sender.send(_delete(), seconds=30)
        resource.run = _sleeping(0.5)
        answer = resource.sender.send(request("Update", PhysicalResourceId="physical-0"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "physical-1")

    def test_is_not_sent_nor_logged_while_an_answer_is_being_delivered(
        self, resource: Resource, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deliver_late(*arguments: Any, until: float) -> None:
            time.sleep(4)  # the time-out answer is due after three seconds
            deliver(*arguments, until=until + 10)

        monkeypatch.setattr("protocol.custom_resource.deliver", deliver_late)
        monkeypatch.setattr("protocol.custom_resource.MARGIN", 0)
        monkeypatch.setattr("protocol.custom_resource.SHARE", 0.9)
        answer = resource.sender.send(_delete(), seconds=30)
        assert answer["Status"] == "SUCCESS"
        assert "ran out of time" not in caplog.text

    def test_that_can_not_be_delivered_is_logged_and_does_not_hold_the_function_up(
        self,
        resource: Resource,
        urls: ResponseUrls,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # As a look-up that hangs does.
        monkeypatch.setattr("protocol.custom_resource.deliver", lambda *_, **__: time.sleep(60))
        resource.run = _sleeping(60)
        event = _delete()
        with pytest.raises(NotDeliveredError, match="still being delivered"):
            resource.custom_resource({**event, "ResponseURL": urls.open(Exchange(event))}, Context(1))
        assert "ran out of time" in caplog.text


def test_the_work_is_left_all_but_the_time_to_answer_in(resource: Resource) -> None:
    left = []

    def run(_: Any, handling: CustomResource) -> str:
        left.append(handling.time_left)
        return "physical-1"

    resource.run = run
    resource.sender.send(_delete(), seconds=900)
    assert 800 < left[0] <= 890


class TestLogAnswer:
    """A function says what is logged with the answer, whoever comes to it."""

    @pytest.mark.parametrize(
        ("outcome", "reason"),
        [
            ("success", ""),
            ("expected failure", "no"),
            ("out of time", "ran out of time"),
            ("unknown error", "ZeroDivisionError"),
            ("exit", "ended without an answer"),
        ],
    )
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the exit is the case
    def test_is_called_once_with_the_reason(
        self, resource: Resource, monkeypatch: pytest.MonkeyPatch, outcome: str, reason: str
    ) -> None:
        if outcome == "out of time":
            answer_soon(monkeypatch)
        told: list[str] = []
        ends = {
            "expected failure": _raising(ExpectedError("no")),
            "out of time": _sleeping(1.5),
            "unknown error": lambda *_: 1 / 0,
            "exit": _raising(SystemExit()),
        }

        def run(event: Any, handling: CustomResource) -> str:
            handling.LogAnswer = told.append
            return str(ends.get(outcome, lambda *_: "physical-1")(event, handling))

        resource.run = run
        answer = resource.sender.send(_delete(), seconds=30)
        time.sleep(1.5 if outcome == "out of time" else 0)  # the work that was given up ends
        assert told == [answer.get("Reason", "")]
        assert reason in told[0]

    def test_that_fails_does_not_cost_the_answer(self, resource: Resource) -> None:
        def run(_: Any, handling: CustomResource) -> str:
            handling.LogAnswer = lambda _: [][0]
            return "physical-1"

        resource.run = run
        assert resource.sender.send(_delete())["Status"] == "SUCCESS"


def test_an_error_that_can_not_be_logged_is_answered(resource: Resource) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise UnicodeError

        __repr__ = Exception.__repr__

    resource.run = _raising(OddError("odd"))
    assert "OddError('odd')" in resource.sender.send(_delete())["Reason"]


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_failure_never_has_the_physical_id_that_the_work_came_to(resource: Resource, request_type: str) -> None:
    event = request(request_type, PhysicalResourceId="physical-1")

    def run(_: Any, handling: CustomResource) -> str:
        handling.PhysicalResourceId = "physical-2"
        raise ExpectedError("no")

    resource.run = run
    assert resource.sender.send(event)["PhysicalResourceId"] == "physical-1"


@pytest.mark.parametrize("level", ["TRACE", "DEBUG", "INFO", "", "nonsense"])
def test_the_log_level_decides_no_answer(urls: ResponseUrls, monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", level)
    assert Resource(urls).sender.send(_delete())["Status"] == "SUCCESS"


class TestDelivery:
    def test_that_is_not_done_when_the_time_is_up_is_an_error(self, resource: Resource, urls: ResponseUrls) -> None:
        urls.fail(1000)
        resource.run = _sleeping(0.2)
        event = _delete()
        with pytest.raises(NotDeliveredError):
            resource.custom_resource({**event, "ResponseURL": urls.open(Exchange(event))}, Context(0.3))

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
    outcome: str,
) -> None:
    for name in (None, "crhelper", "crhelper.resource_helper", "urllib3", "botocore"):
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


def _raising(error: BaseException) -> Any:
    def run(*_: Any) -> str:
        raise error

    return run


def _sleeping(seconds: float) -> Any:
    def run(*_: Any) -> str:
        time.sleep(seconds)
        return "physical-1"

    return run

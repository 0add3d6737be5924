"""Every request has exactly one answer, truthful and in time, whatever the registered function does."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any
from unittest.mock import Mock

import pytest

from protocol.advice import after_failed_delete
from protocol.custom_resource import CustomResource, Declared, ExpectedError
from protocol.log import logger
from protocol.metrics import embedded
from protocol.outcome import Outcome, Result
from protocol.response import NotDeliveredError
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls, invalidity
from teardown import sentence
from tests.network import SetClock
from tests.requests import Context, Sender, request

Patch = pytest.MonkeyPatch

Log = pytest.LogCaptureFixture

CREATE = request("Create", RequestId="request-1")
UPDATE, DELETE = (request(request_type, PhysicalResourceId="fake-1") for request_type in ("Update", "Delete"))
RED = Declared("fake-2", {"Color": "red"})
STOPPED = Outcome(Result.STOPPED, "Canceled", 1.5, 2)
FAILED = Outcome(Result.FAILED, "Still Running.", 300, 40)
LONG_ID = f"{'😀' * 140}-{'😀' * 100}"
ODD: list[Any] = [None, "", 7, ["fake-1"], {}]


class Resource:
    """A custom resource whose function does what a test says."""

    def __init__(self, urls: ResponseUrls) -> None:
        self.handler = CustomResource(lambda physical_id: "Fakes" if physical_id.startswith("fake") else "")
        self.sender = Sender(self.handler, urls)
        self.run = Mock()
        for register in (self.handler.create, self.handler.update, self.handler.delete):
            register(self.run)

    def answer(self, event: dict[str, Any], result: Any = None, *, seconds: float = 900) -> dict[str, Any]:
        """Send a request to a function that returns or raises a result, or is one."""
        is_effect = callable(result) or isinstance(result, BaseException)
        self.run.side_effect = result if is_effect else lambda *_: result
        return self.sender.send(event, seconds=seconds)


@pytest.fixture
def resource(urls: ResponseUrls) -> Resource:
    return Resource(urls)


def _effort(event: dict[str, Any], best_effort: object) -> dict[str, Any]:
    return {**event, "ResourceProperties": {"BestEffort": best_effort}}


def _failed(reason: str, physical_id: str = "fake-1") -> dict[str, object]:
    return {"Status": "FAILED", "PhysicalResourceId": physical_id, "Reason": reason}


ADVICE = after_failed_delete(DELETE)
DECLARED = {"Status": "SUCCESS", "PhysicalResourceId": "fake-2", "Data": {"Color": "red"}}
DELETED = {"Status": "SUCCESS", "PhysicalResourceId": "fake-1"}
NO = ExpectedError("No.")
FAILURES: list[tuple[BaseException, str]] = [
    (ExpectedError("Ask your admin."), "Ask your admin."),
    (ExpectedError(), "The function gave no reason."),
    (ZeroDivisionError("x"), "The function met an unexpected error: ZeroDivisionError('x')"),
    (SystemExit(3), "The function met an unexpected error: SystemExit(3)"),
]


@pytest.mark.parametrize(
    ("event", "result", "answer"),
    [
        (CREATE, RED, DECLARED),
        (UPDATE, RED, DECLARED),
        (DELETE, None, DELETED),
        *((DELETE, Outcome(each, "", 1), DELETED) for each in Result if each is not Result.FAILED),
        *((DELETE, result, _failed(f"{sentence(reason)} {ADVICE}")) for result, reason in FAILURES),
        *((_effort(DELETE, value), FAILED, DELETED) for value in ("true", True)),
        *(
            (_effort(DELETE, value), FAILED, _failed(f"Still Running. {ADVICE}"))
            for value in ("false", "perhaps", None)
        ),
        # A declaration that failed must be seen, whatever BestEffort is.
        *((_effort(UPDATE, "true"), result, _failed(reason)) for result, reason in FAILURES),
        (_effort(CREATE, "true"), NO, _failed("No.", "never-created-request-1")),
        (_effort({**CREATE, "PhysicalResourceId": "odd"}, "true"), NO, _failed("No.", "odd")),
    ],
)
def test_an_answer_tells_the_result(
    resource: Resource, event: dict[str, Any], result: Any, answer: dict[str, object]
) -> None:
    copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    assert resource.answer(event, result) == {**copied, **answer}


class TestFailure:
    def test_that_is_unknown_is_logged_with_its_trace(self, resource: Resource, caplog: Log) -> None:
        resource.answer(DELETE, ZeroDivisionError("by zero"))
        [record] = [record for record in caplog.records if record.exc_info]
        assert record.getMessage().endswith(": The function met an unexpected error")
        assert "Traceback" in caplog.text

    def test_of_crhelper_itself_is_answered(self, resource: Resource, monkeypatch: Patch) -> None:
        monkeypatch.setattr(CustomResource, "_poll_enabled", lambda _: [][0])
        answer = resource.answer(CREATE, RED)
        assert (answer["Status"], answer["Reason"]) == ("FAILED", "list index out of range")


class TestRequest:
    def test_arrives_without_its_url_and_without_the_keys_of_crhelper(self, resource: Resource) -> None:
        answer = resource.answer({**DELETE, "CrHelperData": {"Color": "red"}, "CrHelperPoll": True})
        [(arrived, _)] = [call.args for call in resource.run.call_args_list]
        assert arrived == {**DELETE, "ResponseURL": "(left out)"}
        assert "Data" not in answer

    @pytest.mark.parametrize(
        ("event", "problem"),
        [
            *(
                ({**DELETE, key: value}, f"has no {key}")
                for key in ("RequestType", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId")
                for value in ODD
            ),
            (request("Update"), "has no PhysicalResourceId"),
            ({"RequestType": "Create"}, "has no StackId and no RequestId and no LogicalResourceId"),
            (request("Upsert" + "x" * 200), f"type 'Upsert{'x' * 93} is unknown"),
        ],
    )
    def test_that_cant_be_handled_is_answered_and_calls_nothing(
        self, resource: Resource, event: dict[str, Any], problem: str
    ) -> None:
        answer = resource.answer(event)
        assert (answer["Status"], resource.run.called) == ("FAILED", False)
        assert answer["Reason"].startswith(f"The request {problem}, so nothing was done.")

    @pytest.mark.parametrize(
        ("event", "physical_id"),
        [
            (UPDATE, "WorldExportJob9F8FED21-{}"),
            (DELETE, "WorldExportJob9F8FED21-{}"),
            ({**DELETE, "LogicalResourceId": ""}, "unknown-{}"),
            ({**DELETE, "LogicalResourceId": "😀" * 255, "RequestId": "😀" * 255}, LONG_ID),
            ({**DELETE, "RequestId": None}, "WorldExportJob9F8FED21-unknown"),
            (request("Upsert"), "never-created-{}"),
            ({}, "never-created-unknown"),
        ],
    )
    @pytest.mark.parametrize("sent", ["", None, 7])
    def test_without_a_physical_id_gets_one_of_its_names(
        self, resource: Resource, event: dict[str, Any], physical_id: str, sent: object
    ) -> None:
        answered = resource.answer({**event, "PhysicalResourceId": sent})["PhysicalResourceId"]
        assert answered == physical_id.format(event.get("RequestId"))
        assert len(answered.encode()) <= 1024

    @pytest.mark.parametrize("event", [None, [], "Delete", {}, {"ResponseURL": ""}, {"ResponseURL": 7}])
    def test_without_a_response_url_is_an_error(self, resource: Resource, event: Any) -> None:
        with pytest.raises(ValueError, match=r"^The event has no ResponseURL, so it is not a custom "):
            resource.handler(event, Context(900))


class TestTime:
    @pytest.mark.parametrize(("seconds", "left"), [(900, 890), (40, 30), (8, 6)])
    def test_is_left_for_the_work(self, resource: Resource, monkeypatch: Patch, seconds: float, left: float) -> None:
        found: list[float] = []
        delivery = Mock(return_value="")
        monkeypatch.setattr("protocol.custom_resource.time", SetClock())
        monkeypatch.setattr("protocol.custom_resource.deliver", delivery)
        resource.run.side_effect = lambda _, handling: found.append(handling.time_left)
        context = Mock(get_remaining_time_in_millis=lambda: seconds * 1000)
        resource.handler({**CREATE, "ResponseURL": "http://x"}, context)
        assert found == [left]
        assert delivery.call_args.kwargs == {"until": 1000 + seconds - 0.2}

    def test_that_is_over_has_one_answer_and_one_line(
        self, resource: Resource, caplog: Log, monkeypatch: Patch
    ) -> None:
        # Of the 30 seconds of the first request, all but 0.3 are reserved for the answer.
        monkeypatch.setattr("protocol.custom_resource.RESERVED_SECONDS", 30)
        monkeypatch.setattr("protocol.custom_resource.LARGEST_RESERVED_SHARE", 0.99)
        goes_on, is_done = threading.Event(), threading.Event()
        left: list[float] = []

        def hang(_: object, handling: CustomResource) -> Outcome:
            goes_on.wait(20)
            left.append(handling.time_left)
            is_done.set()
            return STOPPED

        assert resource.answer(DELETE, hang, seconds=30)["Reason"] == (
            "The function ran out of time before it was done, so jobs may still be running. The function's log has the"
            f" details. {ADVICE}"
        )
        first = resource.sender.exchange

        def run(*_: object) -> Declared:
            goes_on.set()
            is_done.wait(20)
            return RED

        assert resource.answer(CREATE, run)["PhysicalResourceId"] == "fake-2"
        assert left[0] < 0, "it still has its own time, not that of the next request"
        assert len(first.bodies) == 1
        assert [record.__dict__["outcome"] for record in caplog.records] == ["failed"]


class TestLine:
    @pytest.mark.parametrize(
        ("result", "level"),
        [(result, {"failed": "ERROR", "retired": "WARNING"}.get(result, "INFO")) for result in Result],
    )
    def test_of_a_delete(self, resource: Resource, caplog: Log, monkeypatch: Patch, result: Result, level: str) -> None:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "handler")
        monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_999_999)
        resource.answer(DELETE, Outcome(result, "Because.", 1.5, 2))
        [record] = caplog.records
        assert (record.levelname, record.getMessage().partition(": ")[2]) == (level, f"fake-1: {result}: Because.")
        metrics: dict[str, Any] = {"service": "Fakes", "left_running": result is Result.FAILED, "seconds": 1.5}
        fields = {"physical_id": "fake-1", "outcome": result, "detail": "Because.", "seconds": 1.5, "calls": 2}
        expected = {"service": "Fakes", **fields, **embedded("handler", 1_700_000_000_123, **metrics)}
        assert record.__dict__.items() >= expected.items()

    def test_of_a_failure_without_outcome_has_its_seconds(
        self, resource: Resource, caplog: Log, monkeypatch: Patch
    ) -> None:
        clock = SetClock()
        monkeypatch.setattr("time.monotonic", clock.monotonic)

        def run(*_: object) -> None:
            clock.sleep(12.34567)
            raise NO

        resource.answer(DELETE, run)
        fields = caplog.records[0].__dict__
        expected = {"outcome": "failed", "detail": "No.", "seconds": 12.346, "calls": None, "FunctionName": ""}
        assert fields.items() >= expected.items()

    @pytest.mark.parametrize(("event", "result"), [(CREATE, RED), (UPDATE, RED), (DELETE, None)])
    def test_is_for_no_other_success(self, resource: Resource, caplog: Log, event: dict[str, Any], result: Any) -> None:
        resource.answer(event, result)
        assert caplog.records == []

    @pytest.mark.parametrize("event", [CREATE, UPDATE, {**DELETE, "PhysicalResourceId": "never-created-1"}])
    def test_of_another_failure_is_its_reason(self, resource: Resource, caplog: Log, event: dict[str, Any]) -> None:
        resource.answer(event, NO)
        [record] = caplog.records
        assert (record.levelname, record.getMessage().partition(": ")[2]) == ("ERROR", "No.")
        assert not {"outcome", "_aws"} & record.__dict__.keys()

    def test_that_blocks_costs_no_answer(self, resource: Resource, monkeypatch: Patch) -> None:
        goes_on = threading.Event()
        written: list[bool] = []
        monkeypatch.setattr("protocol.custom_resource.LOG_SECONDS", 0.01)
        monkeypatch.setattr(logger, "handle", lambda _: written.append(goes_on.wait(20)))
        assert resource.answer(DELETE, STOPPED)["Status"] == "SUCCESS"
        assert written == []
        goes_on.set()


class TestDelivery:
    def test_that_took_more_tries_is_logged(self, resource: Resource, caplog: Log) -> None:
        resource.sender.urls.fail(1)
        assert resource.answer(CREATE, RED)["Status"] == "SUCCESS"
        [record] = caplog.records
        line = "The answer was accepted at try 2; the one before met HTTP status 503 (SlowDown)"
        assert (record.levelname, record.getMessage().partition(": ")[2]) == ("WARNING", line)
        assert resource.run.call_count == 1

    def test_that_never_succeeds_is_an_error_for_lambda_without_the_url(
        self, resource: Resource, urls: ResponseUrls, caplog: Log
    ) -> None:
        resource.run.side_effect = lambda *_: RED
        urls.fail(1000)
        exchange = Exchange(CREATE)
        event = {**CREATE, "ResponseURL": urls.open(exchange)}
        with pytest.raises(NotDeliveredError) as failure:
            resource.handler(event, Context(0.4))
        [record] = caplog.records
        assert (record.levelname, record.getMessage().endswith(f": {failure.value}")) == ("ERROR", True)
        assert "Signature" not in json.dumps(record.__dict__, default=str)
        urls.fail(0)
        resource.handler(event, Context(900))
        [body] = exchange.bodies
        assert invalidity(event, body) == ""


@pytest.mark.parametrize(
    ("configured", "root", "level"),
    [("", "WARNING", "INFO"), ("DEBUG", "DEBUG", "DEBUG"), ("FATAL", "CRITICAL", "CRITICAL"), ("odd", "INFO", "INFO")],
)
def test_the_log_level(
    urls: ResponseUrls, monkeypatch: Patch, caplog: Log, configured: str, root: str, level: str
) -> None:
    caplog.set_level(root)
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", configured)
    assert Resource(urls).answer(CREATE, RED)["Status"] == "SUCCESS"
    names = (None, "crhelper", "botocore", "urllib3")
    levels = [logging.getLevelName(logging.getLogger(name).level) for name in names]
    assert levels == [level, "WARNING", "ERROR", "ERROR"]

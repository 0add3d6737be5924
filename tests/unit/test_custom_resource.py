"""Every request has exactly one answer, truthful and in time, whatever the registered function does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

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
from tests.requests import Context, Sender, answer_soon, request

Patch = pytest.MonkeyPatch

Log = pytest.LogCaptureFixture

STOPPED = Outcome(Result.STOPPED, "Canceled", 1.5, 2)
FAILED = Outcome(Result.FAILED, "Still Running.", 300, 40)
LONG_ID = f"{'😀' * 140}-{'😀' * 100}"
ODD: list[Any] = [None, "", 7, ["fake-1"], {}]
Function = Callable[[Any, CustomResource], Any]


class Resource:
    """A custom resource whose functions do what a test says."""

    def __init__(self, urls: ResponseUrls) -> None:
        self.handler = CustomResource(lambda physical_id: "Fakes" if physical_id.startswith("fake") else "")
        self.sender = Sender(self.handler, urls)
        self.run: Function = lambda *_: None
        self.calls = 0
        for register in (self.handler.create, self.handler.update, self.handler.delete):
            register(self._run)

    def _run(self, event: Any, resource: CustomResource) -> Any:
        self.calls += 1
        return self.run(event, resource)

    def answer(self, event: dict[str, Any], result: Any = None, *, seconds: float = 900) -> dict[str, Any]:
        """Send a request to a function that returns or raises a result, or is one."""

        def run(event: Any, resource: CustomResource) -> Any:
            if isinstance(result, BaseException):
                raise result
            return result(event, resource) if callable(result) else result

        self.run = run
        return self.sender.send(event, seconds=seconds)


@pytest.fixture
def resource(urls: ResponseUrls) -> Resource:
    return Resource(urls)


def _create(**more: Any) -> dict[str, Any]:
    return request("Create", RequestId="request-1", **more)


def _update(**more: Any) -> dict[str, Any]:
    return request("Update", **{"PhysicalResourceId": "fake-1", **more})


def _delete(properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return request("Delete", properties, **{"PhysicalResourceId": "fake-1", **more})


@pytest.fixture
def end() -> Iterator[threading.Event]:
    """Yield an event that what hangs waits for, at most until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def _failed(physical_id: str, reason: str, advice: str = "") -> dict[str, object]:
    return {"Status": "FAILED", "PhysicalResourceId": physical_id, "Reason": f"{reason} {advice}" if advice else reason}


ADVICE = after_failed_delete(_delete())
DECLARED = {"Status": "SUCCESS", "PhysicalResourceId": "fake-2", "Data": {"Color": "red"}}
DELETED = {"Status": "SUCCESS", "PhysicalResourceId": "fake-1"}
FAILURES: list[tuple[BaseException, str]] = [
    (ExpectedError("Ask your admin."), "Ask your admin."),
    (ExpectedError(), "The function gave no reason."),
    (ZeroDivisionError("x"), "The function met an unexpected error: ZeroDivisionError('x')"),
    (SystemExit(3), "The function met an unexpected error: SystemExit(3)"),
]


@pytest.mark.parametrize(
    ("event", "result", "answer"),
    [
        *((event, Declared("fake-2", {"Color": "red"}), DECLARED) for event in (_create(), _update())),
        *(
            (_delete(), result, DELETED)
            for result in (None, *(Outcome(each, "", 1) for each in Result if each != "failed"))
        ),
        *((_delete(), result, _failed("fake-1", sentence(reason), ADVICE)) for result, reason in FAILURES),
        *((_delete({"BestEffort": value}), FAILED, DELETED) for value in ("true", True)),
        *(
            (_delete(properties), FAILED, _failed("fake-1", "Still Running.", ADVICE))
            for properties in ({"BestEffort": "false"}, {"BestEffort": "perhaps"}, {})
        ),
        # A declaration that failed must be seen, whatever BestEffort is.
        *(
            ({**event, "ResourceProperties": {"BestEffort": "true"}}, result, _failed(physical_id, reason))
            for result, reason in FAILURES
            for event, physical_id in (
                (_create(), "never-created-request-1"),
                (_update(), "fake-1"),
                (_create(PhysicalResourceId="odd"), "odd"),
            )
        ),
    ],
)
def test_an_answer_tells_the_result(
    resource: Resource, event: dict[str, Any], result: Any, answer: dict[str, object]
) -> None:
    copied = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    assert resource.answer(event, result) == {**copied, **answer}


class TestFailure:
    def test_that_is_unknown_is_logged_with_its_trace(self, resource: Resource, caplog: Log) -> None:
        resource.answer(_delete(), ZeroDivisionError("by zero"))
        [record] = [record for record in caplog.records if record.exc_info]
        assert record.getMessage().endswith(": The function met an unexpected error")
        assert "Traceback" in caplog.text

    def test_of_crhelper_itself_is_answered(self, resource: Resource, monkeypatch: Patch) -> None:
        monkeypatch.setattr(CustomResource, "_poll_enabled", lambda _: [][0])
        answer = resource.answer(_create(), Declared("fake-2"))
        assert (answer["Status"], answer["Reason"]) == ("FAILED", "list index out of range")


class TestRequest:
    def test_arrives_without_its_url_and_without_the_keys_of_crhelper(self, resource: Resource) -> None:
        arrived: list[Any] = []
        event = _delete()
        sent = {**event, "CrHelperData": {"Color": "red"}, "CrHelperPoll": True}
        answer = resource.answer(sent, lambda request, _: arrived.append(request))
        assert arrived == [{**event, "ResponseURL": "(left out)"}]
        assert "Data" not in answer

    @pytest.mark.parametrize(
        ("event", "problem"),
        [
            *(
                ({**_delete(), key: value}, f"has no {key}")
                for key in ("RequestType", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId")
                for value in ODD
            ),
            (
                {"RequestType": "Update"},
                "has no StackId and no RequestId and no LogicalResourceId and no PhysicalResourceId",
            ),
            (request("Upsert" + "x" * 200), f"type 'Upsert{'x' * 93} is unknown"),
        ],
    )
    def test_that_cant_be_handled_is_answered_and_calls_nothing(
        self, resource: Resource, event: dict[str, Any], problem: str
    ) -> None:
        answer = resource.answer(event)
        assert (answer["Status"], resource.calls) == ("FAILED", 0)
        assert answer["Reason"].startswith(f"The request {problem}, so nothing was done.")

    @pytest.mark.parametrize(
        ("event", "physical_id"),
        [
            (_update(PhysicalResourceId=""), "WorldExportJob9F8FED21-request-{}"),
            (_delete(PhysicalResourceId=None), "WorldExportJob9F8FED21-request-{}"),
            (_delete(PhysicalResourceId="", LogicalResourceId=""), "unknown-request-{}"),
            (_delete(PhysicalResourceId="", LogicalResourceId="😀" * 255, RequestId="😀" * 255), LONG_ID),
            (_delete(PhysicalResourceId=7, RequestId=None), "WorldExportJob9F8FED21-unknown"),
            (request("Upsert"), "never-created-request-{}"),
            ({}, "never-created-unknown"),
        ],
    )
    def test_without_a_physical_id_gets_one_of_its_names(
        self, resource: Resource, event: dict[str, Any], physical_id: str
    ) -> None:
        number = str(event.get("RequestId")).rpartition("-")[2]
        answered = resource.answer(event)["PhysicalResourceId"]
        assert answered == physical_id.format(number)
        assert len(answered.encode()) <= 1024

    @pytest.mark.parametrize("event", [None, [], "Delete", {}, {"ResponseURL": ""}, {"ResponseURL": 7}])
    def test_without_a_response_url_is_an_error(self, resource: Resource, event: Any) -> None:
        with pytest.raises(ValueError, match=r"^The event has no ResponseURL, so it is not a custom "):
            resource.handler(event, Context(900))


class TestTime:
    @pytest.mark.parametrize(("seconds", "left"), [(900, 890), (40, 30), (8, 6)])
    def test_is_left_for_the_work(self, resource: Resource, monkeypatch: Patch, seconds: float, left: float) -> None:
        found: list[float] = []
        delivered: list[float] = []
        clock = SetClock()
        monkeypatch.setattr("protocol.custom_resource.time", SimpleNamespace(monotonic=clock.monotonic))
        monkeypatch.setattr("protocol.custom_resource.deliver", lambda *_, until: delivered.append(until))
        resource.run = lambda _, handling: found.append(handling.time_left)
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: seconds * 1000)
        resource.handler({**_create(), "ResponseURL": "http://x"}, context)
        assert found == [left]
        assert delivered == [1000 + seconds - 0.2]

    def test_that_is_over_has_one_answer_and_one_line(
        self, resource: Resource, end: threading.Event, caplog: Log, monkeypatch: Patch
    ) -> None:
        answer_soon(monkeypatch)
        is_done = threading.Event()

        def hang(*_: object) -> Outcome:
            end.wait(20)
            is_done.set()
            return STOPPED

        event = _delete()
        assert resource.answer(event, hang, seconds=30)["Reason"] == (
            "The function ran out of time before it was done, so jobs may still be running. The function's log has the"
            f" details. {after_failed_delete(event)}"
        )
        first = resource.sender.exchange

        def run(*_: object) -> Declared:
            end.set()
            is_done.wait(20)
            return Declared("fake-2")

        assert resource.answer(_create(), run)["PhysicalResourceId"] == "fake-2"
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
        resource.answer(_delete(), Outcome(result, "Because.", 1.5, 2))
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
        monkeypatch.setattr("protocol.custom_resource.time.monotonic", clock.monotonic)
        monkeypatch.setattr("protocol.custom_resource.deliver", lambda *_, **__: "")

        def run(*_: object) -> None:
            clock.sleep(12.34567)
            raise ExpectedError("No.")

        resource.run = run
        resource.handler({**_delete(), "ResponseURL": "http://x"}, Context(900))
        fields = caplog.records[0].__dict__
        expected = {"outcome": "failed", "detail": "No.", "seconds": 12.346, "calls": None, "FunctionName": ""}
        assert fields.items() >= expected.items()

    @pytest.mark.parametrize(
        ("event", "result"), [(_create(), Declared("fake-1")), (_update(), Declared("fake-1")), (_delete(), None)]
    )
    def test_is_for_no_other_success(self, resource: Resource, caplog: Log, event: dict[str, Any], result: Any) -> None:
        resource.answer(event, result)
        assert caplog.records == []

    @pytest.mark.parametrize("event", [_create(), _update(), _delete(PhysicalResourceId="never-created-1")])
    def test_of_another_failure_is_its_reason(self, resource: Resource, caplog: Log, event: dict[str, Any]) -> None:
        resource.answer(event, ExpectedError("No."))
        [record] = caplog.records
        assert (record.levelname, record.getMessage().partition(": ")[2]) == ("ERROR", "No.")
        assert not {"outcome", "_aws"} & record.__dict__.keys()

    @pytest.mark.parametrize("result", [STOPPED, FAILED])
    def test_that_raises_costs_no_answer(self, resource: Resource, monkeypatch: Patch, result: Outcome) -> None:
        monkeypatch.setattr(logger, "handle", lambda _: [][0])
        assert resource.answer(_delete(), result)["PhysicalResourceId"] == "fake-1"

    def test_that_blocks_costs_no_answer(self, resource: Resource, monkeypatch: Patch, end: threading.Event) -> None:
        monkeypatch.setattr("protocol.custom_resource.LOG_SECONDS", 0.01)
        monkeypatch.setattr(logger, "handle", lambda _: end.wait(20))
        assert resource.answer(_delete(), STOPPED)["Status"] == "SUCCESS"
        assert not end.is_set()


class TestDelivery:
    def test_that_took_more_tries_is_logged(self, resource: Resource, caplog: Log) -> None:
        resource.sender.urls.fail(1)
        assert resource.answer(_create(), Declared("fake-1"))["Status"] == "SUCCESS"
        [record] = caplog.records
        line = "The answer was accepted at try 2; the one before met HTTP status 503 (SlowDown)"
        assert (record.levelname, record.getMessage().partition(": ")[2]) == ("WARNING", line)
        assert resource.calls == 1

    def test_that_never_succeeds_is_an_error_for_lambda(
        self, resource: Resource, urls: ResponseUrls, caplog: Log
    ) -> None:
        urls.fail(1000)
        exchange = Exchange(_delete())
        event = {**exchange.event, "ResponseURL": urls.open(exchange)}
        with pytest.raises(NotDeliveredError) as failure:
            resource.handler(event, Context(0.4))
        [record] = caplog.records
        assert (record.levelname, record.getMessage().endswith(f": {failure.value}")) == ("ERROR", True)
        urls.fail(0)
        resource.handler(event, Context(900))
        assert len(exchange.bodies) == 1
        assert invalidity(event, exchange.bodies[0]) == ""


def test_the_host_of_the_response_url_can_be_asked_for_a_connection(resource: Resource) -> None:
    found: list[bool] = []
    resource.answer(_create(), lambda _, handling: found.append(handling.response_url_connects()))
    assert found == [True]


LOGGERS = (None, "crhelper", "crhelper.resource_helper", "urllib3", "botocore")


@pytest.mark.parametrize("result", [STOPPED, FAILED, KeyError("x"), "incomplete", "undelivered"], ids=str)
def test_the_url_is_in_no_log(
    resource: Resource, urls: ResponseUrls, caplog: Log, monkeypatch: Patch, result: Any
) -> None:
    monkeypatch.setattr("crhelper.log_helper.setup", lambda *_, **__: None)  # it sets the levels for each request
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    event = _delete(RequestId="") if result == "incomplete" else _delete()
    resource.sender.urls.fail(1000 if result == "undelivered" else 0)
    url = urls.open(Exchange(event))

    def run(*_: object) -> Any:
        if isinstance(result, KeyError):
            raise result
        return STOPPED if isinstance(result, str) else result

    resource.run = run
    said = ""
    try:
        resource.handler({**event, "ResponseURL": url}, Context(0.5 if result == "undelivered" else 900))
    except NotDeliveredError as error:
        said = str(error)
    assert (said != "") == (result == "undelivered")
    logged = said + caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=str)
    assert "Signature" not in logged
    assert url not in logged


@pytest.mark.parametrize(
    ("configured", "root", "level"),
    [("", "WARNING", "INFO"), ("DEBUG", "DEBUG", "DEBUG"), ("FATAL", "CRITICAL", "CRITICAL"), ("odd", "INFO", "INFO")],
)
def test_the_log_level(
    urls: ResponseUrls, monkeypatch: Patch, caplog: Log, configured: str, root: str, level: str
) -> None:
    caplog.set_level(root)
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", configured)
    assert Resource(urls).answer(_create(), Declared("fake-1"))["Status"] == "SUCCESS"
    names = (None, "crhelper", "botocore", "urllib3")
    levels = [logging.getLevelName(logging.getLogger(name).level) for name in names]
    assert levels == [level, "WARNING", "ERROR", "ERROR"]

"""What every line of the log has, and what trouble with the log may cost: nothing."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from protocol.log import log, logger, name_request
from tests.requests import STACK_ID, request


@pytest.fixture(autouse=True)
def _from_info_on(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


def _log_for(event: dict[str, object], message: str, *, outcome: str = "", detail: str = "") -> None:
    def write() -> None:
        name_request(event)
        log(logging.INFO, message, outcome=outcome, detail=detail)

    contextvars.copy_context().run(write)


def test_a_line_names_its_request_in_fields_and_in_words(caplog: pytest.LogCaptureFixture) -> None:
    _log_for(request("Delete"), "100% done", outcome="stopped")
    [record] = caplog.records
    fields = record.__dict__
    assert (fields["stack"], fields["logical_id"], fields["request_type"], fields["outcome"]) == (
        STACK_ID,
        "WorldExportJob9F8FED21",
        "Delete",
        "stopped",
    )
    assert record.getMessage() == "Delete of WorldExportJob9F8FED21 in stack WorldExport: 100% done"


def test_a_line_of_no_request_is_the_words_alone(caplog: pytest.LogCaptureFixture) -> None:
    contextvars.Context().run(log, logging.INFO, "Hello")
    assert caplog.records[0].getMessage() == "Hello"


def test_a_request_that_lacks_something_is_named_by_what_it_has(caplog: pytest.LogCaptureFixture) -> None:
    _log_for({"RequestType": "Delete"}, "No.")
    assert caplog.records[0].getMessage() == "Delete of unknown in stack unknown: No."


def test_a_line_can_be_encoded_whatever_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    _log_for(request("Delete", LogicalResourceId="lone \ud800"), "lone \ud801", detail="lone \ud802")
    [record] = caplog.records
    shown = record.getMessage() + json.dumps([record.__dict__["logical_id"], record.__dict__["detail"]])
    assert shown.encode().count(b"\\ud80") == 4


def test_a_handler_that_raises_is_not_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: logging.LogRecord) -> bool:
        raise BrokenPipeError

    monkeypatch.setattr(logger, "handle", fail)
    log(logging.ERROR, "Hello")


def test_a_handler_that_blocks_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(logger, "handle", lambda _: goes_on.wait(60))
    monkeypatch.setattr("protocol.log.PATIENCE", 0.01)
    log(logging.ERROR, "Hello")
    assert not goes_on.is_set()
    goes_on.set()

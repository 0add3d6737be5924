"""Every line of the log names its request, and no problem with the log reaches the work."""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from protocol.log import log, logger, name_request
from tests.requests import STACK_ID, request

Logged = Callable[..., logging.LogRecord]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """Log a line for a request, or for none, and return its record."""
    caplog.set_level(logging.INFO)

    def write(event: dict[str, Any] | None, message: str, **fields: Any) -> logging.LogRecord:
        if event:
            name_request(event)
        log(logging.INFO, message, **fields)
        return caplog.records[0]

    return lambda *line, **fields: contextvars.Context().run(write, *line, **fields)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (None, "100% done"),
        (request("Delete"), "Delete of WorldExportJob9F8FED21 in stack WorldExport: 100% done"),
        ({"RequestType": "Delete", "StackId": ""}, "Delete of unknown in stack unknown: 100% done"),
        ({"LogicalResourceId": "Job", "StackId": "odd"}, "unknown of Job in stack odd: 100% done"),
    ],
)
def test_a_message_names_the_request_by_what_it_has(logged: Logged, event: dict[str, Any] | None, message: str) -> None:
    assert logged(event, "100% done").getMessage() == message


def test_a_line_has_its_request_in_fields(logged: Logged) -> None:
    named = {"stack": STACK_ID, "logical_id": "WorldExportJob9F8FED21", "request_type": "Delete"}
    expected = {"name": "cdk_world_export_job", "levelname": "INFO", "outcome": "stopped", **named}
    assert logged(request("Delete"), "Done", outcome="stopped").__dict__.items() >= expected.items()


def test_a_line_can_be_encoded_whatever_it_holds(logged: Logged) -> None:
    record = logged(request("Delete", LogicalResourceId="lone \ud800"), "lone \ud801", detail="lone \ud802")
    shown = record.getMessage() + json.dumps([record.__dict__["logical_id"], record.__dict__["detail"]])
    assert shown.encode().count(b"\\ud80") == 4


def test_a_line_that_can_not_be_written_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger, "handle", lambda _: [][0])
    log(logging.ERROR, "Hello")

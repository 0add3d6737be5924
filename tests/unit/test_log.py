"""Every line of the log names its request, and no problem with the log reaches the work."""

from __future__ import annotations

import contextvars
import json
import logging
from collections.abc import Iterator

import pytest

from protocol.log import log, name_request
from tests.requests import STACK_ID, request

Log = pytest.LogCaptureFixture


@pytest.fixture(autouse=True)
def _from_info_on(caplog: Log) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


def _log_for(event: dict[str, object], message: str, *, outcome: str = "", detail: str = "") -> None:
    def write() -> None:
        name_request(event)
        log(logging.INFO, message, outcome=outcome, detail=detail)

    contextvars.copy_context().run(write)


def test_a_line_names_its_request_in_fields_and_in_its_message(caplog: Log) -> None:
    _log_for(request("Delete"), "100% done", outcome="stopped")
    [record] = caplog.records
    fields = record.__dict__
    assert (fields["stack"], fields["logical_id"], fields["request_type"], fields["outcome"]) == (
        STACK_ID,
        "WorldExportJob9F8FED21",
        "Delete",
        "stopped",
    )
    assert (record.name, record.levelname) == ("cdk_world_export_job", "INFO")
    assert record.getMessage() == "Delete of WorldExportJob9F8FED21 in stack WorldExport: 100% done"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"RequestType": "Delete", "StackId": ""}, "Delete of unknown in stack unknown: No."),
        ({"LogicalResourceId": "Job", "StackId": "odd"}, "unknown of Job in stack odd: No."),
    ],
)
def test_a_request_is_named_by_what_it_has(caplog: Log, event: dict[str, object], message: str) -> None:
    _log_for(event, "No.")
    assert caplog.records[0].getMessage() == message


def test_a_line_of_no_request_is_the_message_alone(caplog: Log) -> None:
    contextvars.Context().run(log, logging.INFO, "Hello")
    assert caplog.records[0].getMessage() == "Hello"


def test_a_line_can_be_encoded_whatever_it_holds(caplog: Log) -> None:
    _log_for(request("Delete", LogicalResourceId="lone \ud800"), "lone \ud801", detail="lone \ud802")
    [record] = caplog.records
    shown = record.getMessage() + json.dumps([record.__dict__["logical_id"], record.__dict__["detail"]])
    assert shown.encode().count(b"\\ud80") == 4

"""The line that a Delete leaves in the log, whatever it ended."""

from __future__ import annotations

import logging

import pytest

from deletion import Line, carry_out
from protocol.custom_resource import CustomResource, ExpectedError
from teardown import End, Outcome

LINE = Line("job", "job-1", "Jobs", "Service")


def _written(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    [record] = caplog.records
    return record.__dict__


def test_has_its_time_in_whole_milliseconds_and_the_name_of_the_function(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deletion.time.time_ns", lambda: 1_700_000_000_123_999_999)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "handler")
    with caplog.at_level(logging.INFO):
        LINE.write(Outcome(End.STOPPED, "Canceled", 1.5, 2))
    written = _written(caplog)
    assert written["FunctionName"] == "handler"
    assert written["_aws"]["Timestamp"] == 1_700_000_000_123  # type: ignore[index]  # a record has any attribute


def test_has_a_name_that_can_be_a_dimension_outside_of_lambda_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    with caplog.at_level(logging.INFO):
        LINE.write(Outcome(End.STOPPED, "Canceled", 1.5, 2))
    assert _written(caplog)["FunctionName"] == ""


def test_of_a_teardown_that_is_cut_off_has_the_seconds_that_it_took_in_thousandths(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([1000.0, 1012.34567])
    monkeypatch.setattr("deletion.time.monotonic", lambda: next(moments))
    resource = CustomResource()

    def is_cut_off() -> Outcome:
        assert resource.LogAnswer is not None
        resource.LogAnswer("It ran out of time.")
        return Outcome(End.STOPPED, "Canceled", 20)

    carry_out(resource, LINE, is_cut_off)
    written = _written(caplog)
    assert (written["outcome"], written["detail"], written["seconds"]) == ("failed", "It ran out of time.", 12.346)


def test_a_failure_is_raised_with_its_words() -> None:
    with pytest.raises(ExpectedError, match=r"^Still Running\.$"):
        carry_out(CustomResource(), LINE, lambda: Outcome(End.FAILED, "Still Running.", 300))

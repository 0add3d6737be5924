"""The metrics in a log line obey the embedded metric format (CloudWatch User Guide, its specification)."""

from __future__ import annotations

import pytest

from protocol.metrics import embedded


@pytest.mark.parametrize("left_running", [True, False])
def test_a_teardown_is_counted_with_its_time_and_whether_the_job_was_left_running(left_running: bool) -> None:
    fields = embedded("function-1", 1_700_000_000_000, left_running=left_running, seconds=2.5)
    assert (fields["Teardowns"], fields["LeftRunning"], fields["TeardownSeconds"]) == (1, int(left_running), 2.5)


def test_every_declared_metric_and_dimension_is_a_field_of_the_line() -> None:
    fields = embedded("function-1", 1_700_000_000_000, left_running=False, seconds=2.5)
    [directive] = fields["_aws"]["CloudWatchMetrics"]
    for metric in directive["Metrics"]:
        assert isinstance(fields[metric["Name"]], (int, float))
    by = [{name: fields[name] for name in dimensions} for dimensions in directive["Dimensions"]]
    assert by == [{"FunctionName": "function-1"}, {"Service": "RoboMaker"}]
    assert fields["_aws"]["Timestamp"] == 1_700_000_000_000

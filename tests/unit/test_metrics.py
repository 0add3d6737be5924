"""The metrics in a log line obey the embedded metric format (CloudWatch User Guide, its specification)."""

from __future__ import annotations

import pytest

from protocol.metrics import embedded


@pytest.mark.parametrize("left_running", [True, False])
def test_a_delete_is_counted_by_function_and_service(left_running: bool) -> None:
    assert embedded("function-1", 1_700_000_000_000, service="ECS", left_running=left_running, seconds=2.5) == {
        "FunctionName": "function-1",
        "Service": "ECS",
        "Teardowns": 1,
        "LeftRunning": int(left_running),
        "TeardownSeconds": 2.5,
        "_aws": {
            "Timestamp": 1_700_000_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "CdkWorldExportJob",
                    "Dimensions": [["FunctionName"], ["FunctionName", "Service"], ["Service"]],
                    "Metrics": [
                        {"Name": "Teardowns", "Unit": "Count"},
                        {"Name": "LeftRunning", "Unit": "Count"},
                        {"Name": "TeardownSeconds", "Unit": "Seconds"},
                    ],
                }
            ],
        },
    }

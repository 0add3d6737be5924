"""Names the metrics of teardowns, and writes them into a log line in CloudWatch's embedded metric format."""

from __future__ import annotations

from typing import Any

NAMESPACE = "WorldExportJobs"

# A teardown is counted for its function, and for all functions of the account and region, some of which go with their
# stacks.
FUNCTION = "FunctionName"
SERVICE = "Service"
ROBOMAKER = "RoboMaker"
STOP_ON_DELETE_NAMESPACE = "StopOnDelete"
STOP_ON_DELETE = "StopOnDelete"

TEARDOWNS = "Teardowns"
LEFT_RUNNING = "LeftRunning"
TEARDOWN_SECONDS = "TeardownSeconds"

_UNITS = {TEARDOWNS: "Count", LEFT_RUNNING: "Count", TEARDOWN_SECONDS: "Seconds"}


def embedded(
    function_name: str,
    milliseconds: int,
    *,
    left_running: bool,
    seconds: float,
    namespace: str = NAMESPACE,
    service: str = ROBOMAKER,
) -> dict[str, Any]:
    """Give the fields that make a JSON log line carry the metrics of one teardown, without any API call.

    Parameters
    ----------
    function_name : str
        The name of the function, which is a dimension of the metrics.
    milliseconds : int
        When, in milliseconds since 1970.
    left_running : bool
        Whether the teardown failed, so that the job may still be running.
    seconds : float
        How long the teardown took.
    namespace, service : str
        Where the metrics are counted. Default: with those of world export jobs.

    Returns
    -------
    dict
        Fields for the root of the log line (CloudWatch User Guide, Embedded metric format specification).
    """
    return {
        FUNCTION: function_name,
        SERVICE: service,
        TEARDOWNS: 1,
        LEFT_RUNNING: int(left_running),
        TEARDOWN_SECONDS: seconds,
        "_aws": {
            "Timestamp": milliseconds,
            "CloudWatchMetrics": [
                {
                    "Namespace": namespace,
                    "Dimensions": [[FUNCTION], [SERVICE]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()],
                }
            ],
        },
    }

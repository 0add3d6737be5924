"""Names the metrics of teardowns, and writes them into a log line in CloudWatch's embedded metric format."""

from __future__ import annotations

from typing import Any

NAMESPACE = "CdkWorldExportJob"

# The dimensions: the function, and the service whose jobs it stops. Metrics of the service alone cover all functions of
# an account and region, including functions that were deleted with their stacks.
FUNCTION = "FunctionName"
SERVICE = "Service"

TEARDOWNS = "Teardowns"
LEFT_RUNNING = "LeftRunning"
TEARDOWN_SECONDS = "TeardownSeconds"

_UNITS = {TEARDOWNS: "Count", LEFT_RUNNING: "Count", TEARDOWN_SECONDS: "Seconds"}


def embedded(
    function_name: str, milliseconds: int, *, service: str, left_running: bool, seconds: float
) -> dict[str, Any]:
    """Give the fields that make a JSON log line carry the metrics of one teardown, without any API call.

    Parameters
    ----------
    function_name : str
        The name of the function, a dimension of the metrics.
    milliseconds : int
        When, in milliseconds since 1970.
    service : str
        The service whose jobs were stopped, a dimension of the metrics.
    left_running : bool
        Whether the teardown failed, so that a job may still be running.
    seconds : float
        How long the teardown took.

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
                    "Namespace": NAMESPACE,
                    "Dimensions": [[FUNCTION], [FUNCTION, SERVICE], [SERVICE]],
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()],
                }
            ],
        },
    }

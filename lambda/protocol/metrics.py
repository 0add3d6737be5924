"""Writes the metrics of Deletes in CloudWatch's embedded metric format."""

from __future__ import annotations

from typing import Any

NAMESPACE = "CdkWorldExportJob"

FUNCTION = "FunctionName"
SERVICE = "Service"

TEARDOWNS = "Teardowns"
LEFT_RUNNING = "LeftRunning"
TEARDOWN_SECONDS = "TeardownSeconds"

_UNITS = {TEARDOWNS: "Count", LEFT_RUNNING: "Count", TEARDOWN_SECONDS: "Seconds"}
# Each set is summed separately: by function; by function and service; by service in the whole account and region, which
# includes functions that were deleted with their stacks.
_DIMENSION_SETS = [[FUNCTION], [FUNCTION, SERVICE], [SERVICE]]


def embedded(
    function_name: str, milliseconds: int, *, service: str, left_running: bool, seconds: float
) -> dict[str, Any]:
    """Return the fields that make a JSON log line carry the metrics of one Delete, without any API call.

    Parameters
    ----------
    function_name : str
        The name of the function.
    milliseconds : int
        The time of the Delete, in milliseconds since 1970.
    service : str
        The service of the jobs, a value of `properties.SERVICES`.
    left_running : bool
        Whether the Delete failed, so that jobs may still be running.
    seconds : float
        How long the Delete took, in seconds.

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
                    "Dimensions": _DIMENSION_SETS,
                    "Metrics": [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()],
                }
            ],
        },
    }

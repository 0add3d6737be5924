"""A CDK construct that stops what runs in a cluster, a state machine or an application when its stack is deleted."""

from cdk_world_export_job import InvalidArgumentError, MetricOptions, __version__

from ._jobs import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions
from ._provider_interface import IStopOnDeleteProvider
from ._stop_on_delete import StopOnDelete
from ._stop_on_delete_provider import StopOnDeleteProvider

__all__ = [
    "EcsTasks",
    "EmrServerlessJobRuns",
    "IStopOnDeleteProvider",
    "InvalidArgumentError",
    "MetricOptions",
    "StateMachineExecutions",
    "StopOnDelete",
    "StopOnDeleteProvider",
    "__version__",
]

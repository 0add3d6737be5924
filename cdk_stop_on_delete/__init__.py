"""A CDK construct that stops the jobs in a cluster, a state machine or an application when its stack is deleted."""

from ._arguments import InvalidArgumentError
from ._kinds import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions
from ._provider import IStopOnDeleteProvider, MetricOptions
from ._provider_settings import ProviderSettings
from ._stop_on_delete import StopOnDelete
from ._stop_on_delete_provider import StopOnDeleteProvider

__all__ = [
    "EcsTasks",
    "EmrServerlessJobRuns",
    "IStopOnDeleteProvider",
    "InvalidArgumentError",
    "Jobs",
    "MetricOptions",
    "ProviderSettings",
    "StateMachineExecutions",
    "StopOnDelete",
    "StopOnDeleteProvider",
    "__version__",
]

__version__ = "0.3.0"
"""The version of this library."""

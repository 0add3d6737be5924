"""A CDK construct that stops the jobs in a cluster, a state machine or an application when its stack is deleted."""

from ._arguments import InvalidArgumentError
from ._kinds import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions
from ._provider import StopOnDeleteProvider
from ._provider_interface import IStopOnDeleteProvider, MetricOptions
from ._provider_settings import ProviderSettings
from ._stop_on_delete import StopOnDelete

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

# Tracebacks and `help()` show the module that users import a class from. A TypedDict keeps its own, in which its types
# are looked up.
for _name in {*__all__} - {"MetricOptions", "ProviderSettings", "__version__"}:
    globals()[_name].__module__ = __name__

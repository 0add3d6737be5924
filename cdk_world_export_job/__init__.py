"""A CDK construct that cancels an AWS RoboMaker world export job when its stack is deleted or no longer declares it."""

from cdk_stop_on_delete import InvalidArgumentError, MetricOptions, ProviderSettings, __version__
from cdk_stop_on_delete import IStopOnDeleteProvider as IWorldExportJobProvider

from ._world_export_job import ManagedWorldExportJob, WorldExportJobProvider, WorldExportJobs

__all__ = [
    "IWorldExportJobProvider",
    "InvalidArgumentError",
    "ManagedWorldExportJob",
    "MetricOptions",
    "ProviderSettings",
    "WorldExportJobProvider",
    "WorldExportJobs",
    "__version__",
]

# Tracebacks and `help()` show the module that users import a class from.
for _shown in (ManagedWorldExportJob, WorldExportJobProvider, WorldExportJobs):
    _shown.__module__ = __name__

"""A CDK construct that cancels an AWS RoboMaker world export job when its stack lets go of it."""

from pathlib import Path

from ._errors import InvalidArgumentError
from ._managed_world_export_job import ManagedWorldExportJob
from ._provider_interface import IWorldExportJobProvider, MetricOptions
from ._version import find_version
from ._world_export_job_provider import WorldExportJobProvider

__all__ = [
    "IWorldExportJobProvider",
    "InvalidArgumentError",
    "ManagedWorldExportJob",
    "MetricOptions",
    "WorldExportJobProvider",
    "__version__",
]

__version__ = find_version(Path(__file__).parent)
"""The version of this library."""

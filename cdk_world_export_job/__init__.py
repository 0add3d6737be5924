"""A CDK construct that makes a stack own the end of an AWS RoboMaker world export job."""

from ._managed_world_export_job import ManagedWorldExportJob
from ._provider_interface import IWorldExportJobProvider
from ._world_export_job_provider import WorldExportJobProvider

__all__ = ["IWorldExportJobProvider", "ManagedWorldExportJob", "WorldExportJobProvider"]

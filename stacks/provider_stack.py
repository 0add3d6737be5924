"""The provider's stack: the function that ends the jobs of other stacks, and stays until the last of them has gone."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdk_world_export_job import WorldExportJobProvider


class ProviderStack(Stack):
    """Has the function that ends world export jobs, for all stacks of the app.

    Parameters
    ----------
    scope : Construct
        The app or stage.
    id : str
        The stack's id in `scope`.
    **kwargs : Any
        Everything that a Stack takes.
    """

    def __init__(self, scope: Construct, id: str, **kwargs: Any) -> None:  # noqa: A002
        super().__init__(scope, id, **kwargs)
        self.provider = WorldExportJobProvider(self, "Provider")
        # Whether or not the app has a job just now: CloudFormation refuses to take back an export that is in use.
        self.export_value(self.provider.service_token)

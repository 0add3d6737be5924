"""The provider's stack: the function that cancels the jobs of other stacks, deleted after them."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdk_world_export_job import WorldExportJobProvider


class ProviderStack(Stack):
    """Has the function that cancels world export jobs, for all stacks of the app.

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
        # Always, also while the app has no job: CloudFormation does not remove an export that is in use.
        self.export_value(self.provider.service_token)

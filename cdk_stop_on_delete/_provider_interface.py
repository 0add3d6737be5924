"""What a StopOnDelete takes as its provider, whether it is made here or was deployed by another app."""

from __future__ import annotations

from abc import abstractmethod

from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_world_export_job._handler_code import metrics
from cdk_world_export_job._provider_interface import ProviderInterface

from ._jobs import Jobs


class IStopOnDeleteProvider(ProviderInterface):
    """The function that stops jobs, as a StopOnDelete knows it: a service token, and metrics.

    `StopOnDeleteProvider` makes one; `StopOnDeleteProvider.from_service_token` imports one that another app, team or
    template has deployed. It is not for implementing: a function of your own is imported, too.
    """

    _NAME = "StopOnDeleteProvider"
    _SERVED = "StopOnDelete"
    _NAMESPACE = metrics.STOP_ON_DELETE_NAMESPACE
    _SERVICE = metrics.STOP_ON_DELETE

    @abstractmethod
    def _permit(self, stop: Construct, kind: type[Jobs]) -> iam.Policy | None:
        """Let the function stop jobs of a kind, and give the policy that does it, if it is the StopOnDelete's own."""

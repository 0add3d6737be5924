"""The kind of job that a ManagedWorldExportJob stops."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from cdk_stop_on_delete import Jobs
from cdk_stop_on_delete._handler_code import properties
from cdk_stop_on_delete._jobs import allow, arn_of


class WorldExportJobs(Jobs):
    """World export jobs of AWS RoboMaker, as one of a provider's `kinds`."""

    # Where users import it from, as tracebacks and `help()` show it.
    __module__ = "cdk_world_export_job"

    _SERVICE = properties.SERVICES["WorldExportJob"]

    @classmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:  # noqa: ARG003
        """Return the permissions that the function needs to cancel world export jobs; see `Jobs.statements`."""
        actions = ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"]
        return [allow(actions, arn_of(stack, "robomaker", "world-export-job/*"))]

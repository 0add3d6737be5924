"""The provider that lists world export jobs as one of its kinds."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_stop_on_delete import Jobs, MetricOptions, StopOnDeleteProvider

from ._managed_world_export_job import WorldExportJobs


class WorldExportJobProvider(StopOnDeleteProvider):
    """The Lambda function that cancels world export jobs: a StopOnDeleteProvider that lists the kind WorldExportJobs.

    Recommended: declare it in a stack of its own, and pass it to each job as ``provider``. Then a failed deletion can
    be retried. See `StopOnDeleteProvider` for the alternatives, and for how to change the function.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    kinds : sequence of classes, default: ()
        Other kinds of jobs that it also stops, for each StopOnDelete of another stack that shares the function.
    **settings : ProviderSettings
        The settings of the function.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or an invalid literal value, or `scope` already has a construct of this id. It
        is a ValueError, and names the construct, the argument, its value, the rule and the fix.
    ImportError
        If crhelper, which is deployed with the handler, is not installed, or is another version.
    """

    __module__ = "cdk_world_export_job"

    _KINDS = (WorldExportJobs,)

    @classmethod
    def metric_all_left_running(
        cls, kind: type[Jobs] = WorldExportJobs, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Return the number of Delete requests that failed, in all stacks of an account and region.

        Stacks that were deleted are included.

        Parameters
        ----------
        kind : class, default: WorldExportJobs
            The kind of job.
        **options : MetricOptions
            The options of the CDK's own metrics: account, color, label, period, region, statistic, unit. Default: the
            sum over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return super().metric_all_left_running(kind, **options)

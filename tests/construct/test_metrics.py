"""The metrics that an alarm or a dashboard takes from the constructs."""

from __future__ import annotations

import re

import pytest
from aws_cdk import Duration, Stack

from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider
from cdk_world_export_job._handler_code import LAMBDA
from protocol.metrics import embedded
from tests.construct.conftest import JOB


@pytest.mark.parametrize(
    ("helper", "name", "statistic"),
    [
        ("metric_teardowns", "Teardowns", "Sum"),
        ("metric_left_running", "LeftRunning", "Sum"),
        ("metric_teardown_seconds", "TeardownSeconds", "Average"),
    ],
)
def test_a_metric_is_one_that_the_log_line_declares(stack: Stack, helper: str, name: str, statistic: str) -> None:
    metric = getattr(WorldExportJobProvider(stack, "Provider"), helper)()
    [declared] = embedded("f", 0, left_running=False, seconds=0)["_aws"]["CloudWatchMetrics"]
    assert (metric.metric_name, metric.statistic) == (name, statistic)
    assert metric.namespace == declared["Namespace"]
    assert name in [found["Name"] for found in declared["Metrics"]]
    assert list(metric.dimensions) in declared["Dimensions"]


def test_the_jobs_left_running_are_counted_of_all_functions_too() -> None:
    metric = WorldExportJobProvider.metric_all_left_running(period=Duration.hours(1))
    fields = embedded("f", 0, left_running=True, seconds=0)
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("WorldExportJobs", "LeftRunning", "Sum")
    assert metric.dimensions == {"Service": fields["Service"]}
    assert ["Service"] in fields["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert metric.period.to_seconds() == 3600


def test_a_metric_takes_the_options_of_cloudwatch(stack: Stack) -> None:
    provider = WorldExportJobProvider(stack, "Provider")
    metric = provider.metric_teardown_seconds(period=Duration.minutes(1), statistic="Maximum")
    assert (metric.period.to_seconds(), metric.statistic) == (60, "Maximum")


def test_a_jobs_metric_is_its_providers(stack: Stack) -> None:
    job = ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    assert job.provider is WorldExportJobProvider.get_or_create(stack)
    mine, providers = job.metric_left_running(), job.provider.metric_left_running()
    assert (mine.metric_name, mine.statistic) == (providers.metric_name, "Sum")
    assert stack.resolve(mine.dimensions) == stack.resolve(providers.dimensions)


def test_the_query_for_one_job_asks_for_fields_that_the_log_line_has() -> None:
    [query] = re.findall(r"filter job = .*\n.*\| fields (.*)", ManagedWorldExportJob.metric_left_running.__doc__ or "")
    sources = "".join(_source(name) for name in ("deletion.py", "index.py", "protocol/log.py"))
    written = re.findall(r"(\w+)=|\"(\w+)\":|Line\(\"(\w+)\"", sources)
    names = {name for pair in written for name in pair}
    assert {"job", *query.split(", ")} - {"@timestamp"} <= names


def _source(name: str) -> str:
    return (LAMBDA / name).read_text()

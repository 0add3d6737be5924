"""The metrics that an alarm or a dashboard takes from the constructs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import Duration, Stack

from cdk_stop_on_delete import EcsTasks, StopOnDelete, StopOnDeleteProvider
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider
from protocol.metrics import embedded
from tests.construct.conftest import make_job, make_stop


@pytest.fixture(scope="module")
def provider(shared_stack: Stack) -> StopOnDeleteProvider:
    return StopOnDeleteProvider.get_or_create(shared_stack)


def _declared(service: str) -> dict[str, Any]:
    line = embedded("function", 0, service=service, left_running=True, seconds=1)
    [declared] = line["_aws"]["CloudWatchMetrics"]
    return dict(declared)


@pytest.mark.parametrize(
    ("helper", "name", "statistic"),
    [
        ("metric_teardowns", "Teardowns", "Sum"),
        ("metric_left_running", "LeftRunning", "Sum"),
        ("metric_teardown_seconds", "TeardownSeconds", "Average"),
    ],
)
def test_a_providers_metric_is_one_that_the_log_line_declares(
    provider: StopOnDeleteProvider, helper: str, name: str, statistic: str
) -> None:
    metric = getattr(provider, helper)()
    declared = _declared("ECS")
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("CdkWorldExportJob", name, statistic)
    assert metric.namespace == declared["Namespace"]
    assert name in [found["Name"] for found in declared["Metrics"]]
    assert list(metric.dimensions) == ["FunctionName"]
    assert ["FunctionName"] in declared["Dimensions"]


@pytest.mark.parametrize(("make", "service"), [(make_job, "RoboMaker"), (make_stop, "EMRServerless")])
def test_a_constructs_metric_is_its_providers_of_one_service(
    shared_stack: Stack, provider: StopOnDeleteProvider, make: Any, service: str
) -> None:
    construct = make(shared_stack)
    assert construct.provider is provider
    metric = construct.metric_left_running()
    function = shared_stack.resolve(provider.function.function_name)
    assert shared_stack.resolve(metric.dimensions) == {"FunctionName": function, "Service": service}
    assert metric.metric_name == "LeftRunning"
    assert sorted(metric.dimensions) in _declared(service)["Dimensions"]


def test_the_jobs_left_running_of_a_service_are_counted_of_all_functions_too() -> None:
    ours = WorldExportJobProvider.metric_all_left_running(period=Duration.hours(1))
    tasks = StopOnDeleteProvider.metric_all_left_running(EcsTasks)
    assert (ours.dimensions, tasks.dimensions) == ({"Service": "RoboMaker"}, {"Service": "ECS"})
    assert ["Service"] in _declared("RoboMaker")["Dimensions"]
    assert {metric.metric_name for metric in (ours, tasks)} == {"LeftRunning"}
    assert ours.period.to_seconds() == 3600


def test_a_metric_takes_the_options_of_cloudwatch(provider: StopOnDeleteProvider) -> None:
    metric = provider.metric_teardown_seconds(period=Duration.minutes(1), statistic="Maximum")
    assert (metric.period.to_seconds(), metric.statistic) == (60, "Maximum")


@pytest.mark.parametrize("construct", [ManagedWorldExportJob, StopOnDelete])
def test_the_documented_query_asks_for_fields_that_the_log_line_has(construct: Any) -> None:
    documented = construct.metric_left_running.__doc__ or ""
    [(condition, fields)] = re.findall(r"filter (\w+) = .*\n.*\| fields (.*)", documented)
    written = {"stack", "logical_id", "request_type", "physical_id", "service", "outcome", "detail", "seconds", "calls"}
    assert {condition, *fields.split(", ")} - {"@timestamp"} <= written

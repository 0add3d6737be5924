"""The metrics that an alarm or a dashboard takes from the constructs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import Duration, Stack

from cdk_stop_on_delete import EcsTasks, StopOnDelete, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobProvider
from protocol.metrics import embedded
from sandbox import PROJECT
from tests.construct.makers import make_job, make_stop

OF_ALL_FUNCTIONS = StopOnDeleteProvider.metric_all_left_running


@pytest.mark.parametrize(
    ("metric_of", "name", "statistic", "dimensions"),
    [
        (lambda job, _: job.provider.metric_teardowns(), "Teardowns", "Sum", {"FunctionName": "F"}),
        (lambda job, _: job.provider.metric_left_running(), "LeftRunning", "Sum", {"FunctionName": "F"}),
        (lambda job, _: job.provider.metric_teardown_seconds(), "TeardownSeconds", "Average", {"FunctionName": "F"}),
        (lambda job, _: job.metric_left_running(), "LeftRunning", "Sum", {"FunctionName": "F", "Service": "RoboMaker"}),
        (
            lambda _, stop: stop.metric_left_running(),
            "LeftRunning",
            "Sum",
            {"FunctionName": "F", "Service": "EMRServerless"},
        ),
        (lambda *_: OF_ALL_FUNCTIONS(EcsTasks), "LeftRunning", "Sum", {"Service": "ECS"}),
        (lambda *_: WorldExportJobProvider.metric_all_left_running(), "LeftRunning", "Sum", {"Service": "RoboMaker"}),
    ],
)
def test_a_metric_is_one_that_the_log_line_declares(
    stack: Stack, metric_of: Any, name: str, statistic: str, dimensions: dict[str, str]
) -> None:
    function = stack.resolve(StopOnDeleteProvider.get_or_create(stack).function.function_name)
    metric = metric_of(make_job(stack), make_stop(stack))
    used = {key: "F" if value == function else value for key, value in stack.resolve(metric.dimensions).items()}
    assert (metric.metric_name, metric.statistic, used) == (name, statistic, dimensions)
    line = embedded("function", 0, service=dimensions.get("Service", "ECS"), left_running=True, seconds=1)
    [declared] = line["_aws"]["CloudWatchMetrics"]
    assert metric.namespace == declared["Namespace"] == "CdkWorldExportJob"
    assert name in [found["Name"] for found in declared["Metrics"]]
    assert set(dimensions) in [set(found) for found in declared["Dimensions"]]
    assert dimensions.get("Service") in (None, line["Service"])


def test_a_metric_takes_the_options_of_cloudwatch(stack: Stack) -> None:
    options: Any = {"period": Duration.minutes(1), "statistic": "Maximum"}
    for metric in (make_job(stack).metric_left_running(**options), OF_ALL_FUNCTIONS(EcsTasks, **options)):
        assert (metric.period.to_seconds(), metric.statistic) == (60, "Maximum")


def test_the_documented_query_asks_for_fields_that_operators_ask_for() -> None:
    """A line of the log has these fields (tests/e2e/test_operators.py)."""
    documented = StopOnDelete.metric_left_running.__doc__ or ""
    [(condition, fields)] = re.findall(r"filter (\w+) = .*\n.*\| fields (.*)", documented)
    [of_operators] = re.findall(r"\| fields (.*)", (PROJECT / "docs" / "operators.md").read_text())
    assert {condition, *fields.split(", ")} <= {*of_operators.split(", ")}

"""What both packages export, and that their docstrings describe each argument."""

from __future__ import annotations

import inspect
import re
from typing import Any, get_type_hints

import pytest

import cdk_stop_on_delete
import cdk_world_export_job
from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    ProviderSettings,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

SETTINGS = list(get_type_hints(ProviderSettings))


def test_are_few() -> None:
    shared = ["InvalidArgumentError", "MetricOptions", "ProviderSettings", "__version__"]
    stops = ["EcsTasks", "EmrServerlessJobRuns", "IStopOnDeleteProvider", "Jobs", "StateMachineExecutions"]
    jobs = ["IWorldExportJobProvider", "ManagedWorldExportJob", "WorldExportJobProvider", "WorldExportJobs"]
    assert sorted(cdk_stop_on_delete.__all__) == sorted([*shared, *stops, "StopOnDelete", "StopOnDeleteProvider"])
    assert sorted(cdk_world_export_job.__all__) == sorted([*shared, *jobs])
    for name in shared:
        assert getattr(cdk_stop_on_delete, name) is getattr(cdk_world_export_job, name)


@pytest.mark.parametrize("package", [cdk_stop_on_delete, cdk_world_export_job])
def test_are_shown_in_the_package_that_they_are_imported_from(package: Any) -> None:
    shown = {name: getattr(package, name).__module__ for name in package.__all__ if name != "__version__"}
    settings = {"MetricOptions", "ProviderSettings"}
    assert {module.split("._")[0] for module in shown.values()} <= {"cdk_stop_on_delete", "cdk_world_export_job"}
    assert {name for name, module in shown.items() if "._" in module} <= settings


@pytest.mark.parametrize(
    "shown",
    [
        *(ManagedWorldExportJob, StopOnDelete, StopOnDeleteProvider, WorldExportJobProvider),
        *(EcsTasks, StateMachineExecutions, EmrServerlessJobRuns),
    ],
)
def test_describe_each_argument(shown: Any) -> None:
    described = re.findall(r"^(\w+|\*\*settings) : \S", inspect.getdoc(shown) or "", re.MULTILINE)
    _, *arguments = inspect.signature(shown.__init__).parameters
    assert described == [argument.replace("settings", "**settings") for argument in arguments]


def test_describe_each_setting() -> None:
    assert re.findall(r"^(\w+) : \S", inspect.getdoc(ProviderSettings) or "", re.MULTILINE) == SETTINGS


def test_the_settings_are_those_that_the_readme_promises() -> None:
    network, rest = {"vpc", "vpc_subnets", "security_groups", "proxy"}, {"memory_size", "log_group", "role", "runtime"}
    assert set(SETTINGS) == {*network, *rest, "architecture", "environment_encryption"}

"""What tracebacks and docstrings show of both packages. docs/api.md has each name and signature."""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

import pytest

import cdk_stop_on_delete
import cdk_world_export_job
from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, ProviderSettings, StateMachineExecutions, StopOnDelete
from cdk_stop_on_delete import StopOnDeleteProvider as Provider
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider

KINDS = [EcsTasks, StateMachineExecutions, EmrServerlessJobRuns]
CONSTRUCTS = [ManagedWorldExportJob, StopOnDelete, Provider, WorldExportJobProvider]


@pytest.mark.parametrize("package", [cdk_stop_on_delete, cdk_world_export_job])
def test_a_name_is_shown_in_the_package_that_it_is_imported_from(package: ModuleType) -> None:
    names = set(package.__all__) - {"MetricOptions", "ProviderSettings", "__version__"}
    assert {getattr(package, name).__module__ for name in names} <= {"cdk_stop_on_delete", "cdk_world_export_job"}


@pytest.mark.parametrize("shown", [*CONSTRUCTS, *KINDS, ProviderSettings])
def test_each_argument_is_described(shown: Any) -> None:
    described = re.findall(r"^(?:\*\*)?(\w+) : \S", inspect.getdoc(shown) or "", re.MULTILINE)
    _, *arguments = inspect.signature(shown.__init__).parameters
    assert described == (list(shown.__annotations__) if shown is ProviderSettings else arguments)

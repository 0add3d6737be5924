"""The pages and the API reference are one site."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sandbox import PROJECT

NAMES = (
    "cdk_stop_on_delete.EcsTasks",
    "cdk_stop_on_delete.EmrServerlessJobRuns",
    "cdk_stop_on_delete.StateMachineExecutions",
    "cdk_stop_on_delete.StopOnDelete.metric_left_running",
    "cdk_stop_on_delete.StopOnDeleteProvider.function",
    "cdk_world_export_job.ManagedWorldExportJob.metric_left_running",
    "cdk_world_export_job.WorldExportJobProvider.function",
)


def test_the_site_has_every_page_and_the_reference(tmp_path: Path) -> None:
    subprocess.run(["make", "docs", f"DOCS={tmp_path}"], cwd=PROJECT, check=True, capture_output=True)
    contents = (tmp_path / "index.html").read_text()
    for page in (PROJECT / "docs").glob("*.md"):
        assert page.stem == "index" or f'href="{page.stem}.html' in contents, page
    for name in NAMES:
        reference = (tmp_path / "api" / name.partition(".")[0] / "index.html").read_text()
        assert f'id="{name}"' in reference, name

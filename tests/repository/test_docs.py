"""Every code block of the documentation runs, and every link in it leads somewhere."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobProvider
from sandbox import PROJECT
from teardown import End
from tests.pages import blocks

IN_THE_SITE_ONLY = ("index.md", "changelog.md", "contributing.md")
PAGES = [
    *sorted(PROJECT.glob("*.md")),
    *sorted(page for page in (PROJECT / "docs").glob("*.md") if page.name not in IN_THE_SITE_ONLY),
]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(), "python"), start=1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_code_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aws_cdk.App", functools.partial(App, outdir=str(tmp_path)))
    exec(block, {"__name__": "__main__"})  # noqa: S102 - the project's own pages
    assert list(tmp_path.glob("*.template.json"))


def test_the_pages_have_code_blocks() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


class TestThePolicyForARoleThatCanNotBeChanged:
    """The pages have what the providers attach to one that can."""

    def _attached(self, make: Callable[[Stack], object]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        app = App(context={"@aws-cdk/core:enablePartitionLiterals": True})
        stack = Stack(app, "Stack", env=Environment(account="123456789012", region="us-west-2"))
        make(stack)
        [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
        log, *others = policy["Properties"]["PolicyDocument"]["Statement"]
        return log, others

    def _documented(self) -> tuple[Any, Any]:
        whole, of_stop_on_delete = blocks((PROJECT / "docs" / "permissions.md").read_text(), "json")
        return json.loads(whole)["Statement"], json.loads(of_stop_on_delete)

    def test_of_a_world_export_job_provider(self) -> None:
        (robomaker, log, vpc), _ = self._documented()
        attached_log, others = self._attached(
            lambda stack: WorldExportJobProvider(stack, "Provider", vpc=ec2.Vpc(stack, "Vpc"))
        )
        assert [robomaker, vpc] == others
        assert log == {**attached_log, "Resource": log["Resource"]}

    def test_of_a_stop_on_delete_provider(self) -> None:
        _, statements = self._documented()
        _, others = self._attached(
            lambda stack: StopOnDeleteProvider(
                stack, "Provider", kinds=[EcsTasks, StateMachineExecutions, EmrServerlessJobRuns]
            )
        )
        assert statements == others


def test_the_pages_and_the_api_reference_are_one_site(tmp_path: Path) -> None:
    subprocess.run(["make", "docs", f"DOCS={tmp_path}"], cwd=PROJECT, check=True, capture_output=True)
    contents = (tmp_path / "index.html").read_text()
    for page in PAGES:
        built = {"README.md": "index"}.get(page.name, page.stem.lower())
        assert f'href="{built}.html' in contents or built == "index", page
    for name in (
        "cdk_stop_on_delete.EcsTasks",
        "cdk_stop_on_delete.EmrServerlessJobRuns",
        "cdk_stop_on_delete.IStopOnDeleteProvider.metric_teardowns",
        "cdk_stop_on_delete.StateMachineExecutions",
        "cdk_stop_on_delete.StopOnDelete.metric_left_running",
        "cdk_stop_on_delete.StopOnDeleteProvider.function",
        "cdk_world_export_job.IWorldExportJobProvider.metric_teardowns",
        "cdk_world_export_job.ManagedWorldExportJob.metric_left_running",
        "cdk_world_export_job.WorldExportJobProvider.function",
    ):
        reference = (tmp_path / "api" / name.partition(".")[0] / "index.html").read_text()
        assert f'id="{name}"' in reference, name
        assert "best_effort" in reference


def test_every_outcome_that_the_log_names_is_on_the_page_of_the_alarm() -> None:
    page = (PROJECT / "docs" / "alarm.md").read_text()
    assert set(re.findall(r"^\| `([a-z ]+)` \|", page, re.MULTILINE)) == {"outcome"} | {str(end) for end in End}


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version

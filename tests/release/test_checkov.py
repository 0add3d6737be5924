"""Checkov finds nothing in the templates that is not justified in code."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from sandbox import PROJECT
from tests.builds import BUILDS
from tests.repository.test_checks import EVERY_KIND

FOUND_IN_THE_TESTS_OWN_VPC = [("CKV_AWS_158", "AWS::Logs::LogGroup.VpcAllLogGroup3D916404")]


@dataclass(frozen=True)
class Scanned:
    """The templates of all stacks, in a folder, and what Checkov says of each of their resources."""

    folder: Path
    results: dict[str, list[dict[str, Any]]]

    def of(self, name: str, result: str) -> list[dict[str, Any]]:
        return [check for check in self.results[f"{result}_checks"] if check["file_path"] == f"/{name}.json"]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    # In one run, because it takes seconds to start.
    folder = tmp_path_factory.mktemp("templates")
    for build in BUILDS:
        app = App(outdir=str(folder / "cdk.out"))
        stack = build(app)
        app.synth()
        (folder / f"{build.__name__}.json").write_text((folder / "cdk.out" / stack.template_file).read_text())
    shutil.rmtree(folder / "cdk.out")
    # Not its script, which can't be run in a folder whose name has a space.
    checkov = [str(PROJECT / ".checkov" / "bin" / "python"), "-m", "checkov.main"]
    command = [*checkov, "--directory", ".", "--framework", "cloudformation", "--skip-download"]
    done = subprocess.run([*command, "--output", "json"], cwd=folder, capture_output=True, text=True, check=False)
    return Scanned(folder, json.loads(done.stdout)["results"])


@EVERY_KIND
@pytest.mark.xdist_group("checkov")
def test_checkov_finds_nothing_that_is_not_justified_in_code(scanned: Scanned, build: Callable[[App], Stack]) -> None:
    name = build.__name__
    found = [(check["check_id"], check["resource"]) for check in scanned.of(name, "failed")]
    assert [finding for finding in found if finding not in FOUND_IN_THE_TESTS_OWN_VPC] == []
    resources = json.loads((scanned.folder / f"{name}.json").read_text())["Resources"].values()
    justified = [skip for found in resources for skip in found.get("Metadata", {}).get("checkov", {}).get("skip", [])]
    assert len(scanned.of(name, "skipped")) == len(justified), "what is justified is still found"
    assert len(scanned.of(name, "passed")) > 10

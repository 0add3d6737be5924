"""Checkov finds nothing that is not justified in code, in the templates of the CDK and in that of `make package`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own

from sandbox import PROJECT
from tests.builds import app_of_every_part

FOUND_IN_THE_TESTS_OWN_VPC = [("CKV_AWS_158", "AWS::Logs::LogGroup.VpcAllLogGroup3D916404")]


def test_checkov_finds_nothing_that_is_not_justified_in_code(tmp_path: Path) -> None:
    # In one run, because it takes seconds to start.
    folder = tmp_path / "templates"
    # The environment that the tests run in exists, so make does not set it up anew, whatever its age.
    command = ["make", "--old-file=.venv/demo-ready", "package", f"PACKAGE={folder}"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    app_of_every_part(tmp_path / "cdk.out").synth()
    for template in (tmp_path / "cdk.out").glob("*.template.json"):
        template.rename(folder / template.name)
    # Not its script, which can't be run in a folder whose name has a space.
    checkov = [str(PROJECT / ".checkov" / "bin" / "python"), "-m", "checkov.main"]
    command = [*checkov, "--directory", ".", "--framework", "cloudformation", "--skip-download", "--output", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    found = [(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]]
    assert [finding for finding in found if finding not in FOUND_IN_THE_TESTS_OWN_VPC] == []

    templates = [yaml.safe_load(file.read_text()) for suffix in ("json", "yaml") for file in folder.glob(f"*.{suffix}")]
    assert len(templates) == 5
    scanned = {check["file_path"] for check in report["results"]["passed_checks"]}
    assert len(scanned) == len(templates)
    metadata = [resource.get("Metadata", {}) for template in templates for resource in template["Resources"].values()]
    justified = [skip for found in metadata for skip in found.get("checkov", {}).get("skip", [])]
    assert report["summary"]["skipped"] == len(justified), "what is justified is still found"

"""Scanners of templates find nothing that is not justified in code. cdk-nag 3 and cfn-lint: tests/repository."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own

from sandbox import PROJECT
from tests.builds import app_of_every_part
from tests.construct.test_examples import SHOWN, synthesize
from tests.linting import OF_THE_CDK, findings

CDK_NAG_2 = """
import sys
from pathlib import Path
from aws_cdk import Aspects
from cdk_nag import AwsSolutionsChecks, NagReportFormat
from tests.builds import app_of_every_part
app = app_of_every_part(Path(sys.argv[1]))
Aspects.of(app).add(AwsSolutionsChecks(report_formats=[NagReportFormat.JSON]))
app.synth()
"""
FOUND_IN_THE_TESTS_OWN_VPC = [("CKV_AWS_158", "AWS::Logs::LogGroup.VpcAllLogGroup3D916404")]


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_cfn_lint_finds_nothing_in_an_example(name: str, tmp_path: Path) -> None:
    assert [finding for text in synthesize(name, tmp_path) for finding in findings(text, OF_THE_CDK)] == []


def test_cdk_nag_2_finds_nothing_that_is_not_justified_in_code(tmp_path: Path) -> None:
    python = PROJECT / ".cdk-nag-2" / "bin" / "python"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    subprocess.run([python, "-c", CDK_NAG_2, str(tmp_path)], env=environment, check=True, capture_output=True)
    reports = [json.loads(report.read_text())["lines"] for report in tmp_path.glob("*-NagReport.json")]
    assert len(reports) == 4
    for lines in reports:
        assert [line for line in lines if line["compliance"] not in ("Compliant", "N/A", "Suppressed")] == []
        assert "Suppressed" in {line["compliance"] for line in lines}, "what is justified is still found"


def test_checkov_finds_nothing_that_is_not_justified_in_code(tmp_path: Path) -> None:
    """In the templates of the CDK and in that of `make package`, in one run, because it takes seconds to start."""
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
    assert len({check["file_path"] for check in report["results"]["passed_checks"]}) == len(templates)
    metadata = [resource.get("Metadata", {}) for template in templates for resource in template["Resources"].values()]
    justified = [skip for found in metadata for skip in found.get("checkov", {}).get("skip", [])]
    assert report["summary"]["skipped"] == len(justified), "what is justified is still found"

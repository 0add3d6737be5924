"""The provider's template for teams without the CDK, as `make package` builds it, passes Checkov."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own

from sandbox import PROJECT


def test_checkov_finds_nothing_that_is_not_justified_in_code(tmp_path: Path) -> None:
    # The environment that the tests run in exists, so make does not set it up anew, whatever its age.
    command = ["make", "--old-file=.venv/ready", "package", f"PACKAGE={tmp_path}"]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    # Not its script, which can't be run in a folder whose name has a space.
    checkov = [str(PROJECT / ".checkov" / "bin" / "python"), "-m", "checkov.main"]
    command = [*checkov, "--file", "provider.yaml", "--framework", "cloudformation", "--skip-download", "--quiet"]
    done = subprocess.run([*command, "--output", "json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert [(check["check_id"], check["resource"]) for check in report["results"]["failed_checks"]] == []
    resources = yaml.safe_load((tmp_path / "provider.yaml").read_text())["Resources"].values()
    skips = [resource.get("Metadata", {}).get("checkov", {}) for resource in resources]
    justified = [skip for found in skips for skip in found.get("skip", [])]
    assert report["summary"]["skipped"] == len(justified), "what is justified is still found"
    assert report["summary"]["passed"] > 10

"""The deployable example, started as the CDK CLI starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import PROJECT
from tests.construct.conftest import JOB


def _run(tmp_path: Path, context: dict[str, str]) -> subprocess.CompletedProcess[str]:
    settings = json.loads((PROJECT / "cdk.json").read_text())
    return subprocess.run(
        [sys.executable, "app.py"],
        cwd=PROJECT,
        env={
            **os.environ,
            "CDK_OUTDIR": str(tmp_path),
            "CDK_CONTEXT_JSON": json.dumps({**settings["context"], **context}),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def _synthesize(folder: Path, context: dict[str, str], *, succeeds: bool = True) -> dict[str, dict[str, Any]]:
    done = _run(folder, context)
    assert (done.returncode == 0) is succeeds, done.stderr
    return {path.name.split(".")[0]: json.loads(path.read_text()) for path in folder.glob("*.template.json")}


def _types(template: dict[str, Any]) -> set[str]:
    return {resource["Type"] for resource in template.get("Resources", {}).values()}


def test_takes_the_arn_from_the_context(tmp_path: Path) -> None:
    template = _synthesize(tmp_path, {"job_arn": JOB})["WorldExport"]
    [job] = [body for body in template["Resources"].values() if body["Type"] == "Custom::ManagedWorldExportJob"]
    assert job["Properties"]["JobArn"] == JOB
    assert {kind: template["Resources"][kind]["Type"] for kind in job["DependsOn"]}.items() >= {
        ("Exports25637AFB", "AWS::S3::Bucket"),
        ("ExportRoleB9ACA3CD", "AWS::IAM::Role"),
    }


def test_the_function_is_in_a_stack_of_its_own_which_can_not_go_before_the_job(tmp_path: Path) -> None:
    templates = _synthesize(tmp_path, {"job_arn": JOB})
    assert [name for name in templates if "AWS::Lambda::Function" in _types(templates[name])] == ["WorldExportProvider"]
    [job] = [body for body in templates["WorldExport"]["Resources"].values() if body["Type"].startswith("Custom::")]
    [export] = templates["WorldExportProvider"]["Outputs"].values()
    assert job["Properties"]["ServiceToken"] == {"Fn::ImportValue": export["Export"]["Name"]}
    assert job["Properties"]["ProviderStays"] is True


@pytest.mark.parametrize("context", [{}, {"job_arn": JOB}])
def test_the_providers_stack_is_deployed_first_and_destroyed_last(tmp_path: Path, context: dict[str, str]) -> None:
    _run(tmp_path, context)
    artifacts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    assert "WorldExportProvider" in artifacts["WorldExport"]["dependencies"]
    assert "WorldExport" not in artifacts["WorldExportProvider"]["dependencies"]


def test_the_providers_stack_is_the_same_with_an_arn_and_without(tmp_path: Path) -> None:
    without = _synthesize(tmp_path / "without", {}, succeeds=False)
    with_an_arn = _synthesize(tmp_path / "with", {"job_arn": JOB})
    assert without["WorldExportProvider"] == with_an_arn["WorldExportProvider"]


@pytest.mark.parametrize("context", [{}, {"job_arn": ""}])
def test_without_an_arn_says_what_to_pass(tmp_path: Path, context: dict[str, str]) -> None:
    done = _run(tmp_path, context)
    words = "Which world export job? Pass its ARN: cdk deploy --all -c job_arn=arn:aws:robomaker:"
    assert words in done.stdout + done.stderr


def test_with_a_bad_arn_says_why(tmp_path: Path) -> None:
    done = _run(tmp_path, {"job_arn": "job-1"})
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith(
        "cdk_world_export_job.InvalidArgumentError:"
        " WorldExport/WorldExportJob: job_arn 'job-1' is not valid: it is not an ARN"
    )

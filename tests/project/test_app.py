"""The deployable example, started as the CDK CLI starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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


def test_takes_the_arn_from_the_context(tmp_path: Path) -> None:
    done = _run(tmp_path, {"job_arn": JOB})
    assert done.returncode == 0, done.stderr
    template = json.loads((tmp_path / "WorldExport.template.json").read_text())
    [job] = [body for body in template["Resources"].values() if body["Type"] == "Custom::ManagedWorldExportJob"]
    assert job["Properties"]["JobArn"] == JOB
    assert {kind: template["Resources"][kind]["Type"] for kind in job["DependsOn"]}.items() >= {
        ("Exports25637AFB", "AWS::S3::Bucket"),
        ("ExportRoleB9ACA3CD", "AWS::IAM::Role"),
    }


@pytest.mark.parametrize("context", [{}, {"job_arn": ""}])
def test_without_an_arn_says_what_to_pass(tmp_path: Path, context: dict[str, str]) -> None:
    done = _run(tmp_path, context)
    assert "Which world export job? Pass its ARN: cdk deploy -c job_arn=arn:aws:robomaker:" in done.stdout + done.stderr


def test_with_a_bad_arn_says_why(tmp_path: Path) -> None:
    done = _run(tmp_path, {"job_arn": "job-1"})
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith(
        "cdk_world_export_job.properties.InvalidPropertyError: JobArn 'job-1' is not valid: it is not an ARN"
    )

"""The deployable example, with and without the ARN of a job."""

from __future__ import annotations

import functools
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from sandbox import PROJECT
from tests.construct.names import JOB, JOB_TYPE
from tests.construct.templates import Resources, the

CONTEXT = {**json.loads((PROJECT / "cdk.json").read_text())["context"], "aws:cdk:bundling-stacks": []}


def _run(assembly: Path, monkeypatch: pytest.MonkeyPatch, **context: str) -> None:
    monkeypatch.setattr("aws_cdk.App", functools.partial(App, outdir=str(assembly), context={**CONTEXT, **context}))
    runpy.run_path(str(PROJECT / "app.py"), run_name="__main__")


def _template(assembly: Path, stack: str) -> Any:
    return json.loads((assembly / f"{stack}.template.json").read_text())


def test_the_app_needs_an_arn_to_deploy_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_it, without_it = tmp_path / "with", tmp_path / "without"
    _run(with_it, monkeypatch, job_arn=JOB)
    resources: Resources = _template(with_it, "WorldExport")["Resources"]
    job = the(resources, JOB_TYPE)
    assert job["Properties"]["JobArn"] == JOB
    assert {resources[name]["Type"] for name in job["DependsOn"]} >= {"AWS::S3::Bucket", "AWS::IAM::Role"}

    with pytest.raises(RuntimeError, match=r"Which world export job\? Pass its ARN: cdk deploy --all -c job_arn=arn:"):
        _run(without_it, monkeypatch)
    # The provider stays as it is, and is destroyed last.
    assert _template(without_it, "WorldExportProvider") == _template(with_it, "WorldExportProvider")
    manifest = json.loads((without_it / "manifest.json").read_text())
    assert "WorldExportProvider" in manifest["artifacts"]["WorldExport"]["dependencies"]

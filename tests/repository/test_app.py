"""The deployable example: in the tests' own process, and once as the CDK CLI starts it."""

from __future__ import annotations

import functools
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from sandbox import PROJECT
from tests.construct.conftest import JOB

Templates = dict[str, dict[str, Any]]

CONTEXT = {**json.loads((PROJECT / "cdk.json").read_text())["context"], "aws:cdk:bundling-stacks": []}


def _synthesize(assembly: Path, **context: str) -> None:
    app = functools.partial(App, outdir=str(assembly), context={**CONTEXT, **context})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aws_cdk.App", app)
        runpy.run_path(str(PROJECT / "app.py"), run_name="__main__")


def _templates(assembly: Path) -> Templates:
    return {path.name.split(".")[0]: json.loads(path.read_text()) for path in assembly.glob("*.template.json")}


def _dependencies(assembly: Path, stack: str) -> list[str]:
    return list(json.loads((assembly / "manifest.json").read_text())["artifacts"][stack]["dependencies"])


@pytest.fixture(scope="module")
def with_an_arn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assembly = tmp_path_factory.mktemp("assembly")
    _synthesize(assembly, job_arn=JOB)
    return assembly


def test_takes_the_arn_from_the_context(with_an_arn: Path) -> None:
    template = _templates(with_an_arn)["WorldExport"]
    [job] = [body for body in template["Resources"].values() if body["Type"] == "Custom::ManagedWorldExportJob"]
    assert job["Properties"]["JobArn"] == JOB
    assert {kind: template["Resources"][kind]["Type"] for kind in job["DependsOn"]}.items() >= {
        ("Exports25637AFB", "AWS::S3::Bucket"),
        ("ExportRoleB9ACA3CD", "AWS::IAM::Role"),
    }


def test_without_an_arn_says_what_to_pass_and_leaves_the_provider_as_it_is(with_an_arn: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path), "CDK_CONTEXT_JSON": json.dumps(CONTEXT)}
    command = [sys.executable, "app.py"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Which world export job? Pass its ARN: cdk deploy --all -c job_arn=arn:aws:robomaker:" in done.stderr
    assert _templates(tmp_path)["WorldExportProvider"] == _templates(with_an_arn)["WorldExportProvider"]
    assert "WorldExportProvider" in _dependencies(tmp_path, "WorldExport")

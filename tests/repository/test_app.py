"""The deployable example, started as the CDK CLI starts it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox import PROJECT
from tests.construct.conftest import JOB

# Where the app is synthesized once for several tests.
pytestmark = pytest.mark.xdist_group("app")


@dataclass(frozen=True)
class Synthesized:
    """What came of the app: its exit status, what it printed, and its cloud assembly, as far as it came."""

    status: int
    output: str
    assembly: Path

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        return {path.name.split(".")[0]: json.loads(path.read_text()) for path in self.assembly.glob("*.template.json")}


Synthesize = Callable[..., Synthesized]


@pytest.fixture(scope="module")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Give a function that synthesizes the app with a context, and each context once."""

    @functools.cache
    def run(**context: str) -> Synthesized:
        settings = json.loads((PROJECT / "cdk.json").read_text())
        assembly = tmp_path_factory.mktemp("assembly")
        environment = {
            **os.environ,
            "CDK_OUTDIR": str(assembly),
            "CDK_CONTEXT_JSON": json.dumps({**settings["context"], **context}),
        }
        command = [sys.executable, "app.py"]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        return Synthesized(done.returncode, done.stdout + done.stderr, assembly)

    return run


def _types(template: dict[str, Any]) -> set[str]:
    return {resource["Type"] for resource in template.get("Resources", {}).values()}


def test_takes_the_arn_from_the_context(synthesize: Synthesize) -> None:
    template = synthesize(job_arn=JOB).templates["WorldExport"]
    [job] = [body for body in template["Resources"].values() if body["Type"] == "Custom::ManagedWorldExportJob"]
    assert job["Properties"]["JobArn"] == JOB
    assert {kind: template["Resources"][kind]["Type"] for kind in job["DependsOn"]}.items() >= {
        ("Exports25637AFB", "AWS::S3::Bucket"),
        ("ExportRoleB9ACA3CD", "AWS::IAM::Role"),
    }


def test_the_function_is_in_a_stack_of_its_own_which_can_not_go_before_the_job(synthesize: Synthesize) -> None:
    templates = synthesize(job_arn=JOB).templates
    assert [name for name in templates if "AWS::Lambda::Function" in _types(templates[name])] == ["WorldExportProvider"]
    [job] = [body for body in templates["WorldExport"]["Resources"].values() if body["Type"].startswith("Custom::")]
    [export] = templates["WorldExportProvider"]["Outputs"].values()
    assert job["Properties"]["ServiceToken"] == {"Fn::ImportValue": export["Export"]["Name"]}
    assert job["Properties"]["ProviderOutlivesStack"] is True


@pytest.mark.parametrize("context", [{}, {"job_arn": JOB}])
def test_the_providers_stack_is_deployed_first_and_destroyed_last(
    synthesize: Synthesize, context: dict[str, str]
) -> None:
    artifacts = json.loads((synthesize(**context).assembly / "manifest.json").read_text())["artifacts"]
    assert "WorldExportProvider" in artifacts["WorldExport"]["dependencies"]
    assert "WorldExport" not in artifacts["WorldExportProvider"]["dependencies"]


def test_the_providers_stack_is_the_same_with_an_arn_and_without(synthesize: Synthesize) -> None:
    without, with_an_arn = synthesize(), synthesize(job_arn=JOB)
    assert (without.status, with_an_arn.status) == (1, 0)
    assert without.templates["WorldExportProvider"] == with_an_arn.templates["WorldExportProvider"]


@pytest.mark.parametrize("context", [{}, {"job_arn": ""}])
def test_without_an_arn_says_what_to_pass(synthesize: Synthesize, context: dict[str, str]) -> None:
    words = "Which world export job? Pass its ARN: cdk deploy --all -c job_arn=arn:aws:robomaker:"
    assert words in synthesize(**context).output


def test_with_a_bad_arn_says_why(synthesize: Synthesize) -> None:
    done = synthesize(job_arn="job-1")
    assert done.status != 0
    assert done.output.splitlines()[-1].startswith(
        "cdk_world_export_job.InvalidArgumentError:"
        " WorldExport/WorldExportJob: job_arn 'job-1' is not valid: it is not an ARN"
    )

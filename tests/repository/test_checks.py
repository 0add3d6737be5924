"""The checks that a security team runs on templates: cfn-lint and cdk-nag's AwsSolutions (Checkov: tests/release)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import Validations
from cdk_nag import AwsSolutionsChecks

from tests.builds import app_of_every_part
from tests.linting import OF_THE_CDK, findings


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthesize the app with cdk-nag."""
    folder = tmp_path_factory.mktemp("cdk.out")
    app = app_of_every_part(folder, **{"@aws-cdk/core:validateAgainstDefaultRules": True})
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    app.synth()
    return folder


@pytest.mark.xdist_group("checks")
def test_cfn_lint_finds_nothing(assembly: Path) -> None:
    templates = list(assembly.glob("*.template.json"))
    assert len(templates) == 4
    assert [finding for template in templates for finding in findings(template.read_text(), OF_THE_CDK)] == []


@pytest.mark.xdist_group("checks")
def test_cdk_nag_finds_nothing_that_is_not_justified_in_code(assembly: Path) -> None:
    report = json.loads((assembly / "validation-report.json").read_text())
    [pack] = [plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions"]
    assert (pack["violations"], pack["conclusion"]) == ([], "success")
    justified = [
        place["constructPath"] for each in pack["suppressedViolations"] for place in each["violatingConstructs"]
    ]
    templates = {template.name.split(".")[0] for template in assembly.glob("*.template.json")}
    assert {path.split("/")[0] for path in justified} == templates, "what is justified is still found"

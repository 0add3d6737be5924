"""The checks that a security team runs on templates: cfn-lint and cdk-nag's AwsSolutions (Checkov: tests/release)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from tests.builds import BUILDS
from tests.linting import findings

EVERY_KIND = pytest.mark.parametrize("build", BUILDS)


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    return tmp_path / "cdk.out"


@EVERY_KIND
def test_cfn_lint_finds_nothing(assembly: Path, build: Callable[[App], Stack]) -> None:
    app = App(outdir=str(assembly))
    stack = build(app)
    app.synth()
    assert findings((assembly / stack.template_file).read_text()) == []


@EVERY_KIND
def test_cdk_nag_finds_nothing_that_is_not_justified_in_code(assembly: Path, build: Callable[[App], Stack]) -> None:
    app = App(outdir=str(assembly), context={"@aws-cdk/core:validateAgainstDefaultRules": True})
    build(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    app.synth()
    report = json.loads((assembly / "validation-report.json").read_text())
    [pack] = [plugin for plugin in report["pluginReports"] if plugin["pluginName"] == "AwsSolutions"]
    assert (pack["violations"], pack["conclusion"]) == ([], "success")
    assert pack["suppressedViolations"]

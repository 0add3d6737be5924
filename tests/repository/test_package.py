"""What `make package` builds for teams without the CDK, and the page that shows how it is used."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import runpy
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cfnlint.api
import cfnlint.decode
import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, StopOnDeleteProvider
from cdk_stop_on_delete._bundling import handler_files
from cdk_stop_on_delete._custom_resource import SERVICE_TIMEOUT
from cdk_world_export_job import WorldExportJobs
from sandbox import PROJECT
from tests.pages import blocks, section

KINDS = (WorldExportJobs, EcsTasks, StateMachineExecutions, EmrServerlessJobRuns)
PAGE = (PROJECT / "docs" / "without-the-cdk.md").read_text()
_PLAIN, _TASKS, _SAM = blocks(PAGE, "yaml")
TEMPLATES = {
    "plain, a job": _PLAIN,
    "plain, tasks": _TASKS,
    "SAM, a job": _PLAIN.replace("Parameters:", "Transform: AWS::Serverless-2016-10-31\nParameters:", 1),
    "SAM, executions": _SAM,
}


def read(template: str) -> dict[str, Any]:
    """Read a template with CloudFormation's short forms in it."""
    body, matches = cfnlint.decode.decode_str(template)
    assert matches == []
    return dict(body)


def lint(template: str) -> list[str]:
    """Lint a template as its user would, with no check left out."""
    return [str(match) for match in cfnlint.api.lint(template, config=cfnlint.api.ManualArgs(regions=["us-west-2"]))]


@dataclass(frozen=True)
class Package:
    """What `make package` wrote and printed."""

    folder: Path
    output: str

    @property
    def code(self) -> bytes:
        return (self.folder / "handler.zip").read_bytes()

    @property
    def template(self) -> dict[str, Any]:
        return read((self.folder / "provider.yaml").read_text())


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("package")
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("sys.argv", ["package", str(folder)])
        runpy.run_module("package", run_name="__main__")
    return Package(folder, printed.getvalue())


@pytest.fixture(scope="module")
def template(package: Package) -> dict[str, Any]:
    return package.template


class TestCode:
    def test_is_what_the_construct_deploys_with_its_licenses(self, package: Package) -> None:
        deployed = handler_files()
        with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
            packed = {name: archive.read(name) for name in archive.namelist()}
        assert {name: packed[name] for name in deployed} == deployed
        assert set(packed) - set(deployed) == {"LICENSE", "crhelper/LICENSE", "crhelper/NOTICE"}
        assert b"Apache License" in packed["LICENSE"]
        assert b"Apache License" in packed["crhelper/LICENSE"]

    def test_is_the_same_on_every_machine_and_can_be_read_by_lambda(self, package: Package) -> None:
        with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
            entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        kept = {(e.date_time, e.create_system, e.compress_type, e.extra, e.external_attr >> 16) for e in entries}
        assert kept == {((1980, 1, 1, 0, 0, 0), 3, zipfile.ZIP_STORED, b"", 0o100644)}


class TestTemplate:
    def test_has_the_resources_of_the_construct(self, template: dict[str, Any]) -> None:
        stack = Stack(App(), "Stack")
        provider = StopOnDeleteProvider(stack, "Provider", kinds=KINDS)
        text = json.dumps(Template.from_stack(stack).to_json()["Resources"])
        for part in provider.node.children:
            logical_id = stack.get_logical_id(part.node.default_child)  # type: ignore[arg-type]  # it is a CfnElement
            text = text.replace(logical_id, part.node.id)
        resources = json.loads(text)
        resources["Function"]["DependsOn"].remove("Role")  # which it refers to
        resources["Function"]["Properties"]["Code"] = {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
        for kind in KINDS:
            resources[f"{kind.__name__}Policy"]["Condition"] = f"Stops{kind.__name__}"
        assert template["Resources"] == resources

    def test_gives_the_permissions_of_each_kind_that_is_switched_on(self, template: dict[str, Any]) -> None:
        for kind in KINDS:
            name = kind.__name__
            assert template["Parameters"][name]["AllowedValues"] == ["true", "false"]
            assert template["Conditions"][f"Stops{name}"] == {"Fn::Equals": [{"Ref": name}, "true"]}
        on = [name for name, parameter in template["Parameters"].items() if parameter.get("Default") == "true"]
        assert on == ["WorldExportJobs"]

    def test_exports_the_service_token_by_a_name_that_can_be_chosen(self, template: dict[str, Any]) -> None:
        output = template["Outputs"]["ServiceToken"]
        assert output["Value"] == {"Fn::GetAtt": ["Function", "Arn"]}
        assert output["Export"] == {"Name": {"Ref": "ExportName"}}
        assert template["Parameters"]["ExportName"]["Default"] == "StopOnDeleteServiceToken"

    def test_has_nothing_of_the_cdk(self, package: Package, template: dict[str, Any]) -> None:
        assert set(template) == {"Description", "Parameters", "Conditions", "Resources", "Outputs"}
        kinds = [kind.__name__ for kind in KINDS]
        assert list(template["Parameters"]) == ["CodeBucket", "CodeKey", *kinds, "ExportName"]
        assert "aws:cdk" not in (package.folder / "provider.yaml").read_text()

    def test_passes_cfn_lint(self, package: Package) -> None:
        assert lint((package.folder / "provider.yaml").read_text()) == []


def test_the_steps_deploy_from_a_key_that_changes_with_the_code(package: Package, template: dict[str, Any]) -> None:
    sha256 = hashlib.sha256(package.code).hexdigest()
    assert f"SHA-256 of handler.zip: {sha256}\n" in package.output
    [uploaded] = re.findall(r"aws s3 cp \S+ s3://BUCKET/(\S+)", package.output)
    assert sha256 in uploaded
    assert f"CodeKey={uploaded}\n" in package.output
    needed = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
    switched_off = {name for name, parameter in template["Parameters"].items() if parameter.get("Default") == "false"}
    assert set(re.findall(r"(\w+)=(?!true)", package.output)) == needed
    assert set(re.findall(r"(\w+)=true", package.output)) == switched_off


class TestPage:
    def test_its_steps_are_those_that_are_printed(self, package: Package) -> None:
        printed = package.output.replace(str(package.folder), "dist")
        printed = printed.replace(hashlib.sha256(package.code).hexdigest(), "SHA256")
        steps = [line.strip() for line in blocks(PAGE, "sh")[1].splitlines()]
        assert steps[0].startswith("aws s3 cp ")
        assert set(steps) <= {line.strip() for line in printed.splitlines()}

    def test_its_parameters_are_those_of_the_template(self, template: dict[str, Any]) -> None:
        rows = re.findall(r"^\| (`.+`) \| (none|`\w+`) \|", section(PAGE, "Deploy it"), re.MULTILINE)
        documented = {name: default.strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)}
        parameters = template["Parameters"]
        assert documented == {name: parameter.get("Default", "none") for name, parameter in parameters.items()}

    @pytest.mark.parametrize("block", TEMPLATES.values(), ids=TEMPLATES)
    def test_its_templates_pass_cfn_lint(self, block: str) -> None:
        assert lint(block) == []

    @pytest.mark.parametrize("block", TEMPLATES.values(), ids=TEMPLATES)
    def test_its_templates_use_what_the_provider_exports(self, template: dict[str, Any], block: str) -> None:
        resources = read(block)["Resources"].values()
        [properties] = [one["Properties"] for one in resources if one["Type"].startswith("Custom::")]
        assert properties["ServiceToken"] == {"Fn::ImportValue": template["Parameters"]["ExportName"]["Default"]}
        assert properties["ServiceTimeout"] == SERVICE_TIMEOUT.to_seconds()

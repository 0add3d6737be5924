"""What `make package` builds for teams without the CDK, and the page that shows how it is used."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import runpy
import zipfile
from typing import Any, NamedTuple

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from cdk_stop_on_delete import StopOnDeleteProvider
from cdk_stop_on_delete._custom_resource import SERVICE_TIMEOUT
from cdk_stop_on_delete._handler_code import handler_files
from cdk_world_export_job import WorldExportJobs
from sandbox import PROJECT
from tests.builds import KINDS
from tests.linting import findings, read
from tests.pages import blocks, section

PAGE = (PROJECT / "docs" / "without-the-cdk.md").read_text()
_PLAIN, _TASKS, _SAM = blocks(PAGE, "yaml")
TEMPLATES = {
    "plain, a job": _PLAIN,
    "plain, tasks": _TASKS,
    "SAM, a job": _PLAIN.replace("Parameters:", "Transform: AWS::Serverless-2016-10-31\nParameters:", 1),
    "SAM, executions": _SAM,
}


class Package(NamedTuple):
    """What `make package` wrote, and what it printed."""

    code: bytes
    text: str
    template: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("package")
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("sys.argv", ["package", str(folder)])
        runpy.run_module("package", run_name="__main__")
    text = (folder / "provider.yaml").read_text()
    return Package(
        (folder / "handler.zip").read_bytes(), text, read(text), printed.getvalue().replace(str(folder), "dist")
    )


def test_the_code_is_what_the_construct_deploys_with_its_licenses(package: Package) -> None:
    deployed = handler_files()
    with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    assert {name: packed[name] for name in deployed} == deployed
    assert set(packed) - set(deployed) == {"LICENSE", "crhelper/LICENSE", "crhelper/NOTICE"}
    assert all(b"Apache License" in packed[name] for name in ("LICENSE", "crhelper/LICENSE"))


def test_the_code_is_the_same_on_every_machine_and_can_be_read_by_lambda(package: Package) -> None:
    with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    kept = {(e.date_time, e.create_system, e.compress_type, e.extra, e.external_attr >> 16) for e in entries}
    assert kept == {((1980, 1, 1, 0, 0, 0), 3, zipfile.ZIP_STORED, b"", 0o100644)}


def test_the_template_is_the_construct_with_a_switch_for_each_kind(package: Package) -> None:
    stack = Stack(App(context={"aws:cdk:bundling-stacks": []}), "Stack")
    provider = StopOnDeleteProvider(stack, "Provider", kinds=KINDS)
    text = json.dumps(Template.from_stack(stack).to_json()["Resources"])
    for part in provider.node.children:
        logical_id = stack.get_logical_id(part.node.default_child)  # type: ignore[arg-type]  # it is a CfnElement
        text = text.replace(logical_id, part.node.id)
    resources = json.loads(text)
    resources["Function"]["DependsOn"].remove("Role")  # which it refers to
    resources["Function"]["Properties"]["Code"] = {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
    names = [kind.__name__ for kind in KINDS]
    for name in names:
        resources[f"{name}Policy"]["Condition"] = f"Stops{name}"
        assert package.template["Parameters"][name]["AllowedValues"] == ["true", "false"]
    assert package.template["Resources"] == resources
    assert package.template["Conditions"] == {f"Stops{name}": {"Fn::Equals": [{"Ref": name}, "true"]} for name in names}
    assert list(package.template["Parameters"]) == ["CodeBucket", "CodeKey", *names, "ExportName"]
    [output] = package.template["Outputs"].values()
    exported = {"Value": {"Fn::GetAtt": ["Function", "Arn"]}, "Export": {"Name": {"Ref": "ExportName"}}}
    assert output.items() >= exported.items()
    assert "aws:cdk" not in package.text
    assert findings(package.text) == []


def test_the_pages_steps_are_printed_with_a_key_that_changes_with_the_code(package: Package) -> None:
    sha256 = hashlib.sha256(package.code).hexdigest()
    printed = [line.strip() for line in package.printed.replace(sha256, "SHA256").splitlines()]
    steps = [line.strip() for block in blocks(PAGE, "sh")[1:3] for line in block.splitlines()]
    assert {"SHA-256 of handler.zip: SHA256", *steps} <= set(printed)
    [uploaded] = re.findall(r"aws s3 cp \S+ s3://BUCKET/(\S*SHA256\S*)", " ".join(steps))
    given = dict(re.findall(r"(\w+)=(\S+)", " ".join(printed)))
    off = {kind.__name__: "true" for kind in KINDS if kind is not WorldExportJobs}
    assert given == {"CodeBucket": "BUCKET", "CodeKey": uploaded, "WorldExportJobs": "false", **off}
    assert {*given, "ExportName"} == package.template["Parameters"].keys()


def test_the_pages_parameters_are_those_of_the_template(package: Package) -> None:
    rows = re.findall(r"^\| (`.+`) \| (none|`\w+`) \|", section(PAGE, "Deploy it"), re.MULTILINE)
    documented = {name: default.strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    parameters = package.template["Parameters"]
    assert documented == {name: parameter.get("Default", "none") for name, parameter in parameters.items()}


@pytest.mark.parametrize("block", TEMPLATES.values(), ids=TEMPLATES)
def test_the_pages_templates_use_what_the_provider_exports(package: Package, block: str) -> None:
    [properties] = [
        one["Properties"] for one in read(block)["Resources"].values() if one["Type"].startswith("Custom::")
    ]
    assert properties["ServiceToken"] == {"Fn::ImportValue": package.template["Parameters"]["ExportName"]["Default"]}
    assert properties["ServiceTimeout"] == SERVICE_TIMEOUT.to_seconds()
    assert findings(block) == []

"""What `make package` builds for teams without the CDK, and the page that shows how it is used."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import runpy
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cfnlint.api
import cfnlint.decode
import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from cdk_stop_on_delete._bundling import bundle
from cdk_world_export_job import WorldExportJobProvider
from package.handler_zip import handler_zip
from sandbox import PROJECT
from tests.pages import blocks

PAGE = (PROJECT / "docs" / "without-the-cdk.md").read_text()


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
    def test_is_what_the_construct_deploys_with_its_licenses(self, package: Package, tmp_path: Path) -> None:
        bundle(tmp_path)
        deployed = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
        with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
            assert set(archive.namelist()) == {*deployed, "LICENSE", "crhelper/LICENSE", "crhelper/NOTICE"}
            assert {name: archive.read(name) for name in deployed} == {
                name: path.read_bytes() for name, path in deployed.items()
            }
            for name in ("LICENSE", "crhelper/LICENSE"):
                assert "Apache License" in archive.read(name).decode()

    def test_is_the_same_whoever_packs_it_and_when(self, package: Package) -> None:
        before = os.umask(0o077)
        try:
            again = handler_zip()
        finally:
            os.umask(before)
        assert again == package.code

    def test_says_nothing_of_the_machine_that_packed_it(self, package: Package) -> None:
        with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
            entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {(entry.date_time, entry.create_system, entry.compress_type, entry.extra) for entry in entries} == {
            ((1980, 1, 1, 0, 0, 0), 3, zipfile.ZIP_STORED, b"")
        }

    def test_can_be_read_by_lambda(self, package: Package) -> None:
        with zipfile.ZipFile(io.BytesIO(package.code)) as archive:
            assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


class TestTemplate:
    def test_has_the_resources_of_the_construct(self, template: dict[str, Any]) -> None:
        stack = Stack(App(), "Stack")
        provider = WorldExportJobProvider(stack, "Provider")
        text = json.dumps(Template.from_stack(stack).to_json()["Resources"])
        for part in provider.node.children:
            logical_id = stack.get_logical_id(part.node.default_child)  # type: ignore[arg-type]  # it is a CfnElement
            text = text.replace(logical_id, part.node.id)
        resources = json.loads(text)
        resources["Function"]["DependsOn"].remove("Role")  # which it refers to
        resources["Function"]["Properties"]["Code"] = {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
        assert template["Resources"] == resources

    def test_gives_the_function_no_more_than_the_two_operations_and_its_log(self, template: dict[str, Any]) -> None:
        resources = template["Resources"]
        [log] = resources["Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert (log["Action"], log["Resource"]) == (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            {"Fn::GetAtt": ["Logs", "Arn"]},
        )
        [jobs] = resources["WorldExportJobsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        assert jobs["Action"] == ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"]
        assert "".join(_words(jobs["Resource"])) == ("arn:AWS::Partition:robomaker:*:AWS::AccountId:world-export-job/*")
        assert "ManagedPolicyArns" not in resources["Role"]["Properties"]

    def test_declares_the_function_that_the_page_promises(self, template: dict[str, Any]) -> None:
        function = template["Resources"]["Function"]["Properties"]
        promised = {
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "MemorySize": 256,
            "Timeout": 900,
            "Environment": {"Variables": {"FUNCTION_OUTSIDE_VPC": "true"}},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": "Logs"}},
        }
        assert {name: function.get(name) for name in promised} == promised
        logs = template["Resources"]["Logs"]
        assert (logs["Properties"]["RetentionInDays"], logs["DeletionPolicy"]) == (365, "Retain")

    def test_exports_the_service_token_by_a_name_that_can_be_chosen(self, template: dict[str, Any]) -> None:
        output = template["Outputs"]["ServiceToken"]
        assert output["Value"] == {"Fn::GetAtt": ["Function", "Arn"]}
        assert output["Export"] == {"Name": {"Ref": "ExportName"}}
        assert template["Parameters"]["ExportName"]["Default"] == "WorldExportJobServiceToken"

    def test_has_nothing_of_the_cdk(self, package: Package, template: dict[str, Any]) -> None:
        assert set(template) == {"Description", "Parameters", "Resources", "Outputs"}
        assert set(template["Parameters"]) == {"CodeBucket", "CodeKey", "ExportName"}
        assert "aws:cdk" not in (package.folder / "provider.yaml").read_text()

    def test_passes_cfn_lint(self, package: Package) -> None:
        assert lint((package.folder / "provider.yaml").read_text()) == []


class TestSteps:
    def test_name_the_hash_of_the_code(self, package: Package) -> None:
        assert f"SHA-256 of handler.zip: {hashlib.sha256(package.code).hexdigest()}\n" in package.output

    def test_upload_to_a_key_that_changes_with_the_code_and_deploy_from_it(self, package: Package) -> None:
        [uploaded] = re.findall(r"aws s3 cp \S+ s3://BUCKET/(\S+)", package.output)
        assert hashlib.sha256(package.code).hexdigest() in uploaded
        assert f"CodeKey={uploaded}\n" in package.output

    def test_give_every_parameter_that_has_no_default(self, package: Package, template: dict[str, Any]) -> None:
        needed = {name for name, parameter in template["Parameters"].items() if "Default" not in parameter}
        assert set(re.findall(r"(\w+)=", package.output)) == needed


class TestPage:
    def test_its_steps_are_those_that_are_printed(self, package: Package) -> None:
        printed = package.output.replace(str(package.folder), "dist")
        printed = printed.replace(hashlib.sha256(package.code).hexdigest(), "SHA256")
        steps = [line.strip() for line in blocks(PAGE, "sh")[1].splitlines()]
        assert steps[0].startswith("aws s3 cp ")
        assert set(steps) <= {line.strip() for line in printed.splitlines()}

    @pytest.mark.parametrize("number", [0, 1], ids=["plain", "SAM"])
    def test_its_templates_pass_cfn_lint(self, number: int) -> None:
        assert lint(blocks(PAGE, "yaml")[number]) == []

    def test_its_second_template_is_one_of_sam(self) -> None:
        assert read(blocks(PAGE, "yaml")[1])["Transform"] == "AWS::Serverless-2016-10-31"

    def test_its_templates_declare_the_job_alike(self) -> None:
        plain, sam = (read(block)["Resources"]["WorldExportJob"] for block in blocks(PAGE, "yaml"))
        assert sam["Properties"] == plain["Properties"]

    def test_its_templates_import_what_the_provider_exports(self, template: dict[str, Any]) -> None:
        name = template["Parameters"]["ExportName"]["Default"]
        for block in blocks(PAGE, "yaml"):
            job = read(block)["Resources"]["WorldExportJob"]["Properties"]
            assert job["ServiceToken"] == {"Fn::ImportValue": name}

    def test_its_typescript_declares_the_job_as_the_templates_do(self) -> None:
        [typescript] = blocks(PAGE, "typescript")
        job = read(blocks(PAGE, "yaml")[0])["Resources"]["WorldExportJob"]
        assert f'resourceType: "{job["Type"]}"' in typescript
        assert f'Fn.importValue("{job["Properties"]["ServiceToken"]["Fn::ImportValue"]}")' in typescript
        assert f"Duration.seconds({job['Properties']['ServiceTimeout']})" in typescript
        [properties] = re.findall(r"properties: \{ (.*) \}", typescript)
        assert dict(re.findall(r"(\w+): ([\w.]+)", properties)) == {
            "JobArn": "props.jobArn",
            "WaitSeconds": str(job["Properties"]["WaitSeconds"]),
            "BestEffort": str(job["Properties"]["BestEffort"]).lower(),
        }

    def test_its_terraform_gives_the_provider_every_parameter_that_has_no_default(
        self, template: dict[str, Any]
    ) -> None:
        [terraform] = blocks(PAGE, "terraform")
        for name, parameter in template["Parameters"].items():
            assert (name in terraform) is ("Default" not in parameter)


def _words(value: Any) -> Iterator[str]:
    """Give the words of a joined text in their order, with the names of what it refers to."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    else:
        for item in value.values():
            yield from _words(item)

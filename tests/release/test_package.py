"""What the page for teams without the CDK shows works: with the AWS CLI, SAM, Terraform and TypeScript."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import aws_cdk
import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own

from package.handler_zip import handler_zip
from package.provider_template import provider_template
from sandbox import PROJECT
from tests.linting import read
from tests.pages import blocks
from tests.witness.clouds import SANDBOX, LocalCloud
from tests.witness.test_package import Team

PAGE = (PROJECT / "docs" / "without-the-cdk.md").read_text()
JOB, TASKS, SAM = blocks(PAGE, "yaml")
SCANNERS = str(PROJECT / ".checkov" / "bin" / "python")
READ_TERRAFORM = "import hcl2, json, sys; print(json.dumps(hcl2.load(sys.stdin)))"
TRANSLATE_SAM = """
import json, sys, unittest.mock
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
print(json.dumps(transform(yaml_parse(sys.stdin), {}, unittest.mock.Mock(load=dict))))
"""
SYNTHESIZE = """
import * as cdk from "aws-cdk-lib";
import { SimulationStack } from "./stack.ts";
const app = new cdk.App();
new SimulationStack(app, "Simulation", { jobArn: "ARN" });
console.log(JSON.stringify(app.synth().getStackByName("Simulation").template));
"""


def by_scanners(code: str, text: str) -> Any:
    """Let the Python of the scanners read a text."""
    environment = {"PATH": os.defpath, "AWS_DEFAULT_REGION": "us-west-2"}
    done = subprocess.run(
        [SCANNERS, "-c", code], input=text, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def terraform() -> dict[str, Any]:
    """Return the stacks that the page's Terraform deploys, by their names there."""
    text = "\n".join(blocks(PAGE, "terraform"))
    found = [one.get("aws_cloudformation_stack", {}) for one in by_scanners(READ_TERRAFORM, text)["resource"]]
    return {name: stack for one in found for name, stack in one.items()}


def test_the_pages_command_writes_its_template_in_json(tmp_path: Path) -> None:
    [command] = [line for block in blocks(PAGE, "sh") for line in block.splitlines() if "--use-json" in line]
    (tmp_path / "tasks.yaml").write_text(TASKS)
    environment = {"PATH": f"{PROJECT / '.awscli' / 'bin'}{os.pathsep}{os.defpath}", "AWS_DEFAULT_REGION": "us-west-2"}
    subprocess.run(shlex.split(command), cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert json.loads((tmp_path / "tasks.json").read_text()) == read(TASKS)


def test_the_pages_terraform_fits_the_templates(terraform: dict[str, Any]) -> None:
    provider = yaml.safe_load(provider_template())["Parameters"]
    [given] = terraform["provider"]["parameters"]
    assert {name for name, parameter in provider.items() if "Default" not in parameter} <= given.keys()
    assert given.keys() <= provider.keys()
    [given] = terraform["simulation"]["parameters"]
    assert given.keys() == read(JOB)["Parameters"].keys()


def test_the_pages_typescript_declares_what_its_templates_do(tmp_path: Path) -> None:
    # The CDK for Python has the CDK's own JavaScript, which Node.js runs with its TypeScript types stripped.
    packages = Path(aws_cdk.__file__).parent.parent
    for file in [*packages.glob("aws_cdk/**/*.jsii.tgz"), *packages.glob("constructs/**/*.jsii.tgz")]:
        with tarfile.open(file) as archive:
            archive.extractall(tmp_path / "unpacked", filter="data")
        name = json.loads((tmp_path / "unpacked" / "package" / "package.json").read_text())["name"]
        (tmp_path / "node_modules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "unpacked" / "package").rename(tmp_path / "node_modules" / name)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    [stack] = blocks(PAGE, "typescript")
    (tmp_path / "stack.ts").write_text(stack)
    (tmp_path / "app.ts").write_text(SYNTHESIZE)
    done = subprocess.run(["node", "app.ts"], cwd=tmp_path, capture_output=True, text=True, check=True)
    declared = json.loads(done.stdout)["Resources"]

    for name, template, replaced in (
        ("WorldExportJob", JOB, {"JobArn"}),
        ("StopTasks", TASKS, {"Container", "ContainerLogicalId"}),
    ):
        shown, written = declared[name], read(template)["Resources"][name]
        assert shown["Type"] == written["Type"]
        properties = {**shown["Properties"], "ServiceTimeout": int(shown["Properties"]["ServiceTimeout"])}
        assert properties.keys() == written["Properties"].keys()
        assert {key for key, value in properties.items() if value != written["Properties"][key]} == replaced
    stop = declared["StopTasks"]
    assert stop["Properties"]["Container"] == {"Fn::GetAtt": [stop["Properties"]["ContainerLogicalId"], "Arn"]}
    assert declared[stop["Properties"]["ContainerLogicalId"]]["Type"] == "AWS::ECS::Cluster"


def test_the_pages_stacks_with_sam_and_terraform_stop_what_runs(terraform: dict[str, Any]) -> None:
    with closing(LocalCloud(SANDBOX)) as cloud:
        team = Team(cloud)
        team.deploy_provider(provider_template(), handler_zip(), EcsTasks="true", StateMachineExecutions="true")

        assert team.deploy("Sam", json.dumps(by_scanners(TRANSLATE_SAM, SAM))) == "CREATE_COMPLETE"
        states = team.aws["stepfunctions"]
        execution = states.start_execution(stateMachineArn=team.resource("Sam", "Nightly"))["executionArn"]
        assert team.delete("Sam") == "gone"
        with pytest.raises(states.exceptions.ExecutionDoesNotExist):
            states.describe_execution(executionArn=execution)

        # The cluster is not in the stack. It stays, and so its task can be looked at.
        ecs = team.aws["ecs"]
        cluster = ecs.create_cluster(clusterName="nightly")["cluster"]["clusterArn"]
        [body] = terraform["stop_tasks"]["template_body"]
        template = ast.literal_eval(body.removeprefix("${jsonencode(").removesuffix(")}"))
        text = json.dumps(template).replace("${aws_ecs_cluster.nightly.arn}", cluster)
        assert team.deploy("Terraform", text) == "CREATE_COMPLETE"
        task = team.run_task(cluster)
        assert team.delete("Terraform") == "gone"
        assert team.status_of_task(cluster, task) == "STOPPED"
        ecs.delete_cluster(cluster=cluster)
        assert team.delete("Provider") == "gone"

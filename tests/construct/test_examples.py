"""Every example synthesizes, and answers its question."""

from __future__ import annotations

import functools
import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from protocol.metrics import embedded
from sandbox import PROJECT

JOB = "Custom::ManagedWorldExportJob"
STOP = "Custom::StopOnDelete"

Resources = dict[str, dict[str, Any]]


def _all(resources: Resources, kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources.values() if resource["Type"] == kind]


def _watches_what_the_handler_writes(alarm: dict[str, Any], service: str) -> bool:
    """Tell whether the log line of one failed Delete raises the alarm, and that of another Delete does not."""
    dimensions = {found["Name"] for found in alarm["Dimensions"]}

    def sum_of(*, left_running: bool) -> float:
        line = embedded("function", 0, service=service, left_running=left_running, seconds=1)
        [declared] = line["_aws"]["CloudWatchMetrics"]
        watched = (
            declared["Namespace"] == alarm["Namespace"]
            and dimensions in map(set, declared["Dimensions"])
            and {"Name": alarm["MetricName"], "Unit": "Count"} in declared["Metrics"]
            and all(
                line[found["Name"]] == found["Value"]
                for found in alarm["Dimensions"]
                if isinstance(found["Value"], str)
            )
        )
        return float(line[alarm["MetricName"]]) if watched else 0

    return (
        (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Sum", "GreaterThanOrEqualToThreshold")
        and sum_of(left_running=False) < alarm["Threshold"] <= sum_of(left_running=True)
        and alarm["TreatMissingData"] == "notBreaching"
        and alarm["AlarmActions"] != []
    )


def _of(resources: Resources, kind: str) -> tuple[str, dict[str, Any]]:
    """Give the one StopOnDelete of a kind, with its name."""
    [found] = [(name, stop) for name, stop in resources.items() if stop.get("Properties", {}).get("Kind") == kind]
    return found


def _needs(resources: Resources, name: str) -> set[str]:
    return {resources[needed]["Type"] for needed in resources[name]["DependsOn"]}


def _stops_what_the_rule_starts(resources: Resources, kind: str) -> bool:
    [rule] = _all(resources, "AWS::Events::Rule")
    name, _ = _of(resources, kind)
    return name in rule["DependsOn"] and rule["Properties"]["Targets"] != []


# What each example is there to show.
SHOWN: dict[str, Callable[[Resources], bool]] = {
    "alarm": lambda found: (
        _watches_what_the_handler_writes(_all(found, "AWS::CloudWatch::Alarm")[0]["Properties"], "RoboMaker")
        and _all(found, "AWS::SNS::Subscription")[0]["Properties"]["Protocol"] == "email"
        and _all(found, JOB) == []
    ),
    "arn_from_a_parameter": lambda found: _all(found, JOB)[0]["Properties"]["JobArn"] == {"Ref": "JobArn"},
    "best_effort": lambda found: _all(found, JOB)[0]["Properties"]["BestEffort"] is True,
    "function_in_a_vpc": lambda found: "VpcConfig" in _all(found, "AWS::Lambda::Function")[0]["Properties"],
    "job_in_another_region": lambda found: ":us-west-2:" in _all(found, JOB)[0]["Properties"]["JobArn"],
    "job_with_bucket_and_role": lambda found: (
        {found[name]["Type"] for name in _all(found, JOB)[0]["DependsOn"]} >= {"AWS::S3::Bucket", "AWS::IAM::Role"}
    ),
    "many_jobs": lambda found: len(_all(found, JOB)) == 3 and len(_all(found, "AWS::Lambda::Function")) == 1,
    "boundary_and_tags": lambda found: (
        "PermissionsBoundary" in _all(found, "AWS::IAM::Role")[0]["Properties"]
        and all(
            {"Key": "team", "Value": "simulation"} in _all(found, kind)[0]["Properties"]["Tags"]
            for kind in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup")
        )
    ),
    "custom_provider": lambda found: (
        {"MemorySize": 512, "Runtime": "python3.11"}.items()
        <= _all(found, "AWS::Lambda::Function")[0]["Properties"].items()
        and len(_all(found, "AWS::Logs::LogGroup")) == 1
    ),
    "locked_down_provider": lambda found: (
        _all(found, "AWS::Lambda::Function")[0]["Properties"].keys() >= {"KmsKeyArn", "VpcConfig"}
        and "HTTPS_PROXY" in _all(found, "AWS::Lambda::Function")[0]["Properties"]["Environment"]["Variables"]
    ),
    "provider_in_its_own_stack": lambda found: (
        len(_all(found, "AWS::Lambda::Function")) == 1
        and len(_all(found, JOB)) == 2
        and all("Fn::ImportValue" in job["Properties"]["ServiceToken"] for job in _all(found, JOB))
    ),
    "provider_of_another_app": lambda found: (
        _all(found, "AWS::Lambda::Function") == [] and "Ref" in _all(found, JOB)[0]["Properties"]["ServiceToken"]
    ),
    "stage_with_nested_stack": lambda found: (
        len(_all(found, "AWS::Lambda::Function")) == 1
        and len(_all(found, "AWS::CloudFormation::Stack")) == 1
        and len(_all(found, JOB)) == 2
        and all("Fn::ImportValue" in job["Properties"]["ServiceToken"] for job in _all(found, JOB))
    ),
    "vpc_without_internet": lambda found: (
        sum(
            found[name]["Type"] == "AWS::EC2::VPCEndpoint"
            for name in _all(found, "AWS::Lambda::Function")[0]["DependsOn"]
        )
        == 2
    ),
    "stop_ecs_tasks": lambda found: (
        found[_of(found, "EcsTasks")[1]["Properties"]["ContainerLogicalId"]]["Type"] == "AWS::ECS::Cluster"
        and "AWS::EC2::NatGateway" in _needs(found, _of(found, "EcsTasks")[0])
    ),
    "stop_state_machine_executions": lambda found: (
        found[_of(found, "StateMachineExecutions")[1]["Properties"]["ContainerLogicalId"]]["Type"]
        == "AWS::StepFunctions::StateMachine"
    ),
    "stop_emr_serverless_job_runs": lambda found: (
        found[_of(found, "EmrServerlessJobRuns")[1]["Properties"]["ContainerLogicalId"]]["Type"]
        == "AWS::EMRServerless::Application"
        and "AWS::IAM::Role" in _needs(found, _of(found, "EmrServerlessJobRuns")[0])
    ),
    "stop_scheduled_fargate_task": lambda found: (
        _stops_what_the_rule_starts(found, "EcsTasks")
        and _needs(found, _of(found, "EcsTasks")[0]) >= {"AWS::EC2::NatGateway", "AWS::EC2::SecurityGroup"}
    ),
    "stop_state_machine_with_a_rule": lambda found: _stops_what_the_rule_starts(found, "StateMachineExecutions"),
    "stop_one_family_of_a_shared_cluster": lambda found: (
        {"Family": "nightly", "Container": "arn:aws:ecs:us-west-2:123456789012:cluster/shared"}.items()
        <= _of(found, "EcsTasks")[1]["Properties"].items()
        and "AWS::ECS::TaskDefinition" in _needs(found, _of(found, "EcsTasks")[0])
    ),
    "stop_several_in_one_stack": lambda found: (
        len(_all(found, STOP)) == 2
        and len(_all(found, "AWS::Lambda::Function")) == 1
        and _of(found, "EcsTasks")[0] in _of(found, "StateMachineExecutions")[1]["DependsOn"]
        and _needs(found, _of(found, "EcsTasks")[0]) >= {"AWS::EC2::NatGateway", "AWS::EC2::SecurityGroup"}
    ),
    "stop_with_a_provider_in_its_own_stack": lambda found: (
        _watches_what_the_handler_writes(_all(found, "AWS::CloudWatch::Alarm")[0]["Properties"], "ECS")
        and len(_all(found, "AWS::Lambda::Function")) == 1
        and len(_all(found, STOP)) == 2
        and all("Fn::ImportValue" in stop["Properties"]["ServiceToken"] for stop in _all(found, STOP))
    ),
    "retained_job": lambda found: _all(found, JOB)[0]["DeletionPolicy"] == "Retain",
}


EXAMPLES = PROJECT / "examples"


def test_every_example_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*SHOWN, "test_my_stack"}


def synthesize(name: str, folder: Path) -> list[str]:
    """Run an example in this process, without bundling the handler, and give its templates."""
    app = functools.partial(App, outdir=str(folder), context={"aws:cdk:bundling-stacks": []})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aws_cdk.App", app)
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return [path.read_text() for path in folder.rglob("*.template.json")]


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_an_example_shows_what_it_promises(name: str, tmp_path: Path) -> None:
    """What cfn-lint says of them is in tests/release."""
    templates = synthesize(name, tmp_path)
    assert SHOWN[name]({key: value for text in templates for key, value in json.loads(text)["Resources"].items()})


def test_the_example_of_a_test_passes_where_it_is_copied_to(tmp_path: Path) -> None:
    copy = shutil.copy(EXAMPLES / "test_my_stack.py", tmp_path)
    assert pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(copy)]) == 0

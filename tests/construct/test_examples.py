"""Every example synthesizes, and answers its question."""

from __future__ import annotations

import functools
import json
import runpy
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from sandbox import PROJECT
from tests.construct.names import FUNCTION, LOG_GROUP, ROLE
from tests.construct.names import JOB_TYPE as JOB
from tests.construct.names import STOP_TYPE as STOP
from tests.construct.templates import Resources, of_type, the

ALARM, RULE, NAT = "AWS::CloudWatch::Alarm", "AWS::Events::Rule", "AWS::EC2::NatGateway"
CLUSTER, STATE_MACHINE, TASK = "AWS::ECS::Cluster", "AWS::StepFunctions::StateMachine", "AWS::ECS::TaskDefinition"
SECURITY_GROUP, ENDPOINT = "AWS::EC2::SecurityGroup", "AWS::EC2::VPCEndpoint"
APPLICATION = "AWS::EMRServerless::Application"

Claim = Callable[[Resources], bool]


def _properties(found: Resources, kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in of_type(found, kind).values()]


def count(kind: str, number: int) -> Claim:
    return lambda found: len(of_type(found, kind)) == number


def has(kind: str, *names: str, **properties: Any) -> Claim:
    """Claim that every resource of a type, of which there are some, has these properties, with or without a value."""
    return lambda found: (
        all({*names} <= {*each} and properties.items() <= each.items() for each in _properties(found, kind))
        and count(kind, 0)(found) is False
    )


def tagged(kind: str) -> Claim:
    return lambda found: {"Key": "team", "Value": "simulation"} in _properties(found, kind)[0]["Tags"]


def needs(resource_type: str, *needed: str, **properties: str) -> Claim:
    """Claim that the resource of a type, and with these properties, is deleted before one of each of these types."""

    def claim(found: Resources) -> bool:
        alike = of_type(found, resource_type).values()
        [first] = [each for each in alike if properties.items() <= each["Properties"].items()]
        return not Counter(needed) - Counter(found[name]["Type"] for name in first["DependsOn"])

    return claim


def imports_its_provider(kind: str) -> Claim:
    return lambda found: all("Fn::ImportValue" in each["ServiceToken"] for each in _properties(found, kind))


def stops(kind: str, container: str) -> Claim:
    """Claim that there is a StopOnDelete of the kind, for a container of the same stack."""
    return lambda found: any(
        each["Kind"] == kind and found[each["ContainerLogicalId"]]["Type"] == container
        for each in _properties(found, STOP)
    )


# What the metric counts is in test_metrics.py.
AN_ALARM = has(
    ALARM,
    "AlarmActions",
    Namespace="CdkWorldExportJob",
    MetricName="LeftRunning",
    Statistic="Sum",
    Threshold=1,
    ComparisonOperator="GreaterThanOrEqualToThreshold",
    TreatMissingData="notBreaching",
)
ONE_FUNCTION = count(FUNCTION, 1)
SHARED = "arn:aws:ecs:us-west-2:123456789012:cluster/shared"

# What each example is there to show.
SHOWN: dict[str, tuple[Claim, ...]] = {
    "alarm": (
        *(AN_ALARM, has(ALARM, Dimensions=[{"Name": "Service", "Value": "RoboMaker"}]), count(FUNCTION, 0)),
        has("AWS::SNS::Subscription", Protocol="email"),
    ),
    "arn_from_a_parameter": (has(JOB, JobArn={"Ref": "JobArn"}),),
    "best_effort": (has(JOB, BestEffort=True),),
    "boundary_and_tags": (has(ROLE, "PermissionsBoundary"), tagged(FUNCTION), tagged(ROLE), tagged(LOG_GROUP)),
    "custom_provider": (has(FUNCTION, MemorySize=512, Runtime="python3.11"), count(LOG_GROUP, 1)),
    "function_in_a_vpc": (has(FUNCTION, "VpcConfig"),),
    "job_in_another_region": (has(JOB, JobArn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"),),
    "job_with_bucket_and_role": (needs(JOB, "AWS::S3::Bucket", ROLE),),
    "locked_down_provider": (
        has(FUNCTION, "KmsKeyArn", "VpcConfig"),
        lambda found: "HTTPS_PROXY" in the(found, FUNCTION)["Properties"]["Environment"]["Variables"],
    ),
    "many_jobs": (count(JOB, 3), ONE_FUNCTION),
    "provider_in_its_own_stack": (count(JOB, 2), ONE_FUNCTION, imports_its_provider(JOB)),
    "provider_of_another_app": (
        count(FUNCTION, 0),
        lambda found: "Ref" in the(found, JOB)["Properties"]["ServiceToken"],
    ),
    "retained_job": (lambda found: the(found, JOB)["DeletionPolicy"] == "Retain",),
    "stage_with_nested_stack": (
        *(count(kind, number) for kind, number in ((JOB, 2), (FUNCTION, 1), ("AWS::CloudFormation::Stack", 1))),
        imports_its_provider(JOB),
    ),
    "stop_ecs_tasks": (stops("EcsTasks", CLUSTER), needs(STOP, NAT)),
    "stop_emr_serverless_job_runs": (stops("EmrServerlessJobRuns", APPLICATION), needs(STOP, ROLE)),
    "stop_one_family_of_a_shared_cluster": (has(STOP, Family="nightly", Container=SHARED), needs(STOP, TASK)),
    "stop_scheduled_fargate_task": (
        *(stops("EcsTasks", CLUSTER), needs(RULE, STOP), has(RULE, "Targets")),
        needs(STOP, NAT, SECURITY_GROUP, TASK, ROLE, LOG_GROUP),
    ),
    "stop_several_in_one_stack": (
        *(count(STOP, 2), ONE_FUNCTION, stops("EcsTasks", CLUSTER), stops("StateMachineExecutions", STATE_MACHINE)),
        *(needs(STOP, NAT, SECURITY_GROUP, Kind="EcsTasks"), needs(STOP, STOP, Kind="StateMachineExecutions")),
    ),
    "stop_state_machine_executions": (stops("StateMachineExecutions", STATE_MACHINE),),
    "stop_state_machine_with_a_rule": (
        *(stops("StateMachineExecutions", STATE_MACHINE), needs(RULE, STOP), has(RULE, "Targets")),
    ),
    "stop_with_a_provider_in_its_own_stack": (AN_ALARM, count(STOP, 2), ONE_FUNCTION, imports_its_provider(STOP)),
    "vpc_without_internet": (needs(FUNCTION, ENDPOINT, ENDPOINT),),
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
    assert not any("[ack: cdk-" in path.read_text() for path in tmp_path.rglob("*.json"))  # no warning of this library
    found = {key: value for text in templates for key, value in json.loads(text)["Resources"].items()}
    assert [claim(found) for claim in SHOWN[name]] == [True] * len(SHOWN[name])


def test_the_example_of_a_test_passes_where_it_is_copied_to(tmp_path: Path) -> None:
    copy = shutil.copy(EXAMPLES / "test_my_stack.py", tmp_path)
    assert pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(copy)]) == 0

"""What a managed world export job puts into a template, and what it refuses."""

from __future__ import annotations

import inspect
import pydoc
import re
from datetime import timedelta
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, CfnParameter, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template

import cdk_world_export_job
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider
from tests.construct.conftest import ACCOUNT, JOB

TYPE = "Custom::ManagedWorldExportJob"


def _resource(stack: Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    return dict(resource)


def test_the_public_names_are_two() -> None:
    assert sorted(cdk_world_export_job.__all__) == ["ManagedWorldExportJob", "WorldExportJobProvider"]


@pytest.mark.parametrize(
    ("construct", "arguments"),
    [
        (ManagedWorldExportJob, ["job_arn", "wait", "best_effort", "removal_policy", "provider"]),
        (
            WorldExportJobProvider,
            ["vpc", "vpc_subnets", "security_groups", "memory_size", "log_group", "role"],
        ),
    ],
)
def test_help_shows_the_arguments_and_describes_each(construct: type, arguments: list[str]) -> None:
    shown = pydoc.plain(pydoc.render_doc(construct))
    assert list(inspect.signature(construct).parameters) == ["scope", "id", *arguments]
    for argument in arguments:
        assert re.search(rf"^ \|  {argument} : \S", shown, re.MULTILINE), argument
    assert "Creates a new construct node" not in shown


def test_has_the_defaults_of_the_contract(stack: Stack) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    function = next(iter(Template.from_stack(stack).find_resources("AWS::Lambda::Function")))
    assert _resource(stack) == {
        "Type": TYPE,
        "Properties": {
            "ServiceToken": {"Fn::GetAtt": [function, "Arn"]},
            "ServiceTimeout": "960",
            "JobArn": JOB,
            "WaitSeconds": 300,
            "BestEffort": False,
        },
        "UpdateReplacePolicy": "Delete",
        "DeletionPolicy": "Delete",
    }


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [(Duration.seconds(0), 0), (Duration.minutes(2), 120), (Duration.minutes(14), 840), (Duration.millis(5000), 5)],
)
def test_the_wait_is_given_in_seconds(stack: Stack, wait: Duration, seconds: int) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=wait)
    assert _resource(stack)["Properties"]["WaitSeconds"] == seconds


def test_best_effort_is_passed_on(stack: Stack) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB, best_effort=True)
    assert _resource(stack)["Properties"]["BestEffort"] is True


def test_retain_leaves_the_job_running_on_delete_and_on_replacement(stack: Stack) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB, removal_policy=RemovalPolicy.RETAIN)
    resource = _resource(stack)
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_job_arn_is_an_attribute_so_that_what_uses_it_comes_after(stack: Stack) -> None:
    job = ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    CfnOutput(stack, "Arn", value=job.job_arn)
    logical_id = next(iter(Template.from_stack(stack).find_resources(TYPE)))
    Template.from_stack(stack).has_output("Arn", {"Value": {"Fn::GetAtt": [logical_id, "JobArn"]}})


def test_what_the_job_needs_is_deleted_after_it(stack: Stack) -> None:
    bucket = s3.Bucket(stack, "Bucket")
    ManagedWorldExportJob(stack, "Job", job_arn=JOB).node.add_dependency(bucket)
    bucket_id = next(iter(Template.from_stack(stack).find_resources("AWS::S3::Bucket")))
    assert _resource(stack)["DependsOn"] == [bucket_id]


class TestProvider:
    def test_is_one_for_all_jobs_of_a_stack(self, stack: Stack) -> None:
        for number in range(5):
            ManagedWorldExportJob(stack, f"Job{number}", job_arn=f"{JOB}{number}")
        template = Template.from_stack(stack)
        template.resource_count_is(TYPE, 5)
        for singleton in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Logs::LogGroup"):
            template.resource_count_is(singleton, 1)

    def test_is_one_for_each_stack(self, app: App) -> None:
        stacks = [Stack(app, "One"), Stack(app, "Two")]
        for stack in stacks:
            ManagedWorldExportJob(stack, "Job", job_arn=JOB)
        for stack in stacks:
            Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 1)

    def test_may_be_ones_own(self, stack: Stack) -> None:
        provider = WorldExportJobProvider(stack, "Mine", memory_size=512)
        ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::Lambda::Function", 1)
        template.has_resource_properties("AWS::Lambda::Function", {"MemorySize": 512})
        assert stack.resolve(provider.service_token) == _resource(stack)["Properties"]["ServiceToken"]

    def test_may_be_another_stacks_of_the_same_account_and_region(self, app: App) -> None:
        stacks = [Stack(app, name, env=Environment(account=ACCOUNT, region="us-west-2")) for name in ("One", "Two")]
        provider = WorldExportJobProvider.get_or_create(stacks[0])
        ManagedWorldExportJob(stacks[1], "Job", job_arn=JOB, provider=provider)
        Template.from_stack(stacks[1]).resource_count_is("AWS::Lambda::Function", 0)
        assert stacks[0] in stacks[1].dependencies

    @pytest.mark.parametrize(
        ("account", "region", "named"),
        [("999999999999", "us-west-2", "account is 999999999999"), (ACCOUNT, "eu-west-1", "region is eu-west-1")],
    )
    def test_may_not_be_in_another_account_or_region(self, app: App, account: str, region: str, named: str) -> None:
        provider = WorldExportJobProvider(
            Stack(app, "One", env=Environment(account=account, region=region)), "Provider"
        )
        stack = Stack(app, "Two", env=Environment(account=ACCOUNT, region="us-west-2"))
        with pytest.raises(ValueError, match=f"provider 'One/Provider' is not valid: its {named}"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=provider)

    def test_must_be_one(self, stack: Stack) -> None:
        function = WorldExportJobProvider(stack, "Mine").function
        with pytest.raises(TypeError, match="provider must be a WorldExportJobProvider"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=function)  # type: ignore[arg-type]  # the mistake


class TestLiterals:
    """A literal value that breaks a rule is an error at synthesis."""

    @pytest.mark.parametrize(
        ("job_arn", "rule"),
        [
            ("", "not empty"),
            ("job-1", "not an ARN"),
            (JOB.replace("robomaker", "s3"), "service must be robomaker"),
            (JOB.replace("world-export-job", "world-generation-job"), "must be a world-export-job"),
            (JOB.replace("job-1", ""), "id is empty"),
            (JOB + "x" * 1024, "1,024 bytes"),
            (JOB + "\n", "whitespace"),
            (b"arn", "must be a string"),
            (None, "must be a string"),
        ],
    )
    def test_of_the_arn(self, stack: Stack, job_arn: Any, rule: str) -> None:
        with pytest.raises(ValueError, match="JobArn") as error:
            ManagedWorldExportJob(stack, "Job", job_arn=job_arn)
        assert rule in str(error.value)

    def test_of_another_account_where_the_stacks_is_known(self, stack_of_account: Stack) -> None:
        with pytest.raises(ValueError, match=f"account 999999999999, but the stack in {ACCOUNT}"):
            ManagedWorldExportJob(stack_of_account, "Job", job_arn=JOB.replace(ACCOUNT, "999999999999"))

    def test_of_another_account_passes_where_the_stacks_is_not_known(self, stack: Stack) -> None:
        other = JOB.replace(ACCOUNT, "999999999999")
        ManagedWorldExportJob(stack, "Job", job_arn=other)
        assert _resource(stack)["Properties"]["JobArn"] == other

    @pytest.mark.parametrize("wait", [Duration.seconds(841), Duration.minutes(15), Duration.days(1)])
    def test_of_the_wait(self, stack: Stack, wait: Duration) -> None:
        with pytest.raises(ValueError, match=r"WaitSeconds \d+ is not valid: .* 0 to 840 \(14 minutes\)"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=wait)

    def test_of_a_wait_in_parts_of_a_second(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match=r"WaitSeconds 1\.5 is not valid: it must be a whole number"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=Duration.millis(1500))

    @pytest.mark.parametrize("wait", [60, "5 min", True, timedelta(minutes=5)])
    def test_of_a_wait_that_is_no_duration(self, stack: Stack, wait: Any) -> None:
        with pytest.raises(TypeError, match=r"wait must be a Duration, such as Duration\.minutes\(5\), not "):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=wait)

    def test_of_best_effort(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match="BestEffort 'yes' is not valid: it must be true or false"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, best_effort="yes")  # type: ignore[arg-type]  # the mistake

    def test_of_the_removal_policy(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match="SNAPSHOT is not valid: a job has no snapshots"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, removal_policy=RemovalPolicy.SNAPSHOT)

    @pytest.mark.parametrize(
        "mistake", [{"job_arn": "job-1"}, {"wait": Duration.days(1)}, {"best_effort": "yes"}, {"provider": "mine"}]
    )
    def test_leaves_nothing_behind_that_would_be_deployed(self, stack: Stack, mistake: dict[str, Any]) -> None:
        with pytest.raises((ValueError, TypeError)):
            ManagedWorldExportJob(stack, "Job", **{"job_arn": JOB, **mistake})
        assert "Resources" not in Template.from_stack(stack).to_json()


class TestTokens:
    """What is known only at deployment passes, and the handler checks it."""

    def test_of_the_arn(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "JobArn")
        ManagedWorldExportJob(stack, "Job", job_arn=parameter.value_as_string)
        assert _resource(stack)["Properties"]["JobArn"] == {"Ref": "JobArn"}

    def test_within_the_arn(self, stack: Stack) -> None:
        ManagedWorldExportJob(stack, "Job", job_arn=stack.format_arn(service="robomaker", resource="world-export-job"))
        Template.from_stack(stack).has_resource_properties(TYPE, {"JobArn": {"Fn::Join": Match.any_value()}})

    def test_of_the_wait(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "Wait", type="Number")
        ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=Duration.seconds(parameter.value_as_number))
        assert _resource(stack)["Properties"]["WaitSeconds"] == {"Ref": "Wait"}

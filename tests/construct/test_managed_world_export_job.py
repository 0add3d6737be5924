"""What a managed world export job puts into a template, and what it refuses."""

from __future__ import annotations

import inspect
import pydoc
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from aws_cdk import (
    App,
    CfnDynamicReference,
    CfnDynamicReferenceService,
    CfnOutput,
    CfnParameter,
    CfnResource,
    Duration,
    Environment,
    Fn,
    IResolvable,
    RemovalPolicy,
    SecretValue,
    Stack,
)
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template
from constructs import Construct

import cdk_world_export_job
from cdk_world_export_job import InvalidArgumentError, ManagedWorldExportJob, WorldExportJobProvider
from tests.construct.conftest import ACCOUNT, JOB

TYPE = "Custom::ManagedWorldExportJob"


def _resource(stack: Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    return dict(resource)


def test_the_public_names_are_few() -> None:
    assert sorted(cdk_world_export_job.__all__) == [
        "IWorldExportJobProvider",
        "InvalidArgumentError",
        "ManagedWorldExportJob",
        "MetricOptions",
        "WorldExportJobProvider",
        "__version__",
    ]
    assert all(hasattr(cdk_world_export_job, name) for name in cdk_world_export_job.__all__)


@pytest.mark.parametrize(
    ("construct", "arguments"),
    [
        (ManagedWorldExportJob, ["job_arn", "wait", "best_effort", "removal_policy", "provider"]),
        (
            WorldExportJobProvider,
            [
                "vpc",
                "vpc_subnets",
                "security_groups",
                "memory_size",
                "log_group",
                "role",
                "runtime",
                "architecture",
                "environment_encryption",
                "proxy",
            ],
        ),
    ],
)
def test_help_shows_the_arguments_and_describes_each(construct: type, arguments: list[str]) -> None:
    shown = pydoc.plain(pydoc.render_doc(construct))
    assert list(inspect.signature(construct).parameters) == ["scope", "id", *arguments]
    for argument in arguments:
        assert re.search(rf"^ \|  {argument} : \S", shown, re.MULTILINE), argument
    assert "Creates a new construct node" not in shown


def test_help_shows_a_default_as_it_is_written() -> None:
    shown = pydoc.plain(pydoc.render_doc(ManagedWorldExportJob))
    assert re.search(r"removal_policy: \S+ = RemovalPolicy\.DESTROY\b", shown)
    assert "<RemovalPolicy" not in shown


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
            "ProviderStays": False,
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


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        (RemovalPolicy.RETAIN, "Retain"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
        (RemovalPolicy.DESTROY, "Delete"),
    ],
)
def test_the_removal_policy_may_be_set_later(stack: Stack, policy: RemovalPolicy, written: str) -> None:
    job = ManagedWorldExportJob(stack, "Job", job_arn=JOB, removal_policy=RemovalPolicy.RETAIN)
    job.apply_removal_policy(policy)
    assert _resource(stack)["DeletionPolicy"] == written


def test_the_resource_can_be_changed_as_any_other(stack: Stack) -> None:
    job = ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    resource = cast(Construct, job.node.default_child).node.default_child
    assert isinstance(resource, CfnResource)
    resource.add_metadata("team", "simulation")
    assert _resource(stack)["Metadata"]["team"] == "simulation"


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
            ([JOB], "must be a string"),
            (JOB.replace("us-west-2", "us-wset-2"), "RoboMaker was never in the region us-wset-2, only in ap-"),
            (JOB.replace("us-west-2", "sa-east-1"), "RoboMaker was never in the region sa-east-1, only in ap-"),
        ],
    )
    def test_of_the_arn(self, stack: Stack, job_arn: Any, rule: str) -> None:
        with pytest.raises(ValueError, match=r"^Stack/Job: job_arn .* is not valid: ") as error:
            ManagedWorldExportJob(stack, "Job", job_arn=job_arn)
        assert rule in str(error.value)

    def test_of_another_account_where_the_stacks_is_known(self, stack_of_account: Stack) -> None:
        with pytest.raises(ValueError, match=f"account 999999999999, but the stack in {ACCOUNT}"):
            ManagedWorldExportJob(stack_of_account, "Job", job_arn=JOB.replace(ACCOUNT, "999999999999"))

    def test_of_another_account_passes_where_the_stacks_is_not_known(self, stack: Stack) -> None:
        other = JOB.replace(ACCOUNT, "999999999999")
        ManagedWorldExportJob(stack, "Job", job_arn=other)
        assert _resource(stack)["Properties"]["JobArn"] == other

    @pytest.mark.parametrize(
        ("region", "partition"),
        [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("cn-northwest-1", "aws-cn")],
    )
    def test_of_another_partition_where_the_stacks_is_known(self, app: App, region: str, partition: str) -> None:
        stack = Stack(app, "Stack", env=Environment(region=region))
        with pytest.raises(ValueError, match=f"the job is in the partition aws, but the stack in {partition}"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB)

    @pytest.mark.parametrize("wait", [Duration.seconds(841), Duration.minutes(15), Duration.days(1)])
    def test_of_the_wait_which_is_shown_as_it_was_written(self, stack: Stack, wait: Duration) -> None:
        with pytest.raises(ValueError, match=r" 0 to 840 \(14 minutes\)") as error:
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=wait)
        assert str(error.value).startswith(
            f"Stack/Job: wait {wait.to_string()} is not valid: it must be a whole number"
        )

    def test_of_a_wait_in_parts_of_a_second(self, stack: Stack) -> None:
        with pytest.raises(ValueError, match=r"wait Duration\.millis\(1500\) is not valid: it must be a whole number"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=Duration.millis(1500))

    @pytest.mark.parametrize("wait", [60, "5 min", True, timedelta(minutes=5)])
    def test_of_a_wait_that_is_no_duration(self, stack: Stack, wait: Any) -> None:
        words = (
            rf"^Stack/Job: wait {re.escape(repr(wait))} is not valid: it must be a Duration. .*Duration\.minutes\(5\)"
        )
        with pytest.raises(InvalidArgumentError, match=words):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=wait)

    @pytest.mark.parametrize("best_effort", ["yes", "false", "", 1, 0, None, [], object])
    def test_of_best_effort(self, stack: Stack, best_effort: Any) -> None:
        shown = re.escape(repr(best_effort))
        with pytest.raises(
            ValueError, match=rf"^Stack/Job: best_effort {shown} is not valid: it must be a bool or a token"
        ):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, best_effort=best_effort)

    @pytest.mark.parametrize(
        ("policy", "words"),
        [
            (RemovalPolicy.SNAPSHOT, r"RemovalPolicy\.SNAPSHOT is not valid: a job has no snapshots"),
            ("retain", r"'retain' is not valid: it must be a RemovalPolicy"),
            (None, r"None is not valid: it must be a RemovalPolicy"),
        ],
    )
    def test_of_the_removal_policy(self, stack: Stack, policy: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=f"^Stack/Job: removal_policy {words}"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, removal_policy=policy)
        job = ManagedWorldExportJob(stack, "Other", job_arn=JOB)
        with pytest.raises(InvalidArgumentError, match=f"^Stack/Other: policy {words}"):
            job.apply_removal_policy(policy)

    @pytest.mark.parametrize(
        "mistake", [{"job_arn": "job-1"}, {"wait": Duration.days(1)}, {"best_effort": "yes"}, {"provider": "mine"}]
    )
    def test_leaves_nothing_behind_that_would_be_deployed(self, stack: Stack, mistake: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError):
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

    def test_of_a_dynamic_reference_to_the_arn_also_as_a_literal(self, stack: Stack) -> None:
        reference = CfnDynamicReference(CfnDynamicReferenceService.SSM, "/job")
        for number, job_arn in enumerate([reference.to_string(), "{{resolve:ssm:/job}}"]):
            ManagedWorldExportJob(stack, f"Job{number}", job_arn=job_arn)
        found = Template.from_stack(stack).find_resources(TYPE).values()
        assert [job["Properties"]["JobArn"] for job in found] == ["{{resolve:ssm:/job}}"] * 2

    @pytest.mark.parametrize(
        ("token", "fix"),
        [
            (lambda stack: CfnParameter(stack, "P"), "parameter, not its value. Pass its `value_as_string`"),
            (lambda _: CfnDynamicReference(CfnDynamicReferenceService.SSM, "/job"), r"Pass its `to_string\(\)`"),
            (lambda _: SecretValue.ssm_secure("/job"), r"Pass its `to_string\(\)`"),
            (lambda _: Fn.get_att("Elsewhere", "Arn"), r"Pass its `to_string\(\)`"),
            (lambda stack: CfnParameter(stack, "P", type="Number").value_as_number, r"`Token\.as_string\(\.\.\.\)`"),
            (
                lambda stack: CfnParameter(stack, "P", type="CommaDelimitedList").value_as_list,
                r"`Fn\.select\(0, \.\.\.\)`",
            ),
        ],
    )
    def test_of_the_arn_must_be_strings(self, stack: Stack, token: Callable[[Stack], Any], fix: str) -> None:
        with pytest.raises(ValueError, match=rf"^Stack/Job: job_arn .* is not valid: it is a .*{fix}"):
            ManagedWorldExportJob(stack, "Job", job_arn=token(stack))

    def test_of_best_effort(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "BestEffort")
        tokens: list[str | IResolvable] = [
            parameter.value_as_string,
            Fn.get_att("Job0", "Any"),
            "{{resolve:ssm:/best-effort}}",
        ]
        for number, best_effort in enumerate(tokens):
            ManagedWorldExportJob(stack, f"Job{number}", job_arn=JOB, best_effort=best_effort)
        found = Template.from_stack(stack).find_resources(TYPE).values()
        assert [job["Properties"]["BestEffort"] for job in found] == [
            {"Ref": "BestEffort"},
            {"Fn::GetAtt": ["Job0", "Any"]},
            "{{resolve:ssm:/best-effort}}",
        ]

    def test_of_best_effort_must_not_be_the_parameter_itself(self, stack: Stack) -> None:
        parameter: Any = CfnParameter(stack, "P")
        with pytest.raises(ValueError, match=r"^Stack/Job: best_effort CfnParameter 'Stack/P' .* `value_as_string`"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, best_effort=parameter)

    def test_of_the_wait(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "Wait", type="Number")
        ManagedWorldExportJob(stack, "Job", job_arn=JOB, wait=Duration.seconds(parameter.value_as_number))
        assert _resource(stack)["Properties"]["WaitSeconds"] == {"Ref": "Wait"}

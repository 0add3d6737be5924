"""The function of a StopOnDelete: what it may call, by whose policy, and where it lives."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Duration, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    InvalidArgumentError,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from cdk_world_export_job import ManagedWorldExportJob, WorldExportJobProvider
from protocol import metrics
from tests.construct.conftest import ACCOUNT, JOB

TYPE = "Custom::StopOnDelete"
FUNCTION, POLICY = "AWS::Lambda::Function", "AWS::IAM::Policy"
SERVICE_TOKEN = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:stops"
RUNS = EmrServerlessJobRuns("00fexample")

Kind = type[EcsTasks | StateMachineExecutions | EmrServerlessJobRuns]


def _arn(service: str, resource: str, region: str = "*") -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
QUESTIONS = {
    "Effect": "Allow",
    "Action": [
        "cloudformation:DescribeStackResource",
        "cloudformation:DescribeStacks",
        "cloudformation:GetTemplate",
    ],
    "Resource": _arn("cloudformation", "stack/*/*", "us-west-2"),
}
STATEMENTS: dict[Kind, list[dict[str, Any]]] = {
    EcsTasks: [
        {"Effect": "Allow", "Action": "ecs:DescribeClusters", "Resource": _arn("ecs", "cluster/*")},
        {
            "Effect": "Allow",
            "Action": "ecs:ListTasks",
            "Resource": "*",
            "Condition": {"ArnLike": {"ecs:cluster": _arn("ecs", "cluster/*")}},
        },
        {"Effect": "Allow", "Action": ["ecs:DescribeTasks", "ecs:StopTask"], "Resource": _arn("ecs", "task/*")},
    ],
    StateMachineExecutions: [
        {
            "Effect": "Allow",
            "Action": "states:ListExecutions",
            "Resource": _arn("states", "stateMachine:*"),
        },
        {"Effect": "Allow", "Action": "states:StopExecution", "Resource": _arn("states", "execution:*:*")},
    ],
    EmrServerlessJobRuns: [
        {
            "Effect": "Allow",
            "Action": ["emr-serverless:GetApplication", "emr-serverless:ListJobRuns", "emr-serverless:StopApplication"],
            "Resource": _arn("emr-serverless", "/applications/*"),
        },
        {
            "Effect": "Allow",
            "Action": "emr-serverless:CancelJobRun",
            "Resource": _arn("emr-serverless", "/applications/*/jobruns/*"),
        },
    ],
}
EVERY_KIND = pytest.mark.parametrize("kind", STATEMENTS)


@pytest.fixture
def app() -> App:
    """Give an app that writes partitions as they are, which reads better."""
    return App(context={"@aws-cdk/core:enablePartitionLiterals": True})


def _stop(scope: Construct, kind: Kind, provider: StopOnDeleteProvider | None = None, name: str = "Stop") -> None:
    jobs: Any
    if kind is EcsTasks:
        jobs = EcsTasks(ecs.CfnCluster(scope, f"Cluster{name}"))
    elif kind is StateMachineExecutions:
        jobs = StateMachineExecutions(sfn.CfnStateMachine(scope, f"StateMachine{name}", role_arn="role"))
    else:
        jobs = RUNS
    StopOnDelete(scope, name, jobs=jobs, provider=provider)


def _policies(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    found = Template.from_stack(stack).find_resources(POLICY)
    return {name: policy["Properties"]["PolicyDocument"]["Statement"] for name, policy in found.items()}


def _properties(stack: Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    return dict(resource["Properties"])


def test_the_function_is_that_of_a_job_but_for_its_handler(stack: Stack) -> None:
    WorldExportJobProvider(stack, "Provider")
    again = Stack(App(), "Stack")
    StopOnDeleteProvider(again, "Provider")
    [jobs, stops] = [
        next(iter(Template.from_stack(found).find_resources(FUNCTION).values())) for found in (stack, again)
    ]
    assert stops["Properties"].pop("Handler") == "stop_on_delete.handler"
    assert jobs["Properties"].pop("Handler") == "index.handler"
    assert "tasks, executions and job runs" in stops["Properties"].pop("Description")
    assert "world export jobs" in jobs["Properties"].pop("Description")
    # Where silence may mean that RoboMaker has been retired.
    assert jobs["Properties"].pop("Environment") == {"Variables": {"NO_VPC": "true"}}
    assert stops == jobs


def test_settings_are_taken_and_checked_as_those_of_a_jobs_provider(stack: Stack) -> None:
    StopOnDeleteProvider(stack, "Provider", memory_size=512, vpc=ec2.Vpc(stack, "Vpc"), proxy="http://proxy:3128")
    [function] = Template.from_stack(stack).find_resources(FUNCTION).values()
    assert function["Properties"]["MemorySize"] == 512
    assert "VpcConfig" in function["Properties"]
    assert function["Properties"]["Environment"]["Variables"] == {"HTTPS_PROXY": "http://proxy:3128"}
    with pytest.raises(InvalidArgumentError, match=r"^Stack/Other: memory_size 1 is not valid: "):
        StopOnDeleteProvider(stack, "Other", memory_size=1)


class TestPermissions:
    """They are those of the kind and no more, for every container of the account."""

    def test_of_the_function_alone_are_to_log_and_to_ask_cloudformation(self, stack_of_account: Stack) -> None:
        StopOnDeleteProvider(stack_of_account, "Provider")
        [[log, *others]] = _policies(stack_of_account).values()
        assert (log["Action"], others) == (LOGS, [QUESTIONS])

    @EVERY_KIND
    def test_come_with_each_stop_on_delete_in_its_own_policy_which_goes_after_it(
        self, stack_of_account: Stack, kind: Kind
    ) -> None:
        _stop(stack_of_account, kind)
        policies = _policies(stack_of_account)
        [own] = [name for name in policies if kind.__name__ in name]
        assert policies.pop(own) == STATEMENTS[kind]
        [[_, *others]] = policies.values()
        assert others == [QUESTIONS]
        template = Template.from_stack(stack_of_account)
        [role] = template.find_resources("AWS::IAM::Role")
        assert template.find_resources(POLICY)[own]["Properties"]["Roles"] == [{"Ref": role}]
        [resource] = template.find_resources(TYPE).values()
        assert resource["DependsOn"] == [own]

    def test_of_two_stop_on_deletes_of_a_kind_are_apart_so_that_one_can_go(self, stack_of_account: Stack) -> None:
        for name in ("One", "Two"):
            _stop(stack_of_account, EcsTasks, name=name)
        own = [name for name in _policies(stack_of_account) if "EcsTasks" in name]
        needs = [found["DependsOn"] for found in Template.from_stack(stack_of_account).find_resources(TYPE).values()]
        assert sorted(needs) == [[name] for name in sorted(own)]

    @EVERY_KIND
    def test_of_a_listed_kind_are_in_the_providers_policy_alone(self, stack_of_account: Stack, kind: Kind) -> None:
        provider = StopOnDeleteProvider(stack_of_account, "Provider", kinds=[kind])
        _stop(stack_of_account, kind, provider)
        [[_, *others]] = _policies(stack_of_account).values()
        assert others == [QUESTIONS, *STATEMENTS[kind]]
        [resource] = Template.from_stack(stack_of_account).find_resources(TYPE).values()
        assert "DependsOn" not in resource

    def test_of_a_kind_that_is_not_listed_come_with_the_stop_on_delete_of_the_same_stack(
        self, stack_of_account: Stack
    ) -> None:
        provider = StopOnDeleteProvider(stack_of_account, "Provider", kinds=[EcsTasks])
        _stop(stack_of_account, StateMachineExecutions, provider)
        policies = _policies(stack_of_account)
        [own] = [name for name in policies if name.startswith("StopStateMachineExecutionsPolicy")]
        assert policies[own] == STATEMENTS[StateMachineExecutions]

    def test_of_a_kind_that_is_listed_twice_are_given_once(self, stack_of_account: Stack) -> None:
        StopOnDeleteProvider(stack_of_account, "Provider", kinds=[EcsTasks, EcsTasks])
        [[_, *others]] = _policies(stack_of_account).values()
        assert others == [QUESTIONS, *STATEMENTS[EcsTasks]]

    def test_have_the_partition_of_the_stack(self, app: App) -> None:
        stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="us-gov-west-1"))
        StopOnDeleteProvider(stack, "Provider", kinds=[EcsTasks, StateMachineExecutions, EmrServerlessJobRuns])
        [[_, *others]] = _policies(stack).values()
        arns = [arn for statement in others if (arn := statement["Resource"]) != "*"]
        assert len(arns) == 7
        assert all(arn.startswith("arn:aws-us-gov:") for arn in arns)

    def test_of_a_role_that_can_not_be_changed_are_left_to_it(self, stack: Stack) -> None:
        role = iam.Role.from_role_arn(stack, "Role", f"arn:aws:iam::{ACCOUNT}:role/mine", mutable=False)
        _stop(stack, EcsTasks, StopOnDeleteProvider(stack, "Provider", role=role))
        assert _policies(stack) == {}
        [resource] = Template.from_stack(stack).find_resources(TYPE).values()
        assert "DependsOn" not in resource

    def test_that_several_stacks_give_a_role_do_not_replace_each_other(self, app: App) -> None:
        outer = Stack(app, "Outer")
        role = iam.Role(outer, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        stacks = [Stack(app, name) for name in ("One", "Two", "A" * 80)]
        for stack in stacks:
            provider = StopOnDeleteProvider(stack, "Provider", role=role)
            for kind in STATEMENTS:
                _stop(stack, kind, provider, f"Stop{kind.__name__}")
        app.synth()
        names = set()
        for stack in stacks:
            for policy in Template.from_stack(stack).find_resources(POLICY).values():
                [name, region] = policy["Properties"]["PolicyName"]["Fn::Join"][1]
                assert region == {"Ref": "AWS::Region"}
                assert len(name) < 128 - len("ap-northeast-1")
                names.add(name)
        assert len(names) == len(stacks) * (1 + len(STATEMENTS))

    def test_of_a_shared_role_are_named_by_the_kind_so_that_the_old_kinds_are_not_replaced(self) -> None:
        names = set()
        for kind in STATEMENTS:
            stack = Stack(App(), "Stack")
            role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
            _stop(stack, kind, StopOnDeleteProvider(stack, "Provider", role=role))
            found = Template.from_stack(stack).find_resources(POLICY)
            [own] = [policy for name, policy in found.items() if kind.__name__ in name]
            names.add(str(own["Properties"]["PolicyName"]))
        assert len(names) == len(STATEMENTS)


class TestOfAnotherStack:
    """The provider stays when the StopOnDelete's stack goes, and must list what it stops there."""

    @EVERY_KIND
    def test_serves_the_kinds_that_it_lists(self, app: App, kind: Kind) -> None:
        elsewhere, stack = Stack(app, "Elsewhere"), Stack(app, "Stops")
        _stop(stack, kind, StopOnDeleteProvider(elsewhere, "Provider", kinds=[kind]))
        app.synth()
        properties = _properties(stack)
        assert properties["ServiceToken"].keys() == {"Fn::ImportValue"}
        assert properties["ProviderStays"] is True
        assert elsewhere in stack.dependencies
        assert _policies(stack) == {}

    @EVERY_KIND
    def test_is_refused_for_a_kind_that_it_does_not_list_with_the_list_that_it_needs(
        self, app: App, kind: Kind
    ) -> None:
        listed: list[Kind] = [other for other in STATEMENTS if other is not kind]
        provider = StopOnDeleteProvider(Stack(app, "Elsewhere"), "Provider", kinds=listed)
        with pytest.raises(InvalidArgumentError) as error:
            _stop(Stack(app, "Stops"), kind, provider)
        names = ", ".join(found.__name__ for found in [*listed, kind])
        assert str(error.value) == (
            f"Stops/Stop: provider 'Elsewhere/Provider' is not valid: it is in another stack, and does not list"
            f" {kind.__name__} in its `kinds`, so it may stop none of them. Make it with kinds=[{names}]."
        )

    def test_of_the_same_root_must_list_the_kind_too_and_goes_with_it(self, app: App) -> None:
        root = Stack(app, "Root")
        nested = NestedStack(root, "Nested")
        with pytest.raises(InvalidArgumentError, match=r"'Root/None' is not valid: it is in another stack"):
            StopOnDelete(nested, "Refused", jobs=RUNS, provider=StopOnDeleteProvider(root, "None"))
        provider = StopOnDeleteProvider(root, "Provider", kinds=[EmrServerlessJobRuns])
        StopOnDelete(nested, "Stop", jobs=RUNS, provider=provider)
        app.synth()
        assert _properties(nested)["ServiceToken"].keys() == {"Ref"}
        assert _properties(nested)["ProviderStays"] is False

    def test_of_another_stage_is_refused_with_the_name_of_its_class(self, app: App) -> None:
        provider = StopOnDeleteProvider(Stack(Stage(app, "Beta"), "Stack"), "Provider", kinds=[EmrServerlessJobRuns])
        with pytest.raises(InvalidArgumentError, match=r"another stage .* `StopOnDeleteProvider\.from_service_token`"):
            StopOnDelete(Stack(Stage(app, "Prod"), "Stack"), "Stop", jobs=RUNS, provider=provider)

    @pytest.mark.parametrize(
        ("account", "region", "named"),
        [("9" * 12, "us-west-2", "account is 9"), (ACCOUNT, "eu-west-1", "region is eu-west-1")],
    )
    def test_of_another_account_or_region_is_refused(
        self, app: App, stack_of_account: Stack, account: str, region: str, named: str
    ) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account=account, region=region))
        provider = StopOnDeleteProvider(elsewhere, "Provider", kinds=[EmrServerlessJobRuns])
        with pytest.raises(InvalidArgumentError, match=f"provider 'Elsewhere/Provider' is not valid: its {named}"):
            StopOnDelete(stack_of_account, "Stop", jobs=RUNS, provider=provider)

    def test_is_made_anew_by_each_stack_and_stage_that_is_given_none(self, app: App) -> None:
        stacks = [Stack(app, "One"), Stack(Stage(app, "Prod"), "Two"), NestedStack(Stack(app, "Root"), "Three")]
        for stack in stacks:
            StopOnDelete(stack, "Stop", jobs=RUNS)
        for stack in stacks:
            Template.from_stack(stack).resource_count_is(FUNCTION, 1)


class TestOfAnotherApp:
    """It is imported by its service token; what it may stop can't be checked."""

    @EVERY_KIND
    def test_serves_any_kind_and_makes_no_policy(self, stack_of_account: Stack, kind: Kind) -> None:
        provider: Any = StopOnDeleteProvider.from_service_token(stack_of_account, "Provider", SERVICE_TOKEN)
        _stop(stack_of_account, kind, provider)
        properties = _properties(stack_of_account)
        assert (properties["ServiceToken"], properties["ProviderStays"]) == (SERVICE_TOKEN, True)
        assert _policies(stack_of_account) == {}

    def test_has_the_metrics_of_its_function_by_name(self, stack: Stack) -> None:
        provider = StopOnDeleteProvider.from_service_token(stack, "Provider", SERVICE_TOKEN)
        stop = StopOnDelete(stack, "Stop", jobs=RUNS, provider=provider)
        for metric in (provider.metric_teardowns(), provider.metric_teardown_seconds(), stop.metric_left_running()):
            assert (metric.namespace, metric.dimensions) == ("StopOnDelete", {"FunctionName": "stops"})

    def test_is_refused_if_it_is_no_function(self, stack: Stack) -> None:
        with pytest.raises(InvalidArgumentError, match=r"^Stack/Provider: service_token 'stops' is not valid: "):
            StopOnDeleteProvider.from_service_token(stack, "Provider", "stops")


def test_the_jobs_left_running_are_counted_of_all_functions_too_and_apart_from_world_export_jobs() -> None:
    metric = StopOnDeleteProvider.metric_all_left_running(period=Duration.hours(1))
    assert (metric.namespace, metric.metric_name) == (metrics.STOP_ON_DELETE_NAMESPACE, metrics.LEFT_RUNNING)
    assert metric.dimensions == {metrics.SERVICE: metrics.STOP_ON_DELETE}
    assert (metric.statistic, metric.period.to_seconds()) == ("Sum", 3600)
    assert metric.namespace != WorldExportJobProvider.metric_all_left_running().namespace


def test_both_packages_serve_one_stack_from_one_asset(stack: Stack) -> None:
    ManagedWorldExportJob(stack, "Job", job_arn=JOB)
    StopOnDelete(stack, "Stop", jobs=RUNS)
    functions = Template.from_stack(stack).find_resources(FUNCTION).values()
    assert {found["Properties"]["Handler"] for found in functions} == {"index.handler", "stop_on_delete.handler"}
    assert len({str(found["Properties"]["Code"]) for found in functions}) == 1


def test_get_or_create_gives_the_same_to_every_scope_of_a_stack(stack: Stack) -> None:
    first = StopOnDeleteProvider.get_or_create(stack)
    assert StopOnDeleteProvider.get_or_create(first) is first


class TestMistakes:
    @pytest.mark.parametrize(
        "kinds", [["EcsTasks"], EcsTasks, "EcsTasks", [EcsTasks, None], {"EcsTasks": 1}, None, [{}]]
    )
    def test_in_kinds_are_named_and_leave_nothing_behind_that_would_be_deployed(self, app: App, kinds: Any) -> None:
        stack = Stack(app, "Stack")
        words = r"^Stack/Provider: kinds .* is not valid: it must be a list of the classes EcsTasks, StateMachineExec"
        with pytest.raises(InvalidArgumentError, match=words):
            StopOnDeleteProvider(stack, "Provider", kinds=kinds)
        assert "Resources" not in Template.from_stack(stack).to_json()

    def test_in_kinds_may_be_what_belongs_to_a_stop_on_delete(self, stack: Stack) -> None:
        wrong: Any = [RUNS]
        with pytest.raises(InvalidArgumentError, match=r"Pass, for example, kinds=\[EcsTasks\]\."):
            StopOnDeleteProvider(stack, "Provider", kinds=wrong)

    def test_are_providers_of_the_other_package(self, stack: Stack) -> None:
        of_jobs: Any = WorldExportJobProvider(stack, "OfJobs")
        of_stops: Any = StopOnDeleteProvider(stack, "OfStops")
        with pytest.raises(InvalidArgumentError, match="'Stack/OfJobs' is not valid: it must be a StopOnDelete"):
            StopOnDelete(stack, "Stop", jobs=RUNS, provider=of_jobs)
        with pytest.raises(InvalidArgumentError, match="'Stack/OfStops' is not valid: it must be a WorldExportJobProv"):
            ManagedWorldExportJob(stack, "Job", job_arn=JOB, provider=of_stops)

    def test_are_settings_for_the_shared_one_after_the_first_stop_on_delete(self, stack: Stack) -> None:
        StopOnDelete(stack, "Stop", jobs=RUNS)
        with pytest.raises(InvalidArgumentError, match=r"^Stack/StopOnDeleteProvider: .* the first StopOnDelete of .*"):
            StopOnDeleteProvider(stack, "StopOnDeleteProvider", memory_size=512)

    def test_are_other_constructs_of_the_shared_ones_name(self, stack: Stack) -> None:
        CfnParameter(stack, "StopOnDeleteProvider")
        with pytest.raises(InvalidArgumentError, match=r"a CfnParameter\. Give that one .*, or each StopOnDelete"):
            StopOnDelete(stack, "Stop", jobs=RUNS)

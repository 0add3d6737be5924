"""What a StopOnDelete puts into a template, and what it refuses."""

from __future__ import annotations

import inspect
import pydoc
import re
from typing import Any, cast

import pytest
from aws_cdk import (
    App,
    CfnParameter,
    CfnResource,
    Duration,
    NestedStack,
    RemovalPolicy,
    Stack,
    Stage,
)
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct

import cdk_stop_on_delete
import cdk_world_export_job
from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    InvalidArgumentError,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from cdk_stop_on_delete._jobs import KINDS
from cdk_world_export_job._handler_code import LAMBDA

TYPE = "Custom::StopOnDelete"


@pytest.fixture
def cluster(stack: Stack) -> ecs.CfnCluster:
    return ecs.CfnCluster(stack, "Cluster")


@pytest.fixture
def jobs(cluster: ecs.CfnCluster) -> EcsTasks:
    return EcsTasks(cluster)


def _resource(stack: Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    return dict(resource)


def test_the_public_names_are_few() -> None:
    assert sorted(cdk_stop_on_delete.__all__) == [
        "EcsTasks",
        "EmrServerlessJobRuns",
        "IStopOnDeleteProvider",
        "InvalidArgumentError",
        "MetricOptions",
        "StateMachineExecutions",
        "StopOnDelete",
        "StopOnDeleteProvider",
        "__version__",
    ]


@pytest.mark.parametrize("name", ["InvalidArgumentError", "MetricOptions", "__version__"])
def test_what_both_packages_have_is_the_same(name: str) -> None:
    assert getattr(cdk_stop_on_delete, name) is getattr(cdk_world_export_job, name)


@pytest.mark.parametrize(
    ("construct", "arguments"),
    [
        (StopOnDelete, ["scope", "id", "jobs", "wait", "best_effort", "removal_policy", "provider"]),
        (
            StopOnDeleteProvider,
            [
                "scope",
                "id",
                "kinds",
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
        (EcsTasks, ["cluster", "family"]),
        (StateMachineExecutions, ["state_machine"]),
        (EmrServerlessJobRuns, ["application"]),
    ],
)
def test_help_shows_the_arguments_and_describes_each(construct: type, arguments: list[str]) -> None:
    shown = pydoc.plain(pydoc.render_doc(construct))
    assert list(inspect.signature(construct).parameters) == arguments
    for argument in arguments:
        assert re.search(rf"^ \|  {argument} : \S", shown, re.MULTILINE), argument
    assert "Creates a new construct node" not in shown


def test_has_the_defaults_of_the_contract(stack: Stack, jobs: EcsTasks) -> None:
    StopOnDelete(stack, "Stop", jobs=jobs)
    [function] = Template.from_stack(stack).find_resources("AWS::Lambda::Function")
    [policy] = [name for name in Template.from_stack(stack).find_resources("AWS::IAM::Policy") if "EcsTasks" in name]
    assert _resource(stack) == {
        "Type": TYPE,
        "Properties": {
            "ServiceToken": {"Fn::GetAtt": [function, "Arn"]},
            "ServiceTimeout": "960",
            "Kind": "EcsTasks",
            "Container": {"Fn::GetAtt": ["Cluster", "Arn"]},
            "ContainerLogicalId": "Cluster",
            "ContainerDeletionPolicy": "Delete",
            "WaitSeconds": 300,
            "BestEffort": False,
            "ProviderStays": False,
        },
        "DependsOn": [policy],
        "UpdateReplacePolicy": "Delete",
        "DeletionPolicy": "Delete",
    }


def test_takes_the_choices_that_a_job_takes(stack: Stack, jobs: EcsTasks) -> None:
    StopOnDelete(
        stack,
        "Stop",
        jobs=jobs,
        wait=Duration.minutes(10),
        best_effort=True,
        removal_policy=RemovalPolicy.RETAIN,
        provider=StopOnDeleteProvider(stack, "Mine"),
    )
    resource = _resource(stack)
    assert (resource["Properties"]["WaitSeconds"], resource["Properties"]["BestEffort"]) == (600, True)
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    Template.from_stack(stack).resource_count_is("AWS::Lambda::Function", 1)


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        (RemovalPolicy.RETAIN, "Retain"),
        (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
        (RemovalPolicy.DESTROY, "Delete"),
    ],
)
def test_the_removal_policy_may_be_set_later(stack: Stack, jobs: EcsTasks, policy: RemovalPolicy, written: str) -> None:
    stop = StopOnDelete(stack, "Stop", jobs=jobs, removal_policy=RemovalPolicy.RETAIN)
    stop.apply_removal_policy(policy)
    assert _resource(stack)["DeletionPolicy"] == written


def test_the_resource_can_be_changed_as_any_other(stack: Stack, jobs: EcsTasks) -> None:
    stop = StopOnDelete(stack, "Stop", jobs=jobs)
    resource = cast(Construct, stop.node.default_child).node.default_child
    assert isinstance(resource, CfnResource)
    resource.add_metadata("team", "batch")
    assert _resource(stack)["Metadata"]["team"] == "batch"


def test_what_the_jobs_need_is_deleted_after_them_and_what_starts_them_before(stack: Stack, jobs: EcsTasks) -> None:
    vpc = ec2.CfnVPC(stack, "Vpc")
    rule = events.CfnRule(stack, "Rule", schedule_expression="rate(1 day)")
    stop = StopOnDelete(stack, "Stop", jobs=jobs)
    stop.node.add_dependency(vpc)
    rule.node.add_dependency(stop)
    template = Template.from_stack(stack)
    [name] = template.find_resources(TYPE)
    assert "Vpc" in _resource(stack)["DependsOn"]
    assert name in template.find_resources("AWS::Events::Rule")["Rule"]["DependsOn"]


def test_several_in_a_stack_share_one_function_and_stop_in_the_order_that_is_declared(stack: Stack) -> None:
    tasks = StopOnDelete(stack, "Tasks", jobs=EcsTasks(ecs.CfnCluster(stack, "Cluster")))
    state_machine = sfn.CfnStateMachine(stack, "StateMachine", role_arn="arn:aws:iam::123456789012:role/r")
    executions = StopOnDelete(stack, "Executions", jobs=StateMachineExecutions(state_machine))
    executions.node.add_dependency(tasks)
    StopOnDelete(stack, "Runs", jobs=EmrServerlessJobRuns("00fexample"))
    template = Template.from_stack(stack)
    for shared in ("AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        template.resource_count_is(shared, 1)
    found = template.find_resources(TYPE)
    by_kind = {resource["Properties"]["Kind"]: (name, resource) for name, resource in found.items()}
    assert by_kind.keys() == {kind.__name__ for kind in KINDS}
    assert by_kind["EcsTasks"][0] in by_kind["StateMachineExecutions"][1]["DependsOn"]


def test_a_metric_is_its_providers(stack: Stack, jobs: EcsTasks) -> None:
    stop = StopOnDelete(stack, "Stop", jobs=jobs)
    assert stop.provider is StopOnDeleteProvider.get_or_create(stack)
    metric = stop.metric_left_running(period=Duration.minutes(1))
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("StopOnDelete", "LeftRunning", "Sum")
    assert metric.period.to_seconds() == 60
    assert stack.resolve(metric.dimensions) == stack.resolve(stop.provider.metric_left_running().dimensions)


def test_the_query_for_one_container_asks_for_fields_that_the_log_line_has() -> None:
    documented = StopOnDelete.metric_left_running.__doc__ or ""
    [query] = re.findall(r"filter container = .*\n.*\| fields (.*)", documented)
    written = (LAMBDA / "protocol/log.py").read_text() + (LAMBDA / "deletion.py").read_text()
    assert {name for name in query.split(", ") if name not in written} == {"@timestamp"}


MOVED = "a deployed stack would stop its jobs or lose its function: see tests/construct/test_upgrade.py"

SHARED_PROVIDER = {
    "StopOnDeleteProviderFunction0254480E": "AWS::Lambda::Function",
    "StopOnDeleteProviderLogs7D3309FC": "AWS::Logs::LogGroup",
    "StopOnDeleteProviderPolicy59F5EE16": "AWS::IAM::Policy",
    "StopOnDeleteProviderRoleF542487A": "AWS::IAM::Role",
}


class TestLogicalIds:
    """What a deployed stack depends on does not move from release to release, as in test_upgrade.py."""

    @staticmethod
    def _types(stack: Stack) -> dict[str, str]:
        resources: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
        return {name: resource["Type"] for name, resource in resources.items()}

    def _in_a_stack(self, app: App) -> tuple[Stack, Construct]:
        stack = Stack(app, "Stack")
        return stack, stack

    def _in_a_construct(self, app: App) -> tuple[Stack, Construct]:
        stack = Stack(app, "Stack")
        return stack, Construct(stack, "Part")

    def _in_a_stage(self, app: App) -> tuple[Stack, Construct]:
        stack = Stack(Stage(app, "Prod"), "Stack")
        return stack, stack

    def _in_a_nested_stack(self, app: App) -> tuple[Stack, Construct]:
        stack = NestedStack(Stack(app, "Stack"), "Nested")
        return stack, stack

    @pytest.mark.parametrize(
        ("place", "stop_id", "policy_id"),
        [
            ("stack", "Stop580F65EA", "StopEmrServerlessJobRunsPolicy866AD063"),
            ("construct", "PartStop84D8470A", "PartStopEmrServerlessJobRunsPolicyE5ED75EE"),
            ("stage", "Stop580F65EA", "StopEmrServerlessJobRunsPolicy866AD063"),
            ("nested_stack", "Stop580F65EA", "StopEmrServerlessJobRunsPolicy866AD063"),
        ],
    )
    def test_stay(self, app: App, place: str, stop_id: str, policy_id: str) -> None:
        stack, scope = getattr(self, f"_in_a_{place}")(app)
        StopOnDelete(scope, "Stop", jobs=EmrServerlessJobRuns("00fexample"))
        assert self._types(stack) == {**SHARED_PROVIDER, stop_id: TYPE, policy_id: "AWS::IAM::Policy"}, MOVED

    @pytest.mark.parametrize(
        ("kind", "policy_id"),
        [
            (EcsTasks, "StopEcsTasksPolicy506362F8"),
            (StateMachineExecutions, "StopStateMachineExecutionsPolicy12239A89"),
            (EmrServerlessJobRuns, "StopEmrServerlessJobRunsPolicy866AD063"),
        ],
    )
    def test_of_a_policy_names_the_kind_so_that_a_change_of_kind_keeps_the_old_one_until_the_cleanup(
        self, stack: Stack, kind: Any, policy_id: str
    ) -> None:
        containers = {
            EcsTasks: ecs.CfnCluster(stack, "Cluster"),
            StateMachineExecutions: sfn.CfnStateMachine(stack, "StateMachine", role_arn="role"),
            EmrServerlessJobRuns: "00fexample",
        }
        StopOnDelete(stack, "Stop", jobs=kind(containers[kind]))
        assert policy_id in self._types(stack), MOVED

    def test_of_a_provider_of_ones_own_stay(self, stack: Stack) -> None:
        StopOnDeleteProvider(stack, "Provider")
        assert set(self._types(stack)) == {
            "ProviderFunction30350776",
            "ProviderLogs6E147F93",
            "ProviderRole1DE8EC3B",
            "ProviderPolicy73D9A088",
        }, MOVED


class TestLiterals:
    """A literal value that breaks a rule is an error at synthesis."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"wait": Duration.minutes(15)}, r"wait Duration\.minutes\(15\) is not valid: .* 0 to 840"),
            ({"wait": 60}, r"wait 60 is not valid: it must be a Duration"),
            ({"best_effort": "yes"}, r"best_effort 'yes' is not valid: it must be a bool or a token"),
            ({"removal_policy": "retain"}, r"removal_policy 'retain' is not valid: it must be a RemovalPolicy"),
            ({"removal_policy": RemovalPolicy.SNAPSHOT}, r"removal_policy RemovalPolicy\.SNAPSHOT is not valid: a job"),
            ({"provider": "mine"}, r"provider 'mine' is not valid: it must be a StopOnDeleteProvider, or what its"),
            (
                {"jobs": None},
                r"jobs None is not valid: it does not say which jobs are meant\. Pass EcsTasks\(c",
            ),
            ({"jobs": EcsTasks}, r"jobs <class 'cdk_stop_on_delete\.EcsTasks'> is not valid: it does not say which"),
            (
                {"jobs": EmrServerlessJobRuns("X")},
                r"jobs=EmrServerlessJobRuns\(application=\.\.\.\) 'X' is not valid",
            ),
        ],
    )
    def test_is_named_as_it_was_written_and_leaves_nothing_behind_that_would_be_deployed(
        self, app: App, arguments: dict[str, Any], words: str
    ) -> None:
        stack = Stack(app, "Stack")
        with pytest.raises(InvalidArgumentError, match=f"^Stack/Stop: {words}"):
            StopOnDelete(stack, "Stop", **{"jobs": EmrServerlessJobRuns("00fexample"), **arguments})
        assert "Resources" not in Template.from_stack(stack).to_json()

    def test_of_a_policy_that_is_set_later(self, stack: Stack, jobs: EcsTasks) -> None:
        stop = StopOnDelete(stack, "Stop", jobs=jobs)
        with pytest.raises(InvalidArgumentError, match=r"^Stack/Stop: policy RemovalPolicy\.SNAPSHOT is not valid"):
            stop.apply_removal_policy(RemovalPolicy.SNAPSHOT)

    def test_of_the_container_itself_in_place_of_a_kind(self, stack: Stack, cluster: Any) -> None:
        with pytest.raises(InvalidArgumentError, match=r"^Stack/Stop: jobs CfnCluster 'Stack/Cluster' is not valid: "):
            StopOnDelete(stack, "Stop", jobs=cluster)

    def test_of_a_kind_of_a_second_copy_of_the_library_is_named_as_such(self, stack: Stack) -> None:
        copy: Any = type("EcsTasks", (), {})
        with pytest.raises(InvalidArgumentError, match=r"another copy of this library, .*\. Import it once"):
            StopOnDelete(stack, "Stop", jobs=copy())


class TestTokens:
    """What is known only at deployment passes, and the handler checks it."""

    def test_of_the_family_the_application_best_effort_and_the_wait(self, stack: Stack, cluster: Any) -> None:
        parameters = {name: CfnParameter(stack, name) for name in ("Family", "Application", "BestEffort")}
        wait = Duration.seconds(CfnParameter(stack, "Wait", type="Number").value_as_number)
        StopOnDelete(stack, "Tasks", jobs=EcsTasks(cluster, family=parameters["Family"].value_as_string))
        StopOnDelete(
            stack,
            "Runs",
            jobs=EmrServerlessJobRuns(parameters["Application"].value_as_string),
            best_effort=parameters["BestEffort"].value_as_string,
            wait=wait,
        )
        found = Template.from_stack(stack).find_resources(TYPE).values()
        tasks, runs = sorted((resource["Properties"] for resource in found), key=lambda found: str(found["Kind"]))
        assert tasks["Family"] == {"Ref": "Family"}
        assert runs["Container"] == {"Ref": "Application"}
        assert (runs["BestEffort"], runs["WaitSeconds"]) == ({"Ref": "BestEffort"}, {"Ref": "Wait"})

    @pytest.mark.parametrize("argument", ["family", "application"])
    def test_must_not_be_the_parameter_itself(self, stack: Stack, cluster: Any, argument: str) -> None:
        parameter: Any = CfnParameter(stack, "P")
        wrong: Any = {"family": EcsTasks(cluster, family=parameter), "application": EmrServerlessJobRuns(parameter)}
        words = rf"^Stack/Stop: jobs=\w+\({argument}=\.\.\.\) CfnParameter 'Stack/P' is not valid: .*value_as_string"
        with pytest.raises(InvalidArgumentError, match=words):
            StopOnDelete(stack, "Stop", jobs=wrong[argument])


def test_an_application_may_be_one_of_the_app(stack: Stack) -> None:
    application = emrserverless.CfnApplication(stack, "Application", release_label="emr-7.0.0", type="SPARK")
    StopOnDelete(stack, "Stop", jobs=EmrServerlessJobRuns(application))
    properties = _resource(stack)["Properties"]
    assert (properties["Container"], properties["ContainerLogicalId"]) == ({"Ref": "Application"}, "Application")

"""Where a container lives, what is said of it, and which containers are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsii
import pytest
from aws_cdk import (
    App,
    Aspects,
    CfnParameter,
    CfnResource,
    Environment,
    IAspect,
    NestedStack,
    RemovalPolicy,
    Stack,
)
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Template
from constructs import Construct, IConstruct

from cdk_stop_on_delete import (
    EcsTasks,
    EmrServerlessJobRuns,
    InvalidArgumentError,
    StateMachineExecutions,
    StopOnDelete,
    StopOnDeleteProvider,
)
from tests.construct.conftest import ACCOUNT

TYPE = "Custom::StopOnDelete"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
ELSEWHERE = "9" * 12

Jobs = EcsTasks | StateMachineExecutions | EmrServerlessJobRuns


def _properties(stack: Stack) -> dict[str, Any]:
    [resource] = Template.from_stack(stack).find_resources(TYPE).values()
    return dict(resource["Properties"])


def _tasks(scope: Construct) -> EcsTasks:
    return EcsTasks(ecs.Cluster(scope, "Cluster", vpc=ec2.Vpc(scope, "Vpc", max_azs=1)))


def _tasks_of_an_l1(scope: Construct) -> EcsTasks:
    return EcsTasks(ecs.CfnCluster(scope, "Cluster"))


def _executions(scope: Construct) -> StateMachineExecutions:
    definition = sfn.DefinitionBody.from_chainable(sfn.Pass(scope, "Pass"))
    return StateMachineExecutions(sfn.StateMachine(scope, "StateMachine", definition_body=definition))


def _executions_of_an_l1(scope: Construct) -> StateMachineExecutions:
    return StateMachineExecutions(sfn.CfnStateMachine(scope, "StateMachine", role_arn="role"))


def _runs(scope: Construct) -> EmrServerlessJobRuns:
    return EmrServerlessJobRuns(
        emrserverless.CfnApplication(scope, "Application", release_label="emr-7.0.0", type="SPARK")
    )


CONTAINERS: dict[Callable[[Construct], Jobs], str] = {
    _tasks: "AWS::ECS::Cluster",
    _tasks_of_an_l1: "AWS::ECS::Cluster",
    _executions: "AWS::StepFunctions::StateMachine",
    _executions_of_an_l1: "AWS::StepFunctions::StateMachine",
    _runs: "AWS::EMRServerless::Application",
}
EVERY_CONTAINER = pytest.mark.parametrize("make", CONTAINERS)


def _refers_to(value: Any) -> str:
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


class TestOfTheSameStack:
    """The handler asks CloudFormation by the logical id whether the container goes."""

    @EVERY_CONTAINER
    def test_is_referred_to_so_that_it_is_deleted_after_its_jobs(
        self, stack: Stack, make: Callable[[Construct], Jobs]
    ) -> None:
        StopOnDelete(stack, "Stop", jobs=make(stack))
        [logical_id] = Template.from_stack(stack).find_resources(CONTAINERS[make])
        properties = _properties(stack)
        assert _refers_to(properties["Container"]) == logical_id
        assert properties["ContainerLogicalId"] == logical_id
        assert properties["ContainerDeletionPolicy"] == "Delete"

    def test_is_said_by_the_logical_id_that_it_has_in_the_end(self, stack: Stack) -> None:
        cluster = ecs.CfnCluster(stack, "Cluster")
        StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))
        cluster.override_logical_id("Renamed")
        assert _properties(stack)["ContainerLogicalId"] == "Renamed"

    @pytest.mark.parametrize(
        ("policy", "written"),
        [
            (RemovalPolicy.RETAIN, "Retain"),
            (RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, "RetainExceptOnCreate"),
            (RemovalPolicy.DESTROY, "Delete"),
        ],
    )
    @pytest.mark.parametrize("when", ["before", "after", "by an aspect"])
    def test_has_the_deletion_policy_that_it_has_in_the_end(
        self, app: App, stack: Stack, policy: RemovalPolicy, written: str, when: str
    ) -> None:
        cluster = ecs.CfnCluster(stack, "Cluster")
        if when == "before":
            cluster.apply_removal_policy(policy)
        StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))
        if when == "after":
            cluster.apply_removal_policy(policy)
        if when == "by an aspect":
            Aspects.of(app).add(_Apply(policy))
        app.synth()
        assert Template.from_stack(stack).find_resources("AWS::ECS::Cluster")["Cluster"]["DeletionPolicy"] == written
        assert _properties(stack)["ContainerDeletionPolicy"] == written

    def test_of_an_l2_construct_may_be_retained_too(self, stack: Stack) -> None:
        cluster = ecs.Cluster(stack, "Cluster", vpc=ec2.Vpc(stack, "Vpc", max_azs=1))
        StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))
        cluster.apply_removal_policy(RemovalPolicy.RETAIN)
        assert _properties(stack)["ContainerDeletionPolicy"] == "Retain"


class TestCapacityProviders:
    """ECS refuses to take one from a cluster while a task uses it, so they are deleted after the jobs."""

    TYPE = "AWS::ECS::ClusterCapacityProviderAssociations"

    def _cluster(self, scope: Construct) -> ecs.Cluster:
        vpc = ec2.Vpc(scope, "Vpc", max_azs=1)
        return ecs.Cluster(scope, "Cluster", vpc=vpc, enable_fargate_capacity_providers=True)

    def test_of_a_cluster_are_depended_on(self, stack: Stack) -> None:
        StopOnDelete(stack, "Stop", jobs=EcsTasks(self._cluster(stack)))
        template = Template.from_stack(stack)
        [associations] = template.find_resources(self.TYPE)
        [resource] = template.find_resources(TYPE).values()
        assert associations in resource["DependsOn"]

    def test_that_are_added_later_are_depended_on(self, stack: Stack) -> None:
        cluster = ecs.Cluster(stack, "Cluster", vpc=ec2.Vpc(stack, "Vpc", max_azs=1))
        StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))
        cluster.enable_fargate_capacity_providers()
        template = Template.from_stack(stack)
        [associations] = template.find_resources(self.TYPE)
        [resource] = template.find_resources(TYPE).values()
        assert associations in resource["DependsOn"]

    def test_of_the_stack_around_a_nested_one_outlive_the_nested_one(self, app: App, stack: Stack) -> None:
        StopOnDelete(NestedStack(stack, "Nested"), "Stop", jobs=EcsTasks(self._cluster(stack)))
        app.synth()
        template = Template.from_stack(stack)
        [associations] = template.find_resources(self.TYPE)
        [nested] = template.find_resources("AWS::CloudFormation::Stack").values()
        assert associations in nested["DependsOn"]

    def test_are_all_that_is_depended_on_in_the_scope_of_their_cluster(self, stack: Stack) -> None:
        cluster = self._cluster(stack)
        first = StopOnDelete(cluster, "First", jobs=EcsTasks(cluster, family="first"))
        second = StopOnDelete(cluster, "Second", jobs=EcsTasks(cluster, family="second"))
        starter = CfnResource(cluster, "Starter", type="Test::Starter")
        starter.node.add_dependency(first, second)
        template = Template.from_stack(stack)
        allowed = {*template.find_resources(self.TYPE), *template.find_resources("AWS::IAM::Policy")}
        depended_on = [set(resource["DependsOn"]) for resource in template.find_resources(TYPE).values()]
        assert len(depended_on) == 2
        assert set.union(*depended_on) <= allowed

    def test_of_an_imported_cluster_are_its_own_stacks(self, app: App, stack: Stack) -> None:
        elsewhere = Stack(app, "Elsewhere")
        StopOnDelete(stack, "Stop", jobs=EcsTasks(ecs.Cluster.from_cluster_arn(elsewhere, "Imported", CLUSTER)))
        app.synth()
        assert elsewhere not in stack.dependencies


def _named_by_a_token_of(jobs: type[Jobs]) -> Callable[[Construct], tuple[CfnResource, Jobs]]:
    def cluster(scope: Construct) -> tuple[CfnResource, Jobs]:
        made = ecs.CfnCluster(scope, "Cluster")
        return made, EcsTasks(ecs.Cluster.from_cluster_arn(scope, "Imported", made.attr_arn))

    def state_machine(scope: Construct) -> tuple[CfnResource, Jobs]:
        made = sfn.CfnStateMachine(scope, "StateMachine", role_arn="role")
        imported = sfn.StateMachine.from_state_machine_arn(scope, "Imported", made.ref)
        return made, StateMachineExecutions(imported)

    def application(scope: Construct) -> tuple[CfnResource, Jobs]:
        made = emrserverless.CfnApplication(scope, "Application", release_label="emr-7.0.0", type="SPARK")
        return made, EmrServerlessJobRuns(made.attr_application_id)

    return {EcsTasks: cluster, StateMachineExecutions: state_machine, EmrServerlessJobRuns: application}[jobs]


class TestNamedByATokenOfTheApps:
    """A string that refers to a resource says as much as the resource: what retains it must be seen."""

    @pytest.mark.parametrize("jobs", [EcsTasks, StateMachineExecutions, EmrServerlessJobRuns])
    def test_is_owned_as_if_it_were_passed_itself(self, stack: Stack, jobs: type[Jobs]) -> None:
        container, named = _named_by_a_token_of(jobs)(stack)
        container.apply_removal_policy(RemovalPolicy.RETAIN)
        StopOnDelete(stack, "Stop", jobs=named)
        properties = _properties(stack)
        assert properties["ContainerLogicalId"] == container.node.id
        assert properties["ContainerDeletionPolicy"] == "Retain"

    def test_is_found_within_an_arn_that_is_built_from_its_name(self, stack: Stack) -> None:
        made = ecs.CfnCluster(stack, "Cluster")
        vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
        cluster = ecs.Cluster.from_cluster_attributes(stack, "C", cluster_name=made.ref, vpc=vpc, security_groups=[])
        StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))
        assert _properties(stack)["ContainerLogicalId"] == "Cluster"

    def test_is_not_owned_if_it_is_of_another_stack(self, app: App, stack: Stack) -> None:
        _, named = _named_by_a_token_of(EcsTasks)(Stack(app, "Elsewhere"))
        StopOnDelete(stack, "Stop", jobs=named)
        app.synth()
        assert "ContainerLogicalId" not in _properties(stack)

    def test_may_not_be_where_the_function_can_not_reach_it(self, app: App, stack_of_account: Stack) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account=ACCOUNT, region="eu-west-1"))
        _, named = _named_by_a_token_of(EmrServerlessJobRuns)(elsewhere)
        with pytest.raises(InvalidArgumentError, match="it is in the region eu-west-1, but the stack in us-west-2"):
            StopOnDelete(stack_of_account, "Stop", jobs=named)

    def test_is_not_taken_for_the_container_if_it_is_something_else(self, stack: Stack) -> None:
        other = CfnResource(stack, "Lookup", type="Custom::Lookup")
        StopOnDelete(stack, "Stop", jobs=EmrServerlessJobRuns(other.get_att("ApplicationId").to_string()))
        assert "ContainerLogicalId" not in _properties(stack)


@jsii.implements(IAspect)
class _Apply:
    def __init__(self, policy: RemovalPolicy) -> None:
        self._policy = policy

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, ecs.CfnCluster):
            node.apply_removal_policy(self._policy)


class TestOfAnotherStack:
    """Its stack decides what becomes of it, so its logical id says nothing here."""

    @EVERY_CONTAINER
    def test_is_passed_by_the_cdk(self, app: App, stack: Stack, make: Callable[[Construct], Jobs]) -> None:
        elsewhere = Stack(app, "Elsewhere")
        StopOnDelete(stack, "Stop", jobs=make(elsewhere))
        app.synth()
        properties = _properties(stack)
        assert set(properties["Container"]) <= {"Fn::ImportValue", "Fn::GetStackOutput"}
        assert not {"ContainerLogicalId", "ContainerDeletionPolicy"} & set(properties)
        assert elsewhere in stack.dependencies

    def test_may_be_the_one_around_a_nested_stack(self, app: App, stack: Stack) -> None:
        nested = NestedStack(stack, "Nested")
        StopOnDelete(nested, "Stop", jobs=_tasks_of_an_l1(stack))
        app.synth()
        assert _properties(nested)["Container"].keys() == {"Ref"}
        assert "ContainerLogicalId" not in _properties(nested)

    def test_may_be_a_nested_one(self, app: App, stack: Stack) -> None:
        nested = NestedStack(stack, "Nested")
        StopOnDelete(stack, "Stop", jobs=_tasks_of_an_l1(nested))
        app.synth()
        [_, attribute] = _properties(stack)["Container"]["Fn::GetAtt"]
        assert attribute.startswith("Outputs.")
        assert "ContainerLogicalId" not in _properties(stack)

    @EVERY_CONTAINER
    def test_may_not_be_of_another_account(
        self, app: App, stack_of_account: Stack, make: Callable[[Construct], Jobs]
    ) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account=ELSEWHERE, region="us-west-2"))
        words = rf"^StackOfAccount/Stop: jobs=.* \w+ 'Elsewhere/.* it is in the account {ELSEWHERE}, but the stack in"
        with pytest.raises(InvalidArgumentError, match=words):
            StopOnDelete(stack_of_account, "Stop", jobs=make(elsewhere))

    def test_may_not_be_of_another_region_if_its_name_does_not_say_which(
        self, app: App, stack_of_account: Stack
    ) -> None:
        elsewhere = Stack(app, "Elsewhere", env=Environment(account=ACCOUNT, region="eu-west-1"))
        with pytest.raises(InvalidArgumentError, match="it is in the region eu-west-1, but the stack in us-west-2"):
            StopOnDelete(stack_of_account, "Stop", jobs=_runs(elsewhere))


class TestImported:
    """It is not this stack's to delete, so only the stack's own end stops what runs in it."""

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda scope: EcsTasks(ecs.Cluster.from_cluster_arn(scope, "C", CLUSTER)), CLUSTER),
            (
                lambda scope: StateMachineExecutions(
                    sfn.StateMachine.from_state_machine_arn(scope, "M", STATE_MACHINE)
                ),
                STATE_MACHINE,
            ),
            (lambda _: EmrServerlessJobRuns("00fexample"), "00fexample"),
        ],
    )
    def test_is_named_by_its_arn_or_id(
        self, stack_of_account: Stack, make: Callable[[Construct], Jobs], name: str
    ) -> None:
        StopOnDelete(stack_of_account, "Stop", jobs=make(stack_of_account))
        properties = _properties(stack_of_account)
        assert properties["Container"] == name
        assert not {"ContainerLogicalId", "ContainerDeletionPolicy"} & set(properties)

    def test_by_its_name_alone_has_the_arn_that_the_cdk_builds(self, stack: Stack) -> None:
        vpc = ec2.Vpc(stack, "Vpc", max_azs=1)
        cluster = ecs.Cluster.from_cluster_attributes(stack, "C", cluster_name="prod", vpc=vpc, security_groups=[])
        StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster))
        built = _properties(stack)["Container"]["Fn::Join"][1]
        assert "".join(part if isinstance(part, str) else part["Ref"] for part in built) == (
            "arn:AWS::Partition:ecs:AWS::Region:AWS::AccountId:cluster/prod"
        )

    def test_may_be_given_by_a_token(self, stack: Stack) -> None:
        parameter = CfnParameter(stack, "Arn")
        machine = sfn.StateMachine.from_state_machine_arn(stack, "M", parameter.value_as_string)
        StopOnDelete(stack, "Stop", jobs=StateMachineExecutions(machine))
        assert _properties(stack)["Container"] == {"Ref": "Arn"}

    def test_may_have_a_name_with_whatever_its_service_takes(self, stack: Stack) -> None:
        arn = f"{STATE_MACHINE}(1)+=@!'.é"
        machine = sfn.StateMachine.from_state_machine_arn(stack, "M", arn)
        StopOnDelete(stack, "Stop", jobs=StateMachineExecutions(machine))
        assert _properties(stack)["Container"] == arn

    def test_may_be_in_another_region_which_its_arn_says(self, stack_of_account: Stack) -> None:
        arn = CLUSTER.replace("us-west-2", "eu-west-1")
        StopOnDelete(stack_of_account, "Stop", jobs=EcsTasks(ecs.Cluster.from_cluster_arn(stack_of_account, "C", arn)))
        assert _properties(stack_of_account)["Container"] == arn

    def test_of_another_account_passes_where_the_stacks_is_not_known(self, stack: Stack) -> None:
        arn = CLUSTER.replace(ACCOUNT, ELSEWHERE)
        StopOnDelete(stack, "Stop", jobs=EcsTasks(ecs.Cluster.from_cluster_arn(stack, "C", arn)))
        assert _properties(stack)["Container"] == arn


def _cluster(scope: Construct, arn: str) -> EcsTasks:
    return EcsTasks(ecs.Cluster.from_cluster_arn(scope, "Imported", arn))


def _state_machine(scope: Construct, arn: str) -> StateMachineExecutions:
    return StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(scope, "Imported", arn))


class TestMistakes:
    @pytest.mark.parametrize(
        ("make", "arn", "words"),
        [
            (
                _cluster,
                CLUSTER.replace(ACCOUNT, ELSEWHERE),
                f"it is in the account {ELSEWHERE}, but the stack in {ACCOUNT}. Declare the StopOnDelete in a stack of",
            ),
            (
                _cluster,
                CLUSTER.replace("arn:aws:", "arn:aws-cn:"),
                "it is in the partition aws-cn, but the stack in aws. Declare the StopOnDelete in a stack of that",
            ),
            (
                _cluster,
                CLUSTER.replace(":ecs:", ":eks:"),
                "it is no ARN of a cluster. Import it by its own ARN, such",
            ),
            (
                _cluster,
                CLUSTER.replace(ACCOUNT, "1234"),
                "it is no ARN of a cluster. Import it by its own ARN, such",
            ),
            (_cluster, CLUSTER.replace("prod", "*"), "it is no ARN of a cluster. Import it by its own ARN, such"),
            (
                _state_machine,
                STATE_MACHINE.replace(ACCOUNT, ELSEWHERE),
                f"it is in the account {ELSEWHERE}, but the stack in {ACCOUNT}. Declare the StopOnDelete in a stack of",
            ),
            (
                _state_machine,
                STATE_MACHINE.replace("arn:aws:", "arn:aws-us-gov:"),
                "it is in the partition aws-us-gov, but the stack in aws. Declare the StopOnDelete in a stack of that",
            ),
            (
                _state_machine,
                f"{STATE_MACHINE}:live",
                "it is no ARN of a state machine. Import it by its own ARN",
            ),
            (_state_machine, f"{STATE_MACHINE}*", "it is no ARN of a state machine. Import it by its own ARN"),
        ],
    )
    def test_of_an_imported_arn_are_named_with_it(
        self,
        stack_of_account: Stack,
        make: Callable[[Construct, str], Jobs],
        arn: str,
        words: str,
    ) -> None:
        jobs = make(stack_of_account, arn)
        with pytest.raises(InvalidArgumentError) as error:
            StopOnDelete(stack_of_account, "Stop", jobs=jobs)
        argument = "cluster" if make is _cluster else "state_machine"
        named = f"jobs={type(jobs).__name__}({argument}=...) '{arn}'"
        assert str(error.value).startswith(f"StackOfAccount/Stop: {named} is not valid: {words}")

    @pytest.mark.parametrize("family", ["nightly:3", "", "a b", "x" * 256, "nightly\n", 3, ["nightly"], b"nightly"])
    def test_of_a_family_are_named_with_it(self, stack: Stack, family: Any) -> None:
        cluster = ecs.CfnCluster(stack, "Cluster")
        with pytest.raises(InvalidArgumentError) as error:
            StopOnDelete(stack, "Stop", jobs=EcsTasks(cluster, family=family))
        assert str(error.value) == (
            f"Stack/Stop: jobs=EcsTasks(family=...) {family!r} is not valid: a family has up to 255 letters, digits,"
            " hyphens and underscores. Pass the `family` of the task definition, without a revision."
        )

    @pytest.mark.parametrize("family", ["nightly", "A_b-3", "x" * 255])
    def test_are_not_made_by_a_family_that_ecs_takes(self, stack: Stack, family: str) -> None:
        StopOnDelete(stack, "Stop", jobs=EcsTasks(ecs.CfnCluster(stack, "Cluster"), family=family))
        assert _properties(stack)["Family"] == family

    @pytest.mark.parametrize(
        "application",
        [
            "",
            "00F",
            "x" * 65,
            "00f\n",
            f"arn:aws:emr-serverless:us-west-2:{ACCOUNT}:/applications/00f",
            None,
            1,
            b"00f",
        ],
    )
    def test_of_an_application_are_named_with_it(self, stack: Stack, application: Any) -> None:
        with pytest.raises(InvalidArgumentError) as error:
            StopOnDelete(stack, "Stop", jobs=EmrServerlessJobRuns(application))
        assert str(error.value) == (
            f"Stack/Stop: jobs=EmrServerlessJobRuns(application=...) {application!r} is not valid: it must be an"
            " application, or an id of up to 64 digits and lower case letters."
            " Pass a CfnApplication, or the id in the last part of the ARN."
        )

    @pytest.mark.parametrize("application", ["0", "00fexample", "x" * 64])
    def test_are_not_made_by_an_id_that_emr_serverless_takes(self, stack: Stack, application: str) -> None:
        StopOnDelete(stack, "Stop", jobs=EmrServerlessJobRuns(application))
        assert _properties(stack)["Container"] == application

    @pytest.mark.parametrize("kind", [EcsTasks, StateMachineExecutions])
    @pytest.mark.parametrize("wrong", ["name", None, CfnResource, StopOnDeleteProvider])
    def test_of_something_else_in_place_of_a_container_are_named_with_what_to_pass(
        self, stack: Stack, kind: Callable[[Any], Jobs], wrong: Any
    ) -> None:
        if wrong is CfnResource:
            wrong = CfnResource(stack, "Other", type="AWS::EKS::Cluster")
        elif wrong is StopOnDeleteProvider:
            wrong = StopOnDeleteProvider(stack, "Other")
        with pytest.raises(InvalidArgumentError, match=r"^Stack/Stop: jobs=.* it must be a .*\. Pass a .* import one"):
            StopOnDelete(stack, "Stop", jobs=kind(wrong))

    def test_of_a_cluster_of_another_service_which_has_an_arn_too(self, stack: Stack) -> None:
        class Other(Construct):
            cluster_arn = CLUSTER

        wrong: Any = Other(stack, "Other")
        with pytest.raises(InvalidArgumentError, match=r"Other 'Stack/Other' is not valid: it must be a cluster of E"):
            StopOnDelete(stack, "Stop", jobs=EcsTasks(wrong))

    def test_of_an_alias_of_a_state_machine_which_has_the_arn_of_it_too(self, stack: Stack) -> None:
        version: Any = sfn.CfnStateMachineVersion(stack, "Version", state_machine_arn=STATE_MACHINE)
        with pytest.raises(InvalidArgumentError, match="'Stack/Version' is not valid: it must be a state machine"):
            StopOnDelete(stack, "Stop", jobs=StateMachineExecutions(version))

"""Arguments that are refused at synthesis, each with its message, and tokens, which the handler checks."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from aws_cdk import (
    CfnDynamicReference,
    CfnDynamicReferenceService,
    CfnParameter,
    Duration,
    Environment,
    Fn,
    RemovalPolicy,
    SecretValue,
    Stack,
)
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import InvalidArgumentError
from tests.construct.conftest import ACCOUNT, JOB, cfn_resource, make_app, make_job, make_stop, properties_of, resources

CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
ELSEWHERE = "9" * 12
KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"
FUNCTION = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:exports"

Make = Callable[..., Construct]


def _refused(make: Make, scope: Construct, argument: str, shown: str, words: str, **arguments: Any) -> None:
    """Check the parts of a message: the construct, the argument, its value, the rule and the fix."""
    with pytest.raises(InvalidArgumentError) as error:
        make(scope, "Case", **arguments)
    start = f"{scope.node.path}/Case: {argument} {shown} is not valid: "
    assert str(error.value).startswith(start), str(error.value)
    assert re.search(words, str(error.value).removeprefix(start)), str(error.value)


REGIONS = r"RoboMaker was never in the region us-wset-2, only in ap-"


@pytest.mark.parametrize(
    ("job_arn", "words"),
    [
        (None, r"it must be a string\. Pass what CreateWorldExportJob returned"),
        ([JOB], "it must be a string"),
        ("job-1", r"it is not an ARN .*\. Pass the ARN that CreateWorldExportJob returned"),
        (JOB.replace("us-west-2", "us-wset-2"), REGIONS),
    ],
)
def test_a_job_arn(scope: Construct, job_arn: Any, words: str) -> None:
    """The rest of the rules is in tests/unit/test_properties.py."""
    _refused(make_job, scope, "job_arn", repr(job_arn), words, job_arn=job_arn)


@pytest.mark.parametrize("make", [make_job, make_stop])
@pytest.mark.parametrize(
    ("argument", "value", "shown", "words"),
    [
        ("wait", Duration.minutes(15), "Duration.minutes(15)", r"whole number .* from 0 to 840 \(14 minutes\)"),
        ("wait", Duration.millis(1500), "Duration.millis(1500)", "a whole number of seconds"),
        ("wait", 60, "60", r"it must be a Duration\. Pass, for example, Duration\.minutes\(5\)"),
        ("wait", timedelta(minutes=5), repr(timedelta(minutes=5)), "it must be a Duration"),
        ("best_effort", "yes", "'yes'", r"it must be a bool or a token\. Pass True or False"),
        ("best_effort", 0, "0", "it must be a bool or a token"),
        ("best_effort", None, "None", "it must be a bool or a token"),
        ("removal_policy", RemovalPolicy.SNAPSHOT, "RemovalPolicy.SNAPSHOT", r"a job has no snapshots\. Pass Re"),
        ("removal_policy", "retain", "'retain'", r"it must be a RemovalPolicy\. Pass RemovalPolicy\.DESTROY, RET"),
        ("removal_policy", None, "None", "it must be a RemovalPolicy"),
        ("provider", "mine", "'mine'", r"it must be a StopOnDeleteProvider, a WorldExportJobP.*\. Make one, which"),
    ],
)
def test_what_both_constructs_take(
    scope: Construct, make: Make, argument: str, value: Any, shown: str, words: str
) -> None:
    _refused(make, scope, argument, shown, words, **{argument: value})


@pytest.mark.parametrize(
    ("jobs", "shown", "words"),
    [
        (None, "None", r"it does not say which jobs to stop\. Pass EcsTasks\(cluster\), Sta"),
        (EcsTasks, "<class 'cdk_stop_on_delete.EcsTasks'>", "it does not say which jobs to stop"),
        (
            type("EcsTasks", (), {"__repr__": lambda _: "copy"})(),
            "copy",
            r"another copy of this lib.*\. Import it once",
        ),
    ],
)
def test_jobs(scope: Construct, jobs: Any, shown: str, words: str) -> None:
    _refused(make_stop, scope, "jobs", shown, words, jobs=jobs)


@pytest.mark.parametrize("argument", ["delete_first", "delete_last"])
@pytest.mark.parametrize("value", [None, "role", ["role"], [iam.Role], {}])
def test_what_is_ordered(scope: Construct, argument: str, value: Any) -> None:
    words = rf"it must be a list of constructs\. Pass, for example, {argument}=\["
    _refused(make_stop, scope, argument, repr(value), words, **{argument: value})
    role = iam.Role.from_role_arn(scope, "Role", f"arn:aws:iam::{ACCOUNT}:role/mine")
    with pytest.raises(InvalidArgumentError, match="it must be a list of constructs"):
        make_stop(scope, "NoList", **{argument: role})


def test_what_can_not_be_deleted_first(scope: Construct) -> None:
    cluster = ecs.Cluster(scope, "Cluster")
    starter = Construct(scope, "Starter")
    starter.event_rule = None  # type: ignore[attr-defined]  # as ScheduledFargateTask has it
    refused: list[tuple[Construct, str, str]] = [
        (cluster, "Cluster 'Stack/Scope/Cluster'", "it contains Stack/Scope/Cluster/Resource, which is deleted after"),
        (
            scope,
            "Construct 'Stack/Scope'",
            "it contains Stack/Scope/Case, which is deleted after it. Pass only what starts",
        ),
        (
            starter,
            "Construct 'Stack/Scope/Starter'",
            r"definition and roles .* delete_first=\[task\.event_rule\] and de",
        ),
    ]
    for construct, shown, words in refused:
        _refused(make_stop, scope, "delete_first", shown, words, jobs=EcsTasks(cluster), delete_first=[construct])
        scope.node.try_remove_child("Case")


def test_the_arn_of_a_task_definition_is_no_family(scope: Construct) -> None:
    definition = ecs.FargateTaskDefinition(scope, "Nightly")
    for number, arn in enumerate((definition.task_definition_arn, cfn_resource(definition).ref)):
        jobs = EcsTasks(ecs.CfnCluster(scope, f"Cluster{number}"), family=arn)
        words = r"it becomes the ARN of a task definition\. Pass the family: `task_definition\.family`"
        shown = "CfnTaskDefinition 'Stack/Scope/Nightly/Resource'"
        _refused(make_stop, scope, "jobs=EcsTasks(family=...)", shown, words, jobs=jobs)
        scope.node.try_remove_child("Case")


class _ClusterOfEks(Construct):
    cluster_arn = CLUSTER


def _version(scope: Construct, name: str) -> Construct:
    return sfn.CfnStateMachineVersion(scope, name, state_machine_arn=STATE_MACHINE)


TASKS, EXECUTIONS = "jobs=EcsTasks(cluster=...)", "jobs=StateMachineExecutions(state_machine=...)"
NO_CLUSTER = r"it must be a cluster of ECS\. Pass a .* import one with `Cluster\.from_cluster_arn"
NO_STATE_MACHINE = r"it must be a state machine\. Pass a .* import one with `StateMachine\.from_state_machine_arn"


@pytest.mark.parametrize("wrong", ["name", None, _ClusterOfEks, _version, StopOnDeleteProvider])
@pytest.mark.parametrize(
    ("kind", "argument", "words"),
    [(EcsTasks, TASKS, NO_CLUSTER), (StateMachineExecutions, EXECUTIONS, NO_STATE_MACHINE)],
)
def test_a_container_of_another_type(scope: Construct, kind: Any, argument: str, words: str, wrong: Any) -> None:
    value = wrong(scope, "Other") if callable(wrong) else wrong
    shown = f"{type(value).__name__.lstrip('_')} 'Stack/Scope/Other'" if callable(wrong) else repr(wrong)
    _refused(make_stop, scope, argument, shown, words, jobs=kind(value))


def _cluster(scope: Construct, arn: str) -> EcsTasks:
    return EcsTasks(ecs.Cluster.from_cluster_arn(scope, "Imported", arn))


def _state_machine(scope: Construct, arn: str) -> StateMachineExecutions:
    return StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(scope, "Imported", arn))


ANOTHER_ACCOUNT = f"it is in the account {ELSEWHERE}, but the stack is in {ACCOUNT}. Declare"


@pytest.mark.parametrize(
    ("make", "arn", "words"),
    [
        (_cluster, CLUSTER.replace(ACCOUNT, ELSEWHERE), ANOTHER_ACCOUNT),
        (
            _cluster,
            CLUSTER.replace("arn:aws:", "arn:aws-cn:"),
            "it is in the partition aws-cn, but the stack is in aws",
        ),
        (_cluster, CLUSTER.replace(":ecs:", ":eks:"), "it must be the ARN of a cluster, such as arn:aws:ecs:"),
        (_state_machine, STATE_MACHINE.replace(ACCOUNT, ELSEWHERE), ANOTHER_ACCOUNT),
        (
            _state_machine,
            f"{STATE_MACHINE}:live",
            "it must be the ARN of a state machine, .* without a version or an al",
        ),
    ],
)
def test_the_arn_of_an_imported_container(stack_of_account: Stack, make: Any, arn: str, words: str) -> None:
    argument = TASKS if make is _cluster else EXECUTIONS
    _refused(make_stop, stack_of_account, argument, repr(arn), words, jobs=make(stack_of_account, arn))


@pytest.mark.parametrize("family", ["nightly:3", "", "x" * 256, "nightly\n", 3, ["nightly"]])
def test_a_family(scope: Construct, family: Any) -> None:
    jobs = EcsTasks(ecs.CfnCluster(scope, "Cluster"), family=family)
    _refused(make_stop, scope, "jobs=EcsTasks(family=...)", repr(family), r"255 .*\. Pass the name without", jobs=jobs)


@pytest.mark.parametrize("started_by", ["a,b", "", "x" * 129, "\u00e9", 3])
def test_a_started_by(scope: Construct, started_by: Any) -> None:
    jobs = EcsTasks(ecs.CfnCluster(scope, "Cluster"), started_by=started_by)
    words = r"1 to 128 printable ASCII .*\. Pass the startedBy"
    _refused(make_stop, scope, "jobs=EcsTasks(started_by=...)", repr(started_by), words, jobs=jobs)


@pytest.mark.parametrize(
    ("period", "shown", "words"),
    [
        (Duration.seconds(14), "Duration.seconds(14)", r"0, or a whole number .* from 15 to 1,800\. Pass a period in"),
        (Duration.minutes(31), "Duration.minutes(31)", r"from 15 to 1,800"),
        (Duration.millis(20_500), "Duration.millis(20500)", r"a whole number of seconds"),
        (60, "60", r"it must be a Duration\. Pass, for example, Duration\.minutes\(2\)"),
    ],
)
def test_a_shutdown_grace_period(scope: Construct, period: Any, shown: str, words: str) -> None:
    jobs = EmrServerlessJobRuns("00f", shutdown_grace_period=period)
    _refused(make_stop, scope, "jobs=EmrServerlessJobRuns(shutdown_grace_period=...)", shown, words, jobs=jobs)


@pytest.mark.parametrize("application", ["", "00F", "x" * 65, "00f\n", None, 1, b"00f"])
def test_an_application(scope: Construct, application: Any) -> None:
    argument, words = "jobs=EmrServerlessJobRuns(application=...)", "it must be the id of an application, such as 00f"
    _refused(make_stop, scope, argument, repr(application), words, jobs=EmrServerlessJobRuns(application))


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("vpc", "vpc-1", r"it must be an IVpc\. Import it with `Vpc\.from_lookup\(scope, id, vpc_id="),
        ("security_groups", ["sg-1"], r"it must be a list of ISecurityGroup\. Import it with `SecurityGroup\.from_"),
        ("security_groups", "sg-1", "it must be a list of ISecurityGroup"),
        ("log_group", "/x", r"it must be an ILogGroup\. Import it with `LogGroup\.from_log_group_name\(scope, id, n"),
        ("role", "arn:aws:iam::123456789012:role/r", r"it must be an IRole\. Import it with `Role\.from_role_arn"),
        ("environment_encryption", "alias/k", r"it must be an IKey\. Import it with `Key\.from_key_arn\(scope"),
        ("memory_size", 127, r"it must be a whole number of MiB from 128 to 10,240 \(Lambda quotas\)\. Leave it out"),
        *(("memory_size", value, "a whole number of MiB from 128") for value in (10_241, 256.5, True, "256")),
        ("runtime", "python3.13", r"it must be a Runtime\. Pass, for example, Runtime\.PYTHON_3_13"),
        (
            "runtime",
            lambda_.Runtime("python3.10"),
            r"the handler is .* Python, and needs 3\.11 or newer\. Leave it out",
        ),
        ("runtime", lambda_.Runtime("nodejs20.x"), "the handler is written in Python"),
        ("proxy", "https://proxy:3128", r"requires TLS\. Pass the proxy's plain port, http://HOST:PORT"),
        ("proxy", "proxy:3128", r"it is not a URL of the form http://HOST:PORT\. Pass it as http://HOST:PORT"),
        *(("proxy", f"http://{rest}", "not a URL") for rest in (":3128", "p:1/path", "p q:1", "p:x", "p:99999", "p:0")),
        ("proxy", "socks5://proxy:1080", "not a URL"),
        ("proxy", 3128, "it must be a string"),
        ("kinds", EcsTasks, r"it must be a list of classes of jobs, such as EcsTasks or Wor.*\. Pass, for example, k"),
        ("kinds", ["EcsTasks"], "it must be a list of classes of jobs"),
    ],
)
def test_a_setting_of_the_provider(scope: Construct, argument: str, value: Any, words: str) -> None:
    shown = repr(value.name if isinstance(value, lambda_.Runtime) else value)
    _refused(StopOnDeleteProvider, scope, argument, shown, words, **{argument: value})


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_of_a_proxy_is_not_shown(scope: Construct, scheme: str) -> None:
    proxy = f"{scheme}://me:pa55word@proxy:3128"
    with pytest.raises(InvalidArgumentError, match=rf"proxy '{scheme}://me:\.\.\.@proxy:3128' is not") as error:
        StopOnDeleteProvider(scope, "Case", proxy=proxy)
    assert "pa55word" not in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda scope, key: kms.Alias(scope, "Alias", alias_name="mine", target_key=key),
        lambda scope, key: kms.Alias.from_alias_name(scope, "Alias", "alias/mine"),  # noqa: ARG005
    ],
)
def test_a_key_is_not_given_by_an_alias(scope: Construct, make: Callable[..., kms.IAlias]) -> None:
    alias = make(scope, kms.Key.from_key_arn(scope, "Key", KEY))
    words = (
        r"it is an alias of a key: Lambda takes none, .* Pass the key itself, or import it with `Key\.from_key_arn\("
    )
    argument = "environment_encryption"
    _refused(StopOnDeleteProvider, scope, argument, r"Alias 'Stack/Scope/Alias'", words, **{argument: alias})


def test_a_resource_is_named_by_its_path(scope: Construct) -> None:
    role = iam.CfnRole(scope, "Role", assume_role_policy_document={})
    _refused(StopOnDeleteProvider, scope, "role", "CfnRole 'Stack/Scope/Role'", "it must be an IRole", role=role)


def test_an_argument_that_there_is_not(scope: Construct) -> None:
    settings: dict[str, Any] = {"memory": 512}
    with pytest.raises(TypeError, match=r"^Stack/Scope/Case: StopOnDeleteProvider has no argument 'memory'$"):
        StopOnDeleteProvider(scope, "Case", **settings)


PUBLIC = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)


@pytest.mark.parametrize(
    ("argument", "make", "words"),
    [
        ("vpc_subnets", lambda _: ec2.SubnetSelection(subnet_group_name="x"), "'vpcSubnets' without configuring a VPC"),
        ("architecture", lambda _: "arm64", "type of argument architecture must be"),
        ("vpc", lambda scope: ec2.Vpc(scope, "V", subnet_configuration=[PUBLIC]), "public subnet can NOT access"),
    ],
)
def test_what_the_cdk_refuses_is_named_with_the_construct(
    scope: Construct, argument: str, make: Any, words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"^Stack/Scope/Case: (?s:.*){words}"):
        StopOnDeleteProvider(scope, "Case", **{argument: make(scope)})


@pytest.mark.parametrize(
    ("service_token", "words"),
    [
        ("", r"it must be the ARN of a Lambda function, or of an alias of it\. Pass its provider's `service_token`"),
        (FUNCTION.removesuffix(":exports"), "it must be the ARN of a Lambda function"),
        (f"{FUNCTION}\n", "it must be the ARN of a Lambda function"),
        (f"arn:aws:sns:us-west-2:{ACCOUNT}:exports", "it must be the ARN of a Lambda function"),
        (None, "it must be the ARN of a Lambda function"),
        (f"{FUNCTION}:7", r"it is version 7 of the function, which can never be updated\. Pass the ARN of the funct"),
    ],
)
def test_a_service_token(scope: Construct, service_token: Any, words: str) -> None:
    make = StopOnDeleteProvider.from_service_token
    _refused(make, scope, "service_token", repr(service_token), words, service_token=service_token)


def test_a_removal_policy_that_is_set_later(scope: Construct) -> None:
    for construct in (make_job(scope), make_stop(scope)):
        words = rf"^{construct.node.path}: policy RemovalPolicy\.SNAPSHOT is not valid: a job has no snapshots"
        with pytest.raises(InvalidArgumentError, match=words):
            construct.apply_removal_policy(RemovalPolicy.SNAPSHOT)


def test_a_refused_argument_leaves_nothing_in_the_template(stack: Stack) -> None:
    refused: list[tuple[Make, str, Any]] = [
        (make_job, "job_arn", "job-1"),
        (make_job, "wait", Duration.days(1)),
        (make_job, "provider", "mine"),
        (make_stop, "best_effort", "yes"),
        (make_stop, "jobs", EmrServerlessJobRuns("X")),
    ]
    for number, (make, argument, value) in enumerate(refused):
        with pytest.raises(InvalidArgumentError):
            make(stack, f"Case{number}", **{argument: value})
    assert resources(stack) == {}


class TestPlaces:
    """A place is compared where both are known."""

    @pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
    def test_a_job_of_another_partition(self, region: str) -> None:
        stack = Stack(make_app(), "Stack", env=Environment(region=region))
        with pytest.raises(InvalidArgumentError, match=r"the job is in the partition aws, but the stack is in aws-"):
            make_job(stack)

    def test_a_job_of_another_account(self, stack: Stack, stack_of_account: Stack) -> None:
        other = JOB.replace(ACCOUNT, ELSEWHERE)
        with pytest.raises(InvalidArgumentError, match=f"account {ELSEWHERE}, but the stack is in {ACCOUNT}"):
            make_job(stack_of_account, job_arn=other)
        assert properties_of(make_job(stack, job_arn=other))["JobArn"] == other

    def test_an_imported_provider(self, stack: Stack, stack_of_account: Stack) -> None:
        places = {"region": ("us-west-2", "eu-west-1"), "account": (ACCOUNT, ELSEWHERE)}
        used = {}
        for part, (ours, theirs) in places.items():
            token = FUNCTION.replace(ours, theirs)
            provider = StopOnDeleteProvider.from_service_token(stack_of_account, part, token)
            words = f"its {part} is {theirs}, and that of the stack {ours}, but .* Use a provider of that {part}"
            scope = Construct(stack_of_account, f"In{part}")
            _refused(make_job, scope, "provider", repr(token), words, provider=provider)
            used[token] = make_stop(stack, part, provider=provider)
        assert [properties_of(stop)["ServiceToken"] for stop in used.values()] == list(used)


TOKENS: list[tuple[Callable[[Construct], Any], str]] = [
    (lambda scope: CfnParameter(scope, "P"), r"it is a parameter, not its value\. Pass its `value_as_string`"),
    (lambda _: CfnDynamicReference(CfnDynamicReferenceService.SSM, "/job"), r"Pass its `to_string\(\)`"),
    (lambda _: SecretValue.ssm_secure("/job"), r"Pass its `to_string\(\)`"),
    (lambda _: Fn.get_att("Elsewhere", "Arn"), r"it is a token, but not a string\. Pass its `to_string\(\)`"),
    (lambda scope: CfnParameter(scope, "P", type="Number").value_as_number, r"`Token\.as_string\(\.\.\.\)`"),
    (lambda scope: CfnParameter(scope, "P", type="CommaDelimitedList").value_as_list, r"`Fn\.select\(0, \.\.\.\)`"),
]


APPLICATION, FAMILY = "jobs=EmrServerlessJobRuns(application=...)", "jobs=EcsTasks(family=...)"


def _l1(scope: Construct) -> ecs.CfnCluster:
    return ecs.CfnCluster(scope, "Cluster")


class TestTokens:
    @pytest.mark.parametrize(("token", "words"), TOKENS)
    def test_must_be_strings_where_strings_are_due(self, scope: Construct, token: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=rf"^Stack/Scope/Job: job_arn .* is not valid: .*{words}"):
            make_job(scope, job_arn=token(scope))

    @pytest.mark.parametrize(
        ("make", "argument"),
        [
            (lambda scope, p: make_job(scope, best_effort=p), "best_effort"),
            (lambda scope, p: StopOnDeleteProvider(scope, "Case", proxy=p), "proxy"),
            (lambda scope, p: StopOnDeleteProvider.from_service_token(scope, "Case", p), "service_token"),
            (lambda scope, p: make_stop(scope, jobs=EmrServerlessJobRuns(p)), APPLICATION),
            (lambda scope, p: make_stop(scope, jobs=EcsTasks(_l1(scope), family=p)), FAMILY),
        ],
    )
    def test_must_not_be_the_parameter_itself(self, scope: Construct, make: Any, argument: str) -> None:
        shown = re.escape(f"{argument} CfnParameter 'Stack/Scope/P' is not valid: it is a parameter")
        with pytest.raises(InvalidArgumentError, match=shown):
            make(scope, CfnParameter(scope, "P"))

    def test_are_passed_on(self, stack: Stack) -> None:
        text, number = CfnParameter(stack, "Text").value_as_string, CfnParameter(stack, "Number", type="Number")
        wait, ref = Duration.seconds(number.value_as_number), {"Ref": "Text"}
        dynamic, get_att = "{{resolve:ssm:/value}}", Fn.get_att("Elsewhere", "Arn")
        both = {"best_effort": text, "wait": wait}
        written = {"BestEffort": ref, "WaitSeconds": {"Ref": "Number"}}
        made: list[tuple[Construct, dict[str, Any]]] = [
            (make_job(stack, "J1", job_arn=text, **both), {"JobArn": ref, **written}),
            (make_job(stack, "J2", job_arn=dynamic), {"JobArn": dynamic}),
            (make_job(stack, "J3", best_effort=get_att), {"BestEffort": {"Fn::GetAtt": ["Elsewhere", "Arn"]}}),
            (make_job(stack, "J4", best_effort=dynamic), {"BestEffort": dynamic}),
            (make_stop(stack, "S1", jobs=EcsTasks(_l1(stack), family=text), **both), {"Family": ref, **written}),
            (
                make_stop(stack, "S2", jobs=EmrServerlessJobRuns(text, shutdown_grace_period=wait)),
                {"Container": ref, "ShutdownGracePeriodInSeconds": {"Ref": "Number"}},
            ),
            (make_stop(stack, "S3", jobs=EcsTasks(ecs.CfnCluster(stack, "C3"), started_by=text)), {"StartedBy": ref}),
        ]
        for construct, expected in made:
            assert properties_of(construct).items() >= expected.items()


def test_a_second_copy_of_the_library_does_not_take_the_providers_of_the_first(stack: Stack) -> None:
    """A notebook that reloads its modules imports the library twice."""
    provider = make_job(stack).provider
    words = r"another copy of this library, which was imported twice\. Import it once"
    with _second_copy() as copy:
        for name, argument in (("Given", {"provider": provider}), ("Shared", {})):
            with pytest.raises(ValueError, match=words):
                copy.ManagedWorldExportJob(stack, name, job_arn=JOB, **argument)


@contextmanager
def _second_copy() -> Iterator[Any]:
    names = ("cdk_stop_on_delete", "cdk_world_export_job")
    first = {name: module for name, module in sys.modules.items() if name.startswith(names)}
    for name in first:
        del sys.modules[name]
    try:
        import cdk_world_export_job as copy

        yield copy
    finally:
        sys.modules.update(first)

"""Arguments that break a rule, each with its error, and tokens, which the handler checks.

A rule that the handler has, too, is in tests/unit/test_properties.py. Here, one value shows that it is applied.
"""

from __future__ import annotations

import re
from types import FunctionType
from typing import Any

import pytest
from aws_cdk import CfnDynamicReference, CfnDynamicReferenceService, CfnParameter, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import InvalidArgumentError
from tests.construct.makers import Make, make_job, make_stop
from tests.construct.names import ACCOUNT, CLUSTER, FUNCTION_ARN, JOB, KEY_ARN, OTHER_ACCOUNT, ROLE_ARN, STATE_MACHINE
from tests.construct.templates import properties_of


class _ClusterOfEks(Construct):
    cluster_arn = CLUSTER


def _tasks_of_eks(scope: Construct) -> EcsTasks:
    cluster: Any = _ClusterOfEks(scope, "Eks")
    return EcsTasks(cluster)


class _ScheduledTask(Construct):
    event_rule = None  # as ScheduledFargateTask has it


def _parameter(scope: Construct, type_: str = "String") -> Any:
    return CfnParameter(scope, "P", type=type_)


def _minutes_of_a_token(scope: Construct) -> Duration:
    return Duration.minutes(_parameter(scope, "Number").value_as_number)


def _l1(scope: Construct) -> ecs.CfnCluster:
    return ecs.CfnCluster(scope, "Cluster")


def _tasks_of(arn: str) -> Make:
    return lambda scope: EcsTasks(ecs.Cluster.from_cluster_arn(scope, "Imported", arn))


def _tasks(**filters: Any) -> Make:
    return lambda scope: EcsTasks(_l1(scope), **filters)


def _tasks_of_a_definition(scope: Construct) -> EcsTasks:
    return EcsTasks(_l1(scope), family=ecs.FargateTaskDefinition(scope, "Nightly").task_definition_arn)


def _executions_of_an_alias(scope: Construct) -> StateMachineExecutions:
    return StateMachineExecutions(sfn.StateMachine.from_state_machine_arn(scope, "Imported", f"{STATE_MACHINE}:live"))


def _executions_of_a_version(scope: Construct) -> StateMachineExecutions:
    version: Any = sfn.CfnStateMachineVersion(scope, "Version", state_machine_arn=STATE_MACHINE)
    return StateMachineExecutions(version)


def _runs(application: Any = "00f", period: Any = None) -> EmrServerlessJobRuns:
    return EmrServerlessJobRuns(application, shutdown_grace_period=period)


def _provider(service_token: str) -> Make:
    return lambda scope: StopOnDeleteProvider.from_service_token(scope, "Provider", service_token)


def _alias(scope: Construct) -> kms.Alias:
    key = kms.Key.from_key_arn(scope, "Key", KEY_ARN)
    return kms.Alias(scope, "Alias", alias_name="mine", target_key=key)


def _l1_role(scope: Construct) -> iam.CfnRole:
    return iam.CfnRole(scope, "Role", assume_role_policy_document={})


def _imported_role(scope: Construct) -> iam.IRole:
    return iam.Role.from_role_arn(scope, "Role", ROLE_ARN)


def _dynamic_reference(_: Construct) -> CfnDynamicReference:
    return CfnDynamicReference(CfnDynamicReferenceService.SSM, "/job")


def _delete_first(scope: Construct, id: str, **cluster: Any) -> None:  # noqa: A002
    make_stop(scope, id, jobs=EcsTasks(cluster["delete_first"]), delete_first=[cluster["delete_first"]])


THEIR_JOB, THEIR_CLUSTER, THEIR_FUNCTION = (arn.replace(ACCOUNT, OTHER_ACCOUNT) for arn in (JOB, CLUSTER, FUNCTION_ARN))
ABROAD = FUNCTION_ARN.replace("us-west-2", "eu-west-1")
SNS = FUNCTION_ARN.replace(":lambda:", ":sns:")
NAME: Any = "prod"  # not what the types allow
TYPO = JOB.replace("us-west-2", "us-wset-2")
GOVCLOUD = JOB.replace("aws:robomaker:us-west-2", "aws-us-gov:robomaker:us-gov-west-1")
CHINA = CLUSTER.replace("arn:aws:", "arn:aws-cn:")

CLUSTERS, FAMILY, STARTED_BY = (f"jobs=EcsTasks({name}=...)" for name in ("cluster", "family", "started_by"))
MACHINES = "jobs=StateMachineExecutions(state_machine=...)"
APPLICATION, PERIOD = (f"jobs=EmrServerlessJobRuns({name}=...)" for name in ("application", "shutdown_grace_period"))
KEY = "environment_encryption"

NO_STRING = "it must be a string. Pass a string: a parameter's `value_as_string`, a token's `to_string()` …"
PARAMETER = ("CfnParameter 'Stack/Scope/P'", NO_STRING)
BOOL = "it must be a bool or a token. Pass True or False."
POLICIES = "it must be a RemovalPolicy, and a job has no snapshots. Pass RemovalPolicy.DESTROY, RETAIN or …"
NO_CLUSTER = "it must be a cluster of ECS. Pass a …from_cluster_arn(… or `Cluster.from_cluster_attributes(…, vpc=...)`."
NO_MACHINE = "it must be a state machine. Pass a …, or import one with `StateMachine.from_state_machine_arn(scope, …"
LIST = "it must be a list of constructs. Pass, for example, delete_last=[role]."
CONTAINS = "which can't be deleted before this StopOnDelete. Pass only what starts jobs, such as a rule."
ITS_RULE = "… If this construct is task, pass delete_first=[task.event_rule] and delete_last=[task]."
DEFINITION = "it becomes the ARN of a task definition. Pass the family: `task_definition.family`."
GROUPS = "it must be a list of ISecurityGroup. Import it with `SecurityGroup.from_security_group_id(...)`."
IROLE = "it must be an IRole. Import it with `Role.from_role_arn(scope, id, arn)`."
KEY_ITSELF = "it must be an IKey, and no alias of one. Import it with `Key.from_key_arn(scope, id, arn)`."
MEMORY = "it must be a whole number of MiB from 128 to 10,240 (Lambda quotas). Leave it out for 256, which is enough."
PYTHON = "it must be a Runtime of Python 3.11 or newer, … Leave it out for Runtime.PYTHON_3_13."
URL = "it must be a URL of the form http://HOST:PORT: … requires TLS. Pass the proxy's plain port in this form."
SHOWN = "the template would show the password to everyone who may read it. Pass a dynamic reference in its place: …"
KINDS = (
    "it must be a list of classes of jobs, such as EcsTasks or WorldExportJobs. Pass, for example, kinds=[EcsTasks]."
)
NO_FUNCTION = "it must be the ARN of a … or an alias, not of a version, …. Pass a provider's `service_token`, such as …"

# The argument, its value or what makes it in a scope, the value as the error shows it, and the rule with the fix, in
# which … stands for any text.
Row = tuple[str, Any, str, str]

OF_BOTH: list[Row] = [
    ("wait", Duration.minutes(15), "Duration.minutes(15)", "it must be a whole … from 0 to 840 (14 minutes). Set …"),
    ("wait", Duration.millis(1500), "Duration.millis(1500)", "it must be a whole number of seconds …"),
    ("wait", 60, "60", "it must be a Duration. Pass, for example, Duration.minutes(2)."),
    ("wait", _minutes_of_a_token, "Duration.minutes(<token>)", "the CDK can't convert a token …. Pass Duration.s…"),
    ("best_effort", "yes", "'yes'", BOOL),
    ("best_effort", 0, "0", BOOL),
    ("removal_policy", RemovalPolicy.SNAPSHOT, "RemovalPolicy.SNAPSHOT", POLICIES),
    ("removal_policy", "retain", "'retain'", POLICIES),
    ("provider", "mine", "'mine'", "it must be a StopOnDeleteProvider, …. Make one, which makes the function, or …"),
    ("provider", _provider(THEIR_FUNCTION), repr(THEIR_FUNCTION), "its account is 9…. Use a provider of that account."),
    ("provider", _provider(ABROAD), repr(ABROAD), "its region is eu-west-1, and that of the stack us-west-2, but …"),
]
REFUSED: dict[Make, list[Row]] = {
    make_job: [
        *OF_BOTH,
        ("job_arn", "", "''", "it must be a string that is not empty. Pass the ARN that CreateWorldExportJob …"),
        ("job_arn", None, "None", NO_STRING),
        ("job_arn", "job-1", "'job-1'", "it is not an ARN …. Pass the ARN that CreateWorldExportJob returned, such …"),
        ("job_arn", TYPO, repr(TYPO), "RoboMaker was never in the region us-wset-2, only in ap-…. Pass the ARN …"),
        ("job_arn", THEIR_JOB, repr(THEIR_JOB), "the job is in account 9…, but the stack is in 1…. Declare the job …"),
        ("job_arn", GOVCLOUD, repr(GOVCLOUD), "the job is in the partition aws-us-gov, but … aws. Declare …"),
        ("job_arn", _parameter, *PARAMETER),
        ("job_arn", _dynamic_reference, "a CfnDynamicReference", NO_STRING),
        ("job_arn", lambda _: Fn.get_att("Elsewhere", "Arn"), "a …", NO_STRING),
        ("job_arn", lambda scope: _parameter(scope, "Number").value_as_number, "-1.…", NO_STRING),
        ("job_arn", lambda scope: _parameter(scope, "List<String>").value_as_list, "['#{Token[…]}']", NO_STRING),
    ],
    make_stop: [
        *OF_BOTH,
        ("jobs", None, "None", "it does not say which jobs to stop. Pass EcsTasks(cluster), StateMachineExecutions(s…"),
        ("jobs", EcsTasks, "<class 'cdk_stop_on_delete.EcsTasks'>", "it does not say which jobs to stop. …"),
        (CLUSTERS, EcsTasks(NAME), "'prod'", NO_CLUSTER),
        (CLUSTERS, _tasks_of_eks, "ClusterOfEks 'Stack/Scope/Eks'", NO_CLUSTER),
        (CLUSTERS, _tasks_of(THEIR_CLUSTER), repr(THEIR_CLUSTER), "it is in the account 9…, but … in 1…. Declare …"),
        (CLUSTERS, _tasks_of(CHINA), repr(CHINA), "it is in the partition aws-cn, but … in aws. Declare …"),
        (MACHINES, StateMachineExecutions(NAME), "'prod'", NO_MACHINE),
        (MACHINES, _executions_of_a_version, "CfnStateMachineVersion 'Stack/Scope/Version'", NO_MACHINE),
        (MACHINES, _executions_of_an_alias, f"'{STATE_MACHINE}:live'", "… without a version or an alias. Pass that."),
        (APPLICATION, _runs("00F"), "'00F'", "… it must be the id of an application, such as 00f…. Pass that."),
        (APPLICATION, _runs(None), "None", NO_STRING),
        (APPLICATION, lambda scope: _runs(_parameter(scope)), *PARAMETER),
        (PERIOD, _runs(period=60), "60", "it must be a Duration. Pass, for example, Duration.minutes(2)."),
        (PERIOD, _runs(period=Duration.seconds(14)), "Duration.seconds(14)", "it must be 0, or … from 15 to 1,800. …"),
        (PERIOD, _runs(period=Duration.millis(20_500)), "Duration.millis(20500)", "it must be 0, or a whole number …"),
        (FAMILY, _tasks(family="nightly:3"), "'nightly:3'", "it must be letters, …. Pass the name without a revision."),
        (FAMILY, _tasks(family=["nightly"]), "['nightly']", NO_STRING),
        (FAMILY, lambda scope: EcsTasks(_l1(scope), family=_parameter(scope)), *PARAMETER),
        (FAMILY, _tasks_of_a_definition, "CfnTaskDefinition 'Stack/Scope/Nightly/Resource'", DEFINITION),
        (STARTED_BY, _tasks(started_by="a,b"), "'a,b'", "it must be 1 to 128 printable ASCII …. Pass the startedBy …"),
        ("delete_first", "rule", "'rule'", LIST.replace("last=[role", "first=[rule")),
        ("delete_last", ["role"], "['role']", LIST),
        ("delete_last", [iam.Role], "[<class 'aws_cdk.aws_iam.Role'>]", LIST),
        ("delete_last", _imported_role, "Interface 'Stack/Scope/Role'", LIST),
        ("delete_first", lambda scope: [scope], "Construct 'Stack/Scope'", f"it contains Stack/Scope/Case, {CONTAINS}"),
        ("delete_first", lambda scope: [_ScheduledTask(scope, "T")], "ScheduledTask 'Stack/Scope/T'", ITS_RULE),
    ],
    _delete_first: [
        ("delete_first", _l1, "CfnCluster 'Stack/Scope/Cluster'", f"it contains Stack/…/Cluster, {CONTAINS}")
    ],
    StopOnDeleteProvider: [
        ("vpc", "vpc-1", "'vpc-1'", "it must be an IVpc. Import it with `Vpc.from_lookup(scope, id, vpc_id=...)`."),
        ("security_groups", ["sg-1"], "['sg-1']", GROUPS),
        ("security_groups", "sg-1", "'sg-1'", GROUPS),
        ("log_group", "/x", "'/x'", "it must be an ILogGroup. Import it with `LogGroup.from_log_group_name(scope, …"),
        ("role", ROLE_ARN, repr(ROLE_ARN), IROLE),
        ("role", _l1_role, "CfnRole 'Stack/Scope/Role'", IROLE),
        (KEY, KEY_ARN, repr(KEY_ARN), KEY_ITSELF),
        (KEY, _alias, "Alias 'Stack/Scope/Alias'", KEY_ITSELF),
        (KEY, lambda scope: kms.Alias.from_alias_name(scope, "Alias", "alias/k"), "… 'Stack/Scope/Alias'", KEY_ITSELF),
        *(("memory_size", value, repr(value), MEMORY) for value in (127, 10_241, 256.5, True, "256")),
        ("runtime", "python3.13", "'python3.13'", PYTHON),
        *(("runtime", lambda_.Runtime(name), repr(name), PYTHON) for name in ("python3.10", "nodejs20.x")),
        ("proxy", 3128, "3128", NO_STRING),
        *(("proxy", proxy, repr(proxy), URL) for proxy in ("proxy:3128", "socks5://proxy:1080")),
        *(("proxy", f"http://{rest}", f"'http://{rest}'", URL) for rest in (":1", "p:1/path", "p q:1", "p:x", "p:0")),
        ("proxy", "http://proxy:65536", "'http://proxy:65536'", URL),
        ("proxy", "https://proxy:3128", "'https://proxy:3128'", URL),
        # A password is not shown.
        ("proxy", "https://me:pa55word@proxy:1", "'https://me:...@proxy:1'", URL),
        ("proxy", "http://me:pa55word@proxy:1", "'http://me:...@proxy:1'", SHOWN),
        ("proxy", "http://me:pa/55:w@rd@proxy:1", "'http://me:...@proxy:1'", URL),
        ("proxy", _parameter, *PARAMETER),
        ("kinds", EcsTasks, "<class 'cdk_stop_on_delete.EcsTasks'>", KINDS),
        ("kinds", ["EcsTasks"], "['EcsTasks']", KINDS),
    ],
    StopOnDeleteProvider.from_service_token: [
        *(
            ("service_token", token, repr(token), NO_FUNCTION)
            for token in ("", f"{FUNCTION_ARN}\n", FUNCTION_ARN.removesuffix(":exports"), SNS, f"{FUNCTION_ARN}:7")
        ),
        ("service_token", None, "None", NO_STRING),
        ("service_token", _parameter, *PARAMETER),
    ],
}


@pytest.mark.parametrize(
    ("make", "argument", "value", "shown", "rule"),
    [
        pytest.param(make, *row, id=f"{make.__name__.strip('_')}: {row[0]} {row[2]}")
        for make, rows in REFUSED.items()
        for row in rows
    ],
)
def test_is_refused_with_the_construct_the_argument_its_value_the_rule_and_the_fix(
    shared_stack: Stack, scope: Construct, make: Make, argument: str, value: Any, shown: str, rule: str
) -> None:
    given = value(scope) if isinstance(value, FunctionType) else value
    with pytest.raises(InvalidArgumentError) as error:
        make(scope, "Case", **{argument.partition("=")[0]: given})
    message = f"Stack/Scope/Case: {argument} {shown} is not valid: {rule}"
    assert re.fullmatch(re.escape(message).replace("…", "(?s:.*)"), str(error.value)), str(error.value)
    # Nothing is left in the template.
    assert scope.node.find_child("Case").node.children == []
    assert shared_stack.node.children == [scope]


def test_is_refused_later_too(scope: Construct) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^Stack/Scope/Stop: policy RemovalPolicy\.SNAPSHOT is not valid"):
        make_stop(scope).apply_removal_policy(RemovalPolicy.SNAPSHOT)


def test_that_there_is_not_is_named(scope: Construct) -> None:
    settings: dict[str, Any] = {"memory": 512}
    with pytest.raises(TypeError, match=r"^Stack/Scope/Case: StopOnDeleteProvider has no argument 'memory'$"):
        StopOnDeleteProvider(scope, "Case", **settings)


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("vpc_subnets", ec2.SubnetSelection(subnet_group_name="x"), "'vpcSubnets' without configuring a VPC"),
        ("architecture", "arm64", "type of argument architecture must be"),
    ],
)
def test_that_the_cdk_refuses_is_named_with_the_construct(
    scope: Construct, argument: str, value: Any, words: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"^Stack/Scope/Case: (?s:.*){words}"):
        StopOnDeleteProvider(scope, "Case", **{argument: value})


def test_that_is_a_token_is_passed_on(stack: Stack) -> None:
    text, number = CfnParameter(stack, "Text").value_as_string, CfnParameter(stack, "Number", type="Number")
    wait, ref = Duration.seconds(number.value_as_number), {"Ref": "Text"}
    dynamic, get_att = "{{resolve:ssm:/value}}", Fn.get_att("Elsewhere", "Arn")
    both = {"best_effort": text, "wait": wait}
    written = {"BestEffort": ref, "WaitSeconds": {"Ref": "Number"}}
    runs = EmrServerlessJobRuns(text, shutdown_grace_period=wait)
    tasks = EcsTasks(_l1(stack), family=text, started_by=text)
    made: list[tuple[Construct, dict[str, Any]]] = [
        (make_job(stack, "J1", job_arn=text, **both), {"JobArn": ref, **written}),
        (make_job(stack, "J2", job_arn=dynamic, best_effort=dynamic), {"JobArn": dynamic, "BestEffort": dynamic}),
        (make_job(stack, "J3", best_effort=get_att), {"BestEffort": {"Fn::GetAtt": ["Elsewhere", "Arn"]}}),
        (make_stop(stack, "S1", jobs=tasks, **both), {"Family": ref, "StartedBy": ref, **written}),
        (make_stop(stack, "S2", jobs=runs), {"Container": ref, "ShutdownGracePeriodInSeconds": {"Ref": "Number"}}),
    ]
    for construct, expected in made:
        assert properties_of(construct).items() >= expected.items()


def test_that_names_a_place_is_passed_on_if_that_of_the_stack_is_not_known(stack: Stack) -> None:
    """That of a cluster is in test_containers.py."""
    imported = StopOnDeleteProvider.from_service_token(stack, "Provider", THEIR_FUNCTION)
    job = make_job(stack, job_arn=THEIR_JOB, provider=imported)
    assert properties_of(job).items() >= {"JobArn": THEIR_JOB, "ServiceToken": THEIR_FUNCTION}.items()

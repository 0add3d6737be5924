"""Arguments that break a rule, each with its error, and tokens, which the handler checks.

A rule that the handler has, too, is in tests/unit/test_properties.py. Here, one value shows that it is applied.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import (
    CfnDynamicReference,
    CfnDynamicReferenceService,
    CfnParameter,
    Duration,
    Environment,
    Fn,
    NestedStack,
    RemovalPolicy,
    Stack,
    Stage,
)
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import InvalidArgumentError, WorldExportJobProvider
from tests.construct.makers import Make, make_app, make_job, make_stop
from tests.construct.names import ACCOUNT, CLUSTER, ENVIRONMENT, FUNCTION_ARN, JOB, KEY_ARN, ROLE_ARN, STATE_MACHINE
from tests.construct.templates import properties_of


class _Eks(Construct):
    cluster_arn = CLUSTER


class _ScheduledTask(Construct):
    event_rule = None  # as ScheduledFargateTask has it


THEIR_JOB, THEIR_CLUSTER, THEIR_FUNCTION = (each.replace(ACCOUNT, "9" * 12) for each in (JOB, CLUSTER, FUNCTION_ARN))
ABROAD = FUNCTION_ARN.replace("us-west-2", "eu-west-1")
SNS = FUNCTION_ARN.replace(":lambda:", ":sns:")
TYPO = JOB.replace("us-west-2", "us-wset-2")
GOVCLOUD = JOB.replace("aws:robomaker:us-west-2", "aws-us-gov:robomaker:us-gov-west-1")
CHINA = CLUSTER.replace("arn:aws:", "arn:aws-cn:")

# What the constructs are given. A value of a type that the argument does not take is of type Any.
APP = make_app()
STACK = Stack(APP, "Stack", env=ENVIRONMENT)
THEIR_STACK = Stack(APP, "Theirs", env=Environment(account="9" * 12, region="us-west-2"))
ABROAD_STACK = Stack(APP, "Abroad", env=Environment(account=ACCOUNT, region="eu-west-1"))
NAME: Any = "prod"
NAMES: Any = ["nightly"]
PARAMETER: Any = CfnParameter(STACK, "P")
NUMBER: Any = CfnParameter(STACK, "Number", type="Number").value_as_number
NUMBERS: Any = CfnParameter(STACK, "Numbers", type="List<String>").value_as_list
REFERENCE = CfnDynamicReference(CfnDynamicReferenceService.SSM, "/job")
L1, L1_OF_THEIRS = (ecs.CfnCluster(scope, "Cluster") for scope in (STACK, THEIR_STACK))
ABROAD_APPLICATION = emrserverless.CfnApplication(ABROAD_STACK, "Spark", release_label="emr-7.0.0", type="SPARK")
EKS: Any = _Eks(STACK, "Eks")
THEIRS, CHINESE = (EcsTasks(ecs.Cluster.from_cluster_arn(STACK, arn, arn)) for arn in (THEIR_CLUSTER, CHINA))
DEFINITION = ecs.FargateTaskDefinition(STACK, "Nightly").task_definition_arn
LIVE = sfn.StateMachine.from_state_machine_arn(STACK, "Live", f"{STATE_MACHINE}:live")
VERSION: Any = sfn.CfnStateMachineVersion(STACK, "Version", state_machine_arn=STATE_MACHINE)
IMPORTED = [StopOnDeleteProvider.from_service_token(STACK, arn, arn) for arn in (THEIR_FUNCTION, ABROAD)]
OF_THEIRS, OF_BETA, OF_ANOTHER, OF_NESTED = (
    WorldExportJobProvider(scope, "Provider")
    for scope in (THEIR_STACK, Stack(Stage(APP, "Beta"), "Stack"), Stack(APP, "Another"), NestedStack(STACK, "Nested"))
)
TASK = _ScheduledTask(STACK, "Scheduled")
ROLE = iam.CfnRole(STACK, "Role", assume_role_policy_document={})
IMPORTED_ROLE = iam.Role.from_role_arn(STACK, "Imported", ROLE_ARN)
KEY_ALIAS = kms.Alias(STACK, "Alias", alias_name="mine", target_key=kms.Key.from_key_arn(STACK, "Key", KEY_ARN))
IMPORTED_ALIAS = kms.Alias.from_alias_name(STACK, "Theirs", "alias/k")


def _runs(application: Any = "00f", period: Any = None) -> EmrServerlessJobRuns:
    return EmrServerlessJobRuns(application, shutdown_grace_period=period)


def _stop_tasks(scope: Construct, id: str, **arguments: Any) -> None:
    make_stop(scope, id, jobs=EcsTasks(L1), **arguments)


CLUSTERS, FAMILY, STARTED_BY = (f"jobs=EcsTasks({name}=...)" for name in ("cluster", "family", "started_by"))
MACHINES = "jobs=StateMachineExecutions(state_machine=...)"
APPLICATION, PERIOD = (f"jobs=EmrServerlessJobRuns({name}=...)" for name in ("application", "shutdown_grace_period"))
KEY = "environment_encryption"

NO_STRING = "it must be a string. Pass a string."
NO_STRING_YET = "it must be a string. Pass a string: a parameter's `value_as_string`, a token's `to_string()` …"
NO_VALUE = ("CfnParameter 'Stack/P'", NO_STRING_YET)
BOOL = "it must be a bool or a token. Pass True or False."
POLICIES = "it must be a RemovalPolicy, and a job has no snapshots. Pass RemovalPolicy.DESTROY, RETAIN or …"
UNLISTED = "it is in another stack, … do not list Em…. Make it with kinds=[WorldExportJobs, EmrServerlessJobRuns]."
NO_JOBS = "it does not say which jobs to stop. Pass EcsTasks(cluster), StateMachineExecutions(s…"
NO_CLUSTER = "it must be a cluster of ECS. Pass a …from_cluster_arn(… or `Cluster.from_cluster_attributes(…, vpc=...)`."
NO_MACHINE = "it must be a state machine. Pass a …, or import one with `StateMachine.from_state_machine_arn(scope, …"
NO_APPLICATION = "… it must be the id of an application, such as 00f…. Pass that."
DURATION = "it must be a Duration. Pass, for example, Duration.minutes(2)."
LIST = "it must be a list of constructs. Pass, for example, delete_last=[role]."
CONTAINS = "which can't be deleted before this StopOnDelete. Pass only what starts jobs, such as a rule."
GROUPS = "it must be a list of ISecurityGroup. Import it with `SecurityGroup.from_security_group_id(...)`."
IROLE = "it must be an IRole. Import it with `Role.from_role_arn(scope, id, arn)`."
IKEY = "it must be an IKey, and no alias of one. Import it with `Key.from_key_arn(scope, id, arn)`."
MEMORY = "it must be a whole number of MiB from 128 to 10,240 (Lambda quotas). Leave it out for 256, which is enough."
PYTHON = "it must be a Runtime of Python 3.11 or newer, … Leave it out for Runtime.PYTHON_3_13."
URL = "it must be a URL of the form http://HOST:PORT: … requires TLS. Pass the proxy's plain port in this form."
KINDS = "it must be a list of classes of jobs, such as EcsTasks or …. Pass, for example, kinds=[EcsTasks]."
NO_FUNCTION = "it must be the ARN of a … or an alias, not of a version, …. Pass a provider's `service_token`, such as …"

# The argument, its value, the value as the error shows it, and the rule with the fix, in which … stands for any text.
Row = tuple[str, Any, str, str]

OF_BOTH: list[Row] = [
    ("wait", Duration.minutes(15), "Duration.minutes(15)", "it must be a whole … from 0 to 840 (14 minutes). Set …"),
    ("wait", Duration.millis(1500), "Duration.millis(1500)", "it must be a whole number of seconds …"),
    ("wait", 60, "60", DURATION),
    ("wait", Duration.minutes(NUMBER), "Duration.minutes(<token>)", "the CDK can't … a token …. Pass Duration.s…"),
    ("best_effort", "yes", "'yes'", BOOL),
    ("best_effort", 0, "0", BOOL),
    ("best_effort", STACK, "Stack 'Stack'", BOOL),
    ("removal_policy", RemovalPolicy.SNAPSHOT, "RemovalPolicy.SNAPSHOT", POLICIES),
    ("removal_policy", "retain", "'retain'", POLICIES),
    ("provider", "mine", "'mine'", "it must be a StopOnDeleteProvider, …. Make one, which makes the function, or …"),
    ("provider", IMPORTED[0], repr(THEIR_FUNCTION), "its account is 9…. Use a provider of that account."),
    ("provider", IMPORTED[1], repr(ABROAD), "its region is eu-west-1, and that of the stack us-west-2, but …"),
    ("provider", OF_THEIRS, "'Theirs/Provider'", "its account is 9…. Use a provider of that account."),
    ("provider", OF_BETA, "'Beta/Stack/Provider'", "it is in another stage or app, …. Import it with `Stop…"),
]
REFUSED: dict[Make, list[Row]] = {
    make_job: [
        *OF_BOTH,
        ("job_arn", None, "None", NO_STRING),
        ("job_arn", "job-1", "'job-1'", "it is not an ARN …. Pass the ARN that CreateWorldExportJob returned, such …"),
        ("job_arn", TYPO, repr(TYPO), "RoboMaker was never in the region us-wset-2, only in ap-…. Pass the ARN …"),
        ("job_arn", THEIR_JOB, repr(THEIR_JOB), "the job is in account 9…, but the stack is in 1…. Declare the job …"),
        ("job_arn", GOVCLOUD, repr(GOVCLOUD), "the job is in the partition aws-us-gov, but … aws. Declare …"),
        ("job_arn", PARAMETER, *NO_VALUE),
        ("job_arn", REFERENCE, "a CfnDynamicReference", NO_STRING_YET),
        ("job_arn", Fn.get_att("Elsewhere", "Arn"), "a …", NO_STRING_YET),
        ("job_arn", NUMBER, "a float with a token", NO_STRING_YET),
        ("job_arn", NUMBERS, "a list with a token", NO_STRING_YET),
    ],
    make_stop: [
        *OF_BOTH,
        ("jobs", None, "None", NO_JOBS),
        ("jobs", EcsTasks, "<class 'cdk_stop_on_delete.EcsTasks'>", NO_JOBS),
        (CLUSTERS, EcsTasks(NAME), "'prod'", NO_CLUSTER),
        (CLUSTERS, EcsTasks(EKS), "Eks 'Stack/Eks'", NO_CLUSTER),
        (CLUSTERS, THEIRS, repr(THEIR_CLUSTER), "it is in the account 9…, but … in 1…. Declare …"),
        (CLUSTERS, CHINESE, repr(CHINA), "it is in the partition aws-cn, but … in aws. Declare …"),
        (CLUSTERS, EcsTasks(L1_OF_THEIRS), "CfnCluster 'Theirs/Cluster'", "it is in the account 9…. Declare …"),
        (MACHINES, StateMachineExecutions(NAME), "'prod'", NO_MACHINE),
        (MACHINES, StateMachineExecutions(VERSION), "CfnStateMachineVersion 'Stack/Version'", NO_MACHINE),
        (MACHINES, StateMachineExecutions(LIVE), f"'{STATE_MACHINE}:live'", "… without a version or an …. Pass that."),
        (APPLICATION, _runs(ABROAD_APPLICATION), "CfnApplication 'Abroad/Spark'", "it is in the region eu-west-1, …"),
        (APPLICATION, _runs("00F"), "'00F'", NO_APPLICATION),
        (APPLICATION, _runs(None), "None", NO_STRING),
        (APPLICATION, _runs(PARAMETER), *NO_VALUE),
        (PERIOD, _runs(period=60), "60", DURATION),
        (PERIOD, _runs(period=Duration.seconds(14)), "Duration.seconds(14)", "it must be 0, or … from 15 to 1,800. …"),
        (PERIOD, _runs(period=Duration.millis(20_500)), "Duration.millis(20500)", "it must be 0, or a whole number …"),
        (FAMILY, EcsTasks(L1, "nightly:3"), "'nightly:3'", "it must be letters, …. Pass the name without a revision."),
        (FAMILY, EcsTasks(L1, NAMES), "['nightly']", NO_STRING),
        (FAMILY, EcsTasks(L1, PARAMETER), *NO_VALUE),
        (FAMILY, EcsTasks(L1, DEFINITION), "CfnTaskDefinition 'Stack/Nightly/Resource'", "… Pass the family: …"),
        (STARTED_BY, EcsTasks(L1, started_by="a,b"), "'a,b'", "it must be 1 to 128 printable ASCII …. Pass …"),
        ("provider", OF_ANOTHER, "'Another/Provider'", UNLISTED),
        ("provider", OF_NESTED, "'Stack/Nested/Provider'", UNLISTED),
        ("delete_first", "rule", "'rule'", LIST.replace("last=[role", "first=[rule")),
        ("delete_last", ["role"], "['role']", LIST),
        ("delete_last", [iam.Role], "[<class 'aws_cdk.aws_iam.Role'>]", LIST),
        ("delete_last", IMPORTED_ROLE, "Interface 'Stack/Imported'", LIST),
        ("delete_first", [STACK], "Stack 'Stack'", f"it contains Stack/Case, {CONTAINS}"),
        ("delete_first", [TASK], "ScheduledTask 'Stack/Scheduled'", "… delete_first=[task.event_rule] and …=[task]."),
    ],
    _stop_tasks: [("delete_first", [L1], "CfnCluster 'Stack/Cluster'", f"it contains Stack/Cluster, {CONTAINS}")],
    StopOnDeleteProvider: [
        ("vpc", "vpc-1", "'vpc-1'", "it must be an IVpc. Import it with `Vpc.from_lookup(scope, id, vpc_id=...)`."),
        ("security_groups", ["sg-1"], "['sg-1']", GROUPS),
        ("security_groups", "sg-1", "'sg-1'", GROUPS),
        ("log_group", "/x", "'/x'", "it must be an ILogGroup. Import it with `LogGroup.from_log_group_name(scope, …"),
        ("role", ROLE_ARN, repr(ROLE_ARN), IROLE),
        ("role", ROLE, "CfnRole 'Stack/Role'", IROLE),
        (KEY, KEY_ARN, repr(KEY_ARN), IKEY),
        (KEY, KEY_ALIAS, "Alias 'Stack/Alias'", IKEY),
        (KEY, IMPORTED_ALIAS, "… 'Stack/Theirs'", IKEY),
        *(("memory_size", value, repr(value), MEMORY) for value in (127, 10_241, 256.5, float("nan"), True, "256")),
        ("runtime", "python3.13", "'python3.13'", PYTHON),
        *(("runtime", lambda_.Runtime(name), repr(name), PYTHON) for name in ("python3.10", "nodejs20.x")),
        ("proxy", 3128, "3128", NO_STRING),
        *(("proxy", proxy, repr(proxy), URL) for proxy in ("proxy:3128", "socks5://proxy:1080")),
        *(("proxy", f"http://{it}", f"'http://{it}'", URL) for it in (":1", "p:1/a", "p q:1", "p:x", "p:0", "p:65536")),
        ("proxy", "https://proxy:3128", "'https://proxy:3128'", URL),
        # A password is not shown.
        ("proxy", "https://me:pa55word@proxy:1", "'https://me:...@proxy:1'", URL),
        ("proxy", "http://me:pa55word@proxy:1", "'http://me:...@proxy:1'", "the template would show the …. Pass …"),
        ("proxy", "http://me:pa/55:w@rd@proxy:1", "'http://me:...@proxy:1'", URL),
        ("proxy", PARAMETER, *NO_VALUE),
        ("kinds", EcsTasks, "<class 'cdk_stop_on_delete.EcsTasks'>", KINDS),
        ("kinds", ["EcsTasks"], "['EcsTasks']", KINDS),
    ],
    StopOnDeleteProvider.from_service_token: [
        *(
            ("service_token", token, repr(token), NO_FUNCTION)
            for token in ("", f"{FUNCTION_ARN}\n", FUNCTION_ARN.removesuffix(":exports"), SNS, f"{FUNCTION_ARN}:7")
        ),
        ("service_token", None, "None", NO_STRING),
        ("service_token", PARAMETER, *NO_VALUE),
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
    request: pytest.FixtureRequest, make: Make, argument: str, value: Any, shown: str, rule: str
) -> None:
    request.addfinalizer(lambda: STACK.node.try_remove_child("Case"))
    before = len(STACK.node.find_all())
    with pytest.raises(InvalidArgumentError) as error:
        make(STACK, "Case", **{argument.partition("=")[0]: value})
    message = f"Stack/Case: {argument} {shown} is not valid: {rule}"
    assert re.fullmatch(re.escape(message).replace("…", "(?s:.*)"), str(error.value)), str(error.value)
    assert len(STACK.node.find_all()) == before + 1, "the construct alone is left, which is nothing in the template"


def test_is_refused_later_too(stack: Stack) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^Stack/Stop: policy RemovalPolicy\.SNAPSHOT is not valid"):
        make_stop(stack).apply_removal_policy(RemovalPolicy.SNAPSHOT)


def test_that_there_is_not_is_named(stack: Stack) -> None:
    settings: dict[str, Any] = {"memory": 512}
    with pytest.raises(TypeError, match=r"^Stack/Provider: StopOnDeleteProvider has no argument 'memory'$"):
        StopOnDeleteProvider(stack, "Provider", **settings)


@pytest.mark.parametrize(
    ("argument", "value", "words"),
    [
        ("vpc_subnets", ec2.SubnetSelection(subnet_group_name="x"), "'vpcSubnets' without configuring a VPC"),
        ("architecture", "arm64", "type of argument architecture must be"),
    ],
)
def test_that_the_cdk_refuses_is_named_with_the_construct(stack: Stack, argument: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"^Stack/Provider: (?s:.*){words}"):
        StopOnDeleteProvider(stack, "Provider", **{argument: value})


def test_that_is_a_token_is_passed_on(stack: Stack) -> None:
    text, number = CfnParameter(stack, "Text").value_as_string, CfnParameter(stack, "Number", type="Number")
    wait, ref = Duration.seconds(number.value_as_number), {"Ref": "Text"}
    dynamic, get_att = "{{resolve:ssm:/value}}", Fn.get_att("Elsewhere", "Arn")
    both = {"best_effort": text, "wait": wait}
    written = {"BestEffort": ref, "WaitSeconds": {"Ref": "Number"}}
    tasks = EcsTasks(ecs.CfnCluster(stack, "Cluster"), family=text, started_by=text)
    runs = _runs(text, wait)
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

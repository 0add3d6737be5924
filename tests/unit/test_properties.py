"""What a template may declare, what the errors say, and which physical ids name what is stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest

from properties import (
    InvalidPropertyError,
    check_best_effort,
    check_common,
    check_provider_outlives_stack,
    check_wait_seconds,
)
from properties.container import Container, check_option
from properties.job_arn import MAX_ARN_BYTES, REGIONS, JobArn
from tests.requests import JOB_1 as ARN

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
APPLICATION = "00f1r5e7t8m9o0c1"
TASKS, EXECUTIONS, RUNS = "EcsTasks", "StateMachineExecutions", "EmrServerlessJobRuns"
GRACE = "ShutdownGracePeriodInSeconds"
GIVE_THE_ARN = f"Pass the ARN that CreateWorldExportJob returned, such as {ARN.replace('job-1', 'ID')}."


def _error(call: Callable[..., object], *values: object, **more: Any) -> str:
    with pytest.raises(InvalidPropertyError) as raised:
        call(*values, **more)
    return str(raised.value)


def _declared(
    kind: object, container: object, options: Mapping[str, object] = MappingProxyType({}), **stack: str
) -> Container:
    return Container.declared({"Kind": kind, "Container": container, **options}, **stack)


# Each rule of a world export job's ARN -> what breaks it.
BAD_ARNS: dict[str, list[object]] = {
    "it must be a string that is not empty": [None, "", 7, [ARN], {"Ref": "JobArn"}, b"arn"],
    "it is not an ARN (arn:partition:service:region:account:resource)": [
        *("job-1", ":::::", "arn:aws:robomaker:us-west-2"),
        *(f"ARN:{ARN[4:]}", f"urn{ARN[3:]}", ARN.replace(":", "\uff1a")),
    ],
    "the partition must be one of aws, aws-cn, aws-us-gov": [
        "arn:gcp:::::",
        *(ARN.replace("arn:aws:", f"arn:{name}:") for name in ("", "AWS", "aws-iso", "*")),
    ],
    "the service must be robomaker, not 's3'": ["arn:aws:s3::::", ARN.replace("robomaker", "s3")],
    "the service must be robomaker, not ''": [ARN.replace("robomaker", "")],
    **{
        f"{name!r} is not the name of a region": [ARN.replace("us-west-2", name)]
        for name in ("", "*", "US-WEST-2", "us-west-123", "us-west-\u0662", "-us-west-2", "us-west-2@evil.example")
    },
    **{
        f"the region {region} is not in the partition aws": [
            *(f"arn:aws:robomaker:{region}::", ARN.replace("us-west-2", region))
        ]
        for region in ("cn-north-1", "us-gov-west-1", "us-isob-east-1", "eu-isoe-west-1")
    },
    "the region us-west-2 is not in the partition aws-cn": [ARN.replace("arn:aws:", "arn:aws-cn:")],
    "the account must be 12 digits": [
        ARN.replace(ACCOUNT, account) for account in ("", "12345678901", "12345678901x", "\u0661" * 12)
    ],
    **{
        f"the resource must be a world-export-job, not {kind!r}": [
            ARN.replace("world-export-job/job-1", f"{kind}{rest}")
        ]
        for kind, rest in {"": "", "job-1": "", "World-Export-Job": "/job-1", "world-export-job:job-1": ""}.items()
    },
    "the job's id is empty": [ARN.replace("/job-1", ""), ARN.replace("job-1", "")],
    "it must name one job: an id has letters, digits and -_.:=@+ only, and no wildcard": [
        ARN.replace("job-1", job) for job in ("*", "a/b", 'a"b', "a%0Ab", "j\u00f6b")
    ],
    "it is longer than the 1,024 bytes that CloudFormation allows for a physical id": [
        *(ARN + "x" * (1025 - len(ARN)), ARN + "x" * 5000, ARN + "\u00f6" * 500)
    ],
}
# Each kind -> the rule for its container, and what breaks it.
BAD_CONTAINERS: dict[str, tuple[str, list[object]]] = {
    TASKS: (
        f"it must be the ARN of a cluster, such as {CLUSTER.replace('prod', 'NAME')}",
        [
            *(CLUSTER.replace("us-west-2", region) for region in ("", "us.west", "x" * 64)),
            *(CLUSTER.replace("prod", name) for name in ("", "*", "é", "x" * 256)),
            *(CLUSTER.replace(":ecs:", ":eks:"), CLUSTER.replace(ACCOUNT, ACCOUNT[1:])),
            *(CLUSTER.replace("arn:aws", "arn:gcp"), f"{CLUSTER}\n", f" {CLUSTER}"),
            *("prod", "", 7, None, [CLUSTER]),
        ],
    ),
    EXECUTIONS: (
        f"it must be the ARN of a state machine, such as {STATE_MACHINE.replace('nightly', 'NAME')}, without a version"
        " or an alias",
        [
            *(f"{STATE_MACHINE}{more}" for more in (":1", "/label", *'<>{}[]?*"#%\\^|~`$&,; \n\x00\x1f\x7f\x9f')),
            *(f"{STATE_MACHINE}{character}" for character in "\ud800\udfff\ufffe\uffff\U0010ffff"),
            *(STATE_MACHINE.replace("nightly", name) for name in ("", "x" * 81)),
            *(STATE_MACHINE.replace("stateMachine", "express"), CLUSTER, None),
        ],
    ),
    RUNS: (
        f"it must be the id of an application, such as {APPLICATION}",
        ["", "x" * 65, "00F", "00f\n", "00f,1", f"arn:aws:emr-serverless:us-west-2:{ACCOUNT}:/applications/0"],
    ),
}
# A property, its check, what the error says, and what breaks the rule.
BROKEN: list[tuple[str, Callable[[Any], object], str, list[object]]] = [
    *(("JobArn", JobArn.parse, f"{rule}. {GIVE_THE_ARN}", values) for rule, values in BAD_ARNS.items()),
    (
        *("JobArn", JobArn.parse, "an ARN has no whitespace and no control characters. Remove them."),
        ["a b", f"{ARN}\n", f" {ARN}", f"{ARN}\x00", f"{ARN}\x7f", f"{ARN}\u200b", f"{ARN}\ud800"],
    ),
    *(
        ("Container", partial(_declared, kind), f"for {kind}, {rule}. Pass that.", values)
        for kind, (rule, values) in BAD_CONTAINERS.items()
    ),
    (
        *("Kind", lambda kind: _declared(kind, CLUSTER)),
        "it must be one of EcsTasks, StateMachineExecutions, EmrServerlessJobRuns. Pass one of these.",
        ["Tasks", "ecstasks", "", None, 7, []],
    ),
    (
        *("Family", partial(check_option, "Family")),
        "it must be letters, digits, - and _, 255 at the most. Pass the name without a revision.",
        ["", "nightly:3", "a,b", "x" * 256, "é", "nightly\n", "*", 7, ["nightly"]],
    ),
    (
        *("StartedBy", partial(check_option, "StartedBy")),
        "it must be 1 to 128 printable ASCII characters, and no comma."
        " Pass the startedBy of the tasks, as DescribeTasks shows it.",
        ["", "a,b", "x" * 129, "é", "me\n", "\x7f", 7],
    ),
    (
        *(GRACE, partial(check_option, GRACE)),
        "it must be 0, or a whole number of seconds from 15 to 1,800. Pass a period in that range.",
        ["", "1", "14", "015", "1801", "2000", "10000", "1.5", "-20", 60.0, True],
    ),
    (
        *("WaitSeconds", check_wait_seconds),
        "it must be a whole number of seconds from 0 to 840 (14 minutes). Set a time in that range.",
        [-1, 841, "-1", "1.5", 1.5, "", "5 min", None, True, "٣", "9" * 5000, [], {}],
    ),
    ("BestEffort", check_best_effort, "it must be true or false. Set one of the two.", ["yes", "", 1, None, []]),
    (
        *("ProviderOutlivesStack", check_provider_outlives_stack),
        "it must be true or false. Leave it out if the function is not in the job's own stack.",
        ["yes", "", 1, None, []],
    ),
]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text):,} characters)"


class TestRule:
    @pytest.mark.parametrize(
        ("name", "check", "problem", "value"),
        [
            pytest.param(*broken, value, id=ascii(f"{broken[0]} {value}")[:80].replace("\\", ""))
            for *broken, values in BROKEN
            for value in values
        ],
    )
    def test_that_is_broken_is_named_with_the_value_and_the_fix(
        self, name: str, check: Callable[[object], object], problem: str, value: object
    ) -> None:
        assert _error(check, value) == f"{name} {_shown(value)} is not valid: {problem}"

    @pytest.mark.parametrize(
        ("length", "shown"), [(298, "'" + "x" * 298 + "'"), (299, "'" + "x" * 299 + "… (301 characters)")]
    )
    def test_shows_a_value_whole_up_to_300_characters(self, length: int, shown: str) -> None:
        assert _error(JobArn.parse, "x" * length).startswith(f"JobArn {shown} is not valid: ")


class TestJobArn:
    @pytest.mark.parametrize(
        "arn",
        [
            ARN,
            "arn:aws-us-gov:robomaker:us-gov-west-1:123456789012:world-export-job/job-1",
            "arn:aws-cn:robomaker:cn-northwest-1:123456789012:world-export-job/job-1",
            "arn:aws:robomaker:me-central-1:000000000000:world-export-job/wej-8d3qx1v6w0pc",
            ARN.replace("job-1", "A.b_c:d=e@f+g-h"),
            ARN + "x" * (1024 - len(ARN)),
        ],
    )
    def test_of_every_partition_and_region_has_the_region(self, arn: str) -> None:
        assert JobArn.parse(arn) == JobArn(arn, arn.split(":")[3])

    @pytest.mark.parametrize(
        ("place", "theirs", "ours", "new"),
        [("account", f"account {ACCOUNT}", OTHER_ACCOUNT, False), ("partition", "the partition aws", "aws-cn", True)],
    )
    def test_is_of_the_stacks_account_and_partition(self, place: str, theirs: str, ours: str, new: bool) -> None:
        assert _error(JobArn.parse, ARN, **{f"stack_{place}": ours}, new=new) == (
            f"JobArn '{ARN}' is not valid: the job is in {theirs}, but the stack is in {ours}."
            f" Declare the job in a stack of its own {place}."
        )

    def test_that_is_new_is_of_a_region_that_had_robomaker(self) -> None:
        elsewhere = ARN.replace("us-west-2", "sa-east-1")
        problem = f"RoboMaker was never in the region sa-east-1, only in {', '.join(REGIONS)}"
        assert (
            _error(JobArn.parse, elsewhere, new=True) == f"JobArn '{elsewhere}' is not valid: {problem}. {GIVE_THE_ARN}"
        )

    @pytest.mark.parametrize(
        ("region", "stack"),
        [
            ("us-west-2", {"stack_account": ACCOUNT}),
            # These rules are for new jobs.
            ("us-west-2", {"stack_partition": "aws-cn"}),
            ("sa-east-1", {}),
        ],
    )
    def test_fits_the_stack(self, region: str, stack: dict[str, Any]) -> None:
        assert JobArn.parse(ARN.replace("us-west-2", region), **stack).region == region

    @pytest.mark.parametrize(("region", "partition"), REGIONS.items())
    def test_may_be_of_each_region_that_had_robomaker(self, region: str, partition: str) -> None:
        arn = f"arn:{partition}:robomaker:{region}:{ACCOUNT}:world-export-job/job-1"
        assert JobArn.parse(arn, stack_partition=partition, new=True).region == region


class TestContainer:
    @pytest.mark.parametrize(
        ("kind", "id_", "options", "named"),
        [
            *((TASKS, CLUSTER.replace("prod", name), {}, "") for name in ("prod", "A_b-3" * 51)),
            (TASKS, CLUSTER.replace("aws", "aws-iso-b"), {}, ""),
            *(
                (EXECUTIONS, STATE_MACHINE.replace("nightly", name), {}, "")
                for name in ("x" * 80, "a(b)", ")", "(", "a.b", "a+b=c@d!e'f", "é", "\U0010fffe", "\U0001f600")
            ),
            *((RUNS, id_, {}, "") for id_ in (APPLICATION, "0", "x" * 64)),
            *((TASKS, CLUSTER, {"Family": family}, f",family={family}") for family in ("nightly", "A_b-3", "x" * 255)),
            *(
                (TASKS, CLUSTER, {"StartedBy": name}, f",startedBy={name}")
                for name in ("AWS Step Functions", "events-rule/a=b(c)~", "x" * 128)
            ),
            (TASKS, CLUSTER, {"Family": "f", "StartedBy": "me"}, ",family=f,startedBy=me"),
            *(
                (RUNS, APPLICATION, {GRACE: period}, f",shutdownGracePeriod={period}")
                for period in ("0", "15", "20", "99", "100", "999", "1000", "1799", "1800", 60)
            ),
        ],
    )
    def test_is_declared_and_named_by_its_physical_id(
        self, kind: str, id_: str, options: dict[str, object], named: str
    ) -> None:
        container = Container(kind, id_, {name: str(value) for name, value in options.items()})
        assert _declared(kind, id_, options) == container
        assert str(container) == f"{kind}({id_}{named})"
        assert Container.from_physical_id(str(container)) == container

    @pytest.mark.parametrize(
        ("kind", "id_", "options", "error"),
        [
            (RUNS, APPLICATION, {"Family": "f"}, "Family 'f' is not valid: only EcsTasks takes it. Leave it out."),
            (TASKS, CLUSTER, {"Family": "*"}, "Family '*' is not valid: it must be letters"),
        ],
    )
    def test_takes_only_valid_options_of_its_kind(
        self, kind: str, id_: str, options: dict[str, object], error: str
    ) -> None:
        assert _error(_declared, kind, id_, options).startswith(error)

    @pytest.mark.parametrize(("kind", "arn"), [(TASKS, CLUSTER), (EXECUTIONS, STATE_MACHINE)])
    @pytest.mark.parametrize(
        ("place", "theirs", "ours"), [("account", ACCOUNT, OTHER_ACCOUNT), ("partition", "aws", "aws-cn")]
    )
    def test_is_of_the_stacks_account_and_partition(
        self, kind: str, arn: str, place: str, theirs: str, ours: str
    ) -> None:
        stack = {"stack_account": ACCOUNT, "stack_partition": "aws"}
        assert _declared(kind, arn, {}, **stack).id == arn
        assert _error(_declared, kind, arn, {}, **{**stack, f"stack_{place}": ours}) == (
            f"Container '{arn}' is not valid: it is in the {place} {theirs}, but the stack is in {ours}."
            f" Declare it in a stack of its own {place}."
        )

    def test_without_an_arn_may_be_of_any(self) -> None:
        assert _declared(RUNS, APPLICATION, stack_account=OTHER_ACCOUNT, stack_partition="aws-cn").id == APPLICATION

    @pytest.mark.parametrize(
        ("container", "place", "ref", "region", "resource_type"),
        [
            (Container(TASKS, CLUSTER), "cluster prod", "prod", "us-west-2", "ECS::Cluster"),
            (
                *(Container(EXECUTIONS, STATE_MACHINE), "state machine nightly", STATE_MACHINE),
                *("us-west-2", "StepFunctions::StateMachine"),
            ),
            (Container(RUNS, "00f"), "application 00f", "00f", None, "EMRServerless::Application"),
        ],
        ids=str,
    )
    def test_names(self, container: Container, place: str, ref: str, region: str | None, resource_type: str) -> None:
        assert (container.place, container.ref, container.region) == (place, ref, region)
        assert container.resource_type == f"AWS::{resource_type}"

    def test_has_a_physical_id_that_cloudformation_keeps(self) -> None:
        cluster = f"arn:aws-us-gov:ecs:{'x' * 63}:{ACCOUNT}:cluster/{'x' * 255}"
        state_machine = f"arn:aws-us-gov:states:{'x' * 63}:{ACCOUNT}:stateMachine:{chr(0x1F600) * 80}"
        options = {"Family": "x" * 255, "StartedBy": "x" * 128}
        for longest in _declared(TASKS, cluster, options), _declared(EXECUTIONS, state_machine):
            assert len(str(longest).encode()) <= MAX_ARN_BYTES

    @pytest.mark.parametrize(
        "text",
        [
            *("", CLUSTER, "EcsTasks", "EcsTasks()", f"EcsTasks({CLUSTER}", f" EcsTasks({CLUSTER})"),
            *(f"EcsTasks({CLUSTER},{more})" for more in ("", "family=", "family=a,family=b", "name=a")),
            f"EcsTasks({CLUSTER},startedBy=me,family=f)",
            f"EcsTasks({CLUSTER},family=a)\n",
            f"Tasks({CLUSTER})",
            f"EcsTasks({STATE_MACHINE})",
            f"StateMachineExecutions({STATE_MACHINE},family=a)",
            "EmrServerlessJobRuns(00F)",
        ],
    )
    def test_is_not_named_by_a_physical_id_of_another_form(self, text: str) -> None:
        assert _error(Container.from_physical_id, text)

    def test_is_not_named_by_a_physical_id_that_was_never_created(self) -> None:
        error = (
            "PhysicalResourceId 'never-created-1' is not valid: it does not name a cluster, a state machine or an"
            " application. CloudFormation sends it, so do not change it."
        )
        assert _error(Container.from_physical_id, "never-created-1") == error


class TestChoices:
    @pytest.mark.parametrize(("value", "seconds"), [(0, 0), ("0", 0), ("300", 300), (840, 840), ("000000840", 840)])
    def test_a_wait_is_0_to_840_whole_seconds(self, value: object, seconds: int) -> None:
        assert check_wait_seconds(value) == seconds

    @pytest.mark.parametrize("check", [check_best_effort, check_provider_outlives_stack])
    @pytest.mark.parametrize(("value", "meaning"), [(True, True), ("true", True), ("False", False), (False, False)])
    def test_the_others_are_true_or_false(self, check: Callable[[object], bool], value: object, meaning: bool) -> None:
        assert check(value) is meaning

    @pytest.mark.parametrize(
        "properties",
        [{}, {"WaitSeconds": "60", "BestEffort": "false", "ProviderOutlivesStack": "true"}, {"BestEffort": True}],
    )
    def test_have_defaults_and_may_be_strings(self, properties: dict[str, object]) -> None:
        check_common({"ServiceToken": "arn", "JobArn": ARN, **properties})

    @pytest.mark.parametrize("name", ["WaitSeconds", "BestEffort", "ProviderOutlivesStack"])
    def test_are_checked_each(self, name: str) -> None:
        assert _error(check_common, {"JobArn": ARN, name: "bad"}).startswith(f"{name} 'bad' is not valid: ")

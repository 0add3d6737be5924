"""Which containers a StopOnDelete takes, what the errors say, and what physical ids name them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import MAX_ARN_BYTES, Container, InvalidPropertyError

ACCOUNT, ELSEWHERE = "123456789012", "210987654321"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
APPLICATION = "00f1r5e7t8m9o0c1"

NO_CLUSTER = (
    "is not valid: of EcsTasks, it must be the ARN of a cluster, such as"
    " arn:aws:ecs:us-west-2:123456789012:cluster/NAME. Pass that."
)
NO_STATE_MACHINE = (
    "is not valid: of StateMachineExecutions, it must be the ARN of a state machine, such as"
    " arn:aws:states:us-west-2:123456789012:stateMachine:NAME, without a version or an alias. Pass that."
)
NO_APPLICATION = (
    "is not valid: of EmrServerlessJobRuns, it must be the id of an application, such as 00f1r5e7t8m9o0c1. Pass that."
)
NO_KIND = "is not valid: it must be one of EcsTasks, StateMachineExecutions, EmrServerlessJobRuns. Give one of these."
NO_FAMILY = "is not valid: it must be letters, digits, - and _, 255 at the most. Pass the name without a revision."


def _declared(kind: object, container: object, family: object = None) -> Container:
    named = {"Kind": kind, "Container": container, "Family": family}
    return Container.declared({name: value for name, value in named.items() if value is not None})


@pytest.mark.parametrize("arn", [CLUSTER, CLUSTER.replace("prod", "A_b-3" * 51), CLUSTER.replace("aws", "aws-iso-b")])
def test_a_cluster_is_declared_by_its_arn(arn: str) -> None:
    assert _declared("EcsTasks", arn) == Container("EcsTasks", arn, None)


@pytest.mark.parametrize(
    "name", ["nightly", "x" * 80, "a(b)", ")", "(", "a.b", "a+b=c@d!e'f", "é", "\U0010fffe", "\U0001f600"]
)
def test_a_state_machine_is_declared_by_its_arn(name: str) -> None:
    arn = STATE_MACHINE.replace("nightly", name)
    assert _declared("StateMachineExecutions", arn) == Container("StateMachineExecutions", arn)


@pytest.mark.parametrize("id_", [APPLICATION, "0", "x" * 64])
def test_an_application_is_declared_by_its_id(id_: str) -> None:
    assert _declared("EmrServerlessJobRuns", id_) == Container("EmrServerlessJobRuns", id_)


@pytest.mark.parametrize("family", ["nightly", "A_b-3", "x" * 255])
def test_a_cluster_may_have_a_family(family: str) -> None:
    assert _declared("EcsTasks", CLUSTER, family) == Container("EcsTasks", CLUSTER, family)


BAD_CLUSTERS: list[object] = [
    CLUSTER.replace(":ecs:", ":eks:"),
    CLUSTER.replace(ACCOUNT, ACCOUNT[1:]),
    CLUSTER.replace("us-west-2", ""),
    CLUSTER.replace("us-west-2", "us.west"),
    CLUSTER.replace("us-west-2", "x" * 64),
    CLUSTER.replace("arn:aws", "arn:gcp"),
    CLUSTER.replace("prod", "x" * 256),
    CLUSTER.replace("prod", ""),
    CLUSTER.replace("prod", "*"),
    CLUSTER.replace("prod", "é"),
    f"{CLUSTER}\n",
    f" {CLUSTER}",
    "prod",
    "",
    7,
    None,
    [CLUSTER],
]
BAD_STATE_MACHINES: list[object] = [
    f"{STATE_MACHINE}:1",
    f"{STATE_MACHINE}/label",
    STATE_MACHINE.replace("nightly", "x" * 81),
    STATE_MACHINE.replace("nightly", ""),
    *(f"{STATE_MACHINE}{character}" for character in '<>{}[]?*"#%\\^|~`$&,; \n\x00\x1f\x7f\x9f\ud800\udfff'),
    *(f"{STATE_MACHINE}{character}" for character in "\ufffe\uffff\U0010ffff"),
    STATE_MACHINE.replace("stateMachine", "express"),
    CLUSTER,
    None,
]
BAD_APPLICATIONS: list[object] = [
    "",
    "x" * 65,
    "00F",
    "00f\n",
    "00f,1",
    f"arn:aws:emr-serverless:us-west-2:{ACCOUNT}:/applications/0",
]
BAD_FAMILIES: list[object] = ["", "nightly:3", "a,b", "x" * 256, "é", "nightly\n", "*", 7, ["nightly"]]
BAD_KINDS: list[object] = ["Tasks", "ecstasks", "", None, 7, []]
BAD: list[tuple[str, dict[str, object], str]] = [
    *(("Container", {"Kind": "EcsTasks", "Container": value}, NO_CLUSTER) for value in BAD_CLUSTERS),
    *(("Container", {"Kind": "StateMachineExecutions", "Container": v}, NO_STATE_MACHINE) for v in BAD_STATE_MACHINES),
    *(("Container", {"Kind": "EmrServerlessJobRuns", "Container": v}, NO_APPLICATION) for v in BAD_APPLICATIONS),
    *(("Kind", {"Kind": value, "Container": CLUSTER}, NO_KIND) for value in BAD_KINDS),
    *(("Family", {"Kind": "EcsTasks", "Container": CLUSTER, "Family": value}, NO_FAMILY) for value in BAD_FAMILIES),
    (
        "Family",
        {"Kind": "EmrServerlessJobRuns", "Container": APPLICATION, "Family": "nightly"},
        "is not valid: only EcsTasks have one. Leave it out.",
    ),
]


@pytest.mark.parametrize(("name", "properties", "words"), BAD)
def test_what_breaks_a_rule_is_refused_with_it(name: str, properties: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidPropertyError) as refusal:
        Container.declared(properties)
    value = repr(properties[name])
    shown = value if len(value) <= 300 else f"{value[:300]}… ({len(value):,} characters)"
    assert str(refusal.value) == f"{name} {shown} {words}"


def test_no_kind_and_no_container_are_refused() -> None:
    with pytest.raises(InvalidPropertyError, match=re.escape(f"Kind None {NO_KIND}")):
        Container.declared({})
    with pytest.raises(InvalidPropertyError, match=re.escape(f"Container None {NO_CLUSTER}")):
        Container.declared({"Kind": "EcsTasks"})


class TestPlace:
    @pytest.mark.parametrize("arn", [CLUSTER, STATE_MACHINE])
    @pytest.mark.parametrize(
        ("stack", "words"),
        [
            (
                {"stack_account": ELSEWHERE, "stack_partition": "aws"},
                f"it is in the account {ACCOUNT}, but the stack in {ELSEWHERE}."
                " Declare it in a stack of its own account.",
            ),
            (
                {"stack_account": ACCOUNT, "stack_partition": "aws-cn"},
                "it is in the partition aws, but the stack in aws-cn. Declare it in a stack of its own partition.",
            ),
        ],
    )
    def test_of_a_container_is_the_stacks_own(self, arn: str, stack: dict[str, str], words: str) -> None:
        kind = "EcsTasks" if arn is CLUSTER else "StateMachineExecutions"
        with pytest.raises(InvalidPropertyError) as refusal:
            Container.declared({"Kind": kind, "Container": arn}, **stack)
        assert str(refusal.value) == f"Container '{arn}' is not valid: {words}"

    @pytest.mark.parametrize("stack", [{}, {"stack_account": ACCOUNT, "stack_partition": "aws"}])
    def test_that_is_the_same_or_not_known_is_accepted(self, stack: dict[str, str]) -> None:
        assert Container.declared({"Kind": "EcsTasks", "Container": CLUSTER}, **stack).id == CLUSTER

    def test_of_an_application_is_not_in_its_id(self) -> None:
        named = {"Kind": "EmrServerlessJobRuns", "Container": APPLICATION}
        assert Container.declared(named, stack_account=ELSEWHERE, stack_partition="aws-cn").region is None


@pytest.mark.parametrize(
    ("container", "physical_id", "place", "ref", "region"),
    [
        (Container("EcsTasks", CLUSTER), f"EcsTasks({CLUSTER})", "cluster prod", "prod", "us-west-2"),
        (
            Container("EcsTasks", CLUSTER, "nightly"),
            f"EcsTasks({CLUSTER},family=nightly)",
            "cluster prod",
            "prod",
            "us-west-2",
        ),
        (
            Container("StateMachineExecutions", STATE_MACHINE),
            f"StateMachineExecutions({STATE_MACHINE})",
            "state machine nightly",
            STATE_MACHINE,
            "us-west-2",
        ),
        (
            Container("EmrServerlessJobRuns", APPLICATION),
            f"EmrServerlessJobRuns({APPLICATION})",
            f"application {APPLICATION}",
            APPLICATION,
            None,
        ),
    ],
    ids=str,
)
def test_a_container_has_its_names(
    container: Container, physical_id: str, place: str, ref: str, region: str | None
) -> None:
    assert (str(container), container.place, container.ref, container.region) == (physical_id, place, ref, region)


CLUSTERS = st.from_regex(r"[A-Za-z0-9_-]{1,255}", fullmatch=True).map(lambda name: CLUSTER.replace("prod", name))
STATE_MACHINES = st.from_regex(
    r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]{1,80}", fullmatch=True
).map(lambda name: STATE_MACHINE.replace("nightly", name))
DECLARED = st.one_of(
    st.fixed_dictionaries(
        {"Kind": st.just("EcsTasks"), "Container": CLUSTERS},
        optional={"Family": st.from_regex(r"[A-Za-z0-9_-]{1,255}", fullmatch=True)},
    ),
    st.fixed_dictionaries({"Kind": st.just("StateMachineExecutions"), "Container": STATE_MACHINES}),
    st.fixed_dictionaries(
        {"Kind": st.just("EmrServerlessJobRuns"), "Container": st.from_regex(r"[0-9a-z]{1,64}", fullmatch=True)}
    ),
)


class TestPhysicalId:
    @given(properties=DECLARED)
    def test_names_its_container_again_and_fits(self, properties: dict[str, Any]) -> None:
        container = Container.declared(properties)
        assert Container.from_physical_id(str(container)) == container
        assert len(str(container).encode()) <= MAX_ARN_BYTES

    def test_that_is_the_longest_fits(self) -> None:
        longest = f"arn:aws-us-gov:ecs:{'x' * 63}:{ACCOUNT}:cluster/{'x' * 255}"
        widest = f"arn:aws-us-gov:states:{'x' * 63}:{ACCOUNT}:stateMachine:{chr(0x1F600) * 80}"
        containers = _declared("EcsTasks", longest, "x" * 255), _declared("StateMachineExecutions", widest)
        assert max(len(str(container).encode()) for container in containers) <= MAX_ARN_BYTES

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "never-created-1",
            CLUSTER,
            "EcsTasks",
            "EcsTasks()",
            f"EcsTasks({CLUSTER}",
            f"EcsTasks({CLUSTER},)",
            f"EcsTasks({CLUSTER},family=)",
            f"EcsTasks({CLUSTER},family=a,family=b)",
            f"EcsTasks({CLUSTER},name=a)",
            f"EcsTasks({CLUSTER},family=a)\n",
            f" EcsTasks({CLUSTER})",
            f"Tasks({CLUSTER})",
            f"EcsTasks({STATE_MACHINE})",
            f"StateMachineExecutions({STATE_MACHINE},family=a)",
            "EmrServerlessJobRuns(00F)",
        ],
    )
    def test_of_another_form_names_none(self, text: str) -> None:
        with pytest.raises(InvalidPropertyError):
            Container.from_physical_id(text)

    def test_of_another_form_is_named_in_the_error(self) -> None:
        with pytest.raises(InvalidPropertyError) as refusal:
            Container.from_physical_id("never-created-1")
        assert str(refusal.value) == (
            "PhysicalResourceId 'never-created-1' is not valid: it names no container. Leave it as it is."
        )

"""What a template may declare, and what the errors say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties import (
    REGIONS,
    InvalidPropertyError,
    JobArn,
    check_best_effort,
    check_choices,
    check_provider_stays,
    check_wait_seconds,
)
from tests.corpus import ARN, BAD_ARNS, GOOD_ARNS

FORM = re.compile(
    r"arn:(?:aws-cn:robomaker:cn(-[a-z]+)+|aws-us-gov:robomaker:us-gov(-[a-z]+)+|aws:robomaker:(?!cn-|us-gov-|us-iso|eu-iso)[a-z]{2}(-[a-z]+)+)"
    r"-[0-9]{1,2}:[0-9]{12}:world-export-job/[A-Za-z0-9_.:=@+-]+"
)


def test_an_arn_has_the_region_of_its_job() -> None:
    assert JobArn.parse(ARN) == JobArn(ARN, "us-west-2")


@pytest.mark.parametrize("arn", GOOD_ARNS)
def test_every_partition_and_region_is_known(arn: str) -> None:
    assert JobArn.parse(arn).text == arn


@pytest.mark.parametrize(("value", "rule"), BAD_ARNS)
def test_a_bad_arn_is_refused_with_the_rule_that_it_breaks(value: object, rule: str) -> None:
    with pytest.raises(InvalidPropertyError, match="JobArn") as refusal:
        JobArn.parse(value)
    assert rule in str(refusal.value)


GIVE_THE_ARN = (
    "Pass the ARN that CreateWorldExportJob returned,"
    " such as arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID."
)
ELSEWHERE = ARN.replace("us-west-2", "sa-east-1")
LONG = ARN.replace("job-1", "x" * 1024)


@pytest.mark.parametrize(
    ("value", "stack", "words"),
    [
        (7, {}, f"7 is not valid: it must be a string that is not empty. {GIVE_THE_ARN}"),
        ("", {}, f"'' is not valid: it must be a string that is not empty. {GIVE_THE_ARN}"),
        ("a b", {}, "'a b' is not valid: an ARN has no whitespace and no control characters. Remove them."),
        (
            LONG,
            {},
            f"'{LONG[:299]}… (1,084 characters) is not valid:"
            f" it is longer than the 1,024 bytes that CloudFormation keeps of a physical id. {GIVE_THE_ARN}",
        ),
        (
            "job-1",
            {},
            f"'job-1' is not valid: it is not an ARN (arn:partition:service:region:account:resource). {GIVE_THE_ARN}",
        ),
        (
            "arn:gcp:::::",
            {},
            f"'arn:gcp:::::' is not valid: the partition must be one of aws, aws-cn, aws-us-gov. {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:s3::::",
            {},
            f"'arn:aws:s3::::' is not valid: the service must be robomaker, not 's3'. {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:robomaker:here::",
            {},
            f"'arn:aws:robomaker:here::' is not valid: 'here' is not the name of a region. {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:robomaker:cn-north-1::",
            {},
            "'arn:aws:robomaker:cn-north-1::' is not valid:"
            f" the region cn-north-1 is not in the partition aws. {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:robomaker:us-west-2:me:",
            {},
            f"'arn:aws:robomaker:us-west-2:me:' is not valid: the account must be 12 digits. {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:robomaker:us-west-2:123456789012:world/1",
            {},
            "'arn:aws:robomaker:us-west-2:123456789012:world/1' is not valid:"
            f" the resource must be a world-export-job, not 'world'. {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:robomaker:us-west-2:123456789012:world-export-job/",
            {},
            "'arn:aws:robomaker:us-west-2:123456789012:world-export-job/' is not valid: the job's id is empty."
            f" {GIVE_THE_ARN}",
        ),
        (
            "arn:aws:robomaker:us-west-2:123456789012:world-export-job/*",
            {},
            "'arn:aws:robomaker:us-west-2:123456789012:world-export-job/*' is not valid:"
            f" it must name one job: an id has letters, digits and -_.:=@+ only, and no wildcard. {GIVE_THE_ARN}",
        ),
        (
            ELSEWHERE,
            {"new": True},
            f"'{ELSEWHERE}' is not valid: RoboMaker was never in the region sa-east-1, only in ap-northeast-1,"
            " ap-southeast-1, eu-central-1, eu-west-1, us-east-1, us-east-2, us-west-2, us-gov-west-1."
            f" {GIVE_THE_ARN}",
        ),
        (
            ARN,
            {"new": True, "stack_partition": "aws-cn"},
            f"'{ARN}' is not valid: the job is in the partition aws, but the stack in aws-cn."
            " Declare the job in a stack of its own partition.",
        ),
        (
            ARN,
            {"stack_account": "999999999999"},
            f"'{ARN}' is not valid: the job is in account 123456789012, but the stack in 999999999999."
            " Declare the job in a stack of its own account.",
        ),
    ],
)
def test_an_error_names_the_value_the_rule_and_the_fix(value: object, stack: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidPropertyError) as refusal:
        JobArn.parse(value, **stack)
    assert str(refusal.value) == f"JobArn {words}"


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (
            check_wait_seconds,
            "WaitSeconds 'soon' is not valid: it must be a whole number of seconds from 0 to 840 (14 minutes)."
            " Give a `wait` in that range.",
        ),
        (
            check_best_effort,
            "BestEffort 'soon' is not valid: it must be true or false. Give `best_effort` one of the two.",
        ),
        (
            check_provider_stays,
            "ProviderStays 'soon' is not valid: it must be true or false."
            " Leave it out if the function is not in the job's own stack.",
        ),
    ],
)
def test_an_error_of_a_choice_names_the_value_the_rule_and_the_fix(
    check: Callable[[object], object], words: str
) -> None:
    with pytest.raises(InvalidPropertyError) as refusal:
        check("soon")
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("length", "shown"), [(298, "'" + "x" * 298 + "'"), (299, "'" + "x" * 299 + "… (301 characters)")]
)
def test_a_value_is_shown_whole_up_to_300_characters(length: int, shown: str) -> None:
    with pytest.raises(InvalidPropertyError) as refusal:
        JobArn.parse("x" * length)
    assert str(refusal.value).startswith(f"JobArn {shown} is not valid: ")


def test_an_error_shows_only_the_beginning_of_a_long_value() -> None:
    with pytest.raises(InvalidPropertyError, match=r"… \(100,002 characters\)") as refusal:
        JobArn.parse("x" * 100_000)
    assert len(str(refusal.value)) < 700


def test_the_job_must_be_in_the_stacks_account() -> None:
    with pytest.raises(InvalidPropertyError, match="account 123456789012, but the stack in 999999999999"):
        JobArn.parse(ARN, stack_account="999999999999")
    assert JobArn.parse(ARN, stack_account="123456789012").text == ARN


@pytest.mark.parametrize("region", ["us-wset-2", "sa-east-1", "eu-north-9", "us-gov-east-1"])
def test_a_new_job_must_be_in_a_region_that_robomaker_was_in(region: str) -> None:
    partition = "aws-us-gov" if "gov" in region else "aws"
    arn = f"arn:{partition}:robomaker:{region}:123456789012:world-export-job/job-1"
    with pytest.raises(
        InvalidPropertyError, match=f"RoboMaker was never in the region {region}, only in ap-northeast-1"
    ):
        JobArn.parse(arn, new=True)
    assert JobArn.parse(arn).region == region, "what was accepted before is still taken"


@pytest.mark.parametrize(("region", "partition"), REGIONS.items())
def test_a_new_job_may_be_in_each_of_its_regions(region: str, partition: str) -> None:
    arn = f"arn:{partition}:robomaker:{region}:123456789012:world-export-job/job-1"
    assert JobArn.parse(arn, stack_partition=partition, new=True).region == region


def test_a_new_job_must_be_in_the_stacks_partition() -> None:
    with pytest.raises(InvalidPropertyError, match="in the partition aws, but the stack in aws-cn"):
        JobArn.parse(ARN, stack_partition="aws-cn", new=True)
    assert JobArn.parse(ARN, stack_partition="aws-cn").text == ARN, "what was accepted before is still taken"


@st.composite
def edited_arns(draw: st.DrawFn) -> str:
    """Give a good ARN in which a few places were cut, doubled, or overwritten."""
    arn = draw(st.sampled_from(GOOD_ARNS[:-1]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(arn)))
        end = draw(st.integers(start, min(len(arn), start + 4)))
        arn = arn[:start] + draw(st.one_of(st.text("arn:/-*z0 ", max_size=3), st.text(max_size=2))) + arn[end:]
    return arn


@settings(max_examples=1000)
@given(st.one_of(st.text(), edited_arns(), st.from_regex(FORM, fullmatch=True)))
def test_exactly_what_has_the_form_is_taken(text: str) -> None:
    if FORM.fullmatch(text) and len(text) <= 1024:
        assert JobArn.parse(text).text == text
    else:
        with pytest.raises(InvalidPropertyError):
            JobArn.parse(text)


@pytest.mark.parametrize(("value", "seconds"), [(0, 0), ("0", 0), ("300", 300), (840, 840)])
def test_a_wait_is_0_to_840_whole_seconds(value: object, seconds: int) -> None:
    assert check_wait_seconds(value) == seconds


@pytest.mark.parametrize("value", [-1, 841, "-1", "1.5", 1.5, "", "5 min", None, True, "٣", "9" * 5000, [], {}])
def test_any_other_wait_is_refused(value: object) -> None:
    with pytest.raises(InvalidPropertyError, match=r"WaitSeconds .* must be a whole number of seconds from 0 to 840"):
        check_wait_seconds(value)


@pytest.mark.parametrize(("value", "meaning"), [(True, True), ("true", True), ("false", False), ("False", False)])
def test_best_effort_is_true_or_false(value: object, meaning: bool) -> None:
    assert check_best_effort(value) is meaning


@pytest.mark.parametrize("value", ["yes", "", 1, None, []])
def test_any_other_best_effort_is_refused(value: object) -> None:
    with pytest.raises(InvalidPropertyError, match=r"BestEffort .* must be true or false"):
        check_best_effort(value)


@pytest.mark.parametrize("value", [True, "true", False, "false"])
def test_provider_stays_is_true_or_false(value: object) -> None:
    assert check_provider_stays(value) is (str(value).lower() == "true")


def test_any_other_provider_stays_is_refused() -> None:
    with pytest.raises(InvalidPropertyError, match=r"ProviderStays 'maybe' .* must be true or false"):
        check_provider_stays("maybe")


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"WaitSeconds": "60", "BestEffort": "false", "ProviderStays": "true"},
        {"WaitSeconds": 60, "BestEffort": True},
    ],
)
def test_choices_have_defaults_and_may_come_as_strings(properties: dict[str, object]) -> None:
    check_choices({"ServiceToken": "arn", "JobArn": ARN, **properties})


@pytest.mark.parametrize("name", ["WaitSeconds", "BestEffort", "ProviderStays"])
def test_every_choice_is_checked(name: str) -> None:
    with pytest.raises(InvalidPropertyError, match=name):
        check_choices({"JobArn": ARN, name: "bad"})

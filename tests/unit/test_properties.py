"""What a template may declare, and what the errors say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import InvalidPropertyError, JobArn, check_best_effort, check_properties, check_wait_seconds

ARN = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"


def test_an_arn_has_the_region_of_its_job() -> None:
    assert JobArn.parse(ARN) == JobArn(ARN, "us-west-2")


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws-us-gov:robomaker:us-gov-west-1:123456789012:world-export-job/job-1",
        "arn:aws-cn:robomaker:cn-north-1:123456789012:world-export-job/job-1",
        "arn:aws:robomaker:ap-southeast-1:123456789012:world-export-job/job-1",
        ARN + "x" * (1024 - len(ARN)),
    ],
)
def test_every_partition_and_region_is_known(arn: str) -> None:
    assert JobArn.parse(arn).text == arn


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (None, "must be a string that is not empty"),
        ("", "must be a string that is not empty"),
        (7, "must be a string that is not empty"),
        ([ARN], "must be a string that is not empty"),
        ("job-1", "not an ARN"),
        ("ARN:" + ARN[4:], "not an ARN"),
        ("arn:aws:robomaker:us-west-2", "not an ARN"),
        (ARN.replace("arn:aws:", "arn:aws-iso:"), "partition must be one of aws, aws-cn, aws-us-gov"),
        (ARN.replace("robomaker", "s3"), "service must be robomaker, not 's3'"),
        (ARN.replace("us-west-2", ""), "'' is not the name of a region"),
        (ARN.replace("us-west-2", "us_west_2"), "'us_west_2' is not the name of a region"),
        (ARN.replace("us-west-2", "evil.example"), "'evil.example' is not the name of a region"),
        (ARN.replace("us-west-2", "cn-north-1"), "the region cn-north-1 is in the partition aws-cn, not aws"),
        (ARN.replace("arn:aws:", "arn:aws-cn:"), "the region us-west-2 is in the partition aws, not aws-cn"),
        (ARN.replace("123456789012", ""), "account must be 12 digits"),
        (ARN.replace("123456789012", "12345678901x"), "account must be 12 digits"),
        (ARN.replace("123456789012", "١٢٣٤٥٦٧٨٩٠١٢"), "account must be 12 digits"),
        (ARN.replace("world-export-job", "world-generation-job"), "must be a world-export-job, not 'world-generation"),
        (ARN.replace("world-export-job/job-1", "job-1"), "must be a world-export-job, not 'job-1'"),
        (ARN.replace("job-1", ""), "the job's id is empty"),
        (ARN.replace("job-1", "*"), "it must name one job"),
        (ARN.replace("job-1", "a/b"), "it must name one job"),
        (ARN.replace("job-1", 'a"b'), "letters, digits and -_.:=@+ only"),
        (ARN.replace("job-1", "jöb"), "letters, digits and -_.:=@+ only"),
        (ARN + " ", "no whitespace and no control characters"),
        (ARN + "\n", "no whitespace and no control characters"),
        (ARN + "\x00", "no whitespace and no control characters"),
        (ARN + "\u200b", "no whitespace and no control characters"),
        (ARN + "\ud800", "no whitespace and no control characters"),
        (ARN + "x" * 1024, "longer than the 1,024 bytes"),
        (ARN + "ö" * 500, "longer than the 1,024 bytes"),
    ],
)
def test_a_bad_arn_is_refused_with_the_rule_that_it_breaks(value: object, rule: str) -> None:
    with pytest.raises(InvalidPropertyError, match="JobArn") as refusal:
        JobArn.parse(value)
    assert rule in str(refusal.value)


def test_an_error_names_the_value_the_rule_and_the_fix() -> None:
    with pytest.raises(InvalidPropertyError) as refusal:
        JobArn.parse("job-1")
    assert str(refusal.value) == (
        "JobArn 'job-1' is not valid: it is not an ARN (arn:partition:service:region:account:resource)."
        " Pass the ARN that CreateWorldExportJob returned,"
        " such as arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID."
    )


def test_an_error_shows_only_the_beginning_of_a_long_value() -> None:
    with pytest.raises(InvalidPropertyError, match=r"… \(100,002 characters\)") as refusal:
        JobArn.parse("x" * 100_000)
    assert len(str(refusal.value)) < 700


def test_the_job_must_be_in_the_stacks_account() -> None:
    with pytest.raises(InvalidPropertyError, match="account 123456789012, but the stack in 999999999999"):
        JobArn.parse(ARN, stack_account="999999999999")
    assert JobArn.parse(ARN, stack_account="123456789012").text == ARN


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        parsed = JobArn.parse(text)
    except InvalidPropertyError:
        return
    assert parsed.text == text


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


@pytest.mark.parametrize(
    "properties", [{}, {"WaitSeconds": "60", "BestEffort": "false"}, {"WaitSeconds": 60, "BestEffort": True}]
)
def test_properties_have_defaults_and_may_come_as_strings(properties: dict[str, object]) -> None:
    parsed = check_properties({"ServiceToken": "arn", "JobArn": ARN, **properties}, stack_account="123456789012")
    assert parsed == JobArn(ARN, "us-west-2")


@pytest.mark.parametrize("name", ["JobArn", "WaitSeconds", "BestEffort"])
def test_every_property_is_checked(name: str) -> None:
    with pytest.raises(InvalidPropertyError, match=name):
        check_properties({"JobArn": ARN, name: "bad"}, stack_account=None)

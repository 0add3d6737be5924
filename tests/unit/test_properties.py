"""What a template may declare, and what the errors say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from properties import InvalidPropertyError, JobArn, check_best_effort, check_properties, check_wait_seconds
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

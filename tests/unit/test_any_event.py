"""Any event with a response URL has exactly one valid answer, and the URL is in no log."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import index
from sandbox.cloudformation.custom_resources import MAX_BODY_BYTES, Exchange, ResponseUrls
from sandbox.robomaker import RoboMaker
from tests.canned import Canned
from tests.corpus import EVENTS
from tests.requests import JOB_1, STACK_ID, Context

Log = pytest.LogCaptureFixture

pytestmark = pytest.mark.usefixtures("hurried")

REQUIRED = ("StackId", "RequestId", "LogicalResourceId")
COPIED = (*REQUIRED, "PhysicalResourceId")

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=50),
    st.sampled_from(["\ud800", "a\nb", '{"level": "ERROR"}', "x" * 100_000, "١٢٣", "\u202e"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
properties = st.one_of(
    odd,
    st.fixed_dictionaries(
        {}, optional={"JobArn": st.one_of(st.just(JOB_1), odd), "WaitSeconds": odd, "BestEffort": odd}
    ),
)
# A request as CloudFormation sends it, of which any part may be missing or odd.
events = st.fixed_dictionaries(
    {},
    optional={
        "RequestType": st.one_of(st.sampled_from(["Create", "Update", "Delete"]), odd),
        "StackId": st.one_of(st.just(STACK_ID), odd),
        "RequestId": st.one_of(st.just("request-1"), odd),
        "LogicalResourceId": st.one_of(st.just("Job"), odd),
        "PhysicalResourceId": st.one_of(st.just(JOB_1), odd),
        "ResourceProperties": properties,
        "OldResourceProperties": properties,
    },
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=events)
@example(event={})
@example(event={"RequestType": "Delete", "StackId": STACK_ID, "RequestId": "r", "LogicalResourceId": "Job"})
def test_any_event_is_answered_once(
    event: dict[str, Any], urls: ResponseUrls, robomaker: RoboMaker, caplog: Log
) -> None:
    robomaker.start_job(JOB_1)
    _check_answer(event, urls, caplog)


CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
container_properties = st.one_of(
    odd,
    st.fixed_dictionaries(
        {},
        optional={
            "Kind": st.one_of(st.just("EcsTasks"), odd),
            "Container": st.one_of(st.just(CLUSTER), odd),
            "Family": odd,
            "ContainerLogicalId": odd,
            "ContainerDeletionPolicy": odd,
        },
    ),
)
physical_ids = st.one_of(st.just(f"EcsTasks({CLUSTER})"), odd)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=events, declared=container_properties, physical_id=physical_ids)
def test_any_event_of_stop_on_delete_is_answered_once(
    event: dict[str, Any], declared: object, physical_id: object, urls: ResponseUrls, aws: Canned, caplog: Log
) -> None:
    aws.answer("DescribeStacks", {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]})
    aws.answer("GetTemplate", {"TemplateBody": '{"Resources": {}}'})
    aws.answer("ListTasks", {"taskArns": []})
    sent = {**event, "ResourceProperties": declared, "PhysicalResourceId": physical_id}
    _check_answer(sent, urls, caplog)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of_the_corpus_is_answered(name: str, urls: ResponseUrls, robomaker: RoboMaker, caplog: Log) -> None:
    event, status = EVENTS[name]
    robomaker.start_job(JOB_1)
    assert _check_answer(event, urls, caplog) == status


def _check_answer(event: dict[str, Any], urls: ResponseUrls, caplog: Log) -> str:
    """Send an event, check its only answer and the log, and return the answer's status."""
    caplog.clear()
    exchange = Exchange(event)
    url = urls.open(exchange)
    with caplog.at_level(logging.DEBUG):
        index.handler({**event, "ResponseURL": url}, Context(900))

    [body] = exchange.bodies
    answer = json.loads(body)
    # What is copied from a request can't be cut; in CloudFormation's own it is never that long.
    assert len(body) <= MAX_BODY_BYTES or len(json.dumps([event.get(key) for key in COPIED])) > 3000
    assert answer["Status"] in ("SUCCESS", "FAILED")
    assert isinstance(answer["PhysicalResourceId"], str)
    assert answer["PhysicalResourceId"]
    assert answer["Status"] == "SUCCESS" or answer["Reason"]
    for key in REQUIRED:
        if isinstance(event.get(key), str):
            assert answer[key] == event[key]
    assert url.rpartition("=")[2] not in caplog.text
    return str(answer["Status"])


@settings(max_examples=20)
@given(event=st.one_of(odd, st.fixed_dictionaries({"ResponseURL": odd})))
def test_an_event_without_a_usable_url_is_an_error_and_no_crash(event: Any) -> None:
    with pytest.raises(Exception, match=r"no ResponseURL|response URL that can't be used|did not accept the answer"):
        index.handler(event, Context(0.2))

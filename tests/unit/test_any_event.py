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
from tests.requests import JOB_1, STACK_ID, Context, request

CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
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
# Either resource type's properties, of which any may be missing or odd.
job = {"JobArn": st.one_of(st.just(JOB_1), odd), "WaitSeconds": odd, "BestEffort": odd}
container = {
    "Kind": st.one_of(st.just("EcsTasks"), odd),
    "Container": st.one_of(st.just(CLUSTER), odd),
    **dict.fromkeys(("Family", "ContainerLogicalId", "ContainerDeletionPolicy"), odd),
}
properties = st.one_of(odd, *(st.fixed_dictionaries({}, optional=optional) for optional in (job, container)))
events = st.fixed_dictionaries(
    {},
    optional={
        "RequestType": st.one_of(st.sampled_from(["Create", "Update", "Delete"]), odd),
        "StackId": st.one_of(st.just(STACK_ID), odd),
        "RequestId": st.one_of(st.just("request-1"), odd),
        "LogicalResourceId": st.one_of(st.just("Job"), odd),
        "PhysicalResourceId": st.one_of(st.sampled_from([JOB_1, f"EcsTasks({CLUSTER})"]), odd),
        "ResourceProperties": properties,
        "OldResourceProperties": properties,
    },
)


@pytest.mark.usefixtures("hurried")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(event=events)
@example(event={})
@example(event={"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]})
@example(event=request("Create", {"JobArn": 'x"}\n{"level": "ERROR", "message": "forged'}))
@example(event=request("Create", {"JobArn": '","Status":"SUCCESS","PhysicalResourceId":"x'}))
@example(event=request("Create", {"JobArn": "\ud800" * 1000, "\ud800": "x"}))
@example(event=request("Delete", {"WaitSeconds": float("inf")}, PhysicalResourceId=JOB_1, CrHelperPoll=True))
def test_any_event_is_answered_once(
    event: dict[str, Any],
    urls: ResponseUrls,
    robomaker: RoboMaker,
    aws: Canned,
    caplog: pytest.LogCaptureFixture,
) -> None:
    robomaker.start_job(JOB_1)
    aws.answer("DescribeStacks", {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]})
    aws.answer("GetTemplate", {"TemplateBody": '{"Resources": {}}'})
    aws.answer("ListTasks", {"taskArns": []})
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

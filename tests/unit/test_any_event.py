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


def _any_of(**members: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of which any member may be missing, or odd instead of one of its usual values."""
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(of) | odd if isinstance(of, list) else of for name, of in members.items()}
    )


# Either resource type's properties.
properties = st.one_of(
    odd,
    _any_of(JobArn=[JOB_1], WaitSeconds=odd, BestEffort=odd),
    _any_of(Kind=["EcsTasks"], Container=[CLUSTER], Family=odd, ContainerLogicalId=odd, ContainerDeletionPolicy=odd),
)
events = _any_of(
    RequestType=["Create", "Update", "Delete"],
    StackId=[STACK_ID],
    RequestId=["request-1"],
    LogicalResourceId=["Job"],
    PhysicalResourceId=[JOB_1, f"EcsTasks({CLUSTER})"],
    ResourceProperties=properties,
    OldResourceProperties=properties,
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
    event: dict[str, Any], urls: ResponseUrls, robomaker: RoboMaker, aws: Canned, caplog: pytest.LogCaptureFixture
) -> None:
    robomaker.start_job(JOB_1)
    aws.stack_is("DELETE_IN_PROGRESS")
    aws.answer("ListTasks", {"taskArns": []})
    caplog.clear()
    caplog.set_level(logging.DEBUG, logger="crhelper")  # where it logs the whole event
    exchange = Exchange(event)
    url = urls.open(exchange)
    index.handler({**event, "ResponseURL": url}, Context(900))

    [body] = exchange.bodies
    answer = json.loads(body)
    # What is copied from a request can't be cut; in CloudFormation's own it is never that long.
    copied = [event.get(key) for key in (*REQUIRED, "PhysicalResourceId")]
    assert len(body) <= MAX_BODY_BYTES or len(json.dumps(copied)) > 3000
    assert answer["Status"] in ("SUCCESS", "FAILED")
    assert isinstance(answer["PhysicalResourceId"], str)
    assert answer["PhysicalResourceId"]
    assert answer["Status"] == "SUCCESS" or answer["Reason"]
    assert answer.items() >= {key: event[key] for key in REQUIRED if isinstance(event.get(key), str)}.items()
    logged = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=str)
    assert url.rpartition("=")[2] not in logged

"""The page for operators has every reason that the function can give, and no other."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import Mock

import pytest

import index
from protocol.advice import after_failed_delete
from protocol.custom_resource import ExpectedError
from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import ACCESS_DENIED, CANCEL_REFUSED, CONNECTION_DROPPED, THROTTLED, Fault, RoboMaker
from tests.canned import Answer, Canned, error
from tests.pages import quoted, section
from tests.requests import JOB_1, Sender, request

PAGE = (PROJECT / "docs" / "operators.md").read_text()
DOCUMENTED = [reason for reason in quoted(section(PAGE, "Reasons")) if reason != "reason"]
CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
TASK = "arn:aws:ecs:us-west-2:123456789012:task/prod/1"
CANCEL = request("Delete", {"JobArn": JOB_1, "WaitSeconds": "60"}, PhysicalResourceId=JOB_1)
STOP = {**CANCEL, "PhysicalResourceId": f"EcsTasks({CLUSTER})"}
DECLARE = request("Create", {"Kind": "EcsTasks", "Container": CLUSTER})
REFUSED = {"AWS_ENDPOINT_URL_ROBOMAKER": "http://127.0.0.1:9"}


@dataclass(frozen=True)
class Case:
    """What makes the function give a reason: a request, and what is different from a cancel that takes too long."""

    event: dict[str, Any] = field(default_factory=lambda: CANCEL)
    fault: Fault | None = None
    """What RoboMaker answers to every call."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """What other services answer."""
    variables: Mapping[str, str] = field(default_factory=dict)
    patches: Mapping[str, object] = field(default_factory=dict)


def _task_runs(**state: str) -> dict[str, Answer]:
    task = {"taskArn": TASK, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", **state}
    return {"ListTasks": {"taskArns": [TASK]}, "DescribeTasks": {"tasks": [task], "failures": []}}


def _raised(failure: Exception) -> Case:
    return Case(patches={"index.tear_down": Mock(side_effect=failure)})


# A part of one reason of the page -> what makes the function give it.
CASES = {
    "World export job … is …. Waited": Case(),
    "RoboMaker refuses to cancel it": Case(fault=CANCEL_REFUSED),
    "of … stopped": Case(STOP, answers=_task_runs(desiredStatus="STOPPED", lastStatus="STOPPING")),
    "not all were listed yet": Case(STOP, answers=_task_runs(), patches={"jobs.running_jobs.STEP_SECONDS": -1.0}),
    "answered … are still running": Case(
        STOP, answers={**_task_runs(), "StopTask": error("InvalidParameterException", "Not now.")}
    ),
    "Application … is": Case(
        {**CANCEL, "PhysicalResourceId": "EmrServerlessJobRuns(00f1)"},
        answers={
            "GetApplication": {"application": {"state": "STOPPING"}},
            "ListJobRuns": {"jobRuns": []},
            "ListSessions": {"sessions": []},
        },
    ),
    "answered … Tried": Case(fault=THROTTLED),
    "has no permission": Case(fault=ACCESS_DENIED),
    "could not connect": Case(variables=REFUSED),
    "could not look up": Case(
        variables=REFUSED,
        patches={"jobs.aws.addresses": Mock(side_effect=socket.gaierror(socket.EAI_AGAIN, "Try again"))},
    ),
    "lost its connection": Case(fault=CONNECTION_DROPPED),
    "got an answer": Case(fault=Fault(message="<html>Welcome</html>", status=200)),
    "failed:": Case(variables={"AWS_ACCESS_KEY_ID": ""}),
    "can't be made": Case(variables={"AWS_ENDPOINT_URL_ROBOMAKER": "no url"}),
    "can't load": Case(patches={"index._import_error": ImportError("cannot import name 'EnvProvider'")}),
    "could not ask CloudFormation": Case(STOP, answers={"DescribeStacks": error("ValidationError")}),
    "can't read the resource's physical id": Case({**CANCEL, "PhysicalResourceId": "BatchJobs(arn:x)"}),
    "is not valid": Case(request("Create", {"JobArn": "job-1"})),
    "does not exist. Create it first": Case(DECLARE, answers={"DescribeClusters": {"clusters": []}}),
    "can't be checked": Case(DECLARE, answers={"DescribeClusters": error("ClientException")}),
    "ran out of time": Case(
        patches={
            "protocol.custom_resource.RESERVED_SECONDS": 899.7,
            "protocol.custom_resource.LARGEST_RESERVED_SHARE": 1.0,
            "index.tear_down": lambda *_, **__: time.sleep(5),
        }
    ),
    "an unexpected error": _raised(KeyError("x")),
    "gave no reason": _raised(ExpectedError("")),
    "The request has no": Case({**CANCEL, "StackId": ""}),
    "The request type": Case({**CANCEL, "RequestType": "Upsert"}),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("part", CASES)
def test_a_reason_is_on_the_page(
    urls: ResponseUrls, robomaker: RoboMaker, aws: Canned, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    case = CASES[part]
    robomaker.start_job(JOB_1, cancel_seconds=3600)
    if case.fault:
        robomaker.switch_on(case.fault)
    aws.stack_is("DELETE_IN_PROGRESS")
    aws.answer_all(case.answers)
    for name, text in case.variables.items():
        monkeypatch.setenv(name, text)
    for target, value in case.patches.items():
        monkeypatch.setattr(target, value)
    told = Sender(index.handler, urls).send(case.event)["Reason"]
    reason = told.removesuffix(f" {after_failed_delete(case.event)}")
    [documented] = [reason for reason in DOCUMENTED if part in reason]
    # A documented reason that ends with what differs may have more behind it.
    assert re.fullmatch(".+".join(map(re.escape, documented.split("…"))), reason, re.DOTALL), reason


def test_the_page_has_no_other_reason() -> None:
    assert {reason for reason in DOCUMENTED if any(part in reason for part in CASES)} == set(DOCUMENTED)
    assert len(DOCUMENTED) == len(CASES)

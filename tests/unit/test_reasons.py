"""The page for operators has every reason that the function can give, and no other."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import index
from protocol.advice import after_failed_delete
from protocol.custom_resource import CustomResource, ExpectedError
from protocol.outcome import Outcome
from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import ACCESS_DENIED, CANCEL_REFUSED, CONNECTION_DROPPED, THROTTLED, Fault, RoboMaker
from tests.canned import Answer, Canned, error
from tests.network import Names
from tests.pages import quoted, section
from tests.requests import JOB_1, HurriedClock, Sender, answer_soon, request

PAGE = (PROJECT / "docs" / "operators.md").read_text()
DOCUMENTED = [reason for reason in quoted(section(PAGE, "Reasons")) if reason != "reason"]
CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
TASK = "arn:aws:ecs:us-west-2:123456789012:task/prod/1"
TASKS, APPLICATION = f"EcsTasks({CLUSTER})", "EmrServerlessJobRuns(00f1)"


class Handler:
    """The real handler, and what a case needs to make it fail."""

    def __init__(self, urls: ResponseUrls, robomaker: RoboMaker, aws: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
        self.urls, self.robomaker, self.aws, self.monkeypatch = urls, robomaker, aws, monkeypatch
        robomaker.start_job(JOB_1, cancel_seconds=3600)
        aws.answer("DescribeStacks", {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]})

    def reason(
        self, event: dict[str, Any], handler: Callable[[Any, Any], None] = index.handler, *, seconds: float = 900
    ) -> str:
        """Send a request, and return the reason without the next step."""
        told = str(Sender(handler, self.urls).send(event, seconds=seconds)["Reason"])
        return told.removesuffix(f" {after_failed_delete(event)}") if event["RequestType"] == "Delete" else told

    def reason_of(self, run: Callable[..., Outcome | None], *, seconds: float = 900) -> str:
        """Let a function of a test's own serve a Delete."""
        custom = CustomResource(lambda _: "RoboMaker")
        custom.delete(run)
        return self.reason(_delete(), custom, seconds=seconds)

    def stop(self, physical_id: str, answers: Mapping[str, Answer]) -> str:
        """Send the Delete of a StopOnDelete, whose service answers so."""
        for action, answer in answers.items():
            self.aws.answer(action, answer)
        return self.reason(request("Delete", {"WaitSeconds": "60"}, PhysicalResourceId=physical_id))

    def declare(self, **answers: Answer) -> str:
        """Send the Create of a StopOnDelete, when CloudFormation and ECS answer so."""
        self.aws.answer("GetTemplate", {"TemplateBody": '{"Resources": {}}'})
        self.aws.answer("DescribeStackResource", {"StackResourceDetail": {"PhysicalResourceId": "x"}})
        self.aws.answer("ListStackResources", {"StackResourceSummaries": []})
        for action, answer in answers.items():
            self.aws.answer(action, answer)
        return self.reason(request("Create", {"Kind": "EcsTasks", "Container": CLUSTER}))


def _delete(**more: Any) -> dict[str, Any]:
    return request("Delete", {"JobArn": JOB_1, "WaitSeconds": "60"}, PhysicalResourceId=JOB_1, **more)


def _cancel(*faults: Fault, **variables: str) -> Callable[[Handler], str]:
    """Send the Delete of a world export job, which meets faults, or runs with variables; "" is none."""

    def case(handler: Handler) -> str:
        for fault in faults:
            handler.robomaker.switch_on(fault)
        for name, value in variables.items():
            handler.monkeypatch.setenv(name, value) if value else handler.monkeypatch.delenv(name)
        return handler.reason(_delete())

    return case


def _stop(answers: Mapping[str, Answer], physical_id: str = TASKS) -> Callable[[Handler], str]:
    return lambda handler: handler.stop(physical_id, answers)


def _task_runs(**state: str) -> dict[str, Answer]:
    task = {"taskArn": TASK, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", **state}
    return {"ListTasks": {"taskArns": [TASK]}, "DescribeTasks": {"tasks": [task], "failures": []}}


def _no_look_up(handler: Handler) -> str:
    handler.monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", "http://robomaker.test:9")
    again = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    Names(handler.monkeypatch).fail("robomaker.test", together=again, ipv4=again)
    return handler.reason(_delete())


def _many_tasks(handler: Handler) -> str:
    handler.monkeypatch.setattr("jobs.running_jobs.STEP_SECONDS", -1.0)
    return handler.stop(TASKS, _task_runs())


def _import_error(handler: Handler) -> str:
    handler.monkeypatch.setattr(index, "_import_error", ImportError("cannot import name 'EnvProvider'"))
    return handler.reason(_delete())


def _out_of_time(handler: Handler) -> str:
    answer_soon(handler.monkeypatch)
    return handler.reason_of(lambda *_: time.sleep(5), seconds=30)


def _raise(failure: Exception) -> Callable[[Handler], str]:
    def run(*_: Any) -> Outcome:
        raise failure

    return lambda handler: handler.reason_of(run)


# A part of one reason of the page -> what makes the function give it.
CASES: dict[str, Callable[[Handler], str]] = {
    "World export job … is …. Waited": _cancel(),
    "RoboMaker refuses to cancel it": _cancel(CANCEL_REFUSED),
    "of … stopped": _stop(_task_runs(desiredStatus="STOPPED", lastStatus="STOPPING")),
    "not all were listed yet": _many_tasks,
    "answered … are still running": _stop({**_task_runs(), "StopTask": error("InvalidParameterException", "Not now.")}),
    "Application … is": _stop(
        {
            "GetApplication": {"application": {"state": "STOPPING"}},
            "ListJobRuns": {"jobRuns": []},
            "ListSessions": {"sessions": []},
        },
        APPLICATION,
    ),
    "answered … Tried": _cancel(THROTTLED),
    "has no permission": _cancel(ACCESS_DENIED),
    "could not connect": _cancel(AWS_ENDPOINT_URL_ROBOMAKER="http://127.0.0.1:9"),
    "could not look up": _no_look_up,
    "lost its connection": _cancel(CONNECTION_DROPPED),
    "got an answer": _cancel(Fault(message="<html>Welcome</html>", status=200)),
    "failed:": _cancel(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""),
    "can't be made": _cancel(AWS_ENDPOINT_URL_ROBOMAKER="no url"),
    "can't load": _import_error,
    "could not ask CloudFormation": _stop({"DescribeStacks": error("ValidationError")}),
    "can't read the resource's physical id": _stop({}, "BatchJobs(arn:x)"),
    "is not valid": lambda handler: handler.reason(request("Create", {"JobArn": "job-1"})),
    "does not exist. Create it first": lambda handler: handler.declare(DescribeClusters={"clusters": []}),
    "can't be checked": lambda handler: handler.declare(DescribeClusters=error("ClientException")),
    "ran out of time": _out_of_time,
    "an unexpected error": _raise(KeyError("x")),
    "gave no reason": _raise(ExpectedError("")),
    "The request has no": lambda handler: handler.reason(_delete(StackId="")),
    "The request type": lambda handler: handler.reason({**_delete(), "RequestType": "Upsert"}),
}


@pytest.fixture
def handler(urls: ResponseUrls, robomaker: RoboMaker, aws: Canned, monkeypatch: pytest.MonkeyPatch) -> Handler:
    monkeypatch.setattr(index, "clock", HurriedClock())
    return Handler(urls, robomaker, aws, monkeypatch)


@pytest.mark.parametrize("part", CASES)
def test_a_reason_is_on_the_page(handler: Handler, part: str) -> None:
    [documented] = [reason for reason in DOCUMENTED if part in reason]
    reason = CASES[part](handler)
    # A documented reason that ends with what differs may have more behind it.
    assert re.fullmatch(".+".join(map(re.escape, documented.split("…"))), reason, re.DOTALL), reason


def test_the_page_has_no_other_reason() -> None:
    assert {reason for reason in DOCUMENTED if any(part in reason for part in CASES)} == set(DOCUMENTED)
    assert len(DOCUMENTED) == len(CASES)

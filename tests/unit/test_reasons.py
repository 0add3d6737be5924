"""The operators' page has every reason that the handler can send, and no other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import index
import stop_on_delete
from jobs.container import Job, Pace
from jobs.living_service import TroubleError
from ownership import Decision
from protocol.advice import after_failed_delete
from protocol.custom_resource import CustomResource, ExpectedError
from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import ACCESS_DENIED, CANCEL_REFUSED, THROTTLED, Fault, RoboMaker
from teardown import Reply, Verdict
from tests.network import SetClock
from tests.requests import JOB_1, Sender, answer_soon, request

PAGE = PROJECT / "docs" / "operators.md"
DOCUMENTED = re.findall(r"^### `(.*)`$", PAGE.read_text(), re.MULTILINE)


def _matches(documented: str, reason: str) -> bool:
    parts = (re.escape(part) for part in documented.split("…"))
    # A heading that ends with what differs may have more behind it.
    return re.fullmatch(".+".join(parts), reason, re.DOTALL) is not None


class Handler:
    """The real handler, and what a case needs to bring a reason about."""

    def __init__(self, urls: ResponseUrls, robomaker: RoboMaker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.urls, self.robomaker, self.monkeypatch = urls, robomaker, monkeypatch
        robomaker.start_job(JOB_1, cancel_seconds=3600)

    def reason(self, event: dict[str, Any], *faults: Fault, seconds: float = 900) -> str:
        for fault in faults:
            self.robomaker.switch_on(fault)
        reason = str(Sender(index.handler, self.urls).send(event, seconds=seconds)["Reason"])
        return reason.removesuffix(f" {after_failed_delete(event, provider_stays=True, of_container=False)}")

    def reason_of(self, run: Callable[[Any, CustomResource], str], seconds: float = 900) -> str:
        custom = CustomResource()
        custom.delete(run)
        return str(Sender(custom, self.urls).send(_delete(), seconds=seconds)["Reason"])


def _delete(**more: Any) -> dict[str, Any]:
    return request("Delete", {"JobArn": JOB_1, "WaitSeconds": "60"}, PhysicalResourceId=JOB_1, **more)


def _unreachable(handler: Handler) -> str:
    handler.monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", "http://127.0.0.1:9")
    return handler.reason(_delete())


def _no_credentials(handler: Handler) -> str:
    handler.monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    handler.monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    return handler.reason(_delete())


def _no_client(handler: Handler) -> str:
    handler.monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", "no url")
    return handler.reason(_delete())


def _broken(handler: Handler) -> str:
    handler.monkeypatch.setattr(index, "_broken", ImportError("cannot import name 'EnvProvider'"))
    return handler.reason(_delete())


def _not_asked(handler: Handler) -> str:
    handler.monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:9")
    return _stop(handler, "Delete")


def _not_taken(handler: Handler) -> str:
    handler.monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:9")
    return _stop(handler, "Create")


def _stopping(reply: Reply | None = None, *, refusal: TroubleError | None = None) -> Callable[[Handler], str]:
    """Let the tasks of a cluster not end, or not be stopped, or the cluster meet a trouble."""

    def unfinished() -> list[list[Job]]:
        if reply:
            raise TroubleError(reply)
        return [[Job("arn:aws:ecs:us-west-2:123456789012:task/prod/1", is_stopping=refusal is None)]]

    def stop(_: Job) -> None:
        if refusal:
            raise refusal

    def case(handler: Handler) -> str:
        service = SimpleNamespace(calls=0)
        kind = SimpleNamespace(
            noun="tasks", pace=Pace(1, 1), settles_after=0, unfinished=unfinished, stop=stop, service=service
        )
        stack = SimpleNamespace(decide=lambda _: Decision(True, "it goes"), service=service)
        handler.monkeypatch.setattr(stop_on_delete, "Stack", lambda _: stack)
        handler.monkeypatch.setattr(stop_on_delete, "_kind", lambda *_: kind)
        return _stop(handler, "Delete")

    return case


def _stop(handler: Handler, request_type: str, physical_id: str = "") -> str:
    handler.monkeypatch.setenv("AWS_REGION", "us-west-2")
    handler.monkeypatch.setattr(stop_on_delete, "clock", SetClock())
    cluster = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
    properties = {"Kind": "EcsTasks", "Container": cluster, "WaitSeconds": "60"}
    known = {"PhysicalResourceId": physical_id or f"EcsTasks({cluster})"} if request_type == "Delete" else {}
    event = request(request_type, properties, **known)
    reason = str(Sender(stop_on_delete.handler, handler.urls).send(event, seconds=900)["Reason"])
    return reason.removesuffix(f" {after_failed_delete(event, provider_stays=True, of_container=True)}")


def _sleep(*_: Any) -> str:
    time.sleep(5)
    return JOB_1


def _out_of_time(handler: Handler) -> str:
    answer_soon(handler.monkeypatch)
    return handler.reason_of(_sleep, seconds=30)


def _raise(error: Exception) -> Callable[[Any, CustomResource], str]:
    def run(*_: Any) -> str:
        raise error

    return run


# A part of one heading of the page -> what brings its reason about.
CASES: dict[str, Callable[[Handler], str]] = {
    "is not valid": lambda handler: handler.reason(request("Create", {"JobArn": "job-1"})),
    "The job is still": lambda handler: handler.reason(_delete()),
    "The job is …, and its cancel was refused": lambda handler: handler.reason(_delete(), CANCEL_REFUSED),
    "The cancel was refused": lambda handler: handler.reason(_delete(), CANCEL_REFUSED, ACCESS_DENIED),
    "The job could not be ended in time": lambda handler: handler.reason(_delete(), THROTTLED),
    "has no permission": lambda handler: handler.reason(_delete(), ACCESS_DENIED),
    "It is unknown whether": lambda handler: handler.reason(_delete(), Fault("StrangeException", "Odd", 400)),
    "could not reach": _unreachable,
    "failed:": _no_credentials,
    "can't be called": _no_client,
    "can't load": _broken,
    "The work in … is still": _stopping(),
    "The work in … could not be ended": _stopping(Reply(Verdict.PASSING, "ecs:ListTasks answered ServerException: x")),
    "The work in … is …, and its cancel": _stopping(refusal=TroubleError(Reply(Verdict.UNKNOWN, "No."), refused=True)),
    ":… answered": _stopping(Reply(Verdict.UNKNOWN, "ecs:ListTasks answered OddException: odd")),
    "CloudFormation can't be asked": _not_asked,
    "can't read which container": lambda handler: _stop(handler, "Delete", "BatchJobs(arn:x)"),
    "can't be taken charge of": _not_taken,
    "ran out of time": _out_of_time,
    "met an error": lambda handler: handler.reason_of(_raise(KeyError("x"))),
    "gave no reason": lambda handler: handler.reason_of(_raise(ExpectedError(""))),
    "The request lacks": lambda handler: handler.reason(_delete(StackId="")),
    "The request type": lambda handler: handler.reason({**_delete(), "RequestType": "Upsert"}),
}


@pytest.fixture
def handler(
    urls: ResponseUrls,
    robomaker: RoboMaker,
    monkeypatch: pytest.MonkeyPatch,
    hurried: None,  # noqa: ARG001
) -> Handler:
    return Handler(urls, robomaker, monkeypatch)


@pytest.mark.parametrize("heading", CASES)
def test_a_reason_is_on_the_page_under_its_heading(handler: Handler, heading: str) -> None:
    [documented] = [found for found in DOCUMENTED if heading in found]
    reason = CASES[heading](handler)
    assert _matches(documented, reason), reason


def test_the_page_has_no_reason_that_is_not_brought_about_here() -> None:
    assert {found for found in DOCUMENTED if any(heading in found for heading in CASES)} == set(DOCUMENTED)
    assert len(DOCUMENTED) == len(CASES)

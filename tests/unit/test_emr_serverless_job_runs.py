"""The job runs of an application: which are listed and canceled, and the application's own stop."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from jobs.emr_serverless_job_runs import _STOPPING_RUNS, _STOPPING_SESSIONS, _UNFINISHED_RUNS, _UNFINISHED_SESSIONS
from jobs.emr_serverless_job_runs import EmrServerlessJobRuns as Runs
from jobs.running_jobs import RunningJob
from properties.container import Container
from teardown import Failure, ServiceError, State, Step
from tests.canned import Canned, denial, error

APPLICATION = {"applicationId": "00f"}
TERMINATED = {"application": {"state": "TERMINATED"}}
NOT_FOUND = "ResourceNotFoundException"
MISSING = error(NOT_FOUND, "Application 00f does not exist", 404)
BUSY = error("InternalServerException", status=500)
REFUSED = Step(State.REFUSED, "StopApplication answered ValidationException: It has jobs. Application 00f is STARTED")


@pytest.fixture
def runs(aws: Canned) -> Runs:
    aws.answer("ListJobRuns", {"jobRuns": []})
    aws.answer("ListSessions", {"sessions": []})
    return Runs(Container("EmrServerlessJobRuns", "00f"), "Because.")


def _is(aws: Canned, state: str) -> None:
    aws.answer("GetApplication", {"application": {"state": state}})


def _unfinished(runs: Runs) -> list[RunningJob]:
    return [job for page in runs.unfinished() for job in page]


@pytest.mark.parametrize(
    ("answer", "exists"),
    [
        *(({"application": {"state": state}}, True) for state in ("CREATING", "STARTED", "STOPPED", "NEW")),
        (TERMINATED, False),
        (MISSING, False),
    ],
)
def test_an_application_exists_unless_it_is_terminated(aws: Canned, runs: Runs, answer: Any, exists: bool) -> None:
    aws.answer("GetApplication", answer)
    assert runs.exists() is exists
    assert aws.calls == [("GetApplication", APPLICATION)]


@pytest.mark.parametrize("answer", [{}, {"application": {}}, BUSY])
def test_any_other_answer_says_nothing_of_it(aws: Canned, runs: Runs, answer: Any) -> None:
    aws.answer("GetApplication", answer)
    with pytest.raises(ServiceError) as raised:
        runs.exists()
    assert raised.value.failure is Failure.TRANSIENT


class TestUnfinished:
    def test_are_those_to_cancel_and_then_those_that_are_canceled(self, aws: Canned, runs: Runs) -> None:
        first, second, third = ({"jobRuns": [{"id": id_}]} for id_ in "123")
        aws.answer("ListJobRuns", {**first, "nextToken": "next"}, second, third)
        aws.answer("ListSessions", *({"sessions": [{"sessionId": id_}]} for id_ in "45"))
        assert _unfinished(runs) == [
            *(RunningJob(id_) for id_ in "124"),
            *(RunningJob(id_, is_stopping=True) for id_ in "35"),
        ]
        to_cancel = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]
        to_terminate = ["SUBMITTED", "STARTING", "STARTED", "IDLE", "BUSY"]
        asked = {**APPLICATION, "maxResults": ["50"]}
        assert aws.calls == [
            ("ListJobRuns", {**asked, "states": to_cancel}),
            ("ListJobRuns", {**asked, "states": to_cancel, "nextToken": ["next"]}),
            ("ListSessions", {**asked, "states": to_terminate}),
            ("ListJobRuns", {**asked, "states": ["CANCELLING"]}),
            ("ListSessions", {**asked, "states": ["TERMINATING"]}),
        ]

    @pytest.mark.parametrize(
        ("shape", "unfinished", "ended"),
        [
            ("JobRunState", {*_UNFINISHED_RUNS, *_STOPPING_RUNS}, {"SUCCESS", "FAILED", "CANCELLED"}),
            ("SessionState", {*_UNFINISHED_SESSIONS, *_STOPPING_SESSIONS}, {"FAILED", "TERMINATED"}),
        ],
    )
    def test_are_in_every_state_of_the_api_but_these(self, shape: str, unfinished: set[str], ended: set[str]) -> None:
        states: Any = Session().get_service_model("emr-serverless").shape_for(shape)
        assert set(states.enum) - unfinished == ended

    @pytest.mark.parametrize("answer", [denial("emr-serverless:ListSessions"), {"sessions": [{}]}], ids=str)
    def test_are_job_runs_only_if_sessions_cant_be_listed(self, aws: Canned, runs: Runs, answer: Any) -> None:
        aws.answer("ListJobRuns", {"jobRuns": [{"id": "1"}]}, {"jobRuns": []})
        aws.answer("ListSessions", answer)
        assert _unfinished(runs) == [RunningJob("1")]

    @pytest.mark.parametrize("application", [TERMINATED, MISSING])
    @pytest.mark.parametrize("answer", [error("ValidationException"), BUSY])
    def test_of_an_application_that_is_gone(self, aws: Canned, runs: Runs, answer: Any, application: Any) -> None:
        aws.answer("ListJobRuns", answer)
        aws.answer("GetApplication", application)
        with pytest.raises(ServiceError) as raised:
            _unfinished(runs)
        assert raised.value.code in runs.final_steps
        assert aws.actions == ["ListJobRuns", "GetApplication"]

    @pytest.mark.parametrize(
        ("action", "answer", "failure"),
        [
            ("ListJobRuns", {}, Failure.TRANSIENT),
            ("ListJobRuns", {"jobRuns": [{}]}, Failure.TRANSIENT),
            ("ListJobRuns", denial("emr-serverless:ListJobRuns"), Failure.UNKNOWN),
            ("ListJobRuns", MISSING, Failure.REJECTED),
            ("ListSessions", BUSY, Failure.TRANSIENT),
        ],
        ids=str,
    )
    def test_of_an_application_that_exists_raise(
        self, aws: Canned, runs: Runs, action: str, answer: Any, failure: Failure
    ) -> None:
        aws.answer(action, answer)
        _is(aws, "STARTED")
        with pytest.raises(ServiceError, match=action) as raised:
            _unfinished(runs)
        assert raised.value.failure is failure
        assert raised.value.code not in runs.final_steps


@pytest.mark.parametrize("period", [None, "60", "0"])
def test_a_stop_cancels_a_job_run(aws: Canned, period: str | None) -> None:
    options = {"ShutdownGracePeriodInSeconds": period} if period else {}
    Runs(Container("EmrServerlessJobRuns", "00f", options), "Because.").stop(RunningJob("1"))
    sent = {"shutdownGracePeriodInSeconds": [period]} if period else {}
    assert aws.calls == [("CancelJobRun", {**APPLICATION, "jobRunId": "1", **sent})]


def test_a_stop_terminates_a_session(aws: Canned, runs: Runs) -> None:
    assert runs.noun == "job runs"
    aws.answer("ListSessions", {"sessions": [{"sessionId": "1"}]}, {"sessions": []})
    [session] = _unfinished(runs)
    assert runs.noun == "job runs and sessions"
    runs.stop(session)
    assert aws.calls[-1] == ("TerminateSession", {**APPLICATION, "sessionId": "1"})


class TestClose:
    """An application can be deleted only when it is at rest."""

    @pytest.mark.parametrize(
        ("state", "stopped", "step", "calls"),
        [
            ("CREATED", {}, None, []),
            ("STOPPED", {}, None, []),
            ("STARTED", {}, Step(State.STOPPING, "Application 00f is STARTED"), ["StopApplication"]),
            ("STARTING", {}, Step(State.STOPPING, "Application 00f is STARTING"), ["StopApplication"]),
            ("STOPPING", {}, Step(State.STOPPING, "Application 00f is STOPPING"), []),
            ("CREATING", {}, Step(State.REFUSED, "Application 00f is CREATING, so it can't be stopped yet"), []),
            ("NEW", {}, Step(State.REFUSED, "Application 00f is NEW, so it can't be stopped yet"), []),
            ("STARTED", error("ValidationException", "It has jobs."), REFUSED, ["StopApplication"]),
            ("STARTED", error("ValidationException", "It has jobs"), REFUSED, ["StopApplication"]),
        ],
    )
    def test_stops_what_started(
        self, aws: Canned, runs: Runs, state: str, stopped: Any, step: Step | None, calls: list[str]
    ) -> None:
        _is(aws, state)
        aws.answer("StopApplication", stopped)
        assert runs.make_deletable() == step
        assert aws.calls == [(action, APPLICATION) for action in ["GetApplication", *calls]]

    @pytest.mark.parametrize(
        ("action", "answer", "failure", "text"),
        [
            ("GetApplication", TERMINATED, Failure.REJECTED, "Application 00f is TERMINATED"),
            ("GetApplication", MISSING, Failure.REJECTED, f"GetApplication answered {NOT_FOUND}: "),
            ("StopApplication", BUSY, Failure.TRANSIENT, "StopApplication answered "),
            ("StopApplication", denial("emr-serverless:StopApplication"), Failure.UNKNOWN, "The function's role "),
        ],
        ids=str,
    )
    def test_raises_other_errors(
        self, aws: Canned, runs: Runs, action: str, answer: Any, failure: Failure, text: str
    ) -> None:
        _is(aws, "STARTED")
        aws.answer(action, answer)
        with pytest.raises(ServiceError, match=f"^{text}") as raised:
            runs.make_deletable()
        assert (raised.value.failure, raised.value.code in runs.final_steps) == (failure, action == "GetApplication")
        assert aws.actions[-1] == action

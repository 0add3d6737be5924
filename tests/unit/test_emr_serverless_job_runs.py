"""The job runs of an application: which are listed and canceled, and the application's own stop."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import Session

from jobs.container import Job, Pace
from jobs.emr_serverless_job_runs import _STOPPING, _UNFINISHED, EmrServerlessJobRuns
from jobs.living_service import TroubleError
from properties import Container
from teardown import Reply, Verdict
from tests.canned import Canned, denial, error

APPLICATION = {"applicationId": "00f"}
GONE = Reply(Verdict.GONE, "There is no such application")
MISSING = error("ResourceNotFoundException", "Application 00f does not exist", 404)


@pytest.fixture
def runs(aws: Canned) -> EmrServerlessJobRuns:
    aws.answer("ListJobRuns", {"jobRuns": []})
    return EmrServerlessJobRuns(Container("EmrServerlessJobRuns", "00f"), "Because.")


def _is(aws: Canned, *states: str) -> None:
    aws.answer("GetApplication", *({"application": {"state": state}} for state in states))


def _unfinished(runs: EmrServerlessJobRuns) -> list[Job]:
    return [job for page in runs.unfinished() for job in page]


class TestApplication:
    @pytest.mark.parametrize("state", ["CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED", "NEW"])
    def test_that_is_there_is_accepted(self, aws: Canned, runs: EmrServerlessJobRuns, state: str) -> None:
        _is(aws, state)
        assert runs.check() == Reply(Verdict.ACCEPTED, state)
        assert aws.calls == [("GetApplication", APPLICATION)]

    @pytest.mark.parametrize("answer", [{"application": {"state": "TERMINATED"}}, MISSING])
    def test_that_is_terminated_or_missing_is_gone(self, aws: Canned, runs: EmrServerlessJobRuns, answer: Any) -> None:
        aws.answer("GetApplication", answer)
        assert runs.check() == GONE

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"application": None},
            {"application": {}},
            {"application": {"state": None}},
            error("InternalServerException", status=500),
        ],
    )
    def test_that_the_answer_does_not_tell_of_is_trouble(
        self, aws: Canned, runs: EmrServerlessJobRuns, answer: Any
    ) -> None:
        aws.answer("GetApplication", answer)
        with pytest.raises(TroubleError) as trouble:
            runs.check()
        assert trouble.value.reply.verdict is Verdict.PASSING


class TestUnfinished:
    def test_are_those_to_cancel_and_then_those_that_are_canceled(
        self, aws: Canned, runs: EmrServerlessJobRuns
    ) -> None:
        aws.answer(
            "ListJobRuns",
            {"jobRuns": [{"id": "1"}], "nextToken": "next"},
            {"jobRuns": [{"id": "2"}]},
            {"jobRuns": [{"id": "3"}]},
        )
        assert _unfinished(runs) == [Job("1"), Job("2"), Job("3", is_stopping=True)]
        to_cancel = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]
        first = {**APPLICATION, "states": to_cancel, "maxResults": ["50"]}
        assert aws.calls == [
            ("ListJobRuns", first),
            ("ListJobRuns", {**first, "nextToken": ["next"]}),
            ("ListJobRuns", {**first, "states": ["CANCELLING"]}),
        ]

    def test_are_in_every_state_of_the_api_that_is_no_end(self) -> None:
        shape: Any = Session().get_service_model("emr-serverless").shape_for("JobRunState")
        states = shape.enum
        assert set(states) - {*_UNFINISHED, *_STOPPING} == {"SUCCESS", "FAILED", "CANCELLED"}

    @pytest.mark.parametrize("answer", [error("ValidationException"), error("InternalServerException", status=500)])
    def test_can_not_be_in_an_application_that_is_gone(
        self, aws: Canned, runs: EmrServerlessJobRuns, answer: Any
    ) -> None:
        aws.answer("ListJobRuns", answer)
        aws.answer("GetApplication", MISSING)
        with pytest.raises(TroubleError) as trouble:
            _unfinished(runs)
        assert trouble.value.reply == GONE

    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            ({}, Verdict.PASSING),
            ({"jobRuns": [None]}, Verdict.PASSING),
            ({"jobRuns": [{}]}, Verdict.PASSING),
            (error("ThrottlingException", status=429), Verdict.PASSING),
            (denial("emr-serverless:ListJobRuns"), Verdict.UNKNOWN),
        ],
    )
    def test_that_the_answer_does_not_tell_of_are_trouble_while_the_application_is_there(
        self, aws: Canned, runs: EmrServerlessJobRuns, answer: Any, verdict: Verdict
    ) -> None:
        aws.answer("ListJobRuns", answer)
        _is(aws, "STARTED")
        with pytest.raises(TroubleError, match="ListJobRuns") as trouble:
            _unfinished(runs)
        assert trouble.value.reply.verdict is verdict


class TestStop:
    def test_is_a_cancel(self, aws: Canned, runs: EmrServerlessJobRuns) -> None:
        runs.stop(Job("1"))
        assert aws.calls == [("CancelJobRun", {**APPLICATION, "jobRunId": "1"})]

    def test_of_a_run_that_has_ended_is_a_refusal(self, aws: Canned, runs: EmrServerlessJobRuns) -> None:
        aws.answer("CancelJobRun", error("ValidationException", "Job run is in a terminal state"))
        with pytest.raises(TroubleError) as trouble:
            runs.stop(Job("1"))
        assert trouble.value.refused


class TestClose:
    @pytest.mark.parametrize("state", ["CREATED", "STOPPED"])
    def test_leaves_an_application_alone_that_can_be_deleted(
        self, aws: Canned, runs: EmrServerlessJobRuns, state: str
    ) -> None:
        _is(aws, state)
        assert runs.close() == Reply(Verdict.STOPPED, f"in the state {state}")
        assert aws.actions == ["GetApplication"]

    def test_stops_an_application_that_has_started(self, aws: Canned, runs: EmrServerlessJobRuns) -> None:
        _is(aws, "STARTED")
        assert runs.close() == Reply(Verdict.STOPPING, "in the state STARTED")
        assert aws.calls == [("GetApplication", APPLICATION), ("StopApplication", APPLICATION)]

    @pytest.mark.parametrize("state", ["CREATING", "STARTING", "NEW"])
    def test_waits_for_an_application_that_can_not_be_stopped_yet(
        self, aws: Canned, runs: EmrServerlessJobRuns, state: str
    ) -> None:
        _is(aws, state)
        assert runs.close() == Reply(Verdict.RUNNING, f"in the state {state}")
        assert aws.actions == ["GetApplication"]

    def test_waits_for_an_application_that_is_stopping(self, aws: Canned, runs: EmrServerlessJobRuns) -> None:
        _is(aws, "STOPPING")
        assert runs.close() == Reply(Verdict.STOPPING, "in the state STOPPING")
        assert aws.actions == ["GetApplication"]

    @pytest.mark.parametrize("answer", [{"application": {"state": "TERMINATED"}}, MISSING])
    def test_finds_an_application_that_is_gone(self, aws: Canned, runs: EmrServerlessJobRuns, answer: Any) -> None:
        aws.answer("GetApplication", answer)
        with pytest.raises(TroubleError) as trouble:
            runs.close()
        assert trouble.value.reply == GONE

    def test_that_is_refused_is_looked_at_again(self, aws: Canned, runs: EmrServerlessJobRuns) -> None:
        _is(aws, "STARTED")
        aws.answer("StopApplication", error("ValidationException", "It has jobs."))
        words = "in the state STARTED; emr-serverless:StopApplication answered ValidationException: It has jobs."
        assert runs.close() == Reply(Verdict.REFUSED, words)

    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            (error("InternalServerException", status=500), Verdict.PASSING),
            (denial("emr-serverless:StopApplication"), Verdict.UNKNOWN),
        ],
    )
    def test_that_meets_trouble_says_so(
        self, aws: Canned, runs: EmrServerlessJobRuns, answer: Any, verdict: Verdict
    ) -> None:
        _is(aws, "STARTED")
        aws.answer("StopApplication", answer)
        with pytest.raises(TroubleError, match="StopApplication") as trouble:
            runs.close()
        assert trouble.value.reply.verdict is verdict


def test_a_look_that_finds_no_run_asks_for_the_application_once(aws: Canned, runs: EmrServerlessJobRuns) -> None:
    _is(aws, "STOPPED")
    assert (_unfinished(runs), runs.close().verdict) == ([], Verdict.STOPPED)
    assert aws.actions == ["ListJobRuns", "ListJobRuns", "GetApplication"]


def test_runs_are_canceled_at_the_pace_that_is_assumed(runs: EmrServerlessJobRuns) -> None:
    assert (runs.pace, runs.settles_after, runs.noun) == (Pace(burst=10, rate=10), 0, "job runs")

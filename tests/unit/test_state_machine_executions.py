"""The executions of a state machine: which are listed and stopped, by what Step Functions answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.container import Job, Pace
from jobs.living_service import TroubleError
from jobs.state_machine_executions import StateMachineExecutions
from properties import Container
from teardown import Reply, Verdict
from tests.canned import Canned, error

STATE_MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:nightly"
EXECUTION = "arn:aws:states:us-west-2:123456789012:execution:nightly:1"
GONE = Reply(Verdict.GONE, "There is no such state machine")
MISSING = error("StateMachineDoesNotExist", "State Machine Does Not Exist")
EXPRESS = error("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")


@pytest.fixture
def executions(aws: Canned) -> StateMachineExecutions:
    aws.answer("ListExecutions", {"executions": []})
    return StateMachineExecutions(Container("StateMachineExecutions", STATE_MACHINE), "Because.")


def _unfinished(executions: StateMachineExecutions) -> list[Job]:
    return [job for page in executions.unfinished() for job in page]


class TestStateMachine:
    def test_that_is_there_is_accepted(self, aws: Canned, executions: StateMachineExecutions) -> None:
        assert executions.check() == Reply(Verdict.ACCEPTED, "")
        assert aws.calls == [("ListExecutions", {"stateMachineArn": STATE_MACHINE, "maxResults": 1})]

    def test_of_type_express_is_accepted(self, aws: Canned, executions: StateMachineExecutions) -> None:
        aws.answer("ListExecutions", EXPRESS)
        assert executions.check() == Reply(Verdict.ACCEPTED, "nothing to stop in an EXPRESS state machine")

    def test_that_does_not_exist_is_gone(self, aws: Canned, executions: StateMachineExecutions) -> None:
        aws.answer("ListExecutions", MISSING)
        assert executions.check() == GONE

    @pytest.mark.parametrize("answer", [{}, error("InvalidArn"), error("ServiceUnavailable", status=503)])
    def test_that_the_answer_does_not_tell_of_is_trouble(
        self, aws: Canned, executions: StateMachineExecutions, answer: Any
    ) -> None:
        aws.answer("ListExecutions", answer)
        with pytest.raises(TroubleError):
            executions.check()


class TestUnfinished:
    def test_are_the_running_ones_of_every_page(self, aws: Canned, executions: StateMachineExecutions) -> None:
        aws.answer(
            "ListExecutions",
            {"executions": [{"executionArn": f"{EXECUTION}1"}], "nextToken": "next"},
            {"executions": [{"executionArn": f"{EXECUTION}2"}, {"executionArn": f"{EXECUTION}3"}]},
        )
        assert _unfinished(executions) == [Job(f"{EXECUTION}{number}") for number in (1, 2, 3)]
        asked = {"stateMachineArn": STATE_MACHINE, "statusFilter": "RUNNING", "maxResults": 1000}
        assert aws.calls == [("ListExecutions", asked), ("ListExecutions", {**asked, "nextToken": "next"})]

    @pytest.mark.parametrize(
        ("answer", "reply"),
        [(MISSING, GONE), (EXPRESS, Reply(Verdict.STOPPED, "nothing to stop in an EXPRESS state machine"))],
    )
    def test_can_not_be_where_there_is_none(
        self, aws: Canned, executions: StateMachineExecutions, answer: Any, reply: Reply
    ) -> None:
        aws.answer("ListExecutions", answer)
        with pytest.raises(TroubleError) as trouble:
            _unfinished(executions)
        assert trouble.value.reply == reply

    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            ({}, Verdict.PASSING),
            ({"executions": [None]}, Verdict.PASSING),
            ({"executions": [{}]}, Verdict.PASSING),
            (error("ThrottlingException", "Rate exceeded"), Verdict.PASSING),
            (error("InvalidArn", "Invalid Arn"), Verdict.UNKNOWN),
        ],
    )
    def test_that_the_answer_does_not_tell_of_are_trouble(
        self, aws: Canned, executions: StateMachineExecutions, answer: Any, verdict: Verdict
    ) -> None:
        aws.answer("ListExecutions", answer)
        with pytest.raises(TroubleError) as trouble:
            _unfinished(executions)
        assert trouble.value.reply.verdict is verdict


class TestStop:
    def test_says_why(self, aws: Canned, executions: StateMachineExecutions) -> None:
        executions.stop(Job(EXECUTION))
        assert aws.calls == [
            ("StopExecution", {"executionArn": EXECUTION, "error": "StackDeleted", "cause": "Because."})
        ]

    @pytest.mark.parametrize("code", ["KmsAccessDeniedException", "KmsInvalidStateException", "KmsThrottlingException"])
    def test_says_nothing_where_kms_refuses(self, aws: Canned, executions: StateMachineExecutions, code: str) -> None:
        aws.answer("StopExecution", error(code), {})
        executions.stop(Job(EXECUTION))
        assert aws.asked("StopExecution")[1:] == [{"executionArn": EXECUTION}]

    def test_that_is_refused_without_words_as_well_is_a_refusal(
        self, aws: Canned, executions: StateMachineExecutions
    ) -> None:
        aws.answer("StopExecution", error("KmsInvalidStateException"))
        with pytest.raises(TroubleError) as trouble:
            executions.stop(Job(EXECUTION))
        assert trouble.value.refused
        assert len(aws.calls) == 2

    def test_of_an_execution_that_has_ended_is_a_refusal(self, aws: Canned, executions: StateMachineExecutions) -> None:
        aws.answer("StopExecution", error("ExecutionDoesNotExist", "Execution Does Not Exist"))
        with pytest.raises(TroubleError) as trouble:
            executions.stop(Job(EXECUTION))
        assert trouble.value.refused
        assert len(aws.calls) == 1


def test_nothing_is_left_to_do_in_a_state_machine_without_executions(
    aws: Canned, executions: StateMachineExecutions
) -> None:
    assert executions.close() == Reply(Verdict.STOPPED, "")
    assert aws.calls == []


def test_executions_are_looked_for_in_their_state_machines_region(aws: Canned) -> None:  # noqa: ARG001
    elsewhere = Container("StateMachineExecutions", STATE_MACHINE.replace("us-west-2", "eu-west-1"))
    assert StateMachineExecutions(elsewhere, "Because.").service._region == "eu-west-1"


def test_executions_are_stopped_at_the_pace_of_the_slowest_region(executions: StateMachineExecutions) -> None:
    described = (executions.pace, executions.settles_after, executions.noun)
    assert described == (Pace(burst=500, rate=25), 2, "executions")

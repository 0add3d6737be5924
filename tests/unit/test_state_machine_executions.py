"""The executions of a state machine: which are listed and stopped, by what Step Functions answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.running_jobs import Pace, RunningJob
from jobs.state_machine_executions import StateMachineExecutions
from properties import Container
from protocol.outcome import Result
from teardown import ServiceError, State, Step, Trouble
from tests.canned import Canned, error

STATE_MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:nightly"
EXECUTION = "arn:aws:states:us-west-2:123456789012:execution:nightly:1"
THROTTLED = error("ThrottlingException", "Rate exceeded")


@pytest.fixture
def executions(aws: Canned) -> StateMachineExecutions:
    aws.answer("ListExecutions", {"executions": []})
    return StateMachineExecutions(Container("StateMachineExecutions", STATE_MACHINE), "Because.")


def _unfinished(executions: StateMachineExecutions) -> list[RunningJob]:
    return [job for page in executions.unfinished() for job in page]


def test_the_kind_is_known(executions: StateMachineExecutions) -> None:
    known = (executions.pace, executions.settles_after, executions.noun)
    assert known == (Pace(burst=500, rate=25), 2, "executions")
    assert executions.ends == {
        "StateMachineDoesNotExist": Step(State.ENDED, "There is no such state machine", Result.GONE),
        "StateMachineTypeNotSupported": Step(State.ENDED, "nothing to stop in an EXPRESS state machine"),
    }
    elsewhere = Container("StateMachineExecutions", STATE_MACHINE.replace("us-west-2", "eu-west-1"))
    service = StateMachineExecutions(elsewhere, "Because.").service
    assert (service.name, service.region) == ("stepfunctions", "eu-west-1")


@pytest.mark.parametrize(
    ("answer", "exists"),
    [
        ({"executions": []}, True),
        (error("StateMachineTypeNotSupported"), True),
        (error("StateMachineDoesNotExist"), False),
    ],
)
def test_a_state_machine_exists_unless_step_functions_says_that_it_does_not(
    aws: Canned, executions: StateMachineExecutions, answer: Any, exists: bool
) -> None:
    aws.answer("ListExecutions", answer)
    assert executions.exists() is exists
    assert aws.calls == [("ListExecutions", {"stateMachineArn": STATE_MACHINE, "maxResults": 1})]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [({}, Trouble.TRANSIENT), (THROTTLED, Trouble.TRANSIENT), (error("InvalidArn"), Trouble.REJECTED)],
)
def test_any_other_answer_says_nothing_of_it(
    aws: Canned, executions: StateMachineExecutions, answer: Any, trouble: Trouble
) -> None:
    aws.answer("ListExecutions", answer)
    for call in (executions.exists, lambda: _unfinished(executions)):
        with pytest.raises(ServiceError) as raised:
            call()
        assert raised.value.trouble is trouble


def test_the_unfinished_ones_are_those_that_run_of_every_page(aws: Canned, executions: StateMachineExecutions) -> None:
    first, second = ([{"executionArn": f"{EXECUTION}{number}"} for number in page] for page in ((1,), (2, 3)))
    aws.answer("ListExecutions", {"executions": first, "nextToken": "next"}, {"executions": second})
    assert _unfinished(executions) == [RunningJob(f"{EXECUTION}{number}") for number in (1, 2, 3)]
    asked = {"stateMachineArn": STATE_MACHINE, "statusFilter": "RUNNING", "maxResults": 1000}
    assert aws.calls == [("ListExecutions", asked), ("ListExecutions", {**asked, "nextToken": "next"})]


@pytest.mark.parametrize("listed", [[None], [{}]])
def test_an_execution_without_an_arn_is_an_error(
    aws: Canned, executions: StateMachineExecutions, listed: list[Any]
) -> None:
    aws.answer("ListExecutions", {"executions": listed})
    with pytest.raises(ServiceError, match="ListExecutions got an answer with executions without executionArn"):
        _unfinished(executions)


WITH_CAUSE = {"executionArn": EXECUTION, "error": "StackDeleted", "cause": "Because."}
WITHOUT = {"executionArn": EXECUTION}


@pytest.mark.parametrize(
    ("answers", "asked", "code"),
    [
        pytest.param([{}], [WITH_CAUSE], "", id="accepted"),
        *(
            pytest.param([error(code), {}], [WITH_CAUSE, WITHOUT], "", id=f"{code}, then accepted")
            for code in ("KmsAccessDeniedException", "KmsInvalidStateException", "KmsThrottlingException")
        ),
        pytest.param(
            [error("KmsInvalidStateException")], [WITH_CAUSE, WITHOUT], "KmsInvalidStateException", id="KMS twice"
        ),
        pytest.param([error("ExecutionDoesNotExist")], [WITH_CAUSE], "ExecutionDoesNotExist", id="rejected"),
    ],
)
def test_a_stop_gives_its_cause_unless_kms_denies_the_key(
    aws: Canned, executions: StateMachineExecutions, answers: list[Any], asked: list[Any], code: str
) -> None:
    aws.answer("StopExecution", *answers)
    if code:
        with pytest.raises(ServiceError) as raised:
            executions.stop(RunningJob(EXECUTION))
        assert (raised.value.trouble, raised.value.code) == (Trouble.REJECTED, code)
    else:
        executions.stop(RunningJob(EXECUTION))
    assert aws.calls == [("StopExecution", parameters) for parameters in asked]


def test_nothing_is_left_to_do_without_executions(aws: Canned, executions: StateMachineExecutions) -> None:
    executions.close()
    assert aws.calls == []

"""The executions of a state machine: which are listed and stopped, by what Step Functions answers."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.running_jobs import RunningJob
from jobs.state_machine_executions import StateMachineExecutions as Jobs
from properties.container import Container
from teardown import Failure, ServiceError
from tests.canned import Canned, error

STATE_MACHINE = "arn:aws:states:us-west-2:123456789012:stateMachine:nightly"
EXECUTION = "arn:aws:states:us-west-2:123456789012:execution:nightly:1"


@pytest.fixture
def jobs(aws: Canned) -> Jobs:
    aws.answer("ListExecutions", {"executions": []})
    return Jobs(Container("StateMachineExecutions", STATE_MACHINE), "Because.")


def _unfinished(jobs: Jobs) -> list[RunningJob]:
    return [job for page in jobs.unfinished() for job in page]


@pytest.mark.usefixtures("aws")
def test_a_state_machine_is_called_in_the_region_of_its_arn() -> None:
    elsewhere = Container("StateMachineExecutions", STATE_MACHINE.replace("us-west-2", "eu-west-1"))
    assert Jobs(elsewhere, "Because.").service.region == "eu-west-1"


@pytest.mark.parametrize(
    ("answer", "exists"),
    [
        ({"executions": []}, True),
        (error("StateMachineTypeNotSupported"), True),
        (error("StateMachineDoesNotExist"), False),
    ],
)
def test_exists(aws: Canned, jobs: Jobs, answer: Any, exists: bool) -> None:
    aws.answer("ListExecutions", answer)
    assert jobs.exists() is exists
    assert aws.calls == [("ListExecutions", {"stateMachineArn": STATE_MACHINE, "maxResults": 1})]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ({}, Failure.TRANSIENT),
        (error("ThrottlingException", "Rate exceeded"), Failure.TRANSIENT),
        (error("InvalidArn"), Failure.REJECTED),
    ],
    ids=str,
)
def test_any_other_answer_is_an_error(aws: Canned, jobs: Jobs, answer: Any, failure: Failure) -> None:
    aws.answer("ListExecutions", answer)
    for call in (jobs.exists, lambda: _unfinished(jobs)):
        with pytest.raises(ServiceError) as raised:
            call()
        assert raised.value.failure is failure


def test_the_unfinished_ones_are_those_that_run_of_every_page(aws: Canned, jobs: Jobs) -> None:
    first, second = ([{"executionArn": f"{EXECUTION}{number}"} for number in page] for page in ((1,), (2, 3)))
    aws.answer("ListExecutions", {"executions": first, "nextToken": "next"}, {"executions": second})
    assert _unfinished(jobs) == [RunningJob(f"{EXECUTION}{number}") for number in (1, 2, 3)]
    asked = {"stateMachineArn": STATE_MACHINE, "statusFilter": "RUNNING", "maxResults": 1000}
    assert aws.calls == [("ListExecutions", asked), ("ListExecutions", {**asked, "nextToken": "next"})]


def test_an_execution_without_an_arn_is_an_error(aws: Canned, jobs: Jobs) -> None:
    aws.answer("ListExecutions", {"executions": [{}]})
    with pytest.raises(ServiceError, match="executions without executionArn"):
        _unfinished(jobs)


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
def test_a_stop_gives_its_cause_if_kms_can(
    aws: Canned, jobs: Jobs, answers: list[Any], asked: list[Any], code: str
) -> None:
    aws.answer("StopExecution", *answers)
    if code:
        with pytest.raises(ServiceError) as raised:
            jobs.stop(RunningJob(EXECUTION))
        assert (raised.value.failure, raised.value.code) == (Failure.REJECTED, code)
    else:
        jobs.stop(RunningJob(EXECUTION))
    assert aws.calls == [("StopExecution", parameters) for parameters in asked]

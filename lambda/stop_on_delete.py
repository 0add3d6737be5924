"""Handles the requests for a StopOnDelete: checks the cluster, state machine or application, and stops its jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from decision import Stack
from jobs.ecs_tasks import EcsTasks
from jobs.emr_serverless_job_runs import EmrServerlessJobRuns
from jobs.running_jobs import STEP_SECONDS, Kind, RunningJobs
from jobs.state_machine_executions import StateMachineExecutions
from properties import InvalidPropertyError
from properties.container import Container
from protocol.clock import Clock
from protocol.custom_resource import ExpectedError
from protocol.outcome import Outcome, Result
from protocol.request import Request, StackId
from teardown import ServiceError, retry, tear_down

KINDS: dict[str, Callable[[Container, str], Kind]] = {
    "EcsTasks": EcsTasks,
    "StateMachineExecutions": StateMachineExecutions,
    "EmrServerlessJobRuns": EmrServerlessJobRuns,
}


def check(container: Container, request: Request, *, time_left: float, clock: Clock) -> None:
    """Check that the container exists, and that a later Delete can decide whether to stop the jobs in it.

    If the stack is rolling back an update, check nothing, because the request must not fail.

    Parameters
    ----------
    container : Container
        The container that a Create or an Update declares.
    request : Mapping
        The request.
    time_left : float
        How long calls may be retried, in seconds.
    clock : Clock
        The clock to go by.

    Raises
    ------
    ExpectedError
        If the container does not exist, or a call failed.
    InvalidPropertyError
        If the resource lacks ContainerLogicalId or ContainerDeletionPolicy, and a Delete needs it.
    """
    until = clock.monotonic() + time_left
    try:
        stack = Stack(request, until=until, clock=clock)
        if stack.is_update_rolled_back:
            return
        stack.check(container)
        if retry(_kind(container, request).exists, until=until, clock=clock):
            return
    except ServiceError as error:
        raise ExpectedError(f"{container.place} can't be checked: {error}") from error
    raise ExpectedError(f"The {container.place} does not exist. Create it first, or correct the property Container.")


def stop_jobs(request: Request, *, wait: int, time_left: float, clock: Clock) -> Outcome:
    """Stop the jobs in the container that the physical id names, unless `Stack.decide` keeps them.

    Parameters
    ----------
    request : Mapping
        The Delete request.
    wait : int
        How long to wait until the jobs have stopped, in seconds.
    time_left : float
        The longest time for all calls and waits, in seconds.
    clock : Clock
        The clock to go by.

    Raises
    ------
    ExpectedError
        If another version of the function wrote the physical id.
    """
    started = clock.monotonic()
    container = _container_of(request)
    stack = Stack(request, until=started + time_left, clock=clock)
    try:
        decision = stack.decide(container)
    except ServiceError as error:
        question = f"ask CloudFormation whether it is deleting {container.place}"
        detail = f"The function could not {question}, so it stopped nothing. {error}"
        return Outcome(Result.FAILED, detail, round(clock.monotonic() - started, 3), stack.calls)
    if decision.result:
        return Outcome(decision.result, decision.why, round(clock.monotonic() - started, 3), stack.calls)
    jobs = RunningJobs(_kind(container, request), container.place, clock)
    # The engine checks the time between two steps, so the last step may end this much later.
    time_left -= clock.monotonic() - started + STEP_SECONDS
    outcome = tear_down(jobs, wait=wait, time_left=time_left, clock=clock)
    return replace(outcome, seconds=round(clock.monotonic() - started, 3), calls=stack.calls + jobs.calls)


def _container_of(request: Request) -> Container:
    try:
        return Container.from_physical_id(str(request["PhysicalResourceId"]))
    except InvalidPropertyError as error:
        raise ExpectedError(
            "The function can't read the resource's physical id, so nothing was stopped. Deploy the version of the"
            f" provider that created the resource. {error}"
        ) from error


def _kind(container: Container, request: Request) -> Kind:
    stack = StackId.parse(request["StackId"]).name
    reason = f"CloudFormation stack {stack} deletes it or no longer declares it ({request['LogicalResourceId']})"
    return KINDS[container.kind](container, reason)

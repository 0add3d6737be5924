"""The entry point for StopOnDelete: what a Create, an Update and a Delete do."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from deletion import Line, begin, carry_out
from properties import Container, InvalidPropertyError, check_choices
from protocol.cold_start import imports_done
from protocol.custom_resource import CustomResource, ExpectedError
from protocol.log import log
from protocol.metrics import STOP_ON_DELETE, STOP_ON_DELETE_NAMESPACE
from protocol.request import Request, resource_properties, stack_name, stack_of
from teardown import Clock, End, Outcome, Reply, Verdict, persist, tear_down

# As in index.py: what Lambda's botocore breaks one day must cost no answer.
try:
    from jobs import connection, container, living_service
    from ownership import Decision, Stack
except Exception as error:
    _broken: Exception | None = error
else:
    _broken = None

if TYPE_CHECKING:
    from jobs.container import Kind

imports_done()

handler = CustomResource()
clock: Clock = time

# Where each kind of job is known. A kind is imported only when it is asked for.
_MODULES = {
    "EcsTasks": "jobs.ecs_tasks",
    "StateMachineExecutions": "jobs.state_machine_executions",
    "EmrServerlessJobRuns": "jobs.emr_serverless_job_runs",
}


@handler.create
@handler.update
def take_charge(request: Request, resource: CustomResource) -> str:
    """Take charge of a container: look at it once, and make it the physical id. Its jobs are left alone.

    Another container is another physical id, a replacement, as with a job.
    """
    properties = resource_properties(request)
    try:
        check_choices(properties)
        partition, account = stack_of(request)
        declared = Container.declared(properties, stack_account=account, stack_partition=partition)
    except InvalidPropertyError as error:
        raise ExpectedError(str(error)) from error
    if str(declared) != request.get("PhysicalResourceId"):
        _look_at(declared, request, resource)
    return str(declared)


@handler.delete
def delete(request: Request, resource: CustomResource) -> str:
    """Stop every job of the container and wait until the last has stopped, if the container goes, or its stack."""
    physical_id = str(request.get("PhysicalResourceId") or "")
    wait = begin(request, resource, of_container=True)
    # Every id that names a container has one, and no id that CloudFormation or crhelper makes up.
    if "(" not in physical_id:
        log(logging.INFO, "Nothing to stop: the physical id names no container, so the resource was never created")
        return physical_id
    carry_out(
        resource,
        Line("container", physical_id, STOP_ON_DELETE_NAMESPACE, STOP_ON_DELETE),
        lambda: _end(physical_id, request, resource, wait),
    )
    return physical_id


def _look_at(declared: Container, request: Request, resource: CustomResource) -> None:
    _check_imports()
    stack, kind = Stack(request), _kind(declared, request)

    def look() -> Reply:
        try:
            return Reply(Verdict.ACCEPTED, "") if stack.check() else kind.check()
        except living_service.TroubleError as trouble:
            return trouble.reply

    until = clock.monotonic() + resource.time_left - connection.LONGEST_CALL
    reply = persist(look, until=until, clock=clock)
    if reply.verdict is not Verdict.ACCEPTED:
        raise ExpectedError(f"{declared.place} can't be taken charge of: {reply.words}")


def _end(physical_id: str, request: Request, resource: CustomResource, wait: int) -> Outcome:
    try:
        named = Container.from_physical_id(physical_id)
    except InvalidPropertyError as error:
        raise ExpectedError(
            f"This version of the handler can't read which container is meant, so nothing was stopped. {error}"
        ) from error
    _check_imports()
    started = clock.monotonic()
    stack = Stack(request)
    decisions: list[Decision] = []

    def ask() -> Reply:
        try:
            decisions.append(stack.decide(named))
        except living_service.TroubleError as trouble:
            return trouble.reply
        return Reply(Verdict.ACCEPTED, "")

    reply = persist(ask, until=started + resource.time_left - connection.LONGEST_CALL, clock=clock)
    seconds = round(clock.monotonic() - started, 3)
    if not decisions:
        words = f"CloudFormation can't be asked whether {named.place} goes, so nothing was stopped. {reply.words}"
        return Outcome(End.FAILED, words, seconds, stack.service.calls)
    [decision] = decisions
    if not decision.stops:
        return Outcome(End.KEPT, decision.why, seconds, stack.service.calls)
    kind = _kind(named, request)
    outcome = tear_down(
        container.Work(kind, clock),
        wait=wait,
        time_left=resource.time_left - connection.LONGEST_CALL - container.SLICE,
        clock=clock,
        name=f"The work in {named.place}",
    )
    return replace(outcome, calls=stack.service.calls + kind.service.calls)


def _kind(named: Container, request: Request) -> Kind:
    logical_id = request["LogicalResourceId"]
    reason = f"The CloudFormation stack {stack_name(str(request['StackId']))} lets go of it (StopOnDelete {logical_id})"
    kind: Kind = getattr(import_module(_MODULES[named.kind]), named.kind)(named, reason)
    return kind


def _check_imports() -> None:
    if _broken:
        raise ExpectedError(f"The handler can't load what it calls AWS with: {_broken!r}")

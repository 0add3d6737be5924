"""The function's entry point: what a Create, an Update and a Delete of a managed world export job do."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from properties import (
    DEFAULT_WAIT_SECONDS,
    InvalidPropertyError,
    JobArn,
    check_best_effort,
    check_choices,
    check_provider_stays,
    check_wait_seconds,
)
from protocol import advice
from protocol.cold_start import imports_done
from protocol.custom_resource import CustomResource, ExpectedError
from protocol.log import log
from protocol.metrics import embedded
from teardown import Clock, End, Outcome, tear_down

# botocore comes from Lambda, which moves it by itself. What it breaks one day must cost no Create, and no answer.
try:
    from jobs import connection, robomaker
except Exception as error:
    _broken: Exception | None = error
else:
    _broken = None

imports_done()

Request = Mapping[str, Any]
T = TypeVar("T")

handler = CustomResource()
clock: Clock = time


@handler.create
def create(request: Request, resource: CustomResource) -> str:
    """Take charge of a job: check its ARN and make it the physical id. The job itself is left alone."""
    return _take_charge(request, resource, new=True)


@handler.update
def update(request: Request, resource: CustomResource) -> str:
    """Take charge of the job that the template names now.

    Another job is another physical id, a replacement. The old job is not canceled here: the update may still roll
    back, and a cancel can't. CloudFormation sends its Delete once the whole update has succeeded.
    """
    return _take_charge(request, resource, new=False)


@handler.delete
def delete(request: Request, resource: CustomResource) -> str:
    """Cancel the job and wait until it has stopped: in a teardown, in an update's cleanup, and in a rollback."""
    physical_id = str(request.get("PhysicalResourceId") or "")
    properties = _resource_properties(request)
    resource.BestEffort = _checked_or_default(check_best_effort, properties.get("BestEffort"), False)
    stays = _checked_or_default(check_provider_stays, properties.get("ProviderStays"), True)
    resource.Advice = advice.after_failed_delete(request, provider_stays=stays)
    wait = _checked_or_default(check_wait_seconds, properties.get("WaitSeconds"), DEFAULT_WAIT_SECONDS)

    try:
        job_arn = JobArn.parse(physical_id)
    except InvalidPropertyError:
        log(logging.INFO, "Nothing to cancel: the physical id is no job's ARN, so the resource was never created")
        return physical_id

    started = time.monotonic()
    resource.LogAnswer = lambda reason: _log(job_arn, Outcome(End.FAILED, reason, round(time.monotonic() - started, 3)))
    if _broken:
        raise ExpectedError(f"The handler can't load what it calls RoboMaker with: {_broken!r}")
    job = robomaker.WorldExportJob(job_arn, others_connect=resource.response_url_connects, clock=clock)
    outcome = tear_down(job, wait=wait, time_left=resource.time_left - connection.LONGEST_CALL, clock=clock)
    resource.LogAnswer = lambda _: _log(job_arn, outcome)
    if outcome.end is End.FAILED:
        raise ExpectedError(outcome.words)
    return physical_id


def _take_charge(request: Request, resource: CustomResource, *, new: bool) -> str:
    properties = _resource_properties(request)
    job_arn = properties.get("JobArn")
    try:
        check_choices(properties)
        # What was accepted once is held to no rule again: an update back to it, in a rollback, must not fail.
        if new or not job_arn or job_arn != request.get("PhysicalResourceId"):
            partition, account = _stack_of(request)
            JobArn.parse(job_arn, stack_account=account, stack_partition=partition, new=new)
    except InvalidPropertyError as error:
        raise ExpectedError(str(error)) from error
    resource.Data["JobArn"] = str(job_arn)
    return str(job_arn)


def _resource_properties(request: Request) -> Mapping[str, object]:
    properties = request.get("ResourceProperties")
    return properties if isinstance(properties, dict) else {}


def _stack_of(request: Request) -> tuple[str | None, str | None]:
    """Give the partition and the account of the request's stack, where its id tells."""
    found = re.fullmatch(r"arn:([^:]+):cloudformation:[^:]+:([0-9]{12}):stack/.+", str(request["StackId"]))
    return (found[1], found[2]) if found else (None, None)


def _checked_or_default(check: Callable[[object], T], value: object, default: T) -> T:
    """Check a property of a Delete: what was wrong with it was said when it was declared, and must block no end."""
    try:
        return check(value)
    except InvalidPropertyError:
        return default


def _log(job_arn: JobArn, outcome: Outcome) -> None:
    level = {End.FAILED: logging.ERROR, End.RETIRED: logging.WARNING}.get(outcome.end, logging.INFO)
    log(
        level,
        f"Teardown of {job_arn.text}: {outcome.end}: {outcome.words}",
        job=job_arn.text,
        outcome=outcome.end,
        detail=outcome.words,
        seconds=outcome.seconds,
        calls=outcome.calls,
        **embedded(
            os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            time.time_ns() // 1_000_000,
            left_running=outcome.end is End.FAILED,
            seconds=outcome.seconds,
        ),
    )

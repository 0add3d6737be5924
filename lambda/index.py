"""The function's entry point: what a Create, an Update and a Delete of a managed world export job do."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from cold_start import imports_done
from custom_resource import CustomResource, ExpectedError
from metrics import embedded
from properties import (
    DEFAULT_WAIT_SECONDS,
    InvalidPropertyError,
    JobArn,
    check_best_effort,
    check_properties,
    check_wait_seconds,
)
from robomaker import LONGEST_CALL, WorldExportJob
from teardown import End, Outcome, tear_down

imports_done()

Request = Mapping[str, Any]
T = TypeVar("T")

logger = logging.getLogger(__name__)

handler = CustomResource()


@handler.create
def create(request: Request, resource: CustomResource) -> str:
    """Take charge of a job: check its ARN and make it the physical id. The job itself is left alone."""
    return _take_charge(request, resource)


@handler.update
def update(request: Request, resource: CustomResource) -> str:
    """Take charge of the job that the template names now.

    Another job is another physical id, a replacement. The old job is not canceled here: the update may still roll
    back, and a cancel can't. CloudFormation sends its Delete once the whole update has succeeded.
    """
    return _take_charge(request, resource)


@handler.delete
def delete(request: Request, resource: CustomResource) -> str:
    """Cancel the job and wait until it has stopped: in a teardown, in an update's cleanup, and in a rollback."""
    physical_id = str(request.get("PhysicalResourceId") or "")
    properties = _resource_properties(request)
    resource.BestEffort = _checked_or_default(check_best_effort, properties.get("BestEffort"), False)
    wait = _checked_or_default(check_wait_seconds, properties.get("WaitSeconds"), DEFAULT_WAIT_SECONDS)

    try:
        job_arn = JobArn.parse(physical_id)
    except InvalidPropertyError:
        logger.info("Nothing to cancel: the physical id is no job's ARN, so the resource was never created")
        return physical_id

    started = time.monotonic()
    resource.LogAnswer = lambda reason: _log(job_arn, Outcome(End.FAILED, reason, round(time.monotonic() - started, 3)))
    outcome = tear_down(WorldExportJob(job_arn), wait=wait, time_left=resource.time_left - LONGEST_CALL)
    resource.LogAnswer = lambda _: _log(job_arn, outcome)
    if outcome.end is End.FAILED:
        raise ExpectedError(outcome.words)
    return physical_id


def _take_charge(request: Request, resource: CustomResource) -> str:
    try:
        job_arn = check_properties(_resource_properties(request), stack_account=_account_of(request))
    except InvalidPropertyError as error:
        raise ExpectedError(str(error)) from error
    resource.Data["JobArn"] = job_arn.text
    return job_arn.text


def _resource_properties(request: Request) -> Mapping[str, object]:
    properties = request.get("ResourceProperties")
    return properties if isinstance(properties, dict) else {}


def _account_of(request: Request) -> str | None:
    found = re.fullmatch(r"arn:[^:]+:cloudformation:[^:]+:([0-9]{12}):stack/.+", str(request["StackId"]))
    return found[1] if found else None


def _checked_or_default(check: Callable[[object], T], value: object, default: T) -> T:
    """Check a property of a Delete: what was wrong with it was said when it was declared, and must block no end."""
    try:
        return check(value)
    except InvalidPropertyError:
        return default


def _log(job_arn: JobArn, outcome: Outcome) -> None:
    level = {End.FAILED: logging.ERROR, End.RETIRED: logging.WARNING}.get(outcome.end, logging.INFO)
    logger.log(
        level,
        "Teardown of a world export job: %s",
        outcome.end,
        extra={
            "job": job_arn.text,
            "outcome": outcome.end,
            "detail": outcome.words,
            "seconds": outcome.seconds,
            "calls": outcome.calls,
            **embedded(
                os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
                time.time_ns() // 1_000_000,
                left_running=outcome.end is End.FAILED,
                seconds=outcome.seconds,
            ),
        },
    )

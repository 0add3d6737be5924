"""The entry point of the function: handles Create, Update and Delete."""

from __future__ import annotations

import logging
import re
import time

from properties import DEFAULT_WAIT_SECONDS, SERVICES, InvalidPropertyError, check_common, check_wait_seconds
from properties.job_arn import JobArn
from protocol.clock import Clock
from protocol.custom_resource import CustomResource, Declared, ExpectedError
from protocol.log import log
from protocol.outcome import Outcome
from protocol.request import Request, StackId, property_or_default, resource_properties

# Lambda updates botocore by itself. If a new version breaks these imports, the Create of a world export job still
# works, and every request is answered.
try:
    from jobs import aws
    from jobs.world_export_job import WorldExportJob
    from teardown import tear_down
except Exception as error:
    _import_error: Exception | None = error
else:
    _import_error = None


def service_of(physical_id: str) -> str:
    """Return the service of the jobs that a physical id names.

    Returns
    -------
    str
        A value of `SERVICES`; ``unknown`` for a kind of another version; ``""`` if the resource was never created.
    """
    # The id of a resource that was never created, which CloudFormation or this handler generated, has no parenthesis.
    if found := re.match(r"(\w+)\(", physical_id):
        return SERVICES.get(found[1], "unknown")
    return SERVICES["WorldExportJobs"] if _job_arn(physical_id) else ""


handler = CustomResource(service_of)
clock: Clock = time


@handler.create
@handler.update
def declare(request: Request, resource: CustomResource) -> Declared:
    """Check the properties and return the physical id. No job is stopped.

    Another job has another physical id, so CloudFormation replaces the resource. The old job is not canceled here: the
    update may still roll back, and a cancel can't be undone. CloudFormation sends a Delete for the old job after the
    whole update has succeeded.
    """
    properties = resource_properties(request)
    try:
        check_common(properties)
        return _declare_container(request, resource) if "Kind" in properties else _declare_job(request)
    except InvalidPropertyError as error:
        raise ExpectedError(str(error)) from error


@handler.delete
def delete(request: Request, resource: CustomResource) -> Outcome | None:
    """Stop the jobs that the physical id names, and wait until they have stopped."""
    physical_id = str(request["PhysicalResourceId"])
    if not service_of(physical_id):
        log(logging.INFO, "There is nothing to stop, because the resource was never created")
        return None
    if _import_error:
        raise ExpectedError(f"The function can't load the AWS SDK, so nothing was stopped: {_import_error!r}")
    job_arn = _job_arn(physical_id)
    return _cancel(job_arn, request, resource) if job_arn else _stop_jobs(request, resource)


def _declare_job(request: Request) -> Declared:
    job_arn = resource_properties(request).get("JobArn")
    # An ARN that was accepted before is not checked again: a newer version may have more rules, and the Update may be a
    # rollback, which must not fail.
    is_known = request["RequestType"] == "Update" and job_arn and job_arn == request["PhysicalResourceId"]
    if not is_known:
        stack, is_new = StackId.parse(request["StackId"]), request["RequestType"] == "Create"
        JobArn.parse(job_arn, stack_account=stack.account, stack_partition=stack.partition, new=is_new)
    return Declared(str(job_arn), {"JobArn": str(job_arn)})


def _cancel(job_arn: JobArn, request: Request, resource: CustomResource) -> Outcome:
    job = WorldExportJob(job_arn, others_connect=resource.response_url_connects, clock=clock)
    return tear_down(job, wait=_wait(request), time_left=_time_left(resource), clock=clock)


# The modules that only a StopOnDelete needs are imported in the two functions below, so that the cold start of a world
# export job does not load them.
def _declare_container(request: Request, resource: CustomResource) -> Declared:
    from properties.container import Container

    stack, properties = StackId.parse(request["StackId"]), resource_properties(request)
    container = Container.declared(properties, stack_account=stack.account, stack_partition=stack.partition)
    if request["RequestType"] == "Update" and str(container) == request["PhysicalResourceId"]:
        return Declared(str(container))
    if _import_error:
        raise ExpectedError(
            f"The function can't load the AWS SDK, so {container.place} can't be checked: {_import_error!r}"
        )
    from stop_on_delete import check

    check(container, request, time_left=_time_left(resource), clock=clock)
    return Declared(str(container))


def _stop_jobs(request: Request, resource: CustomResource) -> Outcome:
    from stop_on_delete import stop_jobs

    return stop_jobs(request, wait=_wait(request), time_left=_time_left(resource), clock=clock)


def _job_arn(physical_id: str) -> JobArn | None:
    try:
        return JobArn.parse(physical_id)
    except InvalidPropertyError:
        return None


def _wait(request: Request) -> int:
    return property_or_default(request, "WaitSeconds", check_wait_seconds, DEFAULT_WAIT_SECONDS)


def _time_left(resource: CustomResource) -> float:
    return resource.time_left - aws.LONGEST_CALL

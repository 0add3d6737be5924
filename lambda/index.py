"""The entry point for managed world export jobs: what a Create, an Update and a Delete do."""

from __future__ import annotations

import logging
import time

from deletion import Line, begin, carry_out
from properties import InvalidPropertyError, JobArn, check_choices
from protocol.cold_start import imports_done
from protocol.custom_resource import CustomResource, ExpectedError
from protocol.log import log
from protocol.metrics import NAMESPACE, ROBOMAKER
from protocol.request import Request, resource_properties, stack_of
from teardown import Clock, Outcome, tear_down

# botocore comes from Lambda, which moves it by itself. What it breaks one day must cost no Create, and no answer.
try:
    from jobs import connection, robomaker
except Exception as error:
    _broken: Exception | None = error
else:
    _broken = None

imports_done()

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
    wait = begin(request, resource)
    try:
        job_arn = JobArn.parse(physical_id)
    except InvalidPropertyError:
        log(logging.INFO, "Nothing to cancel: the physical id is no job's ARN, so the resource was never created")
        return physical_id

    def cancel() -> Outcome:
        if _broken:
            raise ExpectedError(f"The handler can't load what it calls RoboMaker with: {_broken!r}")
        job = robomaker.WorldExportJob(job_arn, others_connect=resource.response_url_connects, clock=clock)
        return tear_down(job, wait=wait, time_left=resource.time_left - connection.LONGEST_CALL, clock=clock)

    carry_out(resource, Line("job", job_arn.text, NAMESPACE, ROBOMAKER), cancel)
    return physical_id


def _take_charge(request: Request, resource: CustomResource, *, new: bool) -> str:
    properties = resource_properties(request)
    job_arn = properties.get("JobArn")
    try:
        check_choices(properties)
        # What was accepted once is held to no rule again: an update back to it, in a rollback, must not fail.
        if new or not job_arn or job_arn != request.get("PhysicalResourceId"):
            partition, account = stack_of(request)
            JobArn.parse(job_arn, stack_account=account, stack_partition=partition, new=new)
    except InvalidPropertyError as error:
        raise ExpectedError(str(error)) from error
    resource.Data["JobArn"] = str(job_arn)
    return str(job_arn)

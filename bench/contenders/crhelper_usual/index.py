"""The handler as a team writes it with crhelper: cancel on Delete, take a missing job for done."""

import logging

import boto3
from crhelper import CfnResource

logger = logging.getLogger(__name__)
# Without its default of 120 seconds of sleep before the answer to a Delete, which would be all there is to see.
helper = CfnResource(json_logging=True, log_level="INFO", sleep_on_delete=0)

try:
    robomaker = boto3.client("robomaker")
except Exception as error:
    helper.init_failure(error)


@helper.create
@helper.update
def keep(event: dict, _: object) -> str:
    return event["ResourceProperties"]["JobArn"]


@helper.delete
def cancel(event: dict, _: object) -> None:
    try:
        robomaker.cancel_world_export_job(job=event["PhysicalResourceId"])
    except robomaker.exceptions.ResourceNotFoundException:
        logger.info("The job is already gone")


def handler(event: dict, context: object) -> None:
    helper(event, context)

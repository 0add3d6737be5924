"""The ways to cancel a world export job on Delete."""

from __future__ import annotations

from cdk_stop_on_delete._handler_code import bundle
from sandbox import PROJECT

from . import Contender, aws_custom_resource, call_on_delete, copy_of

JOB = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"
_JOB = {"JobArn": JOB}

OURS = Contender("this library: cancels and describes", bundle, properties=_JOB)
AWS_CUSTOM_RESOURCE = aws_custom_resource(
    "AwsCustomResource with the RoboMaker client: cancels",
    **call_on_delete(
        {
            "service": "@aws-sdk/client-robomaker",
            "action": "CancelWorldExportJobCommand",
            "parameters": {"job": JOB},
            "physicalResourceId": {"id": JOB},
        }
    ),
)
CONTENDERS = [
    OURS,
    AWS_CUSTOM_RESOURCE,
    Contender(
        "crhelper with botocore 1.40.60: cancels",
        copy_of("crhelper_usual"),
        [str(PROJECT / ".bench-crhelper" / "bin" / "python"), "-m", "awslambdaric"],
        properties=_JOB,
    ),
    Contender("the standard library alone: cancels", copy_of("stdlib"), properties=_JOB),
]

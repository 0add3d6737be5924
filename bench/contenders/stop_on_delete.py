"""The ways to stop what runs in a container on Delete."""

from __future__ import annotations

from cdk_stop_on_delete._handler_code import bundle

from . import Contender, aws_custom_resource, copy_of

OURS = Contender("StopOnDelete", bundle, handler="index.handler")
# What a cold Delete is measured beside.
LIMIT = Contender("the same calls with plain boto3", copy_of("boto3_same_calls"))
# It can make one call, so it stops the one job that the app knew when it was deployed.
AWS_CUSTOM_RESOURCE = aws_custom_resource("AwsCustomResource")
USUAL = Contender("boto3, one page, no wait", copy_of("boto3_usual"))
CONTENDERS = [OURS, AWS_CUSTOM_RESOURCE, USUAL]

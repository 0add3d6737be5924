"""Tells the scanners of templates why what they find stands."""

from __future__ import annotations

import re
from typing import cast

from aws_cdk import CfnResource
from constructs import IConstruct


def justify(construct: IConstruct, **reasons: str) -> None:
    """Tell Checkov why what it finds in a construct stands."""
    skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    cast(CfnResource, construct.node.default_child).add_metadata("checkov", {"skip": skip})


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Tell cdk-nag why what it finds in a construct stands."""
    # What Validations.acknowledge writes, which came with aws-cdk-lib 2.252.
    construct.node.add_metadata("aws:cdk:acknowledged-rules", {f"AwsSolutions::AwsSolutions-{finding}": reason})


def wildcard(resource: str) -> str:
    """Name cdk-nag's finding of a wildcard, in which pseudo parameters are in angle brackets."""
    shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
    return f"IAM5[Resource::{shown}]"

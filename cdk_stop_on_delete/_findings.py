"""Suppresses findings of template scanners, each with its reason."""

from __future__ import annotations

import re
from typing import cast

from aws_cdk import CfnResource
from constructs import IConstruct


def justify(construct: IConstruct, **reasons: str) -> None:
    """Suppress findings of Checkov in a construct."""
    skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    cast(CfnResource, construct.node.default_child).add_metadata("checkov", {"skip": skip})


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Suppress a finding of cdk-nag in a construct."""
    # Validations.acknowledge writes the same metadata, but came with aws-cdk-lib 2.252.
    construct.node.add_metadata("aws:cdk:acknowledged-rules", {f"AwsSolutions::AwsSolutions-{finding}": reason})


def wildcard(resource: str) -> str:
    """Return the name of cdk-nag's finding of a wildcard, which writes pseudo parameters in angle brackets."""
    shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
    return f"IAM5[Resource::{shown}]"

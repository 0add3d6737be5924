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


def acknowledge(construct: IConstruct, rule: str, reason: str, finding: str = "") -> None:
    """Suppress a rule of cdk-nag in a construct, or one finding of it, for cdk-nag 2 and 3."""
    name = f"AwsSolutions-{rule}"
    # Version 3. Validations.acknowledge writes the same metadata, but came with aws-cdk-lib 2.252.
    key = f"AwsSolutions::{name}[{finding}]" if finding else f"AwsSolutions::{name}"
    construct.node.add_metadata("aws:cdk:acknowledged-rules", {key: reason})
    # Version 2 reads the template (cdk-nag 2359).
    resource = cast(CfnResource, construct.node.default_child)
    suppressed = (resource.get_metadata("cdk_nag") or {}).get("rules_to_suppress", [])
    applies_to = {"applies_to": [finding]} if finding else {}
    resource.add_metadata("cdk_nag", {"rules_to_suppress": [*suppressed, {"id": name, "reason": reason, **applies_to}]})


def wildcard(resource: str) -> str:
    """Return the name of cdk-nag's finding of a wildcard, which writes pseudo parameters in angle brackets."""
    shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
    return f"Resource::{shown}"

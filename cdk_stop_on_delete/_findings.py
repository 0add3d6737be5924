"""Suppresses findings of Checkov and cdk-nag in the template, each with a reason."""

from __future__ import annotations

import re
from typing import cast

from aws_cdk import CfnResource
from constructs import IConstruct


def suppress_checkov(construct: IConstruct, **reasons: str) -> None:
    """Suppress checks of Checkov for a construct: the id of each check, and the reason."""
    skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    cast(CfnResource, construct.node.default_child).add_metadata("checkov", {"skip": skip})


def suppress_cdk_nag(construct: IConstruct, rule: str, reason: str, finding: str = "") -> None:
    """Suppress a rule of cdk-nag 2 and 3 for a construct, or only one finding of the rule."""
    name = f"AwsSolutions-{rule}"
    # For version 3. Validations.acknowledge writes the same metadata, but came with aws-cdk-lib 2.252.
    key = f"AwsSolutions::{name}[{finding}]" if finding else f"AwsSolutions::{name}"
    construct.node.add_metadata("aws:cdk:acknowledged-rules", {key: reason})
    # For version 2, which reads the metadata in the template (cdklabs/cdk-nag 2359).
    resource = cast(CfnResource, construct.node.default_child)
    suppressed = (resource.get_metadata("cdk_nag") or {}).get("rules_to_suppress", [])
    applies_to = {"applies_to": [finding]} if finding else {}
    resource.add_metadata("cdk_nag", {"rules_to_suppress": [*suppressed, {"id": name, "reason": reason, **applies_to}]})


def wildcard_finding(resource: str) -> str:
    """Return the name of the finding for a wildcard, in which cdk-nag writes pseudo parameters in angle brackets."""
    shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
    return f"Resource::{shown}"

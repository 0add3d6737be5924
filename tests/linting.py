"""What cfn-lint finds in a template, and how it reads one."""

from __future__ import annotations

from typing import Any

import cfnlint.api
import cfnlint.decode

# The CDK's own function names its role in DependsOn, beside the reference to it.
OF_THE_CDK = "W3005"


def findings(template: str, *ignored: str) -> list[str]:
    """Lint a template, and give each finding in a line."""
    settings = cfnlint.api.ManualArgs(regions=["us-west-2"], ignore_checks=[*ignored])
    return [f"{match.rule.id} {match.message} at {match.path}" for match in cfnlint.api.lint(template, config=settings)]


def read(template: str) -> dict[str, Any]:
    """Read a template with CloudFormation's short forms in it."""
    body, matches = cfnlint.decode.decode_str(template)
    assert matches == []
    return dict(body)

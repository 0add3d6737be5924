"""What cfn-lint finds in a template."""

from __future__ import annotations

import cfnlint.api

# The CDK's own function names its role in DependsOn, beside the reference to it.
NOT_OURS = ["W3005"]


def findings(template: str) -> list[str]:
    """Lint a template, and give each finding in a line."""
    settings = cfnlint.api.ManualArgs(regions=["us-west-2"], ignore_checks=NOT_OURS)
    return [f"{match.rule.id} {match.message} at {match.path}" for match in cfnlint.api.lint(template, config=settings)]

"""Runs the library in an AWS account, and compares what AWS does with what the sandbox claims about it."""

from pathlib import Path

PROJECT = Path(__file__).parent.parent

# The tag, the function's role, its log group and the policy that denies it a permission have this name. All other names
# begin with it. `make verify-clean` finds by it what a run has left.
PREFIX = "stop-on-delete-verify"
# The variants of the CDK app. A name that contains the variant makes CloudFormation replace the resource.
BEFORE, FAILING, AFTER = VARIANTS = ("before", "failing", "after")
# The stack that is created first and deleted last.
BASE = f"{PREFIX}-base"

"""Runs the library's stories in an AWS account, and compares what AWS does with what the sandbox claims about it."""

from pathlib import Path

PROJECT = Path(__file__).parent.parent

# The names of the stacks, and of their named resources, begin with this. `make verify-clean` finds them by it.
PREFIX = "stop-on-delete-verify"
# Every resource that can have a tag has this one. Its value identifies the run.
TAG = PREFIX
# The variants of the CDK app. A name that contains the variant makes CloudFormation replace the resource.
BEFORE, FAILING, AFTER = VARIANTS = ("before", "failing", "after")
# The stack that is created first and deleted last.
BASE = f"{PREFIX}-base"
# The inline policy that denies the function's role a permission during some stories.
DENY = f"{PREFIX}-deny"

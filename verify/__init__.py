"""Plays the library's stories in an AWS account, and compares what AWS does with what the sandbox claims about it."""

from pathlib import Path

PROJECT = Path(__file__).parent.parent

# The names of everything begin with it: of the stacks, and of what they name. By it, `make verify-clean` finds them.
PREFIX = "stop-on-delete-verify"
# Everything that can have a tag has this one. Its value is the run.
TAG = PREFIX
# The variants of the CDK app, and what names end with, where another name replaces the resource.
BEFORE, FAILING, AFTER = VARIANTS = ("before", "failing", "after")
# The stack that is created first and deleted last.
BASE = f"{PREFIX}-base"
# The policy that denies the function's role something for a while.
DENY = f"{PREFIX}-deny"

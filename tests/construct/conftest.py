"""Stacks to put constructs into."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment, Stack

ACCOUNT = "123456789012"
JOB = f"arn:aws:robomaker:us-west-2:{ACCOUNT}:world-export-job/job-1"


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def stack(app: App) -> Stack:
    """Give a stack whose account and region are not known."""
    return Stack(app, "Stack")


@pytest.fixture
def stack_of_account(app: App) -> Stack:
    """Give a stack whose account and region are known."""
    return Stack(app, "StackOfAccount", env=Environment(account=ACCOUNT, region="us-west-2"))

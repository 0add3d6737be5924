"""Stacks to put constructs into."""

from __future__ import annotations

import pytest
from aws_cdk import App, Stack

from tests.construct.makers import make_app
from tests.construct.names import ENVIRONMENT


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.fixture
def stack(app: App) -> Stack:
    """Return a stack whose account and region are not known."""
    return Stack(app, "Stack")


@pytest.fixture
def stack_of_account(app: App) -> Stack:
    """Return a stack whose account and region are known."""
    return Stack(app, "StackOfAccount", env=ENVIRONMENT)

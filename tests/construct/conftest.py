"""Stacks to put constructs into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aws_cdk import App, Stack
from constructs import Construct

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


@pytest.fixture(scope="module")
def shared_stack() -> Stack:
    """Return a stack of a known account and region, for all tests of a module that do not synthesize it."""
    return Stack(make_app(), "Stack", env=ENVIRONMENT)


@pytest.fixture
def scope(shared_stack: Stack) -> Iterator[Construct]:
    """Yield a scope of the test's own in the shared stack."""
    scope = Construct(shared_stack, "Scope")
    yield scope
    shared_stack.node.try_remove_child("Scope")

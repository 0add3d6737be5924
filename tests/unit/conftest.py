"""What the tests of the handler share: the settings of hypothesis, a clock that does not wait, and an endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import settings

from jobs import aws as aws_calls
from tests.canned import VARIABLES, Canned
from tests.network import SetClock

# No test depends on how fast the machine is.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return the clock of every teardown, whose pauses take no time."""
    clock = SetClock()
    monkeypatch.setattr("index.clock", clock)
    return clock


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Canned]:
    """Yield an endpoint for a module's tests, whose clients are made once."""
    with closing(Canned()) as endpoint:
        aws_calls._client.cache_clear()
        yield endpoint
        aws_calls._client.cache_clear()


@pytest.fixture
def aws(endpoint: Canned, monkeypatch: pytest.MonkeyPatch) -> Canned:
    """Lead every client to an endpoint that has no answers yet."""
    endpoint.reset()
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    for variable in VARIABLES:
        monkeypatch.setenv(variable, endpoint.url)
    return endpoint

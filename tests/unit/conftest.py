"""What the tests of the handler share: how hypothesis tries, and time that does not pass."""

from __future__ import annotations

import pytest
from hypothesis import settings

import index
from tests.requests import HurriedClock

# No test depends on how fast the machine is.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pauses of a teardown take no time."""
    monkeypatch.setattr(index, "clock", HurriedClock())

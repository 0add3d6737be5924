"""What is left out of a cold start is missing nowhere else."""

from __future__ import annotations

import importlib
import sys

import pytest

from protocol.cold_start import without


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a module that is not loaded."""
    monkeypatch.delitem(sys.modules, "this", raising=False)
    return "this"


def test_a_module_that_is_left_out_is_empty(unloaded: str) -> None:
    with without(unloaded):
        assert not hasattr(importlib.import_module(unloaded), "s")


def test_a_module_that_was_left_out_is_imported_as_usual_afterwards(unloaded: str) -> None:
    with pytest.raises(ZeroDivisionError), without(unloaded):
        _ = 1 / 0
    assert hasattr(importlib.import_module(unloaded), "s")


def test_a_module_that_is_loaded_stays() -> None:
    loaded = sys.modules["pytest"]
    with without("pytest"):
        assert sys.modules["pytest"] is loaded
    assert sys.modules["pytest"] is loaded

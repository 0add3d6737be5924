"""What a cold start leaves out is missing nowhere else, and nothing is read twice."""

from __future__ import annotations

import importlib
import sys

import pytest
from botocore.loaders import JSONFileLoader

from jobs import living_service
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


def test_clients_of_living_services_read_what_they_share_of_botocores_data_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []
    load = JSONFileLoader.load_file

    def loading(loader: JSONFileLoader, path: str) -> object:
        found: object = load(loader, path)
        if found is not None:
            read.append(path)
        return found

    monkeypatch.setattr(JSONFileLoader, "load_file", loading)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    living_service._session.cache_clear()
    living_service._client.cache_clear()
    for service in ("cloudformation", "ecs"):
        living_service._client(service, "us-west-2")
    assert sum(path.endswith("/endpoints") for path in read) == 1
    assert len(read) == len(set(read))

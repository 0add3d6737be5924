"""The clouds of a worker, and the cloud assemblies that all workers share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from .clouds import Clouds
from .stage import Assemblies


@pytest.fixture(scope="session")
def clouds() -> Iterator[Clouds]:
    """Give local clouds, each started when it is first asked for."""
    with closing(Clouds()) as clouds:
        yield clouds


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Assemblies:
    """Give cloud assemblies, which the workers of a test run share."""
    base = tmp_path_factory.getbasetemp()
    return Assemblies(base if worker_id == "master" else base.parent)

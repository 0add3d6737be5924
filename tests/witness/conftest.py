"""The clouds of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from .clouds import Clouds


@pytest.fixture(scope="session")
def clouds() -> Iterator[Clouds]:
    """Give local clouds, each started when it is first asked for."""
    with closing(Clouds()) as clouds:
        yield clouds

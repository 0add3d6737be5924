"""Keeps a cold start short: no search for garbage while modules are imported, and none imported that nothing uses."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

# Imports make a hundred thousand objects and no garbage. Python would look for some every 700 objects.
_usual_threshold = gc.get_threshold()
gc.set_threshold(100_000)


def imports_done() -> None:
    """Look for garbage as usual from now on, but not among what was imported."""
    gc.freeze()
    gc.set_threshold(*_usual_threshold)


@contextmanager
def without(name: str) -> Iterator[None]:
    """Give an empty module in place of one that is imported and not used, unless it has been imported already.

    Parameters
    ----------
    name : str
        The module's name. Outside the context it is imported as usual.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]

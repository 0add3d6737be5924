"""Finds the handler's code, lambda/, and imports its rules and names for synthesis."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["LAMBDA", "metrics", "properties"]


def _find(package: Path) -> Path:
    # In a wheel, it is inside the package; in the source tree, beside it.
    for folder in (package / "lambda", package.parent / "lambda"):
        if folder.is_dir():
            return folder
    raise ImportError(
        f"The handler's code, lambda/, is neither in {package} nor beside it. It is deployed from files, so the package"
        " can't be in a zip: install it into a folder, with pip."
    )


LAMBDA = _find(Path(__file__).parent)


def _borrow(name: str) -> ModuleType:
    # Not by import: "lambda" is a keyword in Python, and the handler's modules import each other as in the function.
    spec = importlib.util.spec_from_file_location(f"{__package__}.{name}", LAMBDA / f"{name.replace('.', '/')}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is missing from {LAMBDA}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    import properties
    from protocol import metrics
else:
    metrics = _borrow("protocol.metrics")
    properties = _borrow("properties")

"""Finds the handler's code in lambda/: bundles it for deployment, and borrows from it for synthesis."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["bundle", "metrics", "properties"]

_HERE = Path(__file__).parent
# Inside the package in a wheel, beside it in the source tree.
_LAMBDA = next(folder for folder in (_HERE / "lambda", _HERE.parent / "lambda") if folder.is_dir())


def _borrow(name: str) -> ModuleType:
    # "lambda" is a keyword of Python's, and the handler's modules import each other as they lie in the function.
    spec = importlib.util.spec_from_file_location(f"{__package__}.{name}", _LAMBDA / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is missing from {_LAMBDA}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    import metrics
    import properties
else:
    metrics = _borrow("metrics")
    properties = _borrow("properties")


def bundle(into: Path) -> None:
    """Copy what the function needs beside boto3, which Lambda brings: the handler, its service model and crhelper.

    Only files that a release pins are copied, so the asset's hash is the same wherever the versions are.

    Parameters
    ----------
    into : Path
        An empty folder.
    """
    leave_out = shutil.ignore_patterns("__pycache__", "*.pyc", "*.pyi", "py.typed")
    shutil.copytree(_LAMBDA, into, ignore=leave_out, dirs_exist_ok=True)
    shutil.copytree(_crhelper(), into / "crhelper", ignore=leave_out)


def _crhelper() -> Path:
    # Found, not imported: its import needs boto3, which an app that only synthesizes may not have.
    spec = importlib.util.find_spec("crhelper")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("crhelper is not installed: it comes with `pip install cdk-world-export-job`.")
    return Path(spec.origin).parent

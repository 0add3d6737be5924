"""Finds the handler's code, lambda/, and imports the modules of it that synthesis uses."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

__all__ = ["LAMBDA", "Container", "JobArn", "check_option", "metrics", "properties"]


def _find(package: Path) -> Path:
    # In a wheel, lambda/ is inside the package; in the source tree, it is beside it.
    for folder in (package / "lambda", package.parent / "lambda"):
        if folder.is_dir():
            return folder
    raise ImportError(
        f"The handler's code, lambda/, is neither in {package} nor beside it. It is deployed from files, so the package"
        " can't be in a zip: install it into a folder, with pip."
    )


LAMBDA = _find(Path(__file__).parent)


def _import_package(name: str) -> None:
    """Import a package of the handler as a subpackage of this package."""
    # An import statement can't name it: "lambda" is a keyword in Python. In the function, these packages are at the top
    # level.
    spec = importlib.util.spec_from_file_location(f"{__package__}.{name}", LAMBDA / name / "__init__.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is missing from {LAMBDA}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


if TYPE_CHECKING:
    import properties
    from properties.container import Container, check_option
    from properties.job_arn import JobArn
    from protocol import metrics
else:
    _import_package("properties")
    _import_package("protocol")
    from . import properties
    from .properties.container import Container, check_option
    from .properties.job_arn import JobArn
    from .protocol import metrics

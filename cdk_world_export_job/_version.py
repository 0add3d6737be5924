"""Tells the version of this library, which only pyproject.toml has."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_NAME = "cdk-world-export-job"


def find_version(package: Path) -> str:
    """Tell the version of a copy of this library.

    The project file beside it comes first, because another version may be installed where the source tree is used.

    Parameters
    ----------
    package : Path
        The folder of the copy.

    Returns
    -------
    str
        The version; ``0+unknown`` of a folder that was copied out of both.
    """
    try:
        project = tomllib.loads((package.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if project["name"] == _NAME:
            return str(project["version"])
    except (OSError, KeyError, ValueError):
        pass  # an installed copy, or one in the folder of another project
    try:
        return version(_NAME)
    except PackageNotFoundError:
        return "0+unknown"

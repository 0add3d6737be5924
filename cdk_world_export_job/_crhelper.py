"""Finds the crhelper that is deployed with the handler, and takes nothing else for it."""

from __future__ import annotations

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import cast

VERSION = "2.0.12"

# The modules of crhelper 2.0.12, the same in its wheel and its source distribution on PyPI.
_SHA256 = {
    "__init__.py": "552bc753630a80ff7a0c74835d1d4e6319db0bc8fbc9fb95859b9b04b53b3e7b",
    "log_helper.py": "d7c9f858a9468315cbfe28983ea13c756bfd4d6e2c3d973801ede9c7975b1e66",
    "resource_helper.py": "44f57c03a2b1665ef47b2f0d2360584b79dcefc33d3d0881906a22f0d1a8f724",
    "utils.py": "bf8e833bf1fed51be85b40691e686606214710a9d9acb305d7940d885d5ef338",
}
_INSTALL = f"Install it with: pip install --force-reinstall crhelper=={VERSION}"


def crhelper() -> dict[str, bytes]:
    """Read the modules of the crhelper that is installed.

    It is found as a distribution, not by the import path: a ``crhelper.py`` in an app's folder comes first there, and
    that folder's files, secrets included, would be deployed in its place. Nor is it imported, which would take boto3.

    Returns
    -------
    dict
        The content of each module, by its name.

    Raises
    ------
    ModuleNotFoundError
        If crhelper is not installed.
    ImportError
        If it is another version, or a module of it is not as it was published.
    """
    try:
        installed = distribution("crhelper")
    except PackageNotFoundError:
        raise ModuleNotFoundError(
            f"crhelper, which is deployed with the handler, is not installed. {_INSTALL}"
        ) from None
    if installed.version != VERSION:
        raise ImportError(f"crhelper {installed.version} is installed, but the handler needs {VERSION}. {_INSTALL}")
    modules = {}
    for name, published in _SHA256.items():
        # Of a crhelper in a zip it is a zipfile.Path, which reads alike, and has a KeyError for what is missing.
        path = cast(Path, installed.locate_file(f"crhelper/{name}"))
        try:
            modules[name] = path.read_bytes()
        except (OSError, KeyError) as error:
            raise ImportError(f"{path} of crhelper {VERSION} can't be read: {error}. {_INSTALL}") from error
        if sha256(modules[name]).hexdigest() != published:
            raise ImportError(f"{path} is not as crhelper {VERSION} was published, so it is not deployed. {_INSTALL}")
    return modules

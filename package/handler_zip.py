"""Packs the handler's code into a zip with the same bytes on every machine."""

from __future__ import annotations

import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from cdk_stop_on_delete._handler_code import handler_files

_ROOT = Path(__file__).parent.parent
# The earliest time that a zip can hold.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE_READABLE_BY_ALL = 0o100644


def handler_zip() -> bytes:
    """Pack the files that the constructs deploy, with their licenses.

    Returns
    -------
    bytes
        A deployment package for Lambda. Its hash depends on its content alone: it is not compressed, because builds of
        zlib compress the same bytes differently, and it has no times.
    """
    content = handler_files()
    content["LICENSE"] = (_ROOT / "LICENSE").read_bytes()
    # Each copy of crhelper needs its license and notice (Apache License 2.0, section 4).
    for file in distribution("crhelper").files or ():
        if file.name in ("LICENSE", "NOTICE"):
            content[f"crhelper/{file.name}"] = file.read_binary()
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.create_system = _UNIX
            entry.external_attr = _FILE_READABLE_BY_ALL << 16
            archive.writestr(entry, content[name])
    return package.getvalue()

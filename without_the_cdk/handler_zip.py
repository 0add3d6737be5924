"""Packs the handler's code the same way wherever it is done."""

from __future__ import annotations

import io
import tempfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from cdk_world_export_job._bundling import bundle

_ROOT = Path(__file__).parent.parent
# The earliest time that a zip can hold.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_FILE_THAT_ALL_MAY_READ = 0o100644


def handler_zip() -> bytes:
    """Pack what the construct deploys, with the licenses that go with it.

    Returns
    -------
    bytes
        A deployment package for Lambda. It is not compressed, because what zlib makes of the same bytes is not the same
        in every build of it; and it has no times, so its hash is of its content alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        bundle(Path(folder))
        content = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(Path(folder))}
    content |= _licenses()
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.create_system = _UNIX
            entry.external_attr = _FILE_THAT_ALL_MAY_READ << 16
            archive.writestr(entry, content[name])
    return package.getvalue()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _licenses() -> dict[str, bytes]:
    """Give this project's license, and what crhelper's asks to go with each copy (Apache License 2.0, section 4)."""
    crhelper = distribution("crhelper")
    return {
        "LICENSE": (_ROOT / "LICENSE").read_bytes(),
        **{
            f"crhelper/{file.name}": Path(str(file.locate())).read_bytes()
            for file in crhelper.files or ()
            if file.name in ("LICENSE", "NOTICE")
        },
    }

"""The handler's code, lambda/: the modules of it that synthesis uses, and the files that are deployed."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, ILocalBundling
from aws_cdk import aws_lambda as lambda_

__all__ = [
    "LAMBDA",
    "Container",
    "JobArn",
    "bundle",
    "check_option",
    "crhelper_files",
    "handler_code",
    "handler_files",
    "metrics",
    "properties",
]

CRHELPER = "2.0.12"
_INSTALL = f"Install it with: pip install --force-reinstall crhelper=={CRHELPER}"


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

if TYPE_CHECKING:
    import properties
    from properties.container import Container, check_option
    from properties.job_arn import JobArn
    from protocol import metrics
else:
    # No import can name lambda/, because "lambda" is a keyword. So its packages become subpackages of this package.
    path = sys.modules[__package__].__path__
    path.append(str(LAMBDA))
    from . import properties
    from .properties.container import Container, check_option
    from .properties.job_arn import JobArn
    from .protocol import metrics

    path.remove(str(LAMBDA))


def handler_code(runtime: lambda_.Runtime) -> lambda_.Code:
    """Return the handler's code, bundled at synthesis without Docker and without pip.

    The asset's hash is computed from the bundled files, so equal versions of this library and of crhelper give the same
    hash on every machine.

    Parameters
    ----------
    runtime : Runtime
        The runtime of the function.

    Raises
    ------
    ImportError
        If crhelper is missing, or is another version.
    """
    crhelper_files()  # raise its error here: an error in `try_bundle` passes through jsii, which hides the message
    options = BundlingOptions(image=runtime.bundling_image, local=_Bundling())  # the image is never used
    return lambda_.Code.from_asset(str(LAMBDA), asset_hash_type=AssetHashType.OUTPUT, bundling=options)


def bundle(into: Path) -> None:
    """Write the files of `handler_files` into an empty folder."""
    for name, content in handler_files().items():
        file = into / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o644)  # Lambda must be able to read it, whatever the umask here


def handler_files() -> dict[str, bytes]:
    """Read the handler, its service model and crhelper. boto3 is part of the Lambda runtime.

    Returns
    -------
    dict
        The content of each file, by its path in the function.

    Raises
    ------
    ImportError
        If crhelper is missing, or is another version.
    """
    files = (file for pattern in ("**/*.py", "models/**/*.json") for file in LAMBDA.glob(pattern))
    return {file.relative_to(LAMBDA).as_posix(): file.read_bytes() for file in files} | crhelper_files()


def crhelper_files() -> dict[str, bytes]:
    """Read the modules of the installed crhelper.

    They are found in the record of the installed distribution, not on the import path, where a ``crhelper.py`` in the
    app's folder would come first and would be deployed instead.

    Returns
    -------
    dict
        The content of each module, by its path, such as ``crhelper/utils.py``.

    Raises
    ------
    ModuleNotFoundError
        If crhelper is not installed.
    ImportError
        If it is another version, or was installed without the list of its files.
    """
    try:
        installed = distribution("crhelper")
    except PackageNotFoundError:
        message = f"crhelper, which is deployed with the handler, is not installed. {_INSTALL}"
        raise ModuleNotFoundError(message) from None
    if installed.version != CRHELPER:
        raise ImportError(f"crhelper {installed.version} is installed, but the handler needs {CRHELPER}. {_INSTALL}")
    modules = [file for file in installed.files or () if file.parts[0] == "crhelper" and file.suffix == ".py"]
    if not modules:
        raise ImportError(f"crhelper {CRHELPER} is installed without the list of its files, RECORD. {_INSTALL}")
    return {file.as_posix(): file.read_binary() for file in modules}


@jsii.implements(ILocalBundling)
class _Bundling:
    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        bundle(Path(output_dir))
        return True

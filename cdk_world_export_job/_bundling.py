"""Bundles what the function is deployed with."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from ._handler_code import LAMBDA


def handler_code(runtime: lambda_.Runtime) -> lambda_.Code:
    """Return the handler's code, bundled at synthesis without Docker and without pip.

    Its hash is of what is deployed, so it is the same wherever the versions of this library and of crhelper are.

    Parameters
    ----------
    runtime : Runtime
        The runtime that it will run on.
    """
    options = BundlingOptions(image=runtime.bundling_image, local=_Bundling())  # the image is never asked for
    return lambda_.Code.from_asset(str(LAMBDA), asset_hash_type=AssetHashType.OUTPUT, bundling=options)


def bundle(into: Path) -> None:
    """Copy what the function needs beside boto3, which Lambda brings: the handler, its models and crhelper.

    Parameters
    ----------
    into : Path
        An empty folder.

    Raises
    ------
    ModuleNotFoundError
        If crhelper is not installed.
    """
    for folder, files, target in (
        (LAMBDA, "*.py", into),
        (LAMBDA / "models", "**/*.json", into / "models"),
        (_crhelper(), "*.py", into / "crhelper"),
    ):
        for file in folder.glob(files):
            copy = target / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            copy.chmod(0o644)  # Lambda must be able to read it, whatever the umask here


@jsii.implements(ILocalBundling)
class _Bundling:
    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        bundle(Path(output_dir))
        return True


def _crhelper() -> Path:
    # Found, not imported: its import needs boto3, which an app that only synthesizes may not have.
    spec = importlib.util.find_spec("crhelper")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("crhelper is not installed: it comes with `pip install cdk-world-export-job`.")
    return Path(spec.origin).parent

"""Bundles what the function is deployed with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, ILocalBundling
from aws_cdk import aws_lambda as lambda_

from ._crhelper import crhelper
from ._handler_code import LAMBDA


def handler_code(runtime: lambda_.Runtime) -> lambda_.Code:
    """Return the handler's code, bundled at synthesis without Docker and without pip.

    Its hash is of what is deployed, so it is the same wherever the versions of this library and of crhelper are.

    Parameters
    ----------
    runtime : Runtime
        The runtime that it will run on.

    Raises
    ------
    ImportError
        If crhelper is not installed as it was published.
    """
    crhelper()  # fails here in its own words, and not in the CDK's process, which would put its own around them
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
    ImportError
        If crhelper is not installed as it was published.
    """
    for pattern in ("**/*.py", "models/**/*.json"):
        for file in LAMBDA.glob(pattern):
            _write(into / file.relative_to(LAMBDA), file.read_bytes())
    for name, content in crhelper().items():
        _write(into / "crhelper" / name, content)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o644)  # Lambda must be able to read it, whatever the umask here


@jsii.implements(ILocalBundling)
class _Bundling:
    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        bundle(Path(output_dir))
        return True

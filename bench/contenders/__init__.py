"""The handlers that are measured, each as its users would deploy it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aws_cdk import App, Stack
from aws_cdk import custom_resources as cr

from sandbox import PROJECT
from sandbox.lambda_service import PYTHON_RUNTIME, zipped

_HERE = Path(__file__).parent
_NODE = _HERE / "aws_custom_resource"


@dataclass(frozen=True)
class Contender:
    """A handler to measure.

    Parameters
    ----------
    title : str
        What the table calls it.
    fill : callable
        Puts its code into an empty folder.
    runtime : sequence of str
        The command that runs a handler.
    handler : str
        Where the handler is, as ``module.function``.
    properties : Mapping
        The properties of its custom resource that are the same in all that is measured.
    variables : Mapping
        Environment variables of its own.
    """

    title: str
    fill: Callable[[Path], None]
    runtime: Sequence[str] = PYTHON_RUNTIME
    handler: str = "index.handler"
    properties: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def package(self) -> bytes:
        """Zip its code, once."""
        return self._package

    @cached_property
    def _package(self) -> bytes:
        with TemporaryDirectory() as folder:
            self.fill(Path(folder))
            return zipped(Path(folder))


def copy_of(name: str) -> Callable[[Path], None]:
    """Take the handler of one of the folders beside this module."""

    def fill(folder: Path) -> None:
        (folder / "index.py").write_bytes((_HERE / name / "index.py").read_bytes())

    return fill


def aws_custom_resource(title: str, **properties: str) -> Contender:
    """Make AwsCustomResource a contender."""
    return Contender(
        title,
        _handler_of_aws_custom_resource,
        [str(PROJECT / ".venv" / "bin" / "node"), str(_NODE / "runtime.cjs")],
        properties=properties,
        variables={"NODE_PATH": str(_NODE / "node_modules")},
    )


def call_on_delete(call: Mapping[str, Any]) -> dict[str, str]:
    """Write the properties with which AwsCustomResource makes one call on Delete, as it deploys them."""
    return {"Delete": json.dumps(call), "InstallLatestAwsSdk": "false"}


def _handler_of_aws_custom_resource(folder: Path) -> None:
    """Take the handler out of the CDK, which brings it for whatever is called."""
    with TemporaryDirectory() as out:
        app = App(outdir=out)
        cr.AwsCustomResource(
            Stack(app, "Stack"),
            "Resource",
            install_latest_aws_sdk=False,
            on_delete=cr.AwsSdkCall(service="ECS", action="StopTask"),
            policy=cr.AwsCustomResourcePolicy.from_sdk_calls(resources=["*"]),
        )
        app.synth()
        [code] = Path(out).glob("asset.*/index.js")
        (folder / "index.js").write_bytes(code.read_bytes())

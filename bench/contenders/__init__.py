"""The handlers that are measured, each as its users would deploy it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from aws_cdk import App, Stack
from aws_cdk import custom_resources as cr

from cdk_world_export_job._bundling import bundle
from sandbox import PROJECT
from sandbox.lambda_service import PYTHON_RUNTIME, zipped

HERE = Path(__file__).parent
JOB = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"


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
    properties : dict
        The properties of its custom resource.
    variables : dict
        Environment variables of its own.
    """

    title: str
    fill: Callable[[Path], None]
    runtime: Sequence[str] = PYTHON_RUNTIME
    properties: dict[str, str] = field(default_factory=lambda: {"JobArn": JOB})
    variables: dict[str, str] = field(default_factory=dict)

    def package(self) -> bytes:
        """Zip its code."""
        with TemporaryDirectory() as folder:
            self.fill(Path(folder))
            return zipped(Path(folder))


def _copy(name: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        (folder / "index.py").write_bytes((HERE / name / "index.py").read_bytes())

    return fill


def _aws_custom_resource(folder: Path) -> None:
    """Take the handler out of the CDK, which brings it."""
    with TemporaryDirectory() as out:
        app = App(outdir=out)
        cr.AwsCustomResource(
            Stack(app, "Stack"),
            "Resource",
            install_latest_aws_sdk=False,
            on_delete=_CANCEL,
            policy=cr.AwsCustomResourcePolicy.from_sdk_calls(resources=["*"]),
        )
        app.synth()
        [code] = Path(out).glob("asset.*/index.js")
        (folder / "index.js").write_bytes(code.read_bytes())


_CANCEL = cr.AwsSdkCall(
    service="@aws-sdk/client-robomaker", action="CancelWorldExportJobCommand", parameters={"job": JOB}
)
_CANCEL_AS_DEPLOYED = json.dumps(
    {
        "service": "@aws-sdk/client-robomaker",
        "action": "CancelWorldExportJobCommand",
        "parameters": {"job": JOB},
        "physicalResourceId": {"id": JOB},
    }
)
_NODE = HERE / "aws_custom_resource"

OURS = Contender("cdk-world-export-job, which cancels and looks", bundle)
# What all of them are measured beside.
LIMIT = Contender("the standard library alone", _copy("stdlib"))
CONTENDERS = [
    OURS,
    Contender(
        "AwsCustomResource with the RoboMaker client, which cancels",
        _aws_custom_resource,
        [str(PROJECT / ".venv" / "bin" / "node"), str(_NODE / "runtime.cjs")],
        {"Delete": _CANCEL_AS_DEPLOYED, "InstallLatestAwsSdk": "false"},
        {"NODE_PATH": str(_NODE / "node_modules")},
    ),
    Contender(
        "crhelper the usual way on botocore 1.40.60, which cancels",
        _copy("crhelper_usual"),
        [str(PROJECT / ".bench-crhelper" / "bin" / "python"), "-m", "awslambdaric"],
    ),
    LIMIT,
]

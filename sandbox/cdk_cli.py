"""Runs the real CDK CLI against the local AWS."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from . import PROJECT
from .local_aws import REGION

CDK = PROJECT / "node_modules" / ".bin" / "cdk"
VENV_BIN = Path(sys.executable).parent

_NOT_INHERITED = ("AWS_", "CDK_", "NODE_OPTIONS", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(frozen=True)
class Finished:
    """A command that has ended.

    Parameters
    ----------
    status : int
        Its exit status.
    output : str
        What it printed, standard output and standard error together.
    """

    status: int
    output: str


class Endpoint(Protocol):
    """What the CDK CLI needs to know of a local AWS."""

    @property
    def url(self) -> str:
        """Where every service listens: the value for AWS_ENDPOINT_URL."""


class CdkCli:
    """The pinned CDK CLI, with an environment that knows the local AWS and nothing else.

    Parameters
    ----------
    aws : Endpoint
        What it deploys to.
    home : Path
        A folder for its caches and its cloud assemblies.
    app : Path, optional
        The folder of the app. Default: the project's own app.
    """

    def __init__(self, aws: Endpoint, home: Path, app: Path = PROJECT) -> None:
        self._home = home
        self._app = app
        temporary = home / "tmp"
        temporary.mkdir(exist_ok=True)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)},
            "PATH": os.pathsep.join([str(VENV_BIN), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "TMPDIR": str(temporary),  # jsii leaves its folders behind when it is killed
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            "NO_PROXY": "localhost,127.0.0.1",
        }

    def run(self, *arguments: str) -> Finished:
        """Run one command to its end. An interrupt ends it and everything that it started."""
        command = [str(CDK), *arguments, "--no-notices", "--no-color", "--output", str(self._home / "cdk.out")]
        process = subprocess.Popen(
            command,
            cwd=self._app,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output = _output(process)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()  # until each of them has let go of the pipe
            raise
        return Finished(process.returncode, output)


def _output(process: subprocess.Popen[str]) -> str:
    # In slices: a signal that the system gives to another thread ends no wait of this one, where Python handles it.
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=0.2)[0]

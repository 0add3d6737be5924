"""Runs the real CDK CLI against the local AWS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import PROJECT, REGION

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


class CdkCli:
    """The pinned CDK CLI, with environment variables that lead only to the local AWS.

    Parameters
    ----------
    url : str
        The URL of every service of a local AWS.
    home : Path
        A folder for its caches and its cloud assemblies.
    """

    def __init__(self, url: str, home: Path) -> None:
        self._home = home
        temporary = home / "tmp"
        temporary.mkdir(exist_ok=True)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)},
            "PATH": os.pathsep.join([str(VENV_BIN), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "TMPDIR": str(temporary),  # jsii leaves its folders behind when it is killed
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "true",
            # The CDK's own check of templates, which takes most of a synthesis: tests/repository makes it.
            "CDK_VALIDATION": "false",
            "NO_PROXY": "localhost,127.0.0.1",
        }

    @property
    def assembly(self) -> Path:
        """The cloud assembly of the last command that synthesized the app. As ``--app``, it needs no synthesis."""
        return self._home / "cdk.out"

    def run(self, *arguments: str, show: Callable[[str], None] = lambda _: None) -> Finished:
        """Run a command, and wait until it ends. An interrupt ends it and all processes that it started.

        Parameters
        ----------
        *arguments : str
            The command and its options.
        show : callable, optional
            Called with each line as soon as it is printed.
        """
        command = [str(CDK), *arguments, "--no-notices", "--no-color", "--output", str(self.assembly)]
        # bootstrap gets the environment and needs no app, but would synthesize one that is in its folder.
        folder = self._home if arguments[0] == "bootstrap" else PROJECT
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
        lines: list[str] = []

        def read(output: IO[str]) -> None:
            with output:
                for line in output:
                    lines.append(line)
                    show(line.strip())

        reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            # In short waits: Python handles signals in this thread, but a signal that another thread gets does not end
            # a wait here.
            while reader.is_alive():
                reader.join(0.2)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            reader.join()  # until each of them has let go of the pipe
            process.wait()
            raise
        return Finished(process.wait(), "".join(lines))

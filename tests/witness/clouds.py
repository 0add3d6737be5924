"""The local clouds that the CDK CLI deploys to: the sandbox, and ministack."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sandbox import PROJECT
from sandbox.local_aws import ACCOUNT, REGION
from sandbox.robomaker import RoboMaker

# What runs each: it prints its URL on standard output, and ends when standard input closes.
SANDBOX = (sys.executable, "-m", "tests.witness.run_sandbox")
# Isolated (-I), so that no module here is taken for one of its own.
MINISTACK = (str(PROJECT / ".witness/bin/python"), "-I", "tests/witness/run_ministack.py")


class LocalCloud:
    """A local cloud in a process group of its own, whose functions reach a RoboMaker endpoint that the tests hold.

    Parameters
    ----------
    command : sequence of str
        What runs it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.robomaker = RoboMaker()
        # Everything that it writes, functions' code included, is below this folder.
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        # Functions of ministack inherit this: no proxy and no other setting of AWS may reach them.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            **dict.fromkeys(("HOME", "TMPDIR"), str(self.home)),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AWS_ENDPOINT_URL_ROBOMAKER": self.robomaker.url,
        }
        with (self.home / "log").open("w") as log:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, self.log

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.home / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it, with everything that it started, and delete what it wrote."""
        # The sandbox ends its functions, which are in process groups of their own, when its input closes.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.robomaker.close()
        self._folder.cleanup()

"""The local clouds that the CDK CLI deploys to: the sandbox, and ministack."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import PROJECT
from sandbox.cdk_cli import CdkCli
from sandbox.local_aws import ACCOUNT, REGION
from sandbox.robomaker import RoboMaker

# A free port may be taken by another program before ministack has it.
ATTEMPTS = 3


@dataclass(frozen=True)
class Kind:
    """A kind of local cloud.

    Parameters
    ----------
    name : str
        Its name.
    command : sequence of str
        Runs it: prints its URL on standard output, and ends when standard input closes.
    """

    name: str
    command: Sequence[str]


SANDBOX = Kind("sandbox", (sys.executable, "-m", "tests.witness.run_sandbox"))
# Isolated (-I), so that no module here is taken for one of its own.
MINISTACK = Kind("ministack", (str(PROJECT / ".witness/bin/python"), "-I", "tests/witness/run_ministack.py"))


class LocalCloud:
    """A local cloud in a process group of its own, whose functions reach a RoboMaker endpoint that the tests hold.

    Parameters
    ----------
    kind : Kind
        What to run.

    Raises
    ------
    RuntimeError
        If it does not start. The message ends with its log.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.robomaker = RoboMaker()
        # Everything that it writes, functions' code included, is below this folder.
        self._folder = tempfile.TemporaryDirectory(prefix=f"{kind.name}-", ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        for _ in range(ATTEMPTS):
            self._process = self._start()
            assert self._process.stdout is not None
            self.url = self._process.stdout.readline().strip()
            if self.url:
                return
            self._end()
        log = self.log
        self.close()
        raise RuntimeError(f"{kind.name} does not start:\n{log}")

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.home / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it, with everything that it started, and delete what it wrote."""
        self._end()
        self.robomaker.close()
        self._folder.cleanup()

    def _start(self) -> subprocess.Popen[str]:
        with (self.home / "log").open("a") as log:
            return subprocess.Popen(
                self.kind.command,
                cwd=PROJECT,
                # Functions of ministack inherit this: no proxy and no other setting of AWS may reach them.
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(self.home),
                    "TMPDIR": str(self.home),
                    "MINISTACK_ACCOUNT_ID": ACCOUNT,
                    "MINISTACK_REGION": REGION,
                    "AWS_ENDPOINT_URL_ROBOMAKER": self.robomaker.url,
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def _end(self) -> None:
        # The sandbox ends its functions, which are in process groups of their own, when its input closes.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Clouds:
    """The clouds that are running and bootstrapped, at most one of each kind."""

    def __init__(self) -> None:
        self._running: dict[Kind, LocalCloud] = {}

    @contextlib.contextmanager
    def lend(self, kind: Kind) -> Iterator[LocalCloud]:
        """Lend a cloud that no scenario has touched, or whose scenarios ended well: with nothing left."""
        try:
            if kind not in self._running:
                cloud = self._running[kind] = LocalCloud(kind)
                bootstrap = CdkCli(cloud, cloud.home, app=cloud.home).run("bootstrap", f"aws://{ACCOUNT}/{REGION}")
                assert bootstrap.status == 0, bootstrap.output
            yield self._running[kind]
        except BaseException:
            self._end(kind)
            raise

    def close(self) -> None:
        """End them all."""
        for kind in list(self._running):
            self._end(kind)

    def _end(self, kind: Kind) -> None:
        if cloud := self._running.pop(kind, None):
            cloud.close()

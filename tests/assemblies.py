"""Synthesizes each app of the tests once in a run: the CDK CLI takes a cloud assembly for an app."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox import ACCOUNT, PROJECT, REGION


@dataclass(frozen=True)
class Assemblies:
    """The cloud assemblies of a test run, which its workers share.

    Parameters
    ----------
    folder : Path
        Where they are.
    """

    folder: Path

    def of(self, app: str, **context: str) -> Path:
        """Synthesize an app, by its module, with a context beside that of cdk.json."""
        assembly = self.folder / "-".join([app, *context.values()]).replace("/", "-").replace(":", "-")
        with (self.folder / f"{assembly.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (assembly / "manifest.json").exists():
                defaults = json.loads((PROJECT / "cdk.json").read_text())["context"]
                environment = {
                    **os.environ,
                    "CDK_OUTDIR": str(assembly),
                    "CDK_CONTEXT_JSON": json.dumps({**defaults, **context}),
                    "CDK_DEFAULT_ACCOUNT": ACCOUNT,
                    "CDK_DEFAULT_REGION": REGION,
                    # tests/repository checks the templates; here, the CDK's own check would take most of the time.
                    "CDK_VALIDATION": "false",
                }
                subprocess.run([sys.executable, "-m", app], cwd=PROJECT, env=environment, check=True)
        return assembly

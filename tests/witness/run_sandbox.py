"""Runs the sandbox in a process of its own, prints its URL, and ends it when standard input closes.

In a process of its own, because there can be one in a process, and the end-to-end tests have theirs in the tests'.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing

from sandbox.local_aws import LocalAws


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    with closing(LocalAws(log=_log)) as aws:
        # The endpoint that the tests hold.
        aws.variables["AWS_ENDPOINT_URL_ROBOMAKER"] = os.environ["AWS_ENDPOINT_URL_ROBOMAKER"]
        sys.stdout.write(f"{aws.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # whatever waits for a stack that nobody works on any more

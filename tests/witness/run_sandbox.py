"""Runs the sandbox in a process of its own, prints its URL, and ends it when standard input closes.

In a process of its own, because there can be one in a process, and the end-to-end tests have theirs in the tests'.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from unittest import mock

from sandbox import local_aws


class _ElsewhereRoboMaker:
    """Stands for the RoboMaker endpoint that the tests hold."""

    def __init__(self, *_: object) -> None:
        self.url = os.environ["AWS_ENDPOINT_URL_ROBOMAKER"]

    def close(self) -> None:
        """Leave it to the tests."""


def _log(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main() -> None:
    """Run it until standard input closes."""
    with (
        mock.patch.object(local_aws, "RoboMaker", _ElsewhereRoboMaker),
        closing(local_aws.LocalAws(log=_log)) as aws,
    ):
        sys.stdout.write(f"{aws.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    os.killpg(0, signal.SIGKILL)  # whatever waits for a stack that nobody works on any more


if __name__ == "__main__":
    main()

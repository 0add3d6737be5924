"""Runs the sandbox in a process of its own, prints its URL, and ends it when standard input closes.

In a process of its own, because there can be one in a process, and the end-to-end tests have theirs in the tests'.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import closing
from unittest import mock

from sandbox import local_aws
from sandbox.robomaker import Job


class _ElsewhereRoboMaker:
    """Stands for the RoboMaker endpoint that the tests hold."""

    def __init__(self, _: Callable[[Job], None]) -> None:
        self.url = os.environ["AWS_ENDPOINT_URL_ROBOMAKER"]

    def close(self) -> None:
        """Leave it to the tests."""


def main() -> None:
    """Run it until standard input closes."""
    with (
        mock.patch.object(local_aws, "RoboMaker", _ElsewhereRoboMaker),
        closing(local_aws.LocalAws(log=lambda line: print(line, file=sys.stderr))) as aws,
    ):
        print(aws.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

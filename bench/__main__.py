"""Prints every measurement, from one run: `make bench`."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench import stop_on_delete, world_export_job
from bench.endpoints import Endpoints
from bench.measure import FULL, QUICK


def main() -> None:
    """Measure and print. ``--quick`` shows in a short time that everything runs."""
    size = QUICK if sys.argv[1:] == ["--quick"] else FULL
    started = time.monotonic()
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, closing(Endpoints(Path(folder))) as endpoints:
        for table in (*world_export_job.tables(endpoints, size), *stop_on_delete.tables(endpoints, size)):
            table.show()
    print(f"\nMeasured in {(time.monotonic() - started) / 60:.0f} minutes")


if __name__ == "__main__":
    main()

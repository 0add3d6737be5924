"""Plays a scenario of the demo: `python -m sandbox [SCENARIO]`.

With `--check`, it only says whether there is such a scenario, which takes nothing but Python.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from .scenarios import SCENARIOS, ScenarioError, Stage
from .timeline import Timeline


def main(arguments: list[str]) -> int:
    """Play the scenario that the arguments name and return an exit status. SIGINT and SIGTERM end it at once."""
    name = " ".join(argument for argument in arguments if argument != "--check") or "lifecycle"
    if name not in SCENARIOS:
        print(f"There is no scenario {name!r}. There are:", file=sys.stderr)
        for known, scenario in SCENARIOS.items():
            print(f"  make demo SCENARIO={known:10} {scenario.__doc__}", file=sys.stderr)
        return 2
    return 0 if "--check" in arguments else _play(name)


def _play(name: str) -> int:
    for number in _INTERRUPTS:
        signal.signal(number, _interrupt)
    timeline = Timeline()
    timeline.heading(f"{name}: {SCENARIOS[name].__doc__}")
    try:
        with timeline.busy("starting the local AWS, which takes longer the first time"):
            # Not before there is something to read: they take a second.
            from .cdk_cli import CdkCli
            from .local_aws import LocalAws

        with (
            tempfile.TemporaryDirectory(prefix="cdk-") as home,
            closing(LocalAws(timeline.stack_event, timeline.job_changed, timeline.log, timeline.call_answered)) as aws,
        ):
            checked, page = SCENARIOS[name](Stage(aws, CdkCli(aws.url, Path(home)), timeline))
            timeline.heading(f"Checked: {checked}")  # cleaning up takes a second, and is no part of it
            timeline.note(f"Read next: docs/{page}.md")
    except ScenarioError as error:
        timeline.heading(f"FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        timeline.heading("Interrupted; everything that was started is stopped.")
        return 130
    return 0


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def _interrupt(*_: object) -> None:
    for number in _INTERRUPTS:
        # What follows stops everything and takes no time. A function, because SIG_IGN complains of a signal on its way.
        signal.signal(number, lambda *_: None)
    # Past Python's own buffer, which the signal may have come amidst of.
    os.write(sys.stdout.fileno(), "\nStopping…\n".encode())
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

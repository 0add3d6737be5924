"""Plays a scenario of the demo: `python -m sandbox [SCENARIO]`."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from .cdk_cli import CdkCli
from .local_aws import LocalAws
from .scenarios import SCENARIOS, ScenarioError, Stage
from .timeline import Timeline


def main(arguments: list[str]) -> int:
    """Play the scenario that the arguments name and return an exit status. SIGINT and SIGTERM end it at once."""
    for number in _INTERRUPTS:
        signal.signal(number, _interrupt)
    name = arguments[0] if arguments else "lifecycle"
    if len(arguments) > 1 or name not in SCENARIOS:
        print(f"There is no scenario {' '.join(arguments)!r}. There are:", file=sys.stderr)
        for known, scenario in SCENARIOS.items():
            print(f"  make demo SCENARIO={known:10} {scenario.__doc__}", file=sys.stderr)
        return 2

    timeline = Timeline()
    timeline.heading(f"{name}: {SCENARIOS[name].__doc__}")

    def show_log(line: str) -> None:
        with contextlib.suppress(ValueError):  # a line that is not in JSON is the message
            line = json.loads(line)["message"]
        timeline.note(f"log: {line}")

    try:
        with (
            tempfile.TemporaryDirectory(prefix="cdk-") as home,
            closing(LocalAws(timeline.stack_event, timeline.job_changed, show_log)) as aws,
        ):
            SCENARIOS[name](Stage(aws, CdkCli(aws, Path(home)), timeline))
    except ScenarioError as error:
        timeline.heading(f"FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        timeline.heading("Interrupted; everything that was started is stopped.")
        return 130
    timeline.heading("Everything went as it should.")
    return 0


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def _interrupt(*_: object) -> None:
    for number in _INTERRUPTS:
        # What follows stops everything and takes no time. A function, because SIG_IGN complains of a signal on its way.
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

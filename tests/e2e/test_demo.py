"""`make demo` plays every scenario to its end, and leaves nothing running when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import PROJECT

# A scenario that ends by an interrupt only: its job never stops.
ENDLESS = """
import sys
from sandbox import __main__ as demo

def endless(stage):
    stage.start(stage.job_1, cancel_seconds=3600)
    stage.deploy(stage.job_1)
    stage.destroy()

demo.SCENARIOS["endless"] = endless
sys.exit(demo.main(["endless"]))
"""


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = _start("-c", ENDLESS, TMPDIR=str(tmp_path))
    with process:
        yield process
        process.kill()


def _start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _play(scenario: str) -> tuple[int, str]:
    process = _start("-m", "sandbox", scenario)
    output, _ = process.communicate()
    return process.returncode, output


def test_lifecycle_shows_when_each_job_was_canceled() -> None:
    status, output = _play("lifecycle")
    assert status == 0, output
    first, replaced, second, gone = (
        output.index(line)
        for line in (
            "job-1 is now Canceled",
            "WorldExport UPDATE_COMPLETE ",
            "job-2 is now Canceled",
            "WorldExport DELETE_COMPLETE",
        )
    )
    assert first < replaced < second < gone


@pytest.mark.parametrize(
    ("scenario", "line"),
    [
        ("retired", r"Teardown of a world export job: retired"),
        ("throttled", r"job-1 is now Canceled"),
        ("gone", r"Teardown of a world export job: gone"),
        ("refused", r"WorldExport DELETE_FAILED"),
        ("stuck", r"Function not found: arn:aws:lambda:"),
    ],
)
def test_every_other_scenario_ends_with_the_stack_deleted(scenario: str, line: str) -> None:
    status, output = _play(scenario)
    assert status == 0, output
    assert re.search(line, output)
    assert "WorldExport DELETE_COMPLETE" in output


def test_an_unknown_scenario_names_those_there_are() -> None:
    status, output = _play("nonsense")
    assert status == 2
    assert "There is no scenario 'nonsense'" in output
    for name in ("lifecycle", "retired", "throttled", "gone", "refused", "stuck"):
        assert f"make demo SCENARIO={name}" in output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_a_job_is_canceling_stops_everything_and_leaves_nothing(
    endless: subprocess.Popen[str], tmp_path: Path, how: signal.Signals
) -> None:
    assert endless.stdout is not None
    shown = ""
    for line in endless.stdout:
        shown += line
        if "job-1 is now Canceling" in line:
            break
    running = "\n".join(_processes(tmp_path))
    assert "bin/cdk destroy" in running, shown
    assert "awslambdaric" in running, shown

    endless.send_signal(how)
    endless.send_signal(signal.SIGINT)
    output, _ = endless.communicate()
    assert endless.returncode == 130, output
    assert "everything that was started is stopped" in output
    assert "FAILED" not in output, "what was interrupted has not failed"
    assert list(tmp_path.iterdir()) == []
    assert _processes(tmp_path) == []


def _processes(temporary: Path) -> list[str]:
    """List the processes that have to do with a folder for temporary files, by their arguments and variables."""
    listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(temporary) in line and "<defunct>" not in line]

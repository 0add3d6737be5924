"""`make demo` plays each scenario to its end, and leaves nothing running when it is interrupted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import PROJECT
from sandbox.scenarios import SCENARIOS

# What a scenario shows, in this order.
SHOWN = {
    "lifecycle": ["job-1 is now Canceled", "WorldExport UPDATE_COMPLETE ", "job-2 is now Canceled"],
    "retired": ["job-1 does not exist", "CancelWorldExportJob: ThrottlingException: AWS RoboMaker is", "retired: "],
    "throttled": [*["CancelWorldExportJob: ThrottlingException"] * 3, "job-1 is now Canceled"],
    "gone": ["job-1 does not exist", "gone: "],
    "refused": ["WorldExport DELETE_FAILED"],
    "stuck": ["WorldExport DELETE_FAILED", "Function not found: arn:aws:lambda:"],
    "tasks": [
        "WithStop WithStop WithoutStop nightly-1 nightly-2 hourly-1",
        "ClusterContainsTasksException",
        " is now STOPPED ",
        " Cluster DELETE_COMPLETE",
    ],
    "executions": [
        "The state machine is DELETING",
        "hourly-1 is now SUCCEEDED",
        " is now ABORTED ",
        " StateMachine DELETE",
    ],
}

# A scenario that only ends by an interrupt: its job never stops.
ENDLESS = """
import sys
from sandbox import __main__ as demo

def endless(stage):
    stage.start(stage.job_1, cancel_seconds=3600)
    stage.destroy()

demo.SCENARIOS["endless"] = endless
sys.exit(demo.main(["endless"]))
"""


def _start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# `make release-check` plays the others, whose behavior test_world_export_job.py and test_operators.py show, too.
@pytest.mark.parametrize("scenario", ["lifecycle", "tasks"])
def test_a_scenario_is_played_in_eighty_columns(scenario: str) -> None:
    play(scenario)


def play(scenario: str) -> None:
    """Play a scenario, and check what it prints."""
    process = _start("-m", "sandbox", scenario, COLUMNS="80")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert max(map(len, output.splitlines())) <= 80
    assert re.search(".*".join(map(re.escape, SHOWN[scenario])), " ".join(output.split())), output
    assert "Checked: " in output
    assert (PROJECT / output.split()[-1]).is_file(), "the page to read next"


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Return a copy of what make and the scenarios' names need, with nothing installed."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for folder in ("requirements", "sandbox"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_an_unknown_scenario_is_an_error_before_anything_is_installed(fresh: Path) -> None:
    done = _make(fresh, "demo", "SCENARIO=nonsense")
    assert done.returncode == 2
    assert "There is no scenario 'nonsense'" in done.stderr
    assert all(f"make demo SCENARIO={name}" in done.stderr for name in SCENARIOS)
    assert not (fresh / ".venv").exists()


def test_setting_up_shows_that_it_goes_on_and_stops_at_what_fails(fresh: Path) -> None:
    python = fresh / "python"
    python.write_text('#!/bin/sh\ncase "$2" in venv) sleep 5; exit 1;; esac\n')
    python.chmod(0o755)
    done = _make(fresh, "demo", "PYTHON=./python", "PYTHON_3_13=")
    assert done.returncode == 2
    assert re.fullmatch(r"  \.venv: the CDK .* \.+", done.stdout.splitlines()[-1])


@pytest.mark.parametrize("target", [[], ["help"]])
def test_make_lists_its_targets(fresh: Path, target: list[str]) -> None:
    shown = _make(fresh, *target).stdout
    for name in ("help", "demo", "test", "release-check", "docs", "clean"):
        assert re.search(rf"^make {name} +[A-Z].*\.$", shown, re.MULTILINE)


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with _start("-c", ENDLESS, TMPDIR=str(tmp_path)) as process:
        yield process
        process.kill()


def test_an_interrupt_stops_everything_and_leaves_nothing(endless: subprocess.Popen[str], tmp_path: Path) -> None:
    assert endless.stdout is not None
    shown = ""
    for line in endless.stdout:
        shown += line
        if "job-1 is now Canceling" in line:
            break
    running = "\n".join(_processes(tmp_path))
    assert "bin/cdk destroy" in running, shown
    assert "awslambdaric" in running, shown

    endless.send_signal(signal.SIGTERM)
    endless.send_signal(signal.SIGINT)
    output, _ = endless.communicate()
    assert endless.returncode == 130, output
    assert output.index("Stopping…") < output.index("everything that was started is stopped")
    assert "FAILED" not in output, "what was interrupted has not failed"
    assert list(tmp_path.iterdir()) == []
    assert _processes(tmp_path) == []


def _processes(temporary: Path) -> list[str]:
    """List the processes that have to do with a folder for temporary files, by their arguments and variables."""
    listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(temporary) in line and "<defunct>" not in line]

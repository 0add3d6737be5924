"""`make demo` plays every scenario to its end, and leaves nothing running when it is interrupted."""

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


def _play(scenario: str, *options: str) -> tuple[int, str]:
    process = _start(*options, "-m", "sandbox", scenario, COLUMNS="80")
    output, _ = process.communicate()
    return process.returncode, output


def test_lifecycle_shows_when_each_job_was_canceled_in_eighty_columns() -> None:
    status, output = _play("lifecycle")
    assert status == 0, output
    assert max(map(len, output.splitlines())) <= 80
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
        ("retired", r"RoboMaker has forgotten job-1 .* Teardown of \S+: retired: "),
        ("throttled", r"(CancelWorldExportJob: ThrottlingException .*){3}job-1 is now Canceled"),
        ("gone", r"RoboMaker has forgotten job-1 .* Teardown of \S+: gone: "),
        ("refused", r"WorldExport DELETE_FAILED"),
        ("stuck", r"Function not found: arn:aws:lambda:"),
    ],
)
def test_every_other_scenario_ends_with_the_stack_deleted(scenario: str, line: str) -> None:
    status, output = _play(scenario)
    assert status == 0, output
    assert re.search(line, " ".join(output.split()))
    assert "WorldExport DELETE_COMPLETE" in output


def _expect_in_order(output: str, *lines: str) -> None:
    """Check that each line comes after the one before, and that no line is wider than eighty columns."""
    found = re.search(".*".join(map(re.escape, lines)), output, re.DOTALL)
    assert found, output
    assert max(map(len, output.splitlines())) <= 80, output


def test_tasks_let_a_stack_fail_and_are_stopped_before_the_one_that_has_a_stop_on_delete_goes() -> None:
    status, output = _play("tasks")
    assert status == 0, output
    _expect_in_order(
        output,
        "ClusterContainsTasksException",
        "WithoutStop DELETE_FAILED",
        "cdk destroy WithStop ",
        " is now STOPPED ",
        " is now STOPPED ",
        "  Cluster DELETE_COMPLETE",
        "WithStop DELETE_COMPLETE",
        "The other task ends by itself.",
    )


def test_executions_hold_up_a_stack_and_are_stopped_before_the_one_that_has_a_stop_on_delete_goes() -> None:
    status, output = _play("executions")
    assert status == 0, output
    _expect_in_order(
        output,
        "WithoutStop DELETE_IN_PROGRESS",
        "The state machine is DELETING",
        "other is now SUCCEEDED",
        "WithoutStop DELETE_COMPLETE",
        "cdk destroy WithStop ",
        " is now ABORTED ",
        " is now ABORTED ",
        "  StateMachine DELETE_COMPLETE",
        "WithStop DELETE_COMPLETE",
    )


def test_an_unknown_scenario_names_those_there_are_and_takes_nothing_but_python() -> None:
    status, output = _play("nonsense", "-S")
    assert status == 2
    assert "There is no scenario 'nonsense'" in output
    for name in ("lifecycle", "retired", "throttled", "gone", "refused", "stuck", "tasks", "executions"):
        assert f"make demo SCENARIO={name}" in output


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Give a copy of what make and the scenarios' names need, with nothing installed."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for folder in ("requirements", "sandbox"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    return tmp_path


def test_make_names_an_unknown_scenario_before_it_installs_anything(fresh: Path) -> None:
    done = subprocess.run(["make", "demo", "SCENARIO=nonsense"], cwd=fresh, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "There is no scenario 'nonsense'" in done.stderr
    assert not (fresh / ".venv").exists()


def test_make_shows_that_setting_up_goes_on_and_ends_with_what_fails(fresh: Path) -> None:
    python = fresh / "python"
    python.write_text('#!/bin/sh\ncase "$2" in venv) sleep 5; exit 1;; esac\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "demo", "PYTHON=./python", "PYTHON_3_13="], cwd=fresh, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert re.fullmatch(r"  \.venv: the CDK, .* \.+", done.stdout.splitlines()[-1])


@pytest.mark.parametrize("target", [[], ["help"]])
def test_make_lists_its_targets(fresh: Path, target: list[str]) -> None:
    shown = subprocess.run(["make", *target], cwd=fresh, capture_output=True, text=True, check=True).stdout
    for name in ("help", "demo", "test", "docs", "clean"):
        assert re.search(rf"^make {name} +[A-Z].*\.$", shown, re.MULTILINE)


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
    assert output.index("Stopping…") < output.index("everything that was started is stopped")
    assert "FAILED" not in output, "what was interrupted has not failed"
    assert list(tmp_path.iterdir()) == []
    assert _processes(tmp_path) == []


def _processes(temporary: Path) -> list[str]:
    """List the processes that have to do with a folder for temporary files, by their arguments and variables."""
    listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(temporary) in line and "<defunct>" not in line]

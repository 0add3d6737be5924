"""`make demo` plays every scenario to its end, and leaves nothing running when it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import pytest

from sandbox import PROJECT

MARK = "DEMO_UNDER_TEST"


@pytest.fixture
def mark() -> str:
    """Give a mark that every process of a demo inherits, but functions, which inherit nothing."""
    return uuid.uuid4().hex


@pytest.fixture
def start(mark: str) -> Iterator[subprocess.Popen[str]]:
    process = _start("lifecycle", mark)
    yield process
    process.kill()
    process.communicate()


def _start(scenario: str, mark: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", scenario],
        cwd=PROJECT,
        env={**os.environ, MARK: mark, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _play(scenario: str) -> tuple[int, str]:
    process = _start(scenario, "")
    output, _ = process.communicate(timeout=300)
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
    for name in ("lifecycle", "retired", "throttled", "gone", "refused"):
        assert f"make demo SCENARIO={name}" in output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_every_process(start: subprocess.Popen[str], mark: str, how: signal.Signals) -> None:
    assert start.stdout is not None
    for line in start.stdout:
        if "WorldExportJob (job-1) CREATE_COMPLETE" in line:
            break
    assert len(_processes(mark)) > 1, "the CDK CLI is running"
    start.send_signal(how)
    output, _ = start.communicate(timeout=60)
    assert start.returncode == 130, output
    assert "everything that was started is stopped" in output
    for _ in range(50):
        if not _processes(mark):
            break
        time.sleep(0.1)
    assert _processes(mark) == []


def _processes(mark: str) -> list[str]:
    listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if f"{MARK}={mark}" in line and "<defunct>" not in line]

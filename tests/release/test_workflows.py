"""The files in .github have the form that GitHub reads, and the workflows have no known weakness."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sandbox import PROJECT

GITHUB = PROJECT / ".github"
BIN = PROJECT / ".workflows" / "bin"


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", "workflows/*.yml"),
        ("github-issue-forms", "ISSUE_TEMPLATE/*.yml"),
        ("dependabot", "dependabot.yml"),
    ],
)
def test_the_files_have_their_form(schema: str, files: str) -> None:
    # Not its script, which can't be run in a folder whose name has a space.
    _passes(BIN / "python", "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *GITHUB.glob(files))


def test_zizmor_finds_nothing() -> None:
    _passes(BIN / "zizmor", "--offline", GITHUB)


def _passes(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

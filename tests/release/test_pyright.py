"""In an editor with pyright, who uses the constructs sees no errors of this library."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import PROJECT

# Parameters of the CDK that its own classes do not fit, because they name parameters of methods differently
# (aws/aws-cdk 15584 and 21099).
OF_THE_CDK = {"actions", "assumed_by", "target", "topic", "topic_subscription"}


def _pyright(folder: Path, *arguments: str) -> Any:
    # Not its script, which can't be run in a folder whose name has a space.
    pyright = [str(PROJECT / ".pyright" / "bin" / "python"), "-m", "pyright", "--pythonpath", sys.executable]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [*pyright, "--outputjson", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return json.loads(done.stdout)


def test_the_examples_have_no_errors(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    report = _pyright(tmp_path)
    assert report["summary"]["filesAnalyzed"] == len(list((PROJECT / "examples").glob("*.py")))
    found = [finding["message"] for finding in report["generalDiagnostics"] if finding["severity"] == "error"]
    parameters = {message: re.search(r'cannot be assigned to parameter "(\w+)"', message) for message in found}
    assert [message for message, name in parameters.items() if not (name and name[1] in OF_THE_CDK)] == []


@pytest.mark.parametrize("package", ["cdk_stop_on_delete", "cdk_world_export_job"])
def test_all_public_names_have_types(package: str, tmp_path: Path) -> None:
    types = _pyright(tmp_path, "--verifytypes", package, "--ignoreexternal")["typeCompleteness"]
    assert types["completenessScore"] == 1

"""The wheel: what it holds, and that it works where only it and what it declares is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sandbox import PROJECT

PACKAGES = ("cdk_stop_on_delete", "cdk_world_export_job")

APP = """
from aws_cdk import App, Stack
from cdk_stop_on_delete import EmrServerlessJobRuns, StopOnDelete
from cdk_world_export_job import ManagedWorldExportJob
app = App(outdir="out")
stack = Stack(app, "Stack")
ManagedWorldExportJob(stack, "Job", job_arn="arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1")
StopOnDelete(stack, "Stop", jobs=EmrServerlessJobRuns("00fexample"))
app.synth()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


def test_holds_the_constructs_the_handler_the_model_and_the_type_markers(wheel: Path) -> None:
    def sources(folder: str) -> set[str]:
        root = PROJECT / folder
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.suffix in (".py", ".typed")}

    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == (
        {f"{package}/{name}" for package in PACKAGES for name in sources(package)}
        | {f"cdk_stop_on_delete/lambda/{name}" for name in sources("lambda")}
        | {
            f"cdk_stop_on_delete/lambda/models/{name}"
            for name in ("endpoints.json", "robomaker/2018-06-29/service-2.json")
        }
    )
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_synthesizes_an_app_from_any_folder_of_an_environment_that_has_only_what_it_declares(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    [packages] = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    [metadata] = packages.glob("*.dist-info/METADATA")
    for installed in _closure(re.findall(r"^Requires-Dist: ([\w-]+)", metadata.read_text(), re.MULTILINE)):
        _link(installed, packages)

    folder = tmp_path / "elsewhere"
    folder.mkdir()
    subprocess.run([environment / "bin" / "python", "-c", APP], cwd=folder, check=True, capture_output=True)

    template = json.loads((folder / "out" / "Stack.template.json").read_text())
    types = {body["Type"] for body in template["Resources"].values()}
    assert {"Custom::ManagedWorldExportJob", "Custom::StopOnDelete"} <= types
    assert list((folder / "out").glob("asset.*/models/robomaker/2018-06-29/service-2.json"))


def _closure(names: list[str]) -> Iterator[Distribution]:
    """Find what is declared, and what that declares, among what is installed here."""
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            found = distribution(name)
            yield found
            needs = [Requirement(need) for need in found.requires or ()]
            names += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]


def _link(installed: Distribution, packages: Path) -> None:
    for top in {path.parts[0] for path in installed.files or () if path.parts[0] not in ("..", "__pycache__")}:
        link = packages / top
        if not link.exists():
            link.symlink_to(str(installed.locate_file(top)))

"""The wheel and the source distribution: what they hold, and that pip and uv install them with all that they need."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from sandbox import PROJECT

MODEL = "models/robomaker/2018-06-29/service-2.json"
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
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the source distribution, and the wheel from it, and give both by their kind."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True)
    return {path.suffix: path for path in folder.iterdir()}


def test_holds_the_constructs_the_handler_the_model_and_the_type_markers(built: dict[str, Path]) -> None:
    folders = {name: name for name in PACKAGES} | {"lambda": "cdk_stop_on_delete/lambda"}
    expected = {
        f"{packed}/{path.relative_to(PROJECT / folder)}"
        for folder, packed in folders.items()
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in (".py", ".typed", ".json")
    }
    names = {name for name in zipfile.ZipFile(built[".whl"]).namelist() if ".dist-info/" not in name}
    assert names == expected
    assert names > {f"{package}/py.typed" for package in PACKAGES} | {f"cdk_stop_on_delete/lambda/{MODEL}"}


# Not in each combination: what pip and uv build from the source distribution is the wheel, which is built from it here.
@pytest.mark.parametrize(("installer", "kind"), [("pip", ".whl"), ("uv", ".gz")])
def test_synthesizes_an_app_from_any_folder_of_an_environment_that_was_empty(
    built: dict[str, Path], installer: str, kind: str, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    install = {
        "pip": ["pip", f"--python={python}", "install", "--no-compile"],
        "uv": ["uv", "pip", "install", f"--python={python}"],
    }
    # In the tested versions, so that a new release of a dependency does not change the result.
    constraints = str(PROJECT / "requirements" / "dev.txt")
    command = [sys.executable, "-m", *install[installer], "--constraint", constraints, str(built[kind])]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run([python, "-c", APP], cwd=tmp_path, check=True, capture_output=True)
    template = (tmp_path / "out" / "Stack.template.json").read_text()
    assert "Custom::ManagedWorldExportJob" in template
    assert "Custom::StopOnDelete" in template
    assert list((tmp_path / "out").glob(f"asset.*/{MODEL}"))

"""The wheel and the source distribution: what they hold, and that pip and uv install them with all that they need."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from sandbox import PROJECT

MODEL = "models/robomaker/2018-06-29/service-2.json"
PACKAGES = ("cdk_stop_on_delete", "cdk_world_export_job")

EXAMPLES = {"retained_job": "Custom::ManagedWorldExportJob", "stop_state_machine_executions": "Custom::StopOnDelete"}


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
def test_synthesizes_examples_in_an_environment_that_was_empty(
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
    for example, resource_type in EXAMPLES.items():
        out = tmp_path / example
        in_out = {**os.environ, "CDK_OUTDIR": str(out)}
        app = PROJECT / "examples" / f"{example}.py"
        subprocess.run([python, app], cwd=tmp_path, env=in_out, check=True, capture_output=True)
        [template] = out.glob("*.template.json")
        assert resource_type in template.read_text()
        assert list(out.glob(f"asset.*/{MODEL}"))

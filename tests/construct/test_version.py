"""The version that the package tells."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import cdk_world_export_job
from cdk_world_export_job import _version
from sandbox import PROJECT


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_version, "version", lambda name: {"cdk-world-export-job": "9.8.7"}[name])


def test_is_that_of_the_project_file_in_the_source_tree() -> None:
    assert (
        cdk_world_export_job.__version__
        == tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    )


@pytest.mark.usefixtures("installed")
def test_is_that_of_what_is_installed_elsewhere(tmp_path: Path) -> None:
    assert _version.find_version(tmp_path / "cdk_world_export_job") == "9.8.7"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("text", ['[project]\nname = "another"\nversion = "1"\n', "[tool.ruff]\n", "not TOML"])
def test_is_not_taken_from_the_project_file_of_another_project(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert _version.find_version(tmp_path / "cdk_world_export_job") == "9.8.7"


def test_of_a_copied_folder_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(_version, "version", not_installed)
    assert _version.find_version(tmp_path / "cdk_world_export_job") == "0+unknown"

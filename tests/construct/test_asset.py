"""What is deployed: complete, the same everywhere, and nothing more."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aws_cdk import FileSystem, Stack

from cdk_stop_on_delete import StopOnDeleteProvider, _handler_code
from cdk_stop_on_delete._handler_code import LAMBDA, bundle
from sandbox.lambda_service import RUNTIME_PYTHON

INSTALLED = metadata.distribution("crhelper")
CRHELPER = {str(path): path for path in INSTALLED.files or () if path.match("crhelper/*.py")}


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    bundle(tmp_path / "asset")
    return tmp_path / "asset"


def test_holds_the_handler_the_service_model_and_crhelper(asset: Path) -> None:
    handler = {str(path.relative_to(LAMBDA)) for path in LAMBDA.rglob("*") if path.suffix in (".py", ".json")}
    assert {"models/endpoints.json", "models/robomaker/2018-06-29/service-2.json"} < handler
    assert {str(path.relative_to(asset)) for path in asset.rglob("*") if path.is_file()} == handler | set(CRHELPER)


def test_has_a_hash_of_its_content_alone_and_can_be_read_by_lambda(asset: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(LAMBDA)], check=True)
    again = tmp_path / "again"
    before = os.umask(0o077)
    try:
        bundle(again)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in again.rglob("*") if path.is_file()} == {0o644}
    assert FileSystem.fingerprint(str(again)) == FileSystem.fingerprint(str(asset))


def test_needs_only_what_the_lambda_runtime_has_and_loads_boto3_late(asset: Path) -> None:
    loaded = "[name for name in sys.modules if name.partition('.')[0] == 'boto3']"
    code = f"import index, sys; print(callable(index.handler), {loaded}); import boto3; print(boto3.client.__name__)"
    environment = {"PATH": os.defpath}
    printed = subprocess.check_output([RUNTIME_PYTHON, "-c", code], cwd=asset, env=environment, text=True)
    assert printed.split("\n") == ["True []", "client", ""]


class TestCrhelper:
    """It is the installed distribution of crhelper 2.0.12, or nothing."""

    def test_is_what_the_distribution_records_also_if_that_is_in_a_zip(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
            for path in INSTALLED.files or ():
                archive.write(str(path.locate()), str(path))
        [zipped] = metadata.distributions(name="crhelper", path=[str(tmp_path / "packages.zip")])
        monkeypatch.setattr(_handler_code, "distribution", lambda _: zipped)
        assert _handler_code.crhelper_files() == {name: path.read_binary() for name, path in CRHELPER.items()}

    def test_is_not_the_file_of_that_name_in_an_apps_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "crhelper.py").write_text("# A helper of the app's own.")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.chdir(tmp_path)
        assert _handler_code.crhelper_files().keys() == CRHELPER.keys()

    @pytest.mark.parametrize(
        ("installed", "words"),
        [
            (metadata.PackageNotFoundError, "crhelper, which is deployed .*, is not installed"),
            (Mock(version="2.0.11"), r"crhelper 2\.0\.11 is installed, but the handler needs 2\.0\.12"),
            (
                Mock(version="2.0.12", files=None),
                r"crhelper 2\.0\.12 is installed without the list of its files",
            ),
        ],
        ids=["missing", "older", "without RECORD"],
    )
    def test_is_an_error_if_it_is_missing_or_older(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch, installed: Any, words: str
    ) -> None:
        monkeypatch.setattr(_handler_code, "distribution", Mock(side_effect=[installed]))
        with pytest.raises(ImportError, match=rf"^{words}(?s:.*)Install it with: pip install .*crhelper==2\.0\.12"):
            StopOnDeleteProvider(stack, "Provider")


def test_the_library_in_a_zip_says_that_it_can_not_be(tmp_path: Path) -> None:
    words = r"is neither in .*library\.zip.* nor beside it.*: install it into a folder, with pip\."
    with pytest.raises(ImportError, match=words):
        _handler_code._find(tmp_path / "library.zip" / "cdk_stop_on_delete")

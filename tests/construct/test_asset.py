"""What is deployed: complete, the same everywhere, and nothing more."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import FileSystem

from cdk_world_export_job._bundling import bundle
from sandbox import PROJECT
from sandbox.lambda_service import RUNTIME_PYTHON


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    folder = tmp_path / "asset"
    folder.mkdir()
    bundle(folder)
    return folder


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_holds_the_handler_the_service_model_and_crhelper(asset: Path) -> None:
    handler = {
        str(path.relative_to(PROJECT / "lambda"))
        for pattern in ("*.py", "models/**/*.json")
        for path in (PROJECT / "lambda").glob(pattern)
    }
    assert {"models/endpoints.json", "models/robomaker/2018-06-29/service-2.json"} < handler
    spec = importlib.util.find_spec("crhelper")
    assert spec is not None
    assert spec.origin is not None
    crhelper = {f"crhelper/{path.name}" for path in Path(spec.origin).parent.glob("*.py")}
    assert _files(asset) == handler | crhelper


def test_has_the_same_hash_whatever_python_left_beside_the_sources_and_whenever_they_were_copied(
    asset: Path, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(PROJECT / "lambda")], check=True)
    again = tmp_path / "again"
    again.mkdir()
    bundle(again)
    for path in again.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o755 if path.is_dir() else 0o600)
    assert FileSystem.fingerprint(str(again)) == FileSystem.fingerprint(str(asset))


def test_can_be_read_by_lambda_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        bundle(tmp_path / "asset")
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "asset").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}


def test_has_another_hash_when_a_byte_changes(asset: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(asset, changed)
    (changed / "index.py").write_bytes((asset / "index.py").read_bytes() + b"\n")
    assert FileSystem.fingerprint(str(changed)) != FileSystem.fingerprint(str(asset))


def _run(asset: Path, code: str) -> str:
    done = subprocess.run(
        [RUNTIME_PYTHON, "-c", code], cwd=asset, env={"PATH": os.defpath}, capture_output=True, text=True, check=False
    )
    return f"{done.stdout.strip()}{done.stderr}"


def test_needs_nothing_but_what_the_lambda_runtime_has(asset: Path) -> None:
    assert _run(asset, "import index; print(type(index.handler).__name__)") == "CustomResource"


def test_does_not_load_boto3_and_leaves_it_to_others(asset: Path) -> None:
    loaded = "[name for name in sys.modules if name.partition('.')[0] == 'boto3']"
    assert _run(asset, f"import index, sys; print({loaded})") == "[]"
    assert _run(asset, "import index, boto3; print(boto3.client.__name__)") == "client"

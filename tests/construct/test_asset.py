"""What is deployed: complete, the same everywhere, and nothing more."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from importlib.metadata import PackagePath
from pathlib import Path

import pytest
from aws_cdk import FileSystem, Stack
from cdk_world_export_job._bundling import bundle

from cdk_world_export_job import WorldExportJobProvider, _crhelper
from sandbox import PROJECT
from sandbox.lambda_service import RUNTIME_PYTHON


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    folder = tmp_path / "asset"
    folder.mkdir()
    bundle(folder)
    return folder


def _modules_of_crhelper() -> list[PackagePath]:
    return [path for path in metadata.distribution("crhelper").files or () if path.match("crhelper/*.py")]


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_holds_the_handler_the_service_model_and_crhelper(asset: Path) -> None:
    handler = {
        str(path.relative_to(PROJECT / "lambda"))
        for pattern in ("**/*.py", "models/**/*.json")
        for path in (PROJECT / "lambda").glob(pattern)
    }
    assert {"models/endpoints.json", "models/robomaker/2018-06-29/service-2.json"} < handler
    assert _files(asset) == handler | {str(path) for path in _modules_of_crhelper()}


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


class TestCrhelper:
    """It is what was published as crhelper 2.0.12, found as a distribution, or nothing."""

    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
        """Let crhelper be found in a folder, or in a zip, and nowhere else."""

        def only_in(place: Path) -> None:
            def distribution(name: str) -> metadata.Distribution:
                for found in metadata.distributions(name=name, path=[str(place)]):
                    return found
                raise metadata.PackageNotFoundError(name)

            monkeypatch.setattr(_crhelper, "distribution", distribution)

        return only_in

    @pytest.fixture
    def copy(self, tmp_path: Path, installed: Callable[[Path], None]) -> Path:
        """Give a folder with a copy of crhelper, which is the one that is found."""
        folder = tmp_path / "packages"
        for path in metadata.distribution("crhelper").files or ():
            if path.suffix != ".pyc":
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(path.locate()), folder / path)
        installed(folder)
        return folder

    def test_is_known_by_what_the_distribution_records_of_its_modules(self) -> None:
        recorded = {path.name: path.read_binary() for path in _modules_of_crhelper()}
        assert _crhelper.crhelper() == recorded
        assert metadata.version("crhelper") == _crhelper.VERSION

    def test_is_not_the_file_of_that_name_in_an_apps_folder(self, tmp_path: Path) -> None:
        app = tmp_path / "app"
        app.mkdir()
        (app / "crhelper.py").write_text("# A helper of the app's own.")
        (app / "secrets.py").write_text("PASSWORD = 'secret'")
        code = (
            "from pathlib import Path; from cdk_world_export_job._bundling import bundle;"
            f"bundle(Path({str(tmp_path / 'asset')!r}))"
        )
        path = os.pathsep.join([str(app), str(PROJECT)])
        subprocess.run([sys.executable, "-c", code], cwd=app, env={**os.environ, "PYTHONPATH": path}, check=True)
        found = {name for name in _files(tmp_path / "asset") if not (PROJECT / "lambda" / name).exists()}
        assert found == {str(path) for path in _modules_of_crhelper()}

    def test_may_be_in_a_zip(self, tmp_path: Path, copy: Path, installed: Callable[[Path], None]) -> None:
        bundle(tmp_path / "from-a-folder")
        installed(Path(shutil.make_archive(str(tmp_path / "packages"), "zip", copy)))
        shutil.rmtree(copy)
        bundle(tmp_path / "from-a-zip")
        assert _files(tmp_path / "from-a-zip") == _files(tmp_path / "from-a-folder")

    def test_is_an_error_if_it_is_not_installed(self, tmp_path: Path, installed: Callable[[Path], None]) -> None:
        installed(tmp_path)
        with pytest.raises(
            ModuleNotFoundError, match=r"is not installed\. Install it with: pip install .*crhelper==2\.0\.12"
        ):
            bundle(tmp_path / "asset")

    def test_is_an_error_if_it_is_another_version(self, tmp_path: Path, copy: Path) -> None:
        [information] = copy.glob("*.dist-info/METADATA")
        information.write_text(information.read_text().replace("Version: 2.0.12", "Version: 2.0.11"))
        with pytest.raises(
            ImportError, match=r"crhelper 2\.0\.11 is installed, but the handler needs 2\.0\.12\. Install"
        ):
            bundle(tmp_path / "asset")

    def test_is_an_error_if_a_module_of_it_was_changed(self, tmp_path: Path, copy: Path) -> None:
        (copy / "crhelper" / "utils.py").write_text("# patched")
        with pytest.raises(ImportError, match=r"utils\.py is not as crhelper 2\.0\.12 was published, .* Install it"):
            bundle(tmp_path / "asset")

    @pytest.mark.parametrize("zipped", [False, True])
    def test_is_an_error_if_a_module_of_it_is_missing(
        self, tmp_path: Path, copy: Path, installed: Callable[[Path], None], zipped: bool
    ) -> None:
        (copy / "crhelper" / "utils.py").unlink()
        if zipped:
            installed(Path(shutil.make_archive(str(tmp_path / "packages"), "zip", copy)))
        with pytest.raises(ImportError, match=r"utils\.py of crhelper 2\.0\.12 can't be read: .* Install it"):
            bundle(tmp_path / "asset")

    def test_is_looked_at_when_the_provider_is_made(
        self, stack: Stack, tmp_path: Path, installed: Callable[[Path], None]
    ) -> None:
        installed(tmp_path)
        with pytest.raises(ModuleNotFoundError, match=r"^crhelper, which is deployed with the handler, is not inst"):
            WorldExportJobProvider(stack, "Provider")


def test_the_library_in_a_zip_says_that_it_can_not_be(tmp_path: Path) -> None:
    library = tmp_path / "library.zip"
    with zipfile.ZipFile(library, "w") as zipped:
        for path in (PROJECT / "cdk_world_export_job").glob("*.py"):
            zipped.write(path, path.relative_to(PROJECT))
            zipped.write(path, Path("cdk_world_export_job", "lambda", path.name))
    command = [sys.executable, "-c", "import cdk_world_export_job"]
    environment = {**os.environ, "PYTHONPATH": str(library)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: The handler's code, lambda/, is in no folder beside {library / 'cdk_world_export_job'}."
        " It is deployed from files, so the package can't be in a zip: install it into a folder, with pip."
    )

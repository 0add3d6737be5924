"""What every part of the tests may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import RoboMaker
from tests.assemblies import Assemblies

# As in the Makefile: before the first import of aws_cdk, which starts jsii, and for every CDK app that a test starts.
os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(PROJECT / ".jsii-cache"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it at the end."""
    items.sort(key=lambda item: {"e2e", "witness"}.isdisjoint(item.path.parts))


@pytest.fixture(autouse=True, scope="session")
def no_aws_of_ones_own() -> Iterator[None]:
    """Keep the machine's AWS settings out of the tests, and the tests out of its AWS."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.upper().startswith("AWS_") or name.upper() in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Assemblies:
    """Return the synthesized apps, in one folder for all workers."""
    folder = tmp_path_factory.getbasetemp()
    return Assemblies(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture
def robomaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[RoboMaker]:
    """Yield a RoboMaker endpoint, which the handler's client is led to."""
    from jobs.world_export_job import _client

    service = RoboMaker()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", service.url)
    _client.cache_clear()
    yield service
    _client.cache_clear()
    service.close()


@pytest.fixture
def urls() -> Iterator[ResponseUrls]:
    """Yield response URLs."""
    response_urls = ResponseUrls()
    yield response_urls
    response_urls.close()

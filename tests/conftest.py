"""What every part of the tests may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import RoboMaker


@pytest.fixture(autouse=True)
def no_aws_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's AWS settings out of the tests, and the tests out of its AWS."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DATA_PATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


@pytest.fixture
def robomaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[RoboMaker]:
    """Give a RoboMaker endpoint, which the handler's client is led to."""
    from robomaker import _client

    service = RoboMaker()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", service.url)
    _client.cache_clear()
    yield service
    _client.cache_clear()
    service.close()


@pytest.fixture
def urls() -> Iterator[ResponseUrls]:
    """Give response URLs."""
    response_urls = ResponseUrls()
    yield response_urls
    response_urls.close()

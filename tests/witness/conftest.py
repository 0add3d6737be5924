"""The clouds of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from sandbox.cdk_cli import CdkCli
from sandbox.local_aws import ACCOUNT, REGION

from .clouds import MINISTACK, SANDBOX, LocalCloud


# One worker for each cloud, which takes a while to start.
@pytest.fixture(
    scope="session",
    params=[
        pytest.param(SANDBOX, id="sandbox", marks=pytest.mark.xdist_group("sandbox")),
        pytest.param(MINISTACK, id="ministack", marks=pytest.mark.xdist_group("ministack")),
    ],
)
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """Yield each cloud, after its bootstrap."""
    with closing(LocalCloud(request.param)) as cloud:
        bootstrap = CdkCli(cloud.url, cloud.home).run("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        assert bootstrap.status == 0, bootstrap.output
        yield cloud


@pytest.fixture(autouse=True)
def _usual_answers(cloud: LocalCloud) -> Iterator[None]:
    """Let no fault of a scenario that failed meet the next one."""
    yield
    cloud.robomaker.switch_off()

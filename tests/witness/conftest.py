"""A bootstrapped cloud of each kind for each worker, and cloud assemblies for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from sandbox.cdk_cli import CdkCli
from sandbox.local_aws import ACCOUNT, REGION

from .clouds import MINISTACK, SANDBOX, Kind, LocalCloud
from .stage import Assemblies


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Assemblies:
    """Give cloud assemblies, which the workers of a test run share."""
    base = tmp_path_factory.getbasetemp()
    return Assemblies(base if worker_id == "master" else base.parent)


@pytest.fixture(scope="session", params=[SANDBOX, MINISTACK], ids=lambda kind: kind.name)
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """Give a bootstrapped cloud."""
    kind: Kind = request.param
    with closing(LocalCloud(kind)) as cloud:
        bootstrap = CdkCli(cloud, cloud.home, app=cloud.home).run("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        assert bootstrap.status == 0, bootstrap.output
        yield cloud

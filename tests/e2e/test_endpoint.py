"""RoboMaker's own endpoint, by its own name: a resolver before the real function leads it where a test wants."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.resolver import (
    NXDOMAIN,
    NXDOMAIN_AS_BUSY,
    SERVFAIL,
    SERVFAIL_AS_BUSY,
    SERVFAIL_AS_NODATA,
    Answer,
    SilentListener,
    found_at,
)
from sandbox.robomaker import Fault
from tests.e2e.conftest import Cloud
from tests.network import certificate

NAME = "robomaker.us-west-2.amazonaws.com"


@pytest.mark.parametrize("answer", [NXDOMAIN, NXDOMAIN_AS_BUSY], ids=str)
def test_that_is_not_in_dns_is_retired(cloud: Cloud, answer: Answer) -> None:
    cloud.deploy(cloud.start_job())
    cloud.aws.functions.resolve({NAME: answer})
    cloud.destroy()
    assert '"outcome": "retired"' in cloud.log[-1]


def test_that_drops_connections_in_silence_is_retired(cloud: Cloud) -> None:
    cloud.deploy(cloud.start_job())
    with closing(SilentListener()) as hole:
        cloud.aws.functions.resolve({NAME: found_at(hole.address)})
        cloud.destroy()
    assert '"outcome": "retired"' in cloud.log[-1]


@pytest.mark.parametrize("answer", [SERVFAIL, SERVFAIL_AS_BUSY, SERVFAIL_AS_NODATA], ids=str)
def test_that_can_not_be_looked_up_for_now_is_tried_again_while_there_is_time(cloud: Cloud, answer: Answer) -> None:
    cloud.deploy(cloud.start_job(), in_stack=1, timeout=50)
    cloud.aws.functions.resolve({NAME: answer})
    destroyed = cloud.fail_to_destroy()
    assert "The job could not be ended in time. CancelWorldExportJob could not look up its endpoint" in destroyed
    assert json.loads(cloud.log[-1])["calls"] > 3


def test_that_refuses_connections_fails_after_a_minute_with_a_hint(cloud: Cloud) -> None:
    cloud.deploy(cloud.start_job())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        cloud.aws.functions.resolve({NAME: found_at(f"127.0.0.1:{taken.getsockname()[1]}")})
        destroyed = cloud.fail_to_destroy()
    assert f"https://{NAME}" in destroyed
    assert "If the function is in a VPC" in destroyed


def test_that_is_trusted_by_a_ca_of_ones_own_is_called(cloud: Cloud, tmp_path: Path) -> None:
    job = cloud.start_job()
    cloud.deploy(job)
    with closing(cloud.aws.robomaker.listen(certificate(NAME, tmp_path / "ca.pem"))) as server:
        cloud.aws.functions.resolve({NAME: found_at(server.address)}, AWS_CA_BUNDLE=str(tmp_path / "ca.pem"))
        cloud.destroy()
    assert cloud.aws.robomaker.status(job) == "Canceled"


def test_that_no_longer_knows_the_operation_is_retired(cloud: Cloud, tmp_path: Path) -> None:
    cloud.deploy(cloud.start_job())
    cloud.aws.robomaker.switch_on(Fault("UnknownOperationException", "", 404))
    with closing(cloud.aws.robomaker.listen(certificate(NAME, tmp_path / "ca.pem"))) as server:
        cloud.aws.functions.resolve({NAME: found_at(server.address)}, AWS_CA_BUNDLE=str(tmp_path / "ca.pem"))
        cloud.destroy()
    assert '"outcome": "retired"' in cloud.log[-1]

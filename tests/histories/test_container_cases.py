"""Plays every row of tests/containers.py on the local AWS, with the real handler in this process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing

import pytest

import index
from jobs import aws, state_machine_executions
from sandbox.cloudformation.backend import LifecycleBackend
from sandbox.cloudformation.custom_resources import invalidity
from sandbox.local_aws import REGION, LocalAws
from tests.containers import ROWS
from tests.histories.history import serve
from tests.histories.world import World


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAws]:
    """Start the local AWS. The handler in this process answers its requests."""
    with closing(LocalAws()) as local, pytest.MonkeyPatch.context() as patch:
        patch.setattr(LifecycleBackend, "_invoke", staticmethod(lambda _, event: serve(event)))
        patch.setattr(state_machine_executions, "_PAGE", 2)
        for service in ("ECS", "SFN", "EMR_SERVERLESS", "CLOUDFORMATION"):
            patch.setenv(f"AWS_ENDPOINT_URL_{service}", local.url)
        patch.setenv("AWS_REGION", REGION)
        _forget_clients()
        yield local
        _forget_clients()


def _forget_clients() -> None:
    """Delete the cached clients and their session, which has read the region and the endpoints."""
    aws._session.cache_clear()
    aws._client.cache_clear()


@pytest.fixture
def world(request: pytest.FixtureRequest, local: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Create the world of a row. Afterwards, reset what the row changed in the services."""
    world = World(local, request.param)
    # By this variable, the local AWS distinguishes the calls of functions from those of the world's own clients.
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    monkeypatch.setattr(index, "clock", world.clock)
    monkeypatch.setattr(LifecycleBackend, "_listener", staticmethod(world.heard))
    yield world
    local.front.switch_off()
    local.emr_serverless.start_seconds = 0
    local.step_functions.lags = False


@pytest.mark.parametrize("world", ROWS, indirect=True, ids=str)
def test_a_row_of_the_table(world: World, caplog: pytest.LogCaptureFixture) -> None:
    row, outcomes = world.row, world.row.outcome.split(", ")
    with caplog.at_level(logging.INFO, "cdk_world_export_job"):
        world.play()
        if row.again:
            serve(world.requests("Delete")[-1].event)

    assert world.unfinished == set(row.run_on.split())
    if row.after is None and outcomes == ["stopped"]:
        assert world.status == "gone"
    requests = world.requests("Create" if outcomes == ["refused"] else "Delete")
    answers = [(request.event, body, json.loads(body)) for request in requests for body in request.bodies]
    assert {invalidity(event, body) for event, body, _ in answers} == {""}
    expected = {row.answer or ("FAILED" if one in ("failed", "refused") else "SUCCESS") for one in outcomes}
    assert {body["Status"] for *_, body in answers} == expected
    assert all(row.words in body["Reason"] for *_, body in answers if body["Status"] == "FAILED")
    assert [len(request.bodies) for request in requests] == [1] * (len(requests) - 1) + [2 if row.again else 1]
    lines = [record.__dict__ for record in caplog.records if "outcome" in record.__dict__]
    lines = [line for line in lines if line["logical_id"].startswith("Stop")]
    if row.again:
        assert lines.pop()["outcome"] == "kept"
    assert {line["outcome"] for line in lines} == set(outcomes) - {"refused"}
    assert all(row.words in line["detail"] for line in lines)

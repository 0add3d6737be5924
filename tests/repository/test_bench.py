"""The bench still runs, whatever its figures are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from bench import stop_on_delete, world_export_job
from bench.cases import CASES, construct_is_taken_out, holds
from bench.contenders import world_export_job as cancelers
from bench.contenders.stop_on_delete import OURS, USUAL
from bench.endpoints import Endpoints
from bench.kinds import Cluster


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    with closing(Endpoints(tmp_path_factory.mktemp("bench"))) as endpoints:
        yield endpoints


def test_a_case_tells_the_contenders_apart(endpoints: Endpoints) -> None:
    [case] = [title for title, play in CASES.items() if play is construct_is_taken_out]
    assert [holds(case, endpoints, contender, Cluster) for contender in (OURS, USUAL)] == [True, False]


def test_the_handler_and_plain_boto3_make_the_same_calls(
    endpoints: Endpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_on_delete.measure_cold(endpoints, Cluster, runs=1)
    assert "plain boto3, the same calls" in capsys.readouterr().out


def test_a_crowd_is_stopped(endpoints: Endpoints, capsys: pytest.CaptureFixture[str]) -> None:
    stop_on_delete.measure_crowd(endpoints, Cluster, 2)
    assert "until the last stop is accepted" in capsys.readouterr().out


def test_the_delete_of_a_world_export_job_is_measured(endpoints: Endpoints) -> None:
    with endpoints.process(cancelers.OURS) as environment:
        answered = world_export_job.delete(endpoints, environment, cancelers.OURS)
    assert answered > endpoints.last_end

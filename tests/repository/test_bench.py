"""The bench still runs, whatever its figures are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from bench import stop_on_delete, world_export_job
from bench.cases import CASES, construct_is_taken_out, holds
from bench.contenders import world_export_job as cancelers
from bench.contenders.stop_on_delete import OURS, USUAL
from bench.endpoints import Endpoints
from bench.kinds import KINDS, Cluster, Container
from bench.measure import FULL, median, milliseconds
from sandbox import PROJECT
from tests.pages import section


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    with closing(Endpoints(tmp_path_factory.mktemp("bench"))) as endpoints:
        yield endpoints


def test_a_case_tells_the_contenders_apart(endpoints: Endpoints) -> None:
    [case] = [title for title, play in CASES.items() if play is construct_is_taken_out]
    assert [holds(case, endpoints, contender, Cluster) for contender in (OURS, USUAL)] == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_the_handler_and_plain_boto3_make_the_same_calls(
    endpoints: Endpoints, capsys: pytest.CaptureFixture[str], kind: type[Container]
) -> None:
    [[ours, theirs]] = stop_on_delete.measure_cold(endpoints, kind, runs=1)
    assert ours > 0
    assert theirs > 0
    assert capsys.readouterr().err == ""


def test_a_crowd_is_stopped(endpoints: Endpoints) -> None:
    crowd = stop_on_delete.measure_crowd(endpoints, Cluster, 2)
    assert crowd.answered >= crowd.last_stop > stop_on_delete.CALL_SECONDS


def test_the_delete_of_a_world_export_job_is_measured(endpoints: Endpoints) -> None:
    with endpoints.process(cancelers.OURS) as environment:
        answered = world_export_job.delete(endpoints, environment, cancelers.OURS)
    assert answered > endpoints.last_end


def test_a_measurement_that_fails_is_counted(endpoints: Endpoints, capsys: pytest.CaptureFixture[str]) -> None:
    absent = replace(cancelers.OURS, handler="absent.handler")
    with endpoints.process(absent) as environment:
        answered = world_export_job.delete(endpoints, environment, absent)
    assert "Unable to import module 'absent'" in capsys.readouterr().err
    assert median([0.1, answered, 0.3], milliseconds) == "200 ms (failed 1 of 3)"


def test_the_page_has_the_tables_that_the_bench_prints(endpoints: Endpoints) -> None:
    page = section((PROJECT / "docs" / "limits.md").read_text(), "Speed")
    rows = [[cell.strip() for cell in row[1:-1].split("|")] for row in re.findall(r"^\|.*\|$", page, re.MULTILINE)]
    printed: list[list[str]] = []
    for table in (*world_export_job.tables(endpoints, FULL), *stop_on_delete.tables(endpoints, FULL)):
        printed += [list(table.head), ["---"], *([title] for title in table.rows)]
    assert [row[: len(known)] for row, known in zip(rows, printed, strict=True)] == printed

"""The page of what the local AWS claims of AWS names code that there is, and a source for each claim."""

from __future__ import annotations

import importlib
import operator
import re

import pytest

from sandbox import PROJECT

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (PROJECT / "sandbox" / "README.md").read_text().splitlines()
    if line.startswith("| ") and not line.endswith("| source |")
]
FOLDERS = {
    **dict.fromkeys(("lifecycle", "custom_resources", "backend"), "cloudformation."),
    **dict.fromkeys(("ecs", "step_functions", "emr_serverless", "front"), "services."),
}
PLACES = sorted({where for _, where, _ in ROWS})


@pytest.mark.parametrize("where", PLACES)
def test_the_code_is_there(where: str) -> None:
    module, _, name = where.partition(".")
    found = importlib.import_module(f"sandbox.{FOLDERS.get(module, '')}{module}")
    assert operator.attrgetter(name)(found) is not None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_claim_has_a_source_or_says_that_none_was_found(row: list[str]) -> None:
    page = r"UG, |API |Lambda(,| API Reference,) |RoboMaker API Reference|re:Post, "
    page += r"|(ECS|Step Functions|EMR Serverless) (API Reference|Developer Guide|User Guide), "
    assert re.match(rf"no source found$|{page}|(roadmap|[\w-]+/[\w-]+) (pull request )?\d+", row[2])

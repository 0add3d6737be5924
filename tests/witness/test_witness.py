"""Each scenario, by the real CDK CLI, on each cloud."""

from __future__ import annotations

import pytest

from tests.assemblies import Assemblies

from .clouds import MINISTACK, SANDBOX, Clouds, Kind
from .scenarios import SCENARIOS, Scenario
from .stage import Stage


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
# One worker for each cloud, which takes a while to start.
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.name, marks=pytest.mark.xdist_group(kind.name)) for kind in (SANDBOX, MINISTACK)],
)
def test_ends_as_the_table_says(clouds: Clouds, assemblies: Assemblies, kind: Kind, scenario: Scenario) -> None:
    with clouds.lend(kind) as cloud:
        stage = Stage(cloud, scenario.app, assemblies)
        for step in scenario.steps:
            step.act(stage)
            outcome = stage.outcome()
            assert outcome == step.then, f"{step.title}: {outcome}\n{stage.output}\n{cloud.log}"

"""Each scenario, by the real CDK CLI, on each cloud."""

from __future__ import annotations

import pytest

from .clouds import LocalCloud
from .scenarios import SCENARIOS, Scenario
from .stage import Assemblies, Stage


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_ends_as_the_table_says(cloud: LocalCloud, assemblies: Assemblies, scenario: Scenario) -> None:
    stage = Stage(cloud, scenario.app, assemblies)
    for step in scenario.steps:
        step.act(stage)
        assert stage.outcome() == step.outcome_on(cloud.kind.name), step.title

"""`make demo` plays the scenarios that `make test` leaves out."""

from __future__ import annotations

import pytest

from tests.e2e.test_demo import play


@pytest.mark.parametrize("scenario", ["executions", "retired", "throttled", "gone", "refused", "stuck"])
def test_a_scenario_is_played_in_eighty_columns(scenario: str) -> None:
    play(scenario)

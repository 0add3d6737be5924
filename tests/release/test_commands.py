"""What a user types to try the library: the scenarios of `make demo` that `make test` leaves out, and the example."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Cloud, _cloud, cloud  # noqa: F401 - fixtures
from tests.e2e.test_demo import play


@pytest.mark.parametrize("scenario", ["executions", "retired", "throttled", "gone", "refused", "stuck"])
def test_a_scenario_is_played_in_eighty_columns(scenario: str) -> None:
    play(scenario)


def test_deploy_takes_the_arn_by_context_and_destroy_needs_none(cloud: Cloud) -> None:  # noqa: F811 - the fixture
    job = cloud.start_job()
    deployed = cloud.cli.run("deploy", "--all", "--require-approval", "never", "-c", f"job_arn={job}")
    assert f"WorldExport.JobArn = {job}" in deployed.output
    destroyed = cloud.cli.run("destroy", "--all", "--force")
    assert destroyed.status == 0, destroyed.output
    assert cloud.aws.robomaker.status(job) == "Canceled"
    assert not {"WorldExport", "WorldExportProvider"} & cloud.aws.stacks().keys()

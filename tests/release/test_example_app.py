"""The commands that a user of the example app types."""

from __future__ import annotations

from tests.e2e.conftest import Cloud, _cloud, cloud  # noqa: F401 - fixtures


def test_deploy_takes_the_arn_by_context_and_destroy_needs_none(cloud: Cloud) -> None:  # noqa: F811 - the fixture
    job = cloud.start_job()
    deployed = cloud.cli.run("deploy", "--all", "--require-approval", "never", "-c", f"job_arn={job}")
    assert f"WorldExport.JobArn = {job}" in deployed.output
    destroyed = cloud.cli.run("destroy", "--all", "--force")
    assert destroyed.status == 0, destroyed.output
    assert cloud.aws.robomaker.status(job) == "Canceled"
    assert not {"WorldExport", "WorldExportProvider"} & cloud.aws.stacks().keys()

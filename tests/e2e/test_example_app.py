"""The commands that a user of the example app types."""

from __future__ import annotations

from tests.e2e.conftest import STACK, Cloud


def test_deploy_diff_and_destroy_take_the_arn_by_context_or_not_at_all(cloud: Cloud) -> None:
    job, other_job = cloud.start_job(), cloud.start_job()
    deployed = cloud.cli.run("deploy", "--all", "--require-approval", "never", "-c", f"job_arn={job}")
    assert f"WorldExport.JobArn = {job}" in deployed.output

    same, other = (cloud.cli.run("diff", "-c", f"job_arn={arn}") for arn in (job, other_job))
    assert "There were no differences" in same.output
    assert f"[-] {job}" in other.output
    assert f"[+] {other_job}" in other.output

    destroyed = cloud.cli.run("destroy", "--all", "--force")
    assert destroyed.status == 0, destroyed.output
    assert cloud.aws.robomaker.status(job) == "Canceled"
    assert not {STACK, "WorldExportProvider"} & cloud.aws.stacks().keys()


def test_synth_prints_the_template(cloud: Cloud) -> None:
    synthesized = cloud.cli.run("synth", STACK, "-c", f"job_arn={cloud.start_job()}")
    assert synthesized.status == 0
    assert "Type: Custom::ManagedWorldExportJob" in synthesized.output


def test_deploy_without_an_arn_says_what_to_pass(cloud: Cloud) -> None:
    deployed = cloud.cli.run("deploy", "--all")
    assert deployed.status != 0
    assert "Which world export job? Pass its ARN: cdk deploy --all -c job_arn=arn:aws:robomaker:" in deployed.output
    assert "Resources section" not in deployed.output

"""The commands that a user of the example app types."""

from __future__ import annotations

from tests.e2e.conftest import Cloud

JOB = "job_arn=arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-{}"


def test_deploy_diff_and_destroy_take_the_arn_by_context_or_not_at_all(cloud: Cloud) -> None:
    deployed = cloud.cli.run("deploy", "--require-approval", "never", "-c", JOB.format(1))
    assert "WorldExport.JobArn = arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1" in deployed.output

    same, other = (cloud.cli.run("diff", "-c", JOB.format(number)) for number in (1, 2))
    assert "There were no differences" in same.output
    assert "[-] arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1" in other.output
    assert "[+] arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-2" in other.output

    destroyed = cloud.cli.run("destroy", "--force")
    assert (destroyed.status, cloud.calls) == (0, ["Cancel"]), destroyed.output


def test_synth_prints_the_template(cloud: Cloud) -> None:
    synthesized = cloud.cli.run("synth", "-c", JOB.format(1))
    assert synthesized.status == 0
    assert "Type: Custom::ManagedWorldExportJob" in synthesized.output


def test_deploy_without_an_arn_says_what_to_pass(cloud: Cloud) -> None:
    deployed = cloud.cli.run("deploy")
    assert deployed.status != 0
    assert "Which world export job? Pass its ARN: cdk deploy -c job_arn=arn:aws:robomaker:" in deployed.output
    assert "Resources section" not in deployed.output

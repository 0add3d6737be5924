"""Every fault of the table, met by a job of its own in one stack: what passes, and what does not."""

from __future__ import annotations

from dataclasses import replace

from teardown import Verdict
from tests.e2e.conftest import Cloud
from tests.faults import FAULTS, Row

FLEET = {
    f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/fleet-{number}": row
    for number, row in enumerate(FAULTS)
}


def test_a_delete_gets_over_every_fault_that_passes_and_over_what_is_no_failure(cloud: Cloud) -> None:
    _deploy(cloud, wait=30)
    for job, row in FLEET.items():
        cloud.aws.robomaker.switch_on(row.fault, times=2, job=job)
    cloud.destroy()
    assert _answers(cloud) == dict.fromkeys(FLEET, "SUCCESS")
    for job, row in FLEET.items():
        assert cloud.aws.robomaker.status(job) == ("Canceled" if row.may_pass else "Running"), row
        assert any(f'"job": "{job}"' in line and f'"outcome": "{_outcome(row)}"' in line for line in cloud.log), row


def test_a_delete_that_meets_nothing_but_a_fault_has_the_answer_of_the_table(cloud: Cloud) -> None:
    _deploy(cloud, wait=2)
    for job, row in FLEET.items():
        # A cancel that meets what passes is made again for a quarter of an hour; a look, until the wait is over.
        at = "DescribeWorldExportJob" if row.verdict is Verdict.PASSING else row.fault.operation
        cloud.aws.robomaker.switch_on(replace(row.fault, operation=at), job=job)
    cloud.fail_to_destroy()
    assert _answers(cloud) == {job: row.answer for job, row in FLEET.items()}
    for job, row in FLEET.items():
        if row.may_pass:
            assert row.words in _reasons(cloud)[job]


def _deploy(cloud: Cloud, *, wait: int) -> None:
    for job in FLEET:
        cloud.aws.robomaker.start_job(job)
    cloud.deploy(cloud.start_job(), fleet=len(FLEET), wait=wait)


def _outcome(row: Row) -> str:
    return {Verdict.GONE: "gone", Verdict.RETIRED: "retired"}.get(row.verdict, "stopped")


def _answers(cloud: Cloud) -> dict[str, str]:
    return {
        job: exchange.answer["Status"]
        for exchange in cloud.exchanges
        if exchange.event["RequestType"] == "Delete" and (job := exchange.event["PhysicalResourceId"]) in FLEET
    }


def _reasons(cloud: Cloud) -> dict[str, str]:
    return {
        exchange.event["PhysicalResourceId"]: exchange.answer["Reason"]
        for exchange in cloud.exchanges
        if exchange.event["RequestType"] == "Delete" and exchange.answer["Status"] == "FAILED"
    }

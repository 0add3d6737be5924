"""One stack with hundreds of jobs, and a service that lets few calls through."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from jobs.robomaker import WorldExportJob

from properties import JobArn
from sandbox.robomaker import RoboMaker
from teardown import End, Outcome, tear_down
from tests.e2e.conftest import Cloud

FLEET = [f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/fleet-{number}" for number in range(400)]


def test_a_stack_of_400_jobs_deploys_and_tears_down(cloud: Cloud) -> None:
    for arn in FLEET:
        cloud.aws.robomaker.start_job(arn)
    cloud.deploy(cloud.start_job(), fleet=len(FLEET))
    assert cloud.calls == []
    cloud.destroy()
    assert {cloud.aws.robomaker.status(arn) for arn in FLEET} == {"Canceled"}
    assert [len(exchange.bodies) for exchange in cloud.exchanges] == [1] * 2 * (len(FLEET) + 1)


def test_many_deletes_at_once_all_end_although_few_calls_get_through(robomaker: RoboMaker) -> None:
    fleet = FLEET[:30]
    for arn in fleet:
        robomaker.start_job(arn)
    robomaker.limit(10)

    def delete(arn: str) -> Outcome:
        return tear_down(WorldExportJob(JobArn.parse(arn)), wait=300, time_left=600)

    with ThreadPoolExecutor(len(fleet)) as pool:
        outcomes = list(pool.map(delete, fleet))
    assert {outcome.end for outcome in outcomes} == {End.STOPPED}
    assert {robomaker.status(arn) for arn in fleet} == {"Canceled"}
    assert any((outcome.calls or 0) > 2 for outcome in outcomes), "some were throttled"

"""The life of a stack with a world export job. Deletes and creations that fail are in tests/witness."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from sandbox.robomaker import CANCEL_REFUSED, RETIRED, THROTTLED
from tests.assemblies import Assemblies
from tests.e2e.conftest import Cloud

pytestmark = pytest.mark.xdist_group("stories")

TYPE = "Custom::ManagedWorldExportJob"


@pytest.fixture(scope="module")
def app(assemblies: Assemblies) -> Path:
    return assemblies.of("tests.apps.job")


def test_a_stack_that_is_created_updated_and_deleted(cloud: Cloud, app: Path) -> None:
    old, new = cloud.start_job(cancel_seconds=1), cloud.start_job(cancel_seconds=2)
    robomaker = cloud.aws.robomaker

    # A Create calls nothing, nor does an Update of the same job, nor one to an ARN that is not valid, which is rolled
    # back.
    cloud.deploy(app, "JobProvider", "Job", JobArn=old)
    cloud.deploy(app, "Job", JobArn=old, Wait=60)
    assert "JobArn 'job-2' is not valid" in cloud.deploy(app, "Job", fails=True, JobArn="job-2")
    requests = [exchange.event["RequestType"] for exchange in cloud.exchanges]
    assert (requests, robomaker.calls) == (["Create", "Update", "Update", "Update"], [])
    assert (cloud.physical_id("Job", TYPE), cloud.events[-1].status) == (old, "UPDATE_ROLLBACK_COMPLETE")

    # An update to another job is a replacement: the cleanup cancels the old one.
    cloud.deploy(app, "Job", JobArn=new)
    assert cloud.physical_id("Job", TYPE) == new
    assert (robomaker.status(old), robomaker.status(new)) == ("Canceled", "Running")
    assert cloud.events[-1].status == "UPDATE_COMPLETE"

    # The deletion waits until the job has stopped, before it deletes what the job needs.
    [statement] = cloud.granted("JobProvider")
    cloud.destroy(app, "Job")
    assert robomaker.status(new) == "Canceled"
    deleted = [event.logical_id[:-8] for event in cloud.events if event.status == "DELETE_COMPLETE"]
    assert deleted.index("ExportRole") > len(deleted) - deleted[::-1].index("Job") - 1

    # Whatever was called is granted, and whatever is granted was called.
    assert {f"robomaker:{call.operation}" for call in robomaker.calls} == set(statement["Action"])
    assert all(fnmatchcase(call.job, statement["Resource"]) for call in robomaker.calls)


def test_each_way_in_which_a_delete_ends(cloud: Cloud, app: Path) -> None:
    names = ("Gone", "Finished", "Throttled", "Retired", "BestEffort", "NotAwaited", "Kept")
    job = {name: cloud.start_job(name, cancel_seconds=3600 if name == "NotAwaited" else 0) for name in names}
    robomaker = cloud.aws.robomaker
    cloud.deploy(app, "JobSettings")
    robomaker.forget_job(job["Gone"])
    robomaker.settle(job["Finished"], "Completed")
    robomaker.switch_on(THROTTLED, 2, job=job["Throttled"])
    robomaker.switch_on(RETIRED, job=job["Retired"])
    robomaker.switch_on(CANCEL_REFUSED, job=job["BestEffort"])
    # Two answers are not accepted, and are delivered again.
    cloud.aws.response_urls.fail(2)
    cloud.destroy(app, "JobSettings")
    lines = [json.loads(line) for line in cloud.log if line.startswith("{")]
    assert {line["logical_id"][:-8]: line["outcome"] for line in lines if "outcome" in line} == {
        "Gone": "gone",
        "Finished": "stopped",
        "Throttled": "stopped",
        "Retired": "retired",
        "BestEffort": "failed",
        "NotAwaited": "not awaited",
    }
    assert {exchange.answer["Status"] for exchange in cloud.exchanges} == {"SUCCESS"}
    assert robomaker.status(job["Throttled"]) == "Canceled"
    assert robomaker.status(job["Kept"]) == "Running"
    # Even at debug level, the log has no response URL.
    log = "\n".join(cloud.log)
    assert "HTTP status 503" in log
    assert "Invocation" not in log, "no invocation failed"
    for exchange in cloud.exchanges:
        assert exchange.event["ResponseURL"].rpartition("=")[2] not in log

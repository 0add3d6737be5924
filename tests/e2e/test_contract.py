"""Every row of the contract, by the real CDK CLI and the deployed code under the real runtime client.

The faults that RoboMaker may answer with are in test_faults.py, and what its endpoint may be like in test_endpoint.py.
"""

from __future__ import annotations

import json
import re

import pytest

from sandbox.local_aws import REGION
from sandbox.robomaker import CANCEL_REFUSED, Fault
from tests.e2e.conftest import STACK, Cloud

DESCRIBED_AS_CANCELING = Fault(message='{"status": "Canceling"}', status=200, operation="DescribeWorldExportJob")
DESCRIBED_AS_RUNNING = Fault(message='{"status": "Running"}', status=200, operation="DescribeWorldExportJob")


class TestCreate:
    def test_makes_the_arn_the_physical_id_and_calls_nothing(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        assert cloud.physical_id == job
        assert cloud.calls == []
        assert cloud.aws.robomaker.status(job) == "Running"

    def test_with_a_bad_arn_fails_and_its_rollback_calls_nothing(self, cloud: Cloud) -> None:
        deployed = cloud.fail_to_deploy("job-1")
        assert "JobArn 'job-1' is not valid: it is not an ARN" in deployed
        assert [exchange.event["RequestType"] for exchange in cloud.exchanges] == ["Create", "Delete"]
        assert cloud.exchanges[1].answer["Status"] == "SUCCESS"
        assert cloud.history()[-1] == "ROLLBACK_COMPLETE"
        assert cloud.calls == []

    def test_that_is_rolled_back_cancels_the_job(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.fail_to_deploy(job, then="no-arn")
        assert cloud.history()[-1] == "ROLLBACK_COMPLETE"
        assert cloud.aws.robomaker.status(job) == "Canceled"


class TestUpdate:
    def test_of_the_same_job_does_nothing(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.deploy(job, wait=20)
        assert [exchange.event["RequestType"] for exchange in cloud.exchanges] == ["Create", "Update"]
        assert cloud.physical_id == job
        assert cloud.calls == []

    def test_of_the_function_alone_sends_the_job_nothing(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job, in_stack=1)
        cloud.deploy(job, in_stack=1, memory=512)
        assert "UPDATE_COMPLETE" in cloud.history("WorldExportJobProviderFunction")
        assert [exchange.event["RequestType"] for exchange in cloud.exchanges] == ["Create"]
        assert cloud.aws.robomaker.status(job) == "Running"

    def test_to_another_job_cancels_the_old_one_in_the_cleanup(self, cloud: Cloud) -> None:
        old, new = cloud.start_job(cancel_seconds=1), cloud.start_job()
        cloud.deploy(old)
        cloud.deploy(new)
        assert cloud.physical_id == new
        update, delete = cloud.exchanges[1:]
        assert update.event["OldResourceProperties"]["JobArn"] == old
        assert update.answer["PhysicalResourceId"] == new
        assert delete.event["PhysicalResourceId"] == delete.answer["PhysicalResourceId"] == old
        assert (cloud.aws.robomaker.status(old), cloud.aws.robomaker.status(new)) == ("Canceled", "Running")
        cleanup = cloud.history().index("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        assert cloud.history()[cleanup:] == ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]

    def test_completes_without_an_old_job_that_its_cleanup_tried_three_times_to_cancel(self, cloud: Cloud) -> None:
        old, new = cloud.start_job(), cloud.start_job()
        cloud.deploy(old, wait=1)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        cloud.deploy(new, wait=1)
        assert cloud.physical_id == new
        assert [exchange.event["PhysicalResourceId"] for exchange in cloud.exchanges[2:]] == [old] * 3
        assert cloud.history("Job").count("DELETE_FAILED") == 3
        assert cloud.history()[-1] == "UPDATE_COMPLETE"
        assert cloud.aws.robomaker.status(old) == "Running"

    def test_to_a_bad_arn_fails_and_the_old_job_is_untouched(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        updated = cloud.fail_to_deploy("job-2")
        assert "JobArn 'job-2' is not valid" in updated
        assert cloud.physical_id == job
        assert cloud.history()[-1] == "UPDATE_ROLLBACK_COMPLETE"
        assert cloud.calls == []

    def test_that_is_rolled_back_spares_the_old_job_and_cancels_the_new_one(self, cloud: Cloud) -> None:
        old, new = cloud.start_job(), cloud.start_job()
        cloud.deploy(old)
        cloud.fail_to_deploy(new, then="no-arn")
        assert cloud.history()[-1] == "UPDATE_ROLLBACK_COMPLETE"
        assert cloud.physical_id == old
        assert (cloud.aws.robomaker.status(old), cloud.aws.robomaker.status(new)) == ("Running", "Canceled")


class TestDelete:
    def test_cancels_and_waits_before_anything_that_the_job_needs_is_deleted(self, cloud: Cloud) -> None:
        job = cloud.start_job(cancel_seconds=2)
        cloud.deploy(job, in_stack=1)
        cloud.destroy()
        assert cloud.aws.robomaker.status(job) == "Canceled"
        assert cloud.calls[0] == "Cancel"
        assert set(cloud.calls[1:]) == {"Describe"}
        ended = [event.logical_id[:-8] for event in cloud.events if event.status == "DELETE_COMPLETE"]
        assert ended.index("Job") < ended.index("ExportRole")
        assert ended.index("Job") < ended.index("WorldExportJobProviderFunction")
        assert STACK not in cloud.aws.stacks()

    @pytest.mark.parametrize("end", ["Completed", "Failed"])
    def test_succeeds_when_the_job_ends_otherwise(self, cloud: Cloud, end: str) -> None:
        job = cloud.start_job(cancel_seconds=3600)
        cloud.deploy(job)
        cloud.aws.robomaker.switch_on(DESCRIBED_AS_CANCELING, times=2)
        cloud.aws.robomaker.switch_on(
            Fault(message=f'{{"status": "{end}"}}', status=200, operation="DescribeWorldExportJob")
        )
        cloud.destroy()
        assert cloud.calls == ["Cancel", "Describe", "Describe", "Describe"]

    def test_of_a_job_that_is_gone_succeeds(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.aws.robomaker.forget_job(job)
        cloud.destroy()
        assert cloud.calls == ["Cancel"]

    def test_of_a_job_that_goes_while_waiting_succeeds(self, cloud: Cloud) -> None:
        cloud.deploy(cloud.start_job(cancel_seconds=3600))
        cloud.aws.robomaker.switch_on(
            Fault("ResourceNotFoundException", "no such job", 404, operation="DescribeWorldExportJob")
        )
        cloud.destroy()
        assert cloud.calls == ["Cancel", "Describe"]

    def test_of_a_job_that_had_finished_succeeds(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.aws.robomaker.settle(job, "Completed")
        cloud.destroy()
        assert cloud.calls == ["Cancel", "Describe"]

    def test_of_a_job_that_is_canceling_already_waits(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        cloud.aws.robomaker.switch_on(DESCRIBED_AS_CANCELING, times=2)
        cloud.aws.robomaker.settle(job, "Canceled")
        cloud.destroy()
        assert cloud.calls == ["Cancel", "Describe", "Describe", "Describe"]

    def test_that_is_refused_leaves_delete_failed_and_succeeds_when_it_is_sent_again(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job, wait=1)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        refused = cloud.fail_to_destroy()
        assert CANCEL_REFUSED.message in refused
        assert "Delete the stack again to try again" in refused
        assert cloud.history()[-1] == "DELETE_FAILED"
        assert cloud.history("ExportRole")[-1] == "DELETE_COMPLETE", "CloudFormation goes on"
        cloud.aws.robomaker.switch_off()
        cloud.destroy()
        assert cloud.aws.robomaker.status(job) == "Canceled"

    def test_that_fails_with_the_function_in_the_stack_can_only_be_let_go_of(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job, wait=1, in_stack=1)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        refused = cloud.fail_to_destroy()
        assert cloud.history("WorldExportJobProviderFunction")[-1] == "DELETE_COMPLETE", "CloudFormation goes on"
        cloud.aws.robomaker.switch_off()
        cloud.fail_to_destroy()
        assert cloud.aws.robomaker.status(job) == "Running", "there is no function any more"

        command = re.search(r"delete-stack --region (\S+) --stack-name (\S+) --retain-resources (\w+)", refused)
        assert command is not None
        region, stack, logical_id = command.groups()
        assert (region, stack) == (REGION, STACK)
        cloud.cloudformation.delete_stack(StackName=stack, RetainResources=[logical_id])
        cloud.clear()
        assert cloud.history()[-1] == "DELETE_COMPLETE"
        assert cloud.aws.robomaker.status(job) == "Running"

    def test_that_is_refused_for_a_job_that_ends_by_itself_succeeds(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        cloud.aws.robomaker.switch_on(DESCRIBED_AS_RUNNING, times=2)
        cloud.aws.robomaker.settle(job, "Completed")
        cloud.destroy()
        assert cloud.calls == ["Cancel", "Describe"] * 3

    def test_that_is_refused_for_a_missing_job_succeeds(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.aws.robomaker.forget_job(job)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        cloud.destroy()
        assert cloud.calls == ["Cancel", "Describe"]

    def test_gets_over_one_look_that_times_out(self, cloud: Cloud) -> None:
        job = cloud.start_job(cancel_seconds=1)
        cloud.deploy(job)
        cloud.aws.robomaker.switch_on(
            Fault(seconds=11, message="{}", status=200, operation="DescribeWorldExportJob"), times=1
        )
        cloud.destroy()
        assert cloud.calls[:3] == ["Cancel", "Describe", "Describe"]

    def test_fails_after_the_wait_and_goes_on_waiting_when_deleted_again(self, cloud: Cloud) -> None:
        job = cloud.start_job(cancel_seconds=6)
        cloud.deploy(job, wait=1)
        destroyed = cloud.fail_to_destroy()
        assert "The job is still Canceling after a wait of 1 s" in destroyed
        cloud.aws.robomaker.settle(job, "Canceled")
        cloud.destroy()

    def test_with_a_wait_of_0_cancels_and_does_not_look(self, cloud: Cloud) -> None:
        job = cloud.start_job(cancel_seconds=3600)
        cloud.deploy(job, wait=0)
        cloud.destroy()
        assert cloud.calls == ["Cancel"]
        assert cloud.aws.robomaker.status(job) == "Canceling"

    def test_with_best_effort_succeeds_with_an_error_in_the_log(self, cloud: Cloud) -> None:
        cloud.deploy(cloud.start_job(), best_effort=True, wait=1)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        cloud.destroy()
        assert '"level": "ERROR"' in cloud.log[-1]
        assert '"outcome": "failed"' in cloud.log[-1]


class TestRename:
    """A construct under another id is another resource, although it names the same job."""

    def test_cancels_the_job(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.deploy(job, id="Renamed")
        assert cloud.aws.robomaker.status(job) == "Canceled"

    def test_spares_a_job_that_was_to_be_retained(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.deploy(job, retain=1)
        cloud.deploy(job, id="Renamed")
        assert cloud.calls == []
        cloud.destroy()
        assert cloud.aws.robomaker.status(job) == "Canceled"


class TestDeleteFailed:
    def test_can_not_be_updated(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job, wait=0)
        cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
        cloud.fail_to_destroy()
        assert "is in DELETE_FAILED state and can not be updated" in cloud.fail_to_deploy(job, best_effort=True)


class TestEveryAnswer:
    def test_is_delivered_again_until_it_is_accepted(self, cloud: Cloud) -> None:
        cloud.aws.response_urls.fail(2)
        cloud.deploy(cloud.start_job())
        assert sum("The answer was not accepted (HTTP status 503 (SlowDown))" in line for line in cloud.log) == 2
        assert not any("failed" in line for line in cloud.log), "by the handler, and not by Lambda"

    def test_keeps_the_response_url_out_of_the_log_at_debug_level(self, cloud: Cloud) -> None:
        cloud.deploy(cloud.start_job(), in_stack=1, debug=1)
        assert cloud.aws.function(cloud.exchanges[0].event["ServiceToken"]).log_level == "DEBUG"
        cloud.destroy()
        assert cloud.log
        for exchange in cloud.exchanges:
            signature = exchange.event["ResponseURL"].rpartition("=")[2]
            assert signature not in "\n".join(cloud.log)

    def test_of_a_teardown_comes_with_one_line_in_the_log(self, cloud: Cloud) -> None:
        job = cloud.start_job()
        cloud.deploy(job)
        cloud.log.clear()
        cloud.destroy()
        [line] = cloud.log
        fields = json.loads(line)
        assert (fields["job"], fields["outcome"], fields["calls"]) == (job, "stopped", 2)
        assert fields["seconds"] == fields["TeardownSeconds"] > 0
        assert (fields["Teardowns"], fields["LeftRunning"]) == (1, 0)
        assert "CloudWatchMetrics" in fields["_aws"]

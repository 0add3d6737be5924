"""The contract, request by request: what the handler calls and what it answers."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import index
from sandbox.cloudformation.custom_resources import ResponseUrls
from sandbox.robomaker import (
    ACCESS_DENIED,
    CANCEL_REFUSED,
    EXISTING_CUSTOMERS_ONLY,
    RETIRED,
    THROTTLED,
    Fault,
    RoboMaker,
)
from teardown import End, Outcome
from tests.faults import FAULTS, Row
from tests.requests import JOB_1, JOB_2, Sender, answer_soon, request

CANCEL, DESCRIBE = "CancelWorldExportJob", "DescribeWorldExportJob"


@pytest.fixture
def cloudformation(urls: ResponseUrls, robomaker: RoboMaker, hurried: None) -> Sender:  # noqa: ARG001
    return Sender(index.handler, urls)


def _tear_down_slowly(*_: Any, **__: Any) -> Outcome:
    time.sleep(1.2)
    return Outcome(End.STOPPED, "Canceled", 1.2, 2)


def _calls(robomaker: RoboMaker) -> list[str]:
    return [call.operation for call in robomaker.calls]


def _delete(job: str = JOB_1, **properties: str) -> dict[str, Any]:
    return request("Delete", {"JobArn": job, **properties}, PhysicalResourceId=job)


def _update(job: str, **properties: str) -> dict[str, Any]:
    return request(
        "Update", {"JobArn": job, **properties}, PhysicalResourceId=JOB_1, OldResourceProperties={"JobArn": JOB_1}
    )


class TestCreate:
    def test_makes_the_arn_the_physical_id_and_calls_nothing(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        answer = cloudformation.send(request("Create", {"JobArn": JOB_1, "WaitSeconds": "300", "BestEffort": "false"}))
        assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == ("SUCCESS", JOB_1, {"JobArn": JOB_1})
        assert _calls(robomaker) == []

    @pytest.mark.parametrize(
        ("properties", "named"),
        [
            ({"JobArn": "job-1"}, "JobArn"),
            ({}, "JobArn"),
            ({"JobArn": JOB_1.replace("123456789012", "999999999999")}, "account 999999999999"),
            ({"JobArn": JOB_1.replace("us-west-2", "us-wset-2")}, "us-wset-2"),
            ({"JobArn": JOB_1.replace("us-west-2", "us-gov-west-1").replace("aws", "aws-us-gov")}, "partition"),
            ({"JobArn": JOB_1, "WaitSeconds": "900"}, "WaitSeconds"),
            ({"JobArn": JOB_1, "BestEffort": "maybe"}, "BestEffort"),
        ],
    )
    def test_with_a_bad_property_fails(
        self, cloudformation: Sender, robomaker: RoboMaker, properties: dict[str, str], named: str
    ) -> None:
        answer = cloudformation.send(request("Create", properties))
        assert answer["Status"] == "FAILED"
        assert named in answer["Reason"]
        assert _calls(robomaker) == []

    def test_in_a_stack_whose_account_is_not_known_may_name_any(self, cloudformation: Sender) -> None:
        job = JOB_1.replace("123456789012", "999999999999")
        for stack_id in ("stack", "arn:aws:cloudformation", "arn:aws:cloudformation:us-west-2:\ud800:stack/x/1"):
            assert cloudformation.send(request("Create", {"JobArn": job}, StackId=stack_id))["Status"] == "SUCCESS"

    def test_that_failed_is_deleted_without_a_call(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        created = cloudformation.send(request("Create", {"JobArn": "job-1"}))
        physical_id = created["PhysicalResourceId"]
        deleted = cloudformation.send(request("Delete", {"JobArn": "job-1"}, PhysicalResourceId=physical_id))
        assert (deleted["Status"], deleted["PhysicalResourceId"]) == ("SUCCESS", physical_id)
        assert _calls(robomaker) == []


class TestUpdate:
    def test_of_the_same_job_does_nothing(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        answer = cloudformation.send(_update(JOB_1, WaitSeconds="60"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)
        assert _calls(robomaker) == []

    def test_to_another_job_is_a_replacement_and_cancels_nothing(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1)
        answer = cloudformation.send(_update(JOB_2))
        assert (answer["Status"], answer["PhysicalResourceId"], answer["Data"]) == ("SUCCESS", JOB_2, {"JobArn": JOB_2})
        assert _calls(robomaker) == []

    def test_at_an_arn_that_was_accepted_once_is_held_to_no_later_rule(self, cloudformation: Sender) -> None:
        old = JOB_1.replace("us-west-2", "sa-east-1")
        event = request("Update", {"JobArn": old, "WaitSeconds": "60"}, PhysicalResourceId=old)
        assert cloudformation.send(event)["PhysicalResourceId"] == old

    def test_back_to_an_arn_that_was_accepted_once_is_held_to_no_later_rule(self, cloudformation: Sender) -> None:
        old = JOB_1.replace("us-west-2", "sa-east-1")
        answer = cloudformation.send(_update(old))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", old)

    @pytest.mark.parametrize("ids", [{}, {"PhysicalResourceId": None}, {"PhysicalResourceId": ""}])
    def test_without_an_arn_fails(self, cloudformation: Sender, ids: dict[str, Any]) -> None:
        answer = cloudformation.send(request("Update", {"JobArn": ids.get("PhysicalResourceId")}, **ids))
        assert answer["Status"] == "FAILED"
        assert "JobArn" in answer["Reason"]

    def test_to_a_bad_arn_fails_and_keeps_the_old_physical_id(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        answer = cloudformation.send(_update("job-2"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", JOB_1)
        assert "'job-2' is not valid" in answer["Reason"]
        assert _calls(robomaker) == []


class TestDelete:
    @pytest.mark.parametrize("end", ["Canceled", "Completed", "Failed"])
    def test_cancels_and_waits_until_the_job_has_stopped(
        self, cloudformation: Sender, robomaker: RoboMaker, end: str
    ) -> None:
        robomaker.start_job(JOB_1, status="Canceling", cancel_seconds=1000)
        described = f'{{"status": "{end}"}}'
        robomaker.switch_on(Fault(message='{"status": "Canceling"}', status=200, operation=DESCRIBE), times=3)
        robomaker.switch_on(Fault(message=described, status=200, operation=DESCRIBE))
        answer = cloudformation.send(_delete())
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)
        assert _calls(robomaker) == [CANCEL] + [DESCRIBE] * 4

    def test_of_a_missing_job_succeeds(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL]

    def test_of_a_job_that_goes_missing_while_waiting_succeeds(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        robomaker.switch_on(Fault(message='{"status": "Canceling"}', status=200, operation=DESCRIBE), times=1)
        robomaker.switch_on(Fault("ResourceNotFoundException", "gone", 404, operation=DESCRIBE))
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL, DESCRIBE, DESCRIBE]

    @pytest.mark.parametrize("status", ["Canceled", "Completed", "Failed"])
    def test_of_a_job_that_had_ended_succeeds(self, cloudformation: Sender, robomaker: RoboMaker, status: str) -> None:
        robomaker.start_job(JOB_1, status=status)
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL, DESCRIBE]

    def test_that_is_refused_for_a_missing_job_succeeds(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        robomaker.switch_on(CANCEL_REFUSED)
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL, DESCRIBE]

    def test_that_is_refused_for_a_job_that_is_canceling_waits(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1, status="Canceled")
        robomaker.switch_on(CANCEL_REFUSED)
        robomaker.switch_on(Fault(message='{"status": "Canceling"}', status=200, operation=DESCRIBE), times=2)
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL] + [DESCRIBE] * 3

    def test_that_is_refused_for_a_job_that_ends_by_itself_meanwhile_succeeds(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1, status="Completed")
        robomaker.switch_on(CANCEL_REFUSED)
        robomaker.switch_on(Fault(message='{"status": "Running"}', status=200, operation=DESCRIBE), times=2)
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL, DESCRIBE, CANCEL, DESCRIBE, CANCEL, DESCRIBE]

    @pytest.mark.parametrize("row", FAULTS, ids=str)
    def test_that_meets_nothing_but_a_fault_has_its_answer(
        self, cloudformation: Sender, robomaker: RoboMaker, caplog: pytest.LogCaptureFixture, row: Row
    ) -> None:
        robomaker.start_job(JOB_1)
        robomaker.switch_on(row.fault)
        with caplog.at_level(logging.INFO):
            answer = cloudformation.send(_delete())
        assert (answer["Status"], answer["PhysicalResourceId"]) == (row.answer, JOB_1)
        assert row.words in answer.get("Reason", caplog.text)

    @pytest.mark.parametrize("row", [row for row in FAULTS if row.may_pass], ids=str)
    def test_gets_over_a_fault_that_passes(self, cloudformation: Sender, robomaker: RoboMaker, row: Row) -> None:
        robomaker.start_job(JOB_1)
        robomaker.switch_on(row.fault, times=3)
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert robomaker.status(JOB_1) == "Canceled"

    @pytest.mark.parametrize("fault", [RETIRED, EXISTING_CUSTOMERS_ONLY], ids=str)
    def test_in_a_retired_service_succeeds_at_once_with_a_warning(
        self, cloudformation: Sender, robomaker: RoboMaker, caplog: pytest.LogCaptureFixture, fault: Fault
    ) -> None:
        robomaker.start_job(JOB_1)
        robomaker.switch_on(fault)
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL]
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_in_a_service_that_retires_while_waiting_succeeds(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        robomaker.switch_on(Fault(RETIRED.code, RETIRED.message, operation=DESCRIBE))
        assert cloudformation.send(_delete())["Status"] == "SUCCESS"

    def test_without_permission_fails_after_a_minute_and_names_the_action(
        self, cloudformation: Sender, robomaker: RoboMaker, caplog: pytest.LogCaptureFixture
    ) -> None:
        robomaker.start_job(JOB_1)
        robomaker.switch_on(ACCESS_DENIED)
        answer = cloudformation.send(_delete())
        assert answer["Status"] == "FAILED"
        assert "robomaker:CancelWorldExportJob" in answer["Reason"]
        assert 60 <= caplog.records[-1].__dict__["seconds"] < 61 + len(robomaker.calls)

    def test_fails_when_the_job_is_still_canceling_after_the_wait(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        answer = cloudformation.send(_delete(WaitSeconds="60"))
        assert answer["Status"] == "FAILED"
        assert "The job is still Canceling after a wait of 60 s" in answer["Reason"]

    def test_with_a_wait_of_0_cancels_and_does_not_look(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        assert cloudformation.send(_delete(WaitSeconds="0"))["Status"] == "SUCCESS"
        assert _calls(robomaker) == [CANCEL]

    def test_waits_no_longer_than_the_function_has(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        answer = cloudformation.send(_delete(WaitSeconds="840"), seconds=60)
        waited = re.search(r"still Canceling after a wait of (\d+) s", answer["Reason"])
        assert waited is not None
        assert 15 < int(waited[1]) <= 60 - 10 - 31, "the time to answer in and the longest call are kept back"

    @pytest.mark.parametrize("physical_id", ["never-created-request-1", "WorldExport_Job_abc", "", None])
    def test_of_what_was_never_created_calls_nothing(
        self, cloudformation: Sender, robomaker: RoboMaker, physical_id: str | None
    ) -> None:
        answer = cloudformation.send(request("Delete", {"JobArn": JOB_1}, PhysicalResourceId=physical_id))
        assert answer["Status"] == "SUCCESS"
        assert answer["PhysicalResourceId"]
        assert _calls(robomaker) == []

    def test_cancels_the_job_of_the_physical_id_not_of_the_properties(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1)
        robomaker.start_job(JOB_2)
        cloudformation.send(request("Delete", {"JobArn": JOB_2}, PhysicalResourceId=JOB_1))
        assert (robomaker.status(JOB_1), robomaker.status(JOB_2)) == ("Canceled", "Running")

    @pytest.mark.parametrize(
        "properties", [{"WaitSeconds": "soon"}, {"BestEffort": "maybe"}, {"JobArn": "x"}, None, "x", []]
    )
    def test_is_not_blocked_by_a_bad_property(
        self, cloudformation: Sender, robomaker: RoboMaker, properties: Any
    ) -> None:
        robomaker.start_job(JOB_1)
        event = {**request("Delete", PhysicalResourceId=JOB_1), "ResourceProperties": properties}
        assert cloudformation.send(event)["Status"] == "SUCCESS"
        assert robomaker.status(JOB_1) == "Canceled"

    def test_delivered_twice_ends_the_same_way(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        robomaker.start_job(JOB_1)
        event = _delete()
        assert cloudformation.send(event) == cloudformation.send(event)


class TestAdvice:
    """What a failed Delete tells a person to do, by where the function lives."""

    def test_is_to_delete_again_where_the_function_stays(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        for stays in ({}, {"ProviderStays": "true"}):
            assert "Delete the stack again to try again" in cloudformation.send(_delete(**stays))["Reason"]

    def test_is_to_let_go_of_the_job_where_the_function_goes_with_the_stack(
        self, cloudformation: Sender, robomaker: RoboMaker
    ) -> None:
        robomaker.start_job(JOB_1, cancel_seconds=1000)
        reason = cloudformation.send(_delete(ProviderStays="false"))["Reason"]
        assert "deleting the stack again can't end the job" in reason
        assert (
            "aws cloudformation delete-stack --region us-west-2 --stack-name WorldExport"
            " --retain-resources WorldExportJob9F8FED21 "
        ) in reason

    def test_is_whole_however_much_robomaker_says(self, cloudformation: Sender, robomaker: RoboMaker) -> None:
        robomaker.start_job(JOB_1)
        robomaker.switch_on(Fault("StrangeException", "\x00" * 100_000))
        reason = cloudformation.send(_delete(ProviderStays="false"))["Reason"]
        assert "… (cut) CloudFormation goes on" in reason
        assert reason.endswith("see operators.md of cdk-world-export-job).")

    def test_comes_with_a_teardown_that_is_cut_off(
        self, cloudformation: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index, "tear_down", _tear_down_slowly)
        answer_soon(monkeypatch)
        assert "ran out of time" in (reason := cloudformation.send(_delete(), seconds=30)["Reason"])
        assert "Delete the stack again to try again" in reason

    def test_comes_with_no_create(self, cloudformation: Sender) -> None:
        assert "Delete the stack" not in cloudformation.send(request("Create", {"JobArn": "x"}))["Reason"]


class TestBestEffort:
    @pytest.mark.parametrize("fault", [CANCEL_REFUSED, ACCESS_DENIED, THROTTLED], ids=str)
    def test_answers_success_with_an_error_in_the_log(
        self, cloudformation: Sender, robomaker: RoboMaker, caplog: pytest.LogCaptureFixture, fault: Fault
    ) -> None:
        robomaker.start_job(JOB_1)
        robomaker.switch_on(fault)
        answer = cloudformation.send(_delete(BestEffort="true"))
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert caplog.records[0].__dict__["outcome"] == "failed"

    def test_does_not_soften_a_create(self, cloudformation: Sender) -> None:
        assert cloudformation.send(request("Create", {"JobArn": "x", "BestEffort": "true"}))["Status"] == "FAILED"


class TestLog:
    @pytest.fixture(autouse=True)
    def _from_info_on(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        with caplog.at_level(logging.INFO):
            yield

    @pytest.mark.parametrize(
        ("fault", "level", "outcome"),
        [(None, "INFO", "stopped"), (RETIRED, "WARNING", "retired"), (ACCESS_DENIED, "ERROR", "failed")],
        ids=str,
    )
    def test_of_a_teardown_is_one_line_with_the_job_the_outcome_the_seconds_and_the_calls(
        self,
        cloudformation: Sender,
        robomaker: RoboMaker,
        caplog: pytest.LogCaptureFixture,
        fault: Fault | None,
        level: str,
        outcome: str,
    ) -> None:
        robomaker.start_job(JOB_1)
        if fault:
            robomaker.switch_on(fault)
        cloudformation.send(_delete())
        [record] = caplog.records
        fields = record.__dict__
        assert (record.levelname, fields["job"], fields["outcome"]) == (level, JOB_1, outcome)
        assert record.getMessage().startswith(
            f"Delete of WorldExportJob9F8FED21 in stack WorldExport: Teardown of {JOB_1}"
        )
        assert f": {outcome}: {fields['detail']}" in record.getMessage()
        assert fields["calls"] == len(robomaker.calls)
        assert isinstance(fields["seconds"], float)
        json.dumps({key: fields[key] for key in ("job", "outcome", "detail", "seconds", "calls")})
        assert fields["LeftRunning"] == (level == "ERROR")

    def test_of_a_teardown_that_is_cut_off_says_that_the_job_may_run_and_nothing_else_later(
        self, cloudformation: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(index, "tear_down", _tear_down_slowly)
        answer_soon(monkeypatch)
        answer = cloudformation.send(_delete(BestEffort="true"), seconds=30)
        time.sleep(1.2)
        assert answer["Status"] == "SUCCESS"
        [record] = caplog.records
        fields = record.__dict__
        assert (record.levelname, fields["job"], fields["outcome"]) == ("ERROR", JOB_1, "failed")
        assert (fields["Teardowns"], fields["LeftRunning"]) == (1, 1)
        assert "ran out of time" in fields["detail"]
        assert 0 < fields["seconds"] < 60, "what was taken, and not the time of day"

    def test_of_a_teardown_that_meets_a_defect_says_that_the_job_may_run(
        self, cloudformation: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(index, "tear_down", lambda *_, **__: 1 / 0)
        cloudformation.send(_delete())
        trace, teardown = caplog.records
        assert trace.exc_info
        assert (teardown.__dict__["job"], teardown.__dict__["LeftRunning"]) == (JOB_1, 1)

    def test_of_a_bad_property_is_an_error(self, cloudformation: Sender, caplog: pytest.LogCaptureFixture) -> None:
        cloudformation.send(request("Create", {"JobArn": "job-1"}))
        assert [record.levelname for record in caplog.records] == ["ERROR"]

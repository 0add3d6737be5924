"""How a world export job is canceled: the order of the calls, and what each answer of RoboMaker means."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from jobs import world_export_job
from jobs.world_export_job import WorldExportJob, _RoboMaker
from properties.job_arn import JobArn
from protocol.outcome import Result
from sandbox.loopback import LoopbackServer, Response
from sandbox.robomaker import ACCESS_DENIED, CANCEL_REFUSED, THROTTLED, Fault, RoboMaker
from teardown import Failure, ServiceError, State, Step
from tests.faults import FAULTS, Row
from tests.network import SetClock

JOB = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"
CANCEL, LOOK = "CancelWorldExportJob", "DescribeWorldExportJob"
REFUSAL = f"{CANCEL} answered InvalidParameterException: The job is not in a state to be canceled"

# How Coral wraps an error, with any status (aws-amplify/amplify-flutter 5675).
CORAL = b'{"Output": {"__type": "a.b#OddException"}}'

Meaning = State | Failure | Result


class Rig:
    """A job that runs at a RoboMaker, and a clock that goes only when a test says so."""

    def __init__(self, robomaker: RoboMaker) -> None:
        self.robomaker = robomaker
        self.clock = SetClock()
        self.job = WorldExportJob(JobArn.parse(JOB), clock=self.clock)
        robomaker.start_job(JOB, cancel_seconds=600)

    @property
    def calls(self) -> list[str]:
        return [call.operation for call in self.robomaker.calls]

    def advance(self) -> tuple[Meaning, str]:
        """Advance until there is nothing more to do at once, and give what that means and says."""
        try:
            while (step := self.job.advance()).state is State.MORE:
                pass
        except ServiceError as error:
            return error.failure, str(error)
        return step.result if step.state is State.ENDED else step.state, step.detail

    def answer(self, fault: Fault, operation: str) -> None:
        """Answer nothing but the truth from now on, except to one operation."""
        self.robomaker.switch_off()
        self.robomaker.switch_on(replace(fault, operation=operation))


@pytest.fixture
def rig(robomaker: RoboMaker) -> Rig:
    return Rig(robomaker)


@pytest.fixture
def canceled(rig: Rig) -> Rig:
    """Return a job whose cancel was accepted."""
    assert rig.job.advance() == Step(State.STOPPING, "World export job job-1 is Canceling")
    assert rig.robomaker.status(JOB) == "Canceling"
    return rig


@pytest.fixture
def refused(rig: Rig) -> Rig:
    """Return a job whose cancel is refused, and that was not looked at since."""
    rig.robomaker.switch_on(CANCEL_REFUSED)
    assert rig.job.advance() == Step(State.MORE, REFUSAL)
    return rig


def _status(status: object) -> Fault:
    return Fault(message=json.dumps({"status": status}), status=200)


class TestOrder:
    """Which calls a step makes."""

    def test_is_a_cancel_and_then_looks(self, canceled: Rig) -> None:
        assert canceled.advance() == canceled.advance() == (State.STOPPING, "World export job job-1 is Canceling")
        assert canceled.calls == [CANCEL, LOOK, LOOK]
        assert canceled.job.calls == 3

    def test_is_a_look_after_a_refusal_and_a_cancel_before_each_further_look(self, refused: Rig) -> None:
        reason = f"World export job job-1 is Running, and RoboMaker refuses to cancel it. {REFUSAL}"
        assert refused.job.advance() == refused.job.advance() == Step(State.REFUSED, reason)
        assert refused.calls == [CANCEL, LOOK, CANCEL, LOOK]
        refused.robomaker.switch_off()
        assert refused.advance() == refused.advance() == (State.STOPPING, "World export job job-1 is Canceling")
        assert refused.calls[4:] == [CANCEL, LOOK]

    def test_is_no_further_cancel_of_a_job_that_someone_else_has_canceled(self, refused: Rig) -> None:
        refused.robomaker.settle(JOB, "Canceling")
        assert refused.advance() == refused.advance() == (State.STOPPING, "World export job job-1 is Canceling")
        assert refused.calls == [CANCEL, LOOK, LOOK]

    def test_is_a_look_after_a_cancel_that_failed_after_a_refusal(self, refused: Rig) -> None:
        refused.advance()
        refused.answer(ACCESS_DENIED, CANCEL)
        assert refused.advance()[0] is Failure.UNKNOWN
        meaning, reason = refused.advance()
        assert meaning is State.REFUSED
        assert "RoboMaker refuses to cancel it. The function's role has no permission robomaker:Cancel" in reason
        assert refused.calls[2:] == [CANCEL, LOOK]

    def test_is_the_same_look_again_after_one_that_failed(self, refused: Rig) -> None:
        refused.robomaker.switch_on(replace(THROTTLED, operation=LOOK), times=1)
        text = f"{REFUSAL} {LOOK} answered ThrottlingException: Rate exceeded"
        assert refused.advance() == (Failure.TRANSIENT, text)
        assert refused.advance()[0] is State.REFUSED
        assert refused.calls == [CANCEL, LOOK, LOOK]

    def test_forgets_a_refusal_once_the_cancel_is_accepted(self, refused: Rig) -> None:
        refused.advance()
        refused.answer(THROTTLED, LOOK)
        assert refused.advance()[0] is State.STOPPING
        assert refused.advance() == (Failure.TRANSIENT, f"{LOOK} answered ThrottlingException: Rate exceeded")

    def test_has_a_look_each_minute_while_the_cancel_meets_transient_errors(self, rig: Rig) -> None:
        rig.answer(THROTTLED, CANCEL)
        for seconds in (0, 59.9, 0.1, 59.9, 0.1):
            rig.clock.now += seconds
            assert rig.advance() == (Failure.TRANSIENT, f"{CANCEL} answered ThrottlingException: Rate exceeded")
        assert rig.calls == [CANCEL] * 3 + [LOOK] + [CANCEL] * 2 + [LOOK]
        rig.robomaker.settle(JOB, "Completed")
        rig.clock.now += 60
        assert rig.advance() == (Result.STOPPED, "Completed")

    @pytest.mark.parametrize("status", ["Running", "Canceling"])
    def test_goes_on_with_the_cancel_after_such_a_look(self, rig: Rig, status: str) -> None:
        rig.robomaker.settle(JOB, status)
        rig.robomaker.switch_on(replace(THROTTLED, operation=CANCEL), times=1)
        rig.clock.now += 60
        assert [rig.advance()[0] for _ in range(2)] == [Failure.TRANSIENT, State.STOPPING]
        assert rig.calls == [CANCEL, LOOK, CANCEL]

    @pytest.mark.parametrize("fault", [ACCESS_DENIED, Fault("OddException", "No")], ids=str)
    def test_has_a_look_after_every_cancel_that_fails_otherwise(self, rig: Rig, fault: Fault) -> None:
        rig.robomaker.switch_on(fault)  # at the look too
        assert f"{CANCEL} answered " in rig.advance()[1]
        rig.answer(fault, CANCEL)
        rig.robomaker.settle(JOB, "Failed")
        assert rig.advance() == (Result.STOPPED, "Failed")
        assert rig.calls == [CANCEL, LOOK] * 2


class TestStatus:
    """What a look sees (API reference, DescribeWorldExportJob)."""

    # None of them is documented: only waiting can tell what they mean.
    UNKNOWN = ("Paused", "CANCELED", "canceled", "Cancelled", " Canceled", ["Canceled"])

    @pytest.mark.parametrize("status", ["Canceled", "Completed", "Failed"])
    def test_is_an_end(self, refused: Rig, status: str) -> None:
        refused.robomaker.settle(JOB, status)
        assert refused.job.advance() == Step(State.ENDED, status)

    @pytest.mark.parametrize("status", ["Pending", "Running", *UNKNOWN])
    def test_is_a_refusal_if_the_cancel_was_refused(self, refused: Rig, status: Any) -> None:
        refused.answer(_status(status), LOOK)
        reason = f"World export job job-1 is {status}, and RoboMaker refuses to cancel it. {REFUSAL}"
        assert refused.advance() == (State.REFUSED, reason)

    @pytest.mark.parametrize("status", ["Pending", "Running", "Canceling", *UNKNOWN])
    def test_is_waited_for_if_the_cancel_was_accepted(self, canceled: Rig, status: Any) -> None:
        canceled.answer(_status(status), LOOK)
        assert canceled.advance() == (State.STOPPING, f"World export job job-1 is {status}")

    @pytest.mark.parametrize("status", [None, ""])
    def test_that_is_missing_is_transient(self, canceled: Rig, status: str | None) -> None:
        canceled.answer(_status(status), LOOK)
        assert canceled.advance() == (Failure.TRANSIENT, f"{LOOK} got an answer without status")


def _look(monkeypatch: pytest.MonkeyPatch, answer: Response) -> None:
    with closing(LoopbackServer(lambda _: answer)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
        _RoboMaker("RoboMaker", "us-west-2").call(LOOK, job=JOB)


@pytest.mark.usefixtures("robomaker")
class TestAnswer:
    """What is answered in place of the truth."""

    @pytest.mark.parametrize("row", FAULTS, ids=str)
    def test_to_a_cancel_has_its_meaning(self, rig: Rig, row: Row) -> None:
        rig.answer(row.fault, CANCEL)
        meaning, text = rig.advance()
        assert meaning is row.means
        assert row.words in text

    @pytest.mark.parametrize("row", FAULTS, ids=str)
    def test_to_a_look_has_its_meaning(self, canceled: Rig, row: Row) -> None:
        canceled.answer(row.fault, LOOK)
        assert canceled.advance()[0] is row.means_at_a_look

    @pytest.mark.parametrize("body", [b"", b" ", b"{}", b'{"anything": "else"}'])
    def test_may_have_nothing_that_is_known(self, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
        _look(monkeypatch, Response(200, body))

    @pytest.mark.parametrize(
        ("answer", "failure", "code"),
        [
            (Response(400, b"no object", {"x-amzn-ErrorType": "OddException"}), Failure.REJECTED, "OddException"),
            (Response(300, b'{"message": "Choose"}'), Failure.REJECTED, ""),
            (Response(200, b"", {"X-Amzn-ErrorType": "OddException"}), Failure.TRANSIENT, ""),
            (Response(400, b"\xff\xfe"), Failure.TRANSIENT, ""),
            (Response(400, b"x" * 300), Failure.TRANSIENT, ""),
            (Response(200, b'{"status": "Canceled", "createdAt": "never"}'), Failure.TRANSIENT, ""),
            (Response(200, b'{"__type": "a.b#OddException"}'), Failure.TRANSIENT, "OddException"),
            *((Response(status, CORAL), Failure.TRANSIENT, "OddException") for status in (200, 400)),
        ],
    )
    def test_is_an_error_by_its_header_or_body(
        self, monkeypatch: pytest.MonkeyPatch, answer: Response, failure: Failure, code: str
    ) -> None:
        with pytest.raises(ServiceError) as raised:
            _look(monkeypatch, answer)
        assert (raised.value.failure, raised.value.code, raised.value.status) == (failure, code, answer.status)
        shown = f"HTTP status {answer.status}, {answer.body[:200].decode(errors='replace')!r}"
        assert str(raised.value).endswith(shown) is (failure is Failure.TRANSIENT)


class TestRequest:
    @pytest.mark.parametrize("region", ["us-west-2", "ap-northeast-1"])
    def test_is_signed_for_the_region_in_the_arn(self, robomaker: RoboMaker, region: str) -> None:
        arn = JOB.replace("us-west-2", region)
        WorldExportJob(JobArn.parse(arn)).advance()
        assert [(call.operation, call.job, call.region) for call in robomaker.calls] == [(CANCEL, arn, region)]

    @pytest.mark.parametrize("variable", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
    @pytest.mark.parametrize(
        ("region", "host"),
        [
            ("us-west-2", "robomaker.us-west-2.amazonaws.com"),
            ("us-gov-west-1", "robomaker.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "robomaker.cn-north-1.amazonaws.com.cn"),
        ],
    )
    def test_goes_to_the_only_endpoint(
        self, monkeypatch: pytest.MonkeyPatch, region: str, host: str, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "true")
        world_export_job._client.cache_clear()
        assert world_export_job._client(region).meta.endpoint_url == f"https://{host}"
        world_export_job._client.cache_clear()

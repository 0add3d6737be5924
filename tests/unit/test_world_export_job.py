"""How a world export job is canceled: the order of the calls, and what each answer of RoboMaker means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from botocore.model import ServiceModel

from jobs import world_export_job
from jobs.world_export_job import WorldExportJob
from properties import JobArn
from protocol.outcome import Result
from sandbox.loopback import LoopbackServer, Request, Response
from sandbox.robomaker import ACCESS_DENIED, CANCEL_REFUSED, THROTTLED, Fault, RoboMaker
from teardown import ServiceError, State, Step, Trouble
from tests.faults import FAULTS, Row
from tests.network import SetClock

JOB = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"
CANCEL, LOOK = "CancelWorldExportJob", "DescribeWorldExportJob"
REFUSAL = f"{CANCEL} answered InvalidParameterException: The job is not in a state to be canceled"

Meaning = State | Trouble | Result


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def job(clock: SetClock) -> WorldExportJob:
    return WorldExportJob(JobArn.parse(JOB), clock=clock)


@pytest.fixture
def canceled(robomaker: RoboMaker, job: WorldExportJob) -> WorldExportJob:
    """Give a job whose cancel was accepted."""
    robomaker.start_job(JOB, cancel_seconds=600)
    job.advance()
    return job


@pytest.fixture
def refused(robomaker: RoboMaker, job: WorldExportJob) -> WorldExportJob:
    """Give a job whose cancel was refused, once and for all, and that was not looked at since."""
    robomaker.start_job(JOB)
    robomaker.switch_on(CANCEL_REFUSED)
    assert job.advance() == Step(State.MORE, REFUSAL)
    return job


def _advance(job: WorldExportJob) -> tuple[Meaning, str]:
    """Advance until there is nothing more to do at once, and give what that means and says."""
    try:
        while (step := job.advance()).state is State.MORE:
            pass
    except ServiceError as error:
        return error.trouble, str(error)
    return step.result if step.state is State.ENDED else step.state, step.detail


def _calls(robomaker: RoboMaker) -> list[str]:
    return [call.operation for call in robomaker.calls]


def _answer(body: dict[str, Any]) -> Fault:
    return Fault(message=json.dumps(body), status=200, operation=LOOK)


class TestOrder:
    """Which calls a step makes."""

    def test_is_a_cancel_and_then_looks(self, robomaker: RoboMaker, canceled: WorldExportJob) -> None:
        assert _advance(canceled) == _advance(canceled) == (State.STOPPING, "World export job job-1 is Canceling")
        assert _calls(robomaker) == [CANCEL, LOOK, LOOK]
        assert canceled.calls == 3

    def test_is_a_cancel_that_says_that_it_was_accepted(self, robomaker: RoboMaker, job: WorldExportJob) -> None:
        robomaker.start_job(JOB, cancel_seconds=600)
        assert job.advance() == Step(State.STOPPING, "World export job job-1 is Canceling")
        assert robomaker.status(JOB) == "Canceling"

    def test_is_a_look_after_a_refusal_and_a_cancel_before_each_further_look(
        self, robomaker: RoboMaker, refused: WorldExportJob
    ) -> None:
        reason = f"World export job job-1 is Running, and RoboMaker refuses to cancel it. {REFUSAL}"
        assert refused.advance() == Step(State.REFUSED, reason)
        assert refused.advance() == Step(State.REFUSED, reason)
        assert _calls(robomaker) == [CANCEL, LOOK, CANCEL, LOOK]
        robomaker.switch_off()
        assert refused.advance().state is State.STOPPING
        assert refused.advance() == Step(State.ENDED, "Canceled")
        assert _calls(robomaker)[4:] == [CANCEL, LOOK]

    def test_is_no_further_cancel_of_a_job_that_someone_else_has_canceled(
        self, robomaker: RoboMaker, refused: WorldExportJob
    ) -> None:
        robomaker.settle(JOB, "Canceling")
        assert _advance(refused) == _advance(refused) == (State.STOPPING, "World export job job-1 is Canceling")
        assert _calls(robomaker) == [CANCEL, LOOK, LOOK]

    def test_is_a_look_after_a_cancel_that_failed_after_a_refusal(
        self, robomaker: RoboMaker, refused: WorldExportJob
    ) -> None:
        refused.advance()
        robomaker.switch_off()
        robomaker.switch_on(replace(ACCESS_DENIED, operation=CANCEL))
        assert _advance(refused)[0] is Trouble.UNKNOWN
        meaning, reason = _advance(refused)
        assert meaning is State.REFUSED
        assert "RoboMaker refuses to cancel it. The function's role has no permission robomaker:Cancel" in reason
        assert _calls(robomaker)[2:] == [CANCEL, LOOK]

    def test_is_the_same_look_again_after_one_that_failed(self, robomaker: RoboMaker, refused: WorldExportJob) -> None:
        robomaker.switch_on(replace(THROTTLED, operation=LOOK), times=1)
        text = f"{REFUSAL} {LOOK} answered ThrottlingException: Rate exceeded"
        assert _advance(refused) == (Trouble.TRANSIENT, text)
        assert _advance(refused)[0] is State.REFUSED
        assert _calls(robomaker) == [CANCEL, LOOK, LOOK]

    def test_forgets_a_refusal_once_the_cancel_is_accepted(self, robomaker: RoboMaker, refused: WorldExportJob) -> None:
        refused.advance()
        robomaker.switch_off()
        refused.advance()
        robomaker.switch_on(THROTTLED)
        assert _advance(refused) == (Trouble.TRANSIENT, f"{LOOK} answered ThrottlingException: Rate exceeded")

    def test_has_a_look_each_minute_while_the_cancel_meets_transient_errors(
        self, robomaker: RoboMaker, job: WorldExportJob, clock: SetClock
    ) -> None:
        robomaker.start_job(JOB)
        robomaker.switch_on(replace(THROTTLED, operation=CANCEL))
        for seconds in (0, 59.9, 0.1, 59.9, 0.1):
            clock.now += seconds
            text = f"{CANCEL} answered ThrottlingException: Rate exceeded"
            assert _advance(job) == (Trouble.TRANSIENT, text)
        assert _calls(robomaker) == [CANCEL] * 3 + [LOOK] + [CANCEL] * 2 + [LOOK]
        robomaker.settle(JOB, "Completed")
        clock.now += 60
        assert _advance(job) == (Result.STOPPED, "Completed")

    @pytest.mark.parametrize("status", ["Running", "Canceling"])
    def test_goes_on_with_the_cancel_after_such_a_look(
        self, robomaker: RoboMaker, job: WorldExportJob, clock: SetClock, status: str
    ) -> None:
        robomaker.start_job(JOB, status=status)
        robomaker.switch_on(replace(THROTTLED, operation=CANCEL), times=1)
        clock.now += 60
        assert _advance(job)[0] is Trouble.TRANSIENT
        assert _advance(job)[0] is State.STOPPING
        assert _calls(robomaker) == [CANCEL, LOOK, CANCEL]

    @pytest.mark.parametrize("fault", [ACCESS_DENIED, Fault("OddException", "No")], ids=str)
    def test_has_a_look_after_every_cancel_that_fails_otherwise(
        self, robomaker: RoboMaker, job: WorldExportJob, fault: Fault
    ) -> None:
        robomaker.start_job(JOB)
        robomaker.switch_on(fault)  # at the look too
        assert f"{CANCEL} answered " in _advance(job)[1]
        robomaker.switch_off()
        robomaker.switch_on(replace(fault, operation=CANCEL))
        robomaker.settle(JOB, "Failed")
        assert _advance(job) == (Result.STOPPED, "Failed")
        assert _calls(robomaker) == [CANCEL, LOOK] * 2


class TestStatus:
    """What a look sees (API reference, DescribeWorldExportJob)."""

    ENDED = ("Canceled", "Completed", "Failed")
    UNFINISHED = ("Pending", "Running", "Canceling")
    # None of them is documented: only waiting can tell what they mean.
    UNKNOWN = ("Paused", "CANCELED", "canceled", "Cancelled", " Canceled", ["Canceled"])

    @pytest.mark.parametrize("status", ENDED)
    def test_is_an_end(self, robomaker: RoboMaker, refused: WorldExportJob, status: str) -> None:
        robomaker.settle(JOB, status)
        assert refused.advance() == Step(State.ENDED, status)

    @pytest.mark.parametrize("status", ["Pending", "Running", *UNKNOWN])
    def test_is_a_refusal_if_the_cancel_was_refused(
        self, robomaker: RoboMaker, refused: WorldExportJob, status: Any
    ) -> None:
        robomaker.switch_on(_answer({"status": status}))
        reason = f"World export job job-1 is {status}, and RoboMaker refuses to cancel it. {REFUSAL}"
        assert _advance(refused) == (State.REFUSED, reason)

    @pytest.mark.parametrize("status", [*UNFINISHED, *UNKNOWN])
    def test_is_waited_for_if_the_cancel_was_accepted(
        self, robomaker: RoboMaker, canceled: WorldExportJob, status: Any
    ) -> None:
        robomaker.switch_on(_answer({"status": status}))
        assert _advance(canceled) == (State.STOPPING, f"World export job job-1 is {status}")

    @pytest.mark.parametrize("body", [{}, {"status": None}, {"status": ""}])
    def test_that_is_missing_is_transient(
        self, robomaker: RoboMaker, canceled: WorldExportJob, body: dict[str, Any]
    ) -> None:
        robomaker.switch_on(_answer(body))
        assert _advance(canceled) == (Trouble.TRANSIENT, f"{LOOK} got an answer without status")

    def test_is_one_of_the_service_model(self, model: ServiceModel) -> None:
        shape: Any = model.shape_for("WorldExportJobStatus")
        assert {*self.ENDED, *self.UNFINISHED} == set(shape.enum)
        assert self.ENDED == world_export_job.ENDED


class TestAnswer:
    """What is answered in place of the truth."""

    @pytest.mark.parametrize("row", FAULTS, ids=str)
    def test_to_a_cancel_has_its_meaning(self, robomaker: RoboMaker, job: WorldExportJob, row: Row) -> None:
        robomaker.start_job(JOB)
        robomaker.switch_on(replace(row.fault, operation=CANCEL))
        meaning, text = _advance(job)
        assert meaning is row.means
        assert row.words in text

    @pytest.mark.parametrize("row", FAULTS, ids=str)
    def test_to_a_look_has_its_meaning(self, robomaker: RoboMaker, canceled: WorldExportJob, row: Row) -> None:
        robomaker.switch_on(replace(row.fault, operation=LOOK))
        assert _advance(canceled)[0] is row.means_at_a_look

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (Response(400, b"no object", {"x-amzn-ErrorType": "ResourceNotFoundException"}), Result.GONE),
            (Response(200, b"", {"X-Amzn-ErrorType": "ResourceNotFoundException"}), Trouble.TRANSIENT),
            (Response(300, b'{"message": "Choose"}'), Trouble.REJECTED),
            (Response(400, b"\xff\xfe"), Trouble.TRANSIENT),
            *((Response(200, body), State.STOPPING) for body in (b"", b" ", b"{}", b'{"anything": "else"}')),
        ],
        ids=str,
    )
    def test_is_an_error_by_its_header_or_its_status(
        self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob, answer: Response, meaning: Meaning
    ) -> None:
        with closing(LoopbackServer(lambda _: answer)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
            world_export_job._client.cache_clear()
            assert _advance(job)[0] is meaning
            world_export_job._client.cache_clear()

    def test_that_can_not_be_parsed_is_transient_and_shown(
        self, robomaker: RoboMaker, canceled: WorldExportJob
    ) -> None:
        body = {"status": "Canceled", "createdAt": "never"}
        robomaker.switch_on(_answer(body))
        text = f"{LOOK} got an answer that is not from RoboMaker: HTTP status 200, {json.dumps(body)!r}"
        assert _advance(canceled) == (Trouble.TRANSIENT, text)

    def test_that_is_a_long_page_is_shown_in_part(self, robomaker: RoboMaker, job: WorldExportJob) -> None:
        robomaker.switch_on(Fault(message="x" * 300, status=400))
        assert _advance(job)[1].endswith(f"HTTP status 400, '{'x' * 200}'")

    def test_that_there_is_no_job_is_its_end(self, robomaker: RoboMaker, job: WorldExportJob) -> None:
        assert job.advance() == Step(
            State.ENDED, f"{CANCEL} answered ResourceNotFoundException: There is no {JOB}", Result.GONE
        )
        assert _calls(robomaker) == [CANCEL]


class TestRequest:
    def test_is_the_one_of_the_api_reference(self, monkeypatch: pytest.MonkeyPatch, job: WorldExportJob) -> None:
        requests: list[Request] = []

        def answer(request: Request) -> Response:
            requests.append(request)
            return Response(200, b"{}", {"Content-Type": "application/json"})

        with closing(LoopbackServer(answer)) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_ROBOMAKER", server.url)
            world_export_job._client.cache_clear()
            _advance(job)
            _advance(job)
            world_export_job._client.cache_clear()
        assert [(request.method, request.path, json.loads(request.body)) for request in requests] == [
            ("POST", "/cancelWorldExportJob", {"job": JOB}),
            ("POST", "/describeWorldExportJob", {"job": JOB}),
        ]
        assert all(request.headers["Content-Type"] == "application/json" for request in requests)

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
    def test_goes_to_the_only_endpoint_of_a_region(
        self, monkeypatch: pytest.MonkeyPatch, region: str, host: str, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "true")
        world_export_job._client.cache_clear()
        assert world_export_job._client(region).meta.endpoint_url == f"https://{host}"
        world_export_job._client.cache_clear()


# The service model says what the API reference says (RoboMaker API reference, version 2018-06-29).
ERRORS = {
    "InternalServerException": 500,
    "InvalidParameterException": 400,
    "ResourceNotFoundException": 400,
    "ThrottlingException": 400,
}
# Field -> its type and its limits, as the pages of the two operations have them.
ARN = ("string", {"min": 1, "max": 1224, "pattern": "arn:.*"})
FAILURES = "InternalServiceError LimitExceeded ResourceNotFound RequestThrottled InvalidInput AccessDenied"
DESCRIBED = {
    "arn": ARN,
    "clientRequestToken": ("string", {"min": 1, "max": 64, "pattern": r"[a-zA-Z0-9_\-=]*"}),
    "createdAt": ("timestamp", {}),
    "failureCode": ("string", {"enum": FAILURES.split()}),
    "failureReason": ("string", {"min": 0, "max": 1024, "pattern": ".*"}),
    "iamRole": ("string", {"min": 1, "max": 255, "pattern": r"arn:aws:iam::\w+:role/.*"}),
    "outputLocation": ("structure", {}),
    "status": ("string", {"enum": ["Pending", "Running", "Completed", "Failed", "Canceling", "Canceled"]}),
    "tags": ("map", {"min": 0, "max": 50}),
    "worlds": ("list", {"min": 1, "max": 100}),
}
LOCATION = {
    "s3Bucket": ("string", {"min": 3, "max": 63, "pattern": r"[a-z0-9][a-z0-9\-]*[a-z0-9]"}),
    "s3Prefix": ("string", {"min": 1, "max": 1024, "pattern": ".*"}),
}


@pytest.fixture(scope="module")
def model() -> Iterator[ServiceModel]:
    yield world_export_job._client("us-west-2").meta.service_model
    world_export_job._client.cache_clear()


def _fields(shape: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    limits = ("min", "max", "pattern", "enum")
    return {
        name: (member.type_name, {key: value for key, value in member.metadata.items() if key in limits})
        for name, member in shape.members.items()
    }


class TestModel:
    def test_is_of_robomaker(self, model: ServiceModel) -> None:
        names = ("apiVersion", "endpointPrefix", "protocol", "signatureVersion")
        assert [model.metadata.get(name) for name in names] == ["2018-06-29", "robomaker", "rest-json", "v4"]
        assert (model.service_id, model.signing_name) == ("RoboMaker", "robomaker")
        assert sorted(model.operation_names) == [CANCEL, LOOK]

    @pytest.mark.parametrize("name", [CANCEL, LOOK])
    def test_has_operations_that_take_a_job_and_answer_one_of_four_errors(self, model: ServiceModel, name: str) -> None:
        operation: Any = model.operation_model(name)
        assert operation.http == {"method": "POST", "requestUri": f"/{name[0].lower()}{name[1:]}"}
        assert _fields(operation.input_shape) == {"job": ARN}
        assert operation.input_shape.required_members == ["job"]
        assert {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in operation.error_shapes} == ERRORS

    def test_has_the_fields_of_the_answers(self, model: ServiceModel) -> None:
        assert _fields(model.operation_model(CANCEL).output_shape) == {}
        shape: Any = model.operation_model(LOOK).output_shape
        assert _fields(shape) == DESCRIBED
        assert _fields(shape.members["outputLocation"]) == LOCATION
        tags = shape.members["tags"]
        longest = [part.metadata["max"] for part in (shape.members["worlds"].member, tags.key, tags.value)]
        assert longest == [1224, 128, 256]

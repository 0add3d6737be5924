"""Cancels a RoboMaker world export job, and interprets RoboMaker's statuses and errors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserFactory, RestJSONParser
from botocore.session import Session

from jobs.aws import AwsService, UnreadableAnswerError, error_code, new_client
from jobs.retirement import Retirement
from protocol.clock import Clock
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step

if TYPE_CHECKING:
    from properties.job_arn import JobArn

MODELS = Path(__file__).parents[1] / "models"

# The statuses of a job (API reference, DescribeWorldExportJob). Any other status may be final or not, so the function
# waits.
ENDED = ("Canceled", "Completed", "Failed")
STOPPING = ("Canceling",)
# The errors for a job that does not exist and for a refused cancel (API reference, CancelWorldExportJob).
GONE = "ResourceNotFoundException"
REFUSED = "InvalidParameterException"

# While the cancel fails with transient errors, the seconds between two calls of DescribeWorldExportJob: the job may end
# by itself.
DESCRIBE_EVERY = 60.0


class WorldExportJob:
    """A world export job that is being canceled.

    Parameters
    ----------
    arn : JobArn
        The job's ARN. Calls go to its region.
    others_connect : callable, optional
        Returns whether another host accepts connections now. Default: returns False, so that time-outs are no sign of
        retirement.
    clock : Clock, default: the time module
        The clock that measures time.
    """

    def __init__(self, arn: JobArn, *, others_connect: Callable[[], bool] = lambda: False, clock: Clock = time) -> None:
        self._arn = arn.text
        self._name = f"World export job {arn.text.rpartition('/')[2]}"
        self._clock = clock
        self._robomaker = _RoboMaker("RoboMaker", arn.region)
        self._retirement = Retirement(lambda: self._robomaker.endpoint, arn.region, others_connect, clock)
        self._cancels_next = True
        self._accepted = False
        self._refusal = ""
        self._next_describe = clock.monotonic() + DESCRIBE_EVERY

    @property
    def calls(self) -> int:
        """How many API calls it has made."""
        return self._robomaker.calls

    def advance(self) -> Step:
        """Call CancelWorldExportJob until it is accepted, and DescribeWorldExportJob until the job has ended.

        Raises
        ------
        ServiceError
            If the call failed.
        """
        return self._cancel() if self._cancels_next else self._describe()

    def _cancel(self) -> Step:
        try:
            self._robomaker.call("CancelWorldExportJob", job=self._arn)
        except ServiceError as error:
            return self._ended(error) or self._not_canceled(error)
        self._retirement.note_answer()
        self._accepted, self._refusal, self._cancels_next = True, "", False
        return Step(State.STOPPING, f"{self._name} is Canceling")

    def _not_canceled(self, error: ServiceError) -> Step:
        if _is_answer(error, REFUSED):
            # Describe the job: it may have ended, be Canceling, or be running. After the first refusal, the next step
            # does it, because MORE does not begin the wait: the call may then be retried while there is time.
            is_first, self._refusal, self._cancels_next = not self._refusal, str(error), False
            return Step(State.MORE, str(error)) if is_first else self._describe()
        if self._refusal:
            self._refusal, self._cancels_next = str(error), False
        elif error.failure is not Failure.TRANSIENT or self._clock.monotonic() >= self._next_describe:
            self._next_describe = self._clock.monotonic() + DESCRIBE_EVERY
            try:
                step = self._describe()
            except ServiceError:
                raise error from None
            if step.state is State.ENDED:
                return step
            self._cancels_next = True
        raise error

    def _describe(self) -> Step:
        try:
            status = str(self._robomaker.ask("DescribeWorldExportJob", "status", job=self._arn))
        except ServiceError as error:
            if ended := self._ended(error):
                return ended
            raise (error.with_text(f"{self._refusal} {error}") if self._refusal else error) from error
        self._retirement.note_answer()
        if status in ENDED:
            return Step(State.ENDED, status)
        if status in STOPPING or self._accepted:
            return Step(State.STOPPING, f"{self._name} is {status}")
        self._cancels_next = True
        return Step(State.REFUSED, f"{self._name} is {status}, and RoboMaker refuses to cancel it. {self._refusal}")

    def _ended(self, error: ServiceError) -> Step | None:
        if sign := self._retirement.find_sign(error):
            return Step(State.ENDED, sign, Result.RETIRED)
        return Step(State.ENDED, str(error), Result.GONE) if _is_answer(error, GONE) else None


def _is_answer(error: ServiceError, code: str) -> bool:
    """Return whether RoboMaker answered with this error code. A proxy, for example, may answer with it, too."""
    return error.code == code and isinstance(error.__cause__, ClientError)


class _RoboMaker(AwsService):
    """The client of RoboMaker, with the service model in models/."""

    def _make_client(self) -> Any:
        return _client(self.region)


# Members that contain an error in the answers of AWS services and gateways, in lower case. A successful answer of
# RoboMaker has none of them. The last two are from Coral, AWS's service framework (aws-amplify/amplify-flutter 5675).
_NAMES_OF_ERRORS = {
    *("__type", "code", "error", "errors", "errorcode", "errormessage", "errortype", "message"),
    *("output", "fault"),
}


class _Parser(RestJSONParser):
    """botocore's parser, which also rejects answers that are not from RoboMaker, such as an HTML page."""

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        body, status = response["body"], response["status_code"]
        names_an_error = "x-amzn-errortype" in {name.lower() for name in response["headers"]}
        document = _document(body)
        code, message = _error_within(document or {})
        if status >= 300:
            fits = names_an_error or (document is not None and not code)
        else:
            names = {str(name).lower() for name in document or {}}
            fits = document is not None and not names_an_error and _NAMES_OF_ERRORS.isdisjoint(names)
            code = code or error_code((document or {}).get("__type"))
        text = f"HTTP status {status}, {body[:200].decode(errors='replace')!r}"
        if not fits:
            raise UnreadableAnswerError(text, status, code, message)
        try:
            return super().parse(response, shape)
        except Exception as error:  # botocore's parsers raise many kinds
            raise UnreadableAnswerError(text, status) from error


def _document(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a body, an empty one for no body at all, and None if the body is something else."""
    try:
        document = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _error_within(document: Mapping[str, Any]) -> tuple[str, str]:
    """Return the code and the message of an error in Coral's member Output, which it may have with any HTTP status.

    Without an error, both are ``""``.
    """
    envelope = document.get("Output")
    if not isinstance(envelope, dict):
        return "", ""
    return error_code(envelope.get("__type")), str(envelope.get("message") or envelope.get("Message") or "")


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> _Parser:  # noqa: ARG002 - RoboMaker has one
        return _Parser()


class _Loader(Loader):
    """botocore's loader, which does not search botocore's folder for services. The search takes 27 ms (measured)."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["robomaker"] if type_name == "service-2" else []


@cache
def _client(region: str) -> Any:
    # botocore's built-in handlers are for other services. To register and copy them doubles the time of this function.
    session = Session(include_builtin_handlers=False)
    # models/ has the service model that boto3 dropped after 1.40.60, and the pattern of the endpoints' names. Without
    # the pattern, botocore would read more than a megabyte about other services.
    session.register_component("data_loader", _Loader(extra_search_paths=[str(MODELS)]))
    session.register_component("response_parser_factory", _Parsers())
    # RoboMaker has no FIPS or dual-stack endpoints, even if the function's environment asks for them.
    return new_client(session, "robomaker", region, use_fips_endpoint=False, use_dualstack_endpoint=False)

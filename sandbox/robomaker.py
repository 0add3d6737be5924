"""A RoboMaker endpoint with world export jobs that take time to cancel, and with faults that can be switched on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from .faults import ACCESS_DENIED as ACCESS_DENIED
from .faults import CONNECTION_DROPPED as CONNECTION_DROPPED
from .faults import SERVER_ERROR as SERVER_ERROR
from .faults import THROTTLED as THROTTLED
from .faults import Fault as Fault
from .faults import Faults
from .later import later
from .loopback import LoopbackServer, Request, Response

ENDS = ("Canceled", "Completed", "Failed")
# The status that listeners get for a job that the endpoint no longer has.
NOT_FOUND = "not found"


@dataclass
class Job:
    """A world export job.

    Parameters
    ----------
    arn : str
        Its ARN.
    status : str
        Its WorldExportJobStatus.
    cancel_seconds : float
        How long it takes to cancel.
    """

    arn: str
    status: str = "Running"
    cancel_seconds: float = 0.0


@dataclass(frozen=True)
class Call:
    """A call that was made.

    Parameters
    ----------
    operation : str
        The name of the API operation, or, if RoboMaker does not have it, the method and the path.
    job : str
        The job's ARN in the request.
    region : str
        The region that the request was signed for.
    """

    operation: str
    job: str
    region: str


CANCEL_REFUSED = Fault(
    "InvalidParameterException", "The job is not in a state to be canceled", operation="CancelWorldExportJob"
)
# The answers that were seen of retired parts of RoboMaker (SummitRoute/aws_breaking_changes 64, ekristen/aws-nuke 373).
RETIRED = Fault(
    "ThrottlingException",
    "AWS RoboMaker is Unable to process this request as the support for the AWS RoboMaker world export feature has"
    " ended.",
)
EXISTING_CUSTOMERS_ONLY = Fault("ForbiddenException", "AWS RoboMaker is only available for existing customers.")


class RoboMaker(Faults):
    """The endpoint and its jobs.

    Parameters
    ----------
    changed : callable, optional
        Called with the ARN and the status of each job whenever its status changes.
    answered : callable, optional
        Called with each call, and the error code and message of its answer, or ``""``.
    """

    def __init__(
        self,
        changed: Callable[[str, str], None] = lambda *_: None,
        answered: Callable[[Call, str], None] = lambda *_: None,
    ) -> None:
        super().__init__()
        self._changed = changed
        self._answered = answered
        self._jobs: dict[str, Job] = {}
        self.calls: list[Call] = []
        self._server = LoopbackServer(self._answer)

    @property
    def url(self) -> str:
        """Its URL, for AWS_ENDPOINT_URL_ROBOMAKER."""
        return self._server.url

    def start_job(self, arn: str, *, status: str = "Running", cancel_seconds: float = 0.0) -> None:
        """Start a job that takes that many seconds to cancel."""
        with self.lock:
            self._jobs[arn] = Job(arn, status, cancel_seconds)
        self._changed(arn, status)

    def forget_job(self, arn: str) -> None:
        """Remove a job, as the service does some time after it has ended."""
        with self.lock:
            self._move(self._jobs.pop(arn), NOT_FOUND)

    def status(self, arn: str) -> str:
        """Return the status of a job, or ``""`` if it does not exist."""
        with self.lock:
            job = self._jobs.get(arn)
            return job.status if job else ""

    def settle(self, arn: str, status: str) -> None:
        """Change the status of a job."""
        with self.lock:
            self._move(self._jobs[arn], status)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _answer(self, request: Request) -> Response:
        operation = _OPERATIONS.get((request.method, request.path), f"{request.method} {request.path}")
        try:
            arn = str(json.loads(request.body)["job"])
        except (ValueError, KeyError, TypeError):
            arn = ""
        call = Call(operation, arn, _signed_region(request))
        response = self._respond(call)
        code = response.headers.get("x-amzn-ErrorType", "")
        self._answered(call, code and f"{code}: {json.loads(response.body)['message']}")
        return response

    def _respond(self, call: Call) -> Response:
        operation, arn = call.operation, call.job
        with self.lock:
            self.calls.append(call)
            fault = self.next_fault(operation, arn)
            if operation not in _OPERATIONS.values():
                return Fault("UnknownOperationException", operation, 404).response()
            if not arn:
                return Fault("InvalidParameterException", "job is required").response()
            if fault:
                return fault.response()
            job = self._jobs.get(arn)
            if job is None:
                return Fault("ResourceNotFoundException", f"There is no {arn}").response()
            return self._cancel(job) if operation == "CancelWorldExportJob" else _describe(job)

    def _cancel(self, job: Job) -> Response:
        if job.status in ENDS:
            return Fault("InvalidParameterException", f"A job that is {job.status} can't be canceled").response()
        if job.status != "Canceling":
            self._move(job, "Canceling")
            later(job.cancel_seconds, lambda: self._end(job))
        return Response()

    def _end(self, job: Job) -> None:
        with self.lock:
            if job.status == "Canceling":
                self._move(job, "Canceled")

    def _move(self, job: Job, status: str) -> None:
        if job.status != status:
            job.status = status
            self._changed(job.arn, status)


_OPERATIONS = {
    ("POST", "/cancelWorldExportJob"): "CancelWorldExportJob",
    ("POST", "/describeWorldExportJob"): "DescribeWorldExportJob",
}


def _describe(job: Job) -> Response:
    description = {
        "arn": job.arn,
        "status": job.status,
        "createdAt": 1757462400.0,
        "outputLocation": {"s3Bucket": "exports", "s3Prefix": "worlds"},
        "worlds": [job.arn.replace("world-export-job", "world")],
    }
    return Response(200, json.dumps(description).encode(), {"Content-Type": "application/json"})


def _signed_region(request: Request) -> str:
    found = re.search(r"Credential=[^/]+/\d+/([^/]+)/robomaker/", request.headers.get("Authorization", ""))
    return found[1] if found else ""

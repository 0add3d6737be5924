"""A RoboMaker endpoint with world export jobs that take time to cancel, and faults to switch on."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .faults import ACCESS_DENIED as ACCESS_DENIED
from .faults import CONNECTION_DROPPED as CONNECTION_DROPPED
from .faults import SERVER_ERROR as SERVER_ERROR
from .faults import THROTTLED as THROTTLED
from .faults import Bucket, Faults
from .faults import Fault as Fault
from .loopback import LoopbackServer, Request, Response

ENDS = ("Canceled", "Completed", "Failed")
# What listeners hear of a job that the endpoint knows no more.
FORGOTTEN = "forgotten"


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
    canceled_by: float | None = None


@dataclass(frozen=True)
class Call:
    """A call that was made.

    Parameters
    ----------
    operation : str
        The name of the API operation; of one that is not RoboMaker's, its method and path.
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
# What retired parts of the service were seen to answer (SummitRoute/aws_breaking_changes 64, ekristen/aws-nuke 373).
RETIRED = Fault(
    "ThrottlingException",
    "AWS RoboMaker is Unable to process this request as the support for the AWS RoboMaker world export feature has"
    " ended.",
)
EXISTING_CUSTOMERS_ONLY = Fault("ForbiddenException", "AWS RoboMaker is only available for existing customers.")


class RoboMaker:
    """The endpoint and its jobs.

    Parameters
    ----------
    changed : callable, optional
        Told of each job whenever its status changes.
    answered : callable, optional
        Told of each call, with the code of the error that it was answered, or ``""``.
    """

    def __init__(
        self,
        changed: Callable[[Job], None] = lambda _: None,
        answered: Callable[[Call, str], None] = lambda *_: None,
    ) -> None:
        self._changed = changed
        self._answered = answered
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._faults = Faults()
        self._bucket = Bucket(float("inf"), 0)
        self.calls: list[Call] = []
        self._server = LoopbackServer(self._answer)

    @property
    def url(self) -> str:
        """Where it listens: the value for AWS_ENDPOINT_URL_ROBOMAKER."""
        return self._server.url

    def start_job(self, arn: str, *, status: str = "Running", cancel_seconds: float = 0.0) -> Job:
        """Start a job that takes that many seconds to cancel."""
        with self._lock:
            job = self._jobs[arn] = Job(arn, status, cancel_seconds)
        self._changed(job)
        return job

    def forget_job(self, arn: str) -> None:
        """Lose a job, as the service does some time after its end."""
        with self._lock:
            self._move(self._jobs.pop(arn), FORGOTTEN)

    def status(self, arn: str) -> str:
        """Give a job's status now, or ``""`` if there is no such job."""
        with self._lock:
            job = self._jobs.get(arn)
            if job is None:
                return ""
            self._settle(job)
            return job.status

    def settle(self, arn: str, status: str) -> None:
        """Bring a job to another status."""
        with self._lock:
            self._move(self._jobs[arn], status)

    def switch_on(self, fault: Fault, times: float = float("inf"), *, job: str = "") -> None:
        """Answer with a fault, for that many calls, of one job or of any. Faults switched on earlier come first."""
        with self._lock:
            self._faults.switch_on(fault, times, job)

    def switch_off(self) -> None:
        """Tell the truth again."""
        with self._lock:
            self._faults.switch_off()

    def limit(self, calls_per_second: float) -> None:
        """Throttle from now on what goes beyond that many calls a second, at least one, in a bucket of one second."""
        with self._lock:
            self._bucket = Bucket(calls_per_second, calls_per_second)

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
        self._answered(call, response.headers.get("x-amzn-ErrorType", ""))
        return response

    def _respond(self, call: Call) -> Response:
        operation, arn = call.operation, call.job
        with self._lock:
            self.calls.append(call)
            fault = self._faults.next(operation, arn) or (None if self._bucket.take() else THROTTLED)
        if operation not in _OPERATIONS.values():
            return _error("UnknownOperationException", operation, 404)
        if not arn:
            return _error("InvalidParameterException", "job is required")
        if fault:
            time.sleep(fault.seconds)
            return fault.response()

        with self._lock:
            job = self._jobs.get(arn)
            if job is None:
                return _error("ResourceNotFoundException", f"There is no {arn}")
            self._settle(job)
            return self._cancel(job) if operation == "CancelWorldExportJob" else _json(_description(job))

    def _cancel(self, job: Job) -> Response:
        if job.status in ENDS:
            return _error("InvalidParameterException", f"A job that is {job.status} can't be canceled")
        if job.status != "Canceling":
            job.canceled_by = time.monotonic() + job.cancel_seconds
            self._move(job, "Canceling")
            timer = threading.Timer(job.cancel_seconds, self.status, [job.arn])
            timer.daemon = True
            timer.start()
        return Response()

    def _settle(self, job: Job) -> None:
        if job.status == "Canceling" and job.canceled_by is not None and time.monotonic() >= job.canceled_by:
            self._move(job, "Canceled")

    def _move(self, job: Job, status: str) -> None:
        if job.status != status:
            job.status = status
            self._changed(job)


_OPERATIONS = {
    ("POST", "/cancelWorldExportJob"): "CancelWorldExportJob",
    ("POST", "/describeWorldExportJob"): "DescribeWorldExportJob",
}


def _description(job: Job) -> dict[str, Any]:
    return {
        "arn": job.arn,
        "status": job.status,
        "createdAt": 1757462400.0,
        "outputLocation": {"s3Bucket": "exports", "s3Prefix": "worlds"},
        "worlds": [job.arn.replace("world-export-job", "world")],
    }


def _json(body: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


def _error(code: str, message: str, status: int = 400) -> Response:
    return _json({"message": message}, status, **{"x-amzn-ErrorType": code})


def _signed_region(request: Request) -> str:
    found = re.search(r"Credential=[^/]+/\d+/([^/]+)/robomaker/", request.headers.get("Authorization", ""))
    return found[1] if found else ""

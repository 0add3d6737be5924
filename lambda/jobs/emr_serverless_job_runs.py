"""Cancels the unfinished EMR Serverless job runs of an application, and then stops the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobs.aws import AwsService
from jobs.running_jobs import Pace, RunningJob
from properties import Container
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step, sentence

# EMR Serverless API reference, ListJobRuns.
_PAGE = 50
# API reference, JobRun and Application: states.
_UNFINISHED = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED")
_STOPPING = ("CANCELLING",)
# DeleteApplication accepts an application in these only (API reference).
_DELETABLE = ("CREATED", "STOPPED")
# One in STARTING can be stopped (gchq/sleeper 1212).
_STOPPABLE = ("STARTING", "STARTED")
_GONE = "ResourceNotFoundException"


class EmrServerlessJobRuns:
    """The unfinished job runs of an application. After them, the application is stopped, not deleted.

    Parameters
    ----------
    container : Container
        The application.
    reason : str
        Not used: EMR Serverless stores no reason for a cancel.
    """

    noun = "job runs"
    # No limit of CancelJobRun is documented: these numbers are assumed.
    pace = Pace(burst=10, rate=10)
    settles_after = 0.0
    ends: Mapping[str, Step] = {_GONE: Step(State.ENDED, "There is no such application", Result.GONE)}

    def __init__(self, container: Container, reason: str) -> None:  # noqa: ARG002 - every kind takes it
        self.service = AwsService("emr-serverless")
        self._application = container.id
        self._name = f"Application {container.id}"

    def exists(self) -> bool:
        """Call GetApplication."""
        try:
            self._state()
        except ServiceError as error:
            if error.code not in self.ends:
                raise
            return False
        return True

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Call ListJobRuns, and GetApplication after an error, because ListJobRuns has none for "no application"."""
        try:
            for states, is_stopping in ((_UNFINISHED, False), (_STOPPING, True)):
                for page in self.service.pages(
                    "ListJobRuns",
                    "jobRuns",
                    each="id",
                    applicationId=self._application,
                    states=list(states),
                    maxResults=_PAGE,
                ):
                    yield [RunningJob(run["id"], is_stopping) for run in page]
        except ServiceError as error:
            self._state()
            # Without its code: the application is there.
            raise ServiceError(error.failure, str(error)) from error

    def stop(self, job: RunningJob) -> None:
        """Call CancelJobRun."""
        self.service.call("CancelJobRun", applicationId=self._application, jobRunId=job.id)

    def close(self) -> Step | None:
        """Call StopApplication until the application can be deleted.

        It is called only after all runs have ended, because a new run starts its application again (API reference,
        AutoStartConfig).
        """
        state = self._state()
        if state in _DELETABLE:
            return None
        detail = f"{self._name} is {state}"
        if state in _STOPPABLE:
            try:
                self.service.call("StopApplication", applicationId=self._application)
            except ServiceError as error:
                if error.failure is not Failure.REJECTED:
                    raise
                return Step(State.REFUSED, f"{sentence(str(error))} {detail}")
        if state in (*_STOPPABLE, "STOPPING"):
            return Step(State.STOPPING, detail)
        return Step(State.REFUSED, f"{detail}, so it can't be stopped yet")

    def _state(self) -> str:
        application = self.service.ask("GetApplication", "application", each="state", applicationId=self._application)
        state = str(application["state"])
        if state == "TERMINATED":
            raise ServiceError(Failure.REJECTED, f"{self._name} is {state}", code=_GONE)
        return state

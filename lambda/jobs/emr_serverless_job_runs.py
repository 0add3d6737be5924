"""Cancels the job runs and terminates the sessions of an EMR Serverless application, and then stops it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.aws import AwsService
from jobs.running_jobs import Pace, RunningJob
from properties.container import Container
from protocol.outcome import Result
from teardown import Failure, ServiceError, State, Step, sentence

# The most that ListJobRuns and ListSessions return in a page (EMR Serverless API reference).
_PAGE = 50
# The states of job runs and sessions that have not ended (API reference, JobRun and Session).
_UNFINISHED_RUNS, _STOPPING_RUNS = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"), ("CANCELLING",)
_UNFINISHED_SESSIONS, _STOPPING_SESSIONS = ("SUBMITTED", "STARTING", "STARTED", "IDLE", "BUSY"), ("TERMINATING",)
# The only states in which DeleteApplication accepts an application (API reference).
_DELETABLE = ("CREATED", "STOPPED")
# An application in STARTING can be stopped, too (gchq/sleeper 1212).
_STOPPABLE = ("STARTING", "STARTED")
_GONE = "ResourceNotFoundException"


class EmrServerlessJobRuns:
    """The unfinished job runs and sessions of an application. When they have ended, the application is stopped.

    Parameters
    ----------
    container : Container
        The application. With the option ShutdownGracePeriodInSeconds, job runs are canceled with that grace period.
    reason : str
        Not used: EMR Serverless stores no reason for a cancel.
    """

    # No limit of CancelJobRun and TerminateSession is documented: these numbers are assumed.
    pace = Pace(burst=10, rate=10)
    list_again_after = 0.0
    final_steps: Mapping[str, Step] = {_GONE: Step(State.ENDED, "There is no such application", Result.GONE)}

    def __init__(self, container: Container, reason: str) -> None:  # noqa: ARG002 - every kind takes it
        self.service = AwsService("emr-serverless")
        self._application = container.id
        period = container.options.get("ShutdownGracePeriodInSeconds")
        self._grace = {"shutdownGracePeriodInSeconds": int(period)} if period else {}
        self._sessions: set[str] = set()
        self._name = f"Application {container.id}"

    @property
    def noun(self) -> str:
        """The name of its jobs in messages. It mentions sessions only if there were any, because most have none."""
        return "job runs and sessions" if self._sessions else "job runs"

    def exists(self) -> bool:
        """Call GetApplication."""
        try:
            self._state()
        except ServiceError as error:
            if error.code not in self.final_steps:
                raise
            return False
        return True

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Call ListJobRuns and ListSessions.

        After an error, call GetApplication, because ListJobRuns has no error for an application that does not exist.
        """
        try:
            yield from self._unfinished_runs(_UNFINISHED_RUNS)
            yield from self._unfinished_sessions(_UNFINISHED_SESSIONS)
            yield from self._unfinished_runs(_STOPPING_RUNS, is_stopping=True)
            yield from self._unfinished_sessions(_STOPPING_SESSIONS, is_stopping=True)
        except ServiceError as error:
            self._state()
            # Without the error code, which could mean that the application does not exist. It does exist.
            raise ServiceError(error.failure, str(error)) from error

    def _unfinished_runs(self, states: Sequence[str], *, is_stopping: bool = False) -> Iterator[list[RunningJob]]:
        for page in self.service.pages("ListJobRuns", "jobRuns", each="id", **self._parameters(states)):
            yield [RunningJob(run["id"], is_stopping) for run in page]

    def _unfinished_sessions(self, states: Sequence[str], *, is_stopping: bool = False) -> Iterator[list[RunningJob]]:
        # Optional, because sessions came with EMR 7.13 (API reference, StartSession). If they can't be listed and one
        # is running, the service refuses StopApplication, and the Delete fails with that error.
        for page in self.service.optional_pages(
            "ListSessions", "sessions", each="sessionId", **self._parameters(states)
        ):
            self._sessions.update(session["sessionId"] for session in page)
            yield [RunningJob(session["sessionId"], is_stopping) for session in page]

    def _parameters(self, states: Sequence[str]) -> dict[str, Any]:
        """Return the parameters to list the job runs or sessions in these states."""
        return {"applicationId": self._application, "states": list(states), "maxResults": _PAGE}

    def stop(self, job: RunningJob) -> None:
        """Call CancelJobRun or TerminateSession."""
        if job.id in self._sessions:
            self.service.call("TerminateSession", applicationId=self._application, sessionId=job.id)
        else:
            self.service.call("CancelJobRun", applicationId=self._application, jobRunId=job.id, **self._grace)

    def make_deletable(self) -> Step | None:
        """Call StopApplication until the application can be deleted.

        The application is stopped last, because each new job run or session starts it again (API reference,
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

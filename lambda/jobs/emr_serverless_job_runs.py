"""All that is known of EMR Serverless job runs: the unfinished ones of an application."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.container import Job, Pace
from jobs.living_service import LivingService, TroubleError
from properties import Container
from teardown import Reply, Verdict

# EMR Serverless API reference, ListJobRuns.
_PAGE = 50
# API reference, JobRun and Application: states.
_UNFINISHED = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED")
_STOPPING = ("CANCELLING",)
# DeleteApplication takes an application in these only (API reference).
_AT_REST = ("CREATED", "STOPPED")
_NO_APPLICATION = Reply(Verdict.GONE, "There is no such application")


class EmrServerlessJobRuns:
    """The unfinished job runs of an application, and then the application itself, which is stopped, not deleted.

    Parameters
    ----------
    container : Container
        The application.
    reason : str
        Not used: EMR Serverless keeps no reason of a cancel.
    """

    noun = "job runs"
    # No limit of CancelJobRun is documented: this is assumed.
    pace = Pace(burst=10, rate=10)
    settles_after = 0.0

    def __init__(self, container: Container, reason: str) -> None:  # noqa: ARG002 - as every kind takes it
        self.service = LivingService("emr-serverless")
        self._application = container.id

    def check(self) -> Reply:
        """Call GetApplication."""
        state = self._state()
        return _NO_APPLICATION if state is None else Reply(Verdict.ACCEPTED, state)

    def unfinished(self) -> Iterator[list[Job]]:
        """Call ListJobRuns, which has no error for an application that is gone: after any, GetApplication tells."""
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
                    yield [Job(run["id"], is_stopping) for run in page]
        except TroubleError as trouble:
            if self._state() is None:
                raise TroubleError(_NO_APPLICATION) from trouble
            raise

    def stop(self, job: Job) -> None:
        """Call CancelJobRun."""
        self.service.call("CancelJobRun", applicationId=self._application, jobRunId=job.id)

    def close(self) -> Reply:
        """Call StopApplication until the application is at rest, because only then can it be deleted."""
        # Not before the runs are known to be none: a run that is submitted starts its application (API reference,
        # AutoStartConfig).
        state = self._state()
        if state is None:
            raise TroubleError(_NO_APPLICATION)
        words = f"in the state {state}"
        if state in _AT_REST:
            return Reply(Verdict.STOPPED, words)
        if state == "STARTED":
            try:
                self.service.call("StopApplication", applicationId=self._application)
            except TroubleError as trouble:
                if not trouble.refused:
                    raise
                return Reply(Verdict.REFUSED, f"{words}; {trouble.reply.words}")
        # One that is being created or started can't be stopped yet.
        return Reply(Verdict.STOPPING if state in ("STARTED", "STOPPING") else Verdict.RUNNING, words)

    def _state(self) -> str | None:
        try:
            application = self.service.ask(
                "GetApplication", "application", each="state", applicationId=self._application
            )
        except TroubleError as trouble:
            if trouble.code != "ResourceNotFoundException":
                raise
            return None
        state = str(application["state"])
        return None if state == "TERMINATED" else state

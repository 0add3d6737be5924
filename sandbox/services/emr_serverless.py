"""moto's EMR Serverless, with applications that take time to start, job runs and sessions that take time to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.emrserverless import models, urls
from moto.emrserverless.exceptions import ResourceNotFoundException, ValidationException
from moto.emrserverless.models import Application, EMRServerlessBackend, JobRun, emrserverless_backends
from moto.emrserverless.responses import EMRServerlessResponse

from .. import ACCOUNT
from ..later import later
from .jobs import Jobs, page, replace_model

ENDS = ("SUCCESS", "FAILED", "CANCELLED", "TERMINATED")
MAX_JOB_RUNS = 50  # on a page of ListJobRuns, and sessions on one of ListSessions (EMR Serverless API Reference)

_SESSIONS = "{0}/applications/(?P<applicationId>[^/]+)/sessions"
for _path in (f"{_SESSIONS}$", f"{_SESSIONS}/(?P<sessionId>[^/]+)$"):
    urls.url_paths[_path] = EMRServerlessResponse.dispatch
# moto's applications are started and its job runs have ended as soon as they are made.
models.APPLICATION_STATUS, models.JOB_STATUS = "CREATED", "RUNNING"


class Session(JobRun):
    """An interactive session, which moto has not. Its serializer finds members of a SessionSummary by these names."""

    @property
    def session_id(self) -> str:
        """Its id, by the name of the API."""
        return self.id


class EmrServerlessBackend(EMRServerlessBackend):
    """moto's backend, with the life of applications, job runs and sessions."""

    jobs: ClassVar[EmrServerless]
    _url_module: Any = urls  # moto would look for it beside this module

    def start_application(self, application_id: str) -> None:
        """Start an application, which takes some time."""
        application = self.get_application(application_id)
        _check_state(application, "STARTED", ("CREATED", "STOPPED"))
        application.state = "STARTING"

        def start() -> None:
            if application.state == "STARTING":  # and was not stopped meanwhile
                application.state = "STARTED"

        later(self.jobs.start_seconds, start)

    def stop_application(self, application_id: str) -> None:
        """Stop an application without unfinished job runs and sessions, which takes no time."""
        application = self.get_application(application_id)
        _check_state(application, "STOPPED", ("STARTING", "STARTED"))
        if any(job.state not in ENDS for job in self.jobs_of(application_id)):
            raise ValidationException("Application cannot be STOPPED. It has jobs that are scheduled or running.")
        application.state = "STOPPED"

    def start_job_run(self, application_id: str, *args: Any, **kwargs: Any) -> JobRun:
        """Submit a job run, and start its application if it is not started."""
        self._start_by_itself(application_id)
        job_run = super().start_job_run(application_id, *args, **kwargs)
        self.jobs.changed(job_run.arn, job_run.state)
        return job_run

    def start_session(self, application_id: str, role: str) -> JobRun:
        """Start a session, and its application if it is not started."""
        self._start_by_itself(application_id)
        session = super().start_job_run(application_id, "", role, *[None] * 5)
        session.__class__, session.arn = Session, session.arn.replace("/jobruns/", "/sessions/")
        self.settle(session, "IDLE")
        return session

    def cancel_job_run(self, application_id: str, job_run_id: str) -> tuple[str, str]:
        """Cancel a job run, which takes some time."""
        self._end(self.find(application_id, job_run_id), "CANCELLING", "CANCELLED")
        return application_id, job_run_id

    def terminate_session(self, application_id: str, session_id: str) -> None:
        """Terminate a session, which takes some time."""
        self._end(self.find(application_id, session_id), "TERMINATING", "TERMINATED")

    def jobs_of(self, application_id: str) -> list[JobRun]:
        """Return every job run and session of an application."""
        self.get_application(application_id)
        return self.job_runs.get(application_id, [])

    def find(self, application_id: str, job: str) -> JobRun:
        """Find a job run or a session by its id."""
        for found in self.jobs_of(application_id):
            if found.id == job:
                return found
        raise ResourceNotFoundException(job, "JobRun")

    def settle(self, job: JobRun, state: str) -> None:
        """Change the state of a job run or a session, unless it has ended."""
        if job.state not in (state, *ENDS):
            job.state = state
            self.jobs.changed(job.arn, state)

    def _start_by_itself(self, application_id: str) -> None:
        if self.get_application(application_id).state in ("CREATED", "STOPPED"):
            self.start_application(application_id)

    def _end(self, job: JobRun, by: str, to: str) -> None:
        if job.state in ENDS:
            raise ValidationException(f"{job.id} is {job.state} and can't be stopped.")
        if job.state != by:
            self.settle(job, by)
            self.jobs.stop(job.arn, lambda: self.settle(job, to))


class EmrServerlessResponses(EMRServerlessResponse):
    """moto's operations, with pages and sessions."""

    emrserverless_backend: EmrServerlessBackend

    def list_job_runs(self) -> ActionResult:
        """List the job runs of an application, by their states."""
        return self._page("jobRuns", JobRun)

    def list_sessions(self) -> ActionResult:
        """List the sessions of an application, by their states."""
        return self._page("sessions", Session)

    def terminate_session(self) -> ActionResult:
        """Terminate a session."""
        application, session = self._get_param("applicationId"), self._get_param("sessionId")
        self.emrserverless_backend.terminate_session(application, session)
        return ActionResult({"applicationId": application, "sessionId": session})

    def _page(self, listed: str, kind: type[JobRun]) -> ActionResult:
        jobs, states = self.emrserverless_backend.jobs_of(self._get_param("applicationId")), self._get_param("states")

        def is_listed(job: JobRun) -> bool:
            return type(job) is kind and (not states or job.state in states)

        found, token = page(self, jobs, is_listed, MAX_JOB_RUNS)
        return ActionResult({listed: found, "nextToken": token})


class ApplicationResource(Application, CloudFormationModel):
    """AWS::EMRServerless::Application, which moto lacks. Its resources are moto's applications."""

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that has the name."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """Return the resource type."""
        return "AWS::EMRServerless::Application"

    @property
    def physical_resource_id(self) -> str:
        """What Ref returns."""
        return self.id

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the value of an attribute for Fn::GetAtt."""
        return self.arn if attribute_name == "Arn" else self.id

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        """Create an application."""
        properties = cloudformation_json["Properties"]
        backend: Any = emrserverless_backends[account_id][region_name]
        made = backend.create_application(
            properties.get("Name", resource_name),
            properties["ReleaseLabel"],
            properties["Type"].upper(),
            "",
            *[None] * 6,
        )
        made.__class__ = cls
        return made

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name: str, _: Any, account_id: str, region_name: str) -> None:
        """Delete an application, by its id. If it no longer exists, do nothing."""
        backend = emrserverless_backends[account_id][region_name]
        if backend.get_application(resource_name).state != "TERMINATED":
            backend.delete_application(resource_name)


class EmrServerless(Jobs):
    """The job runs and sessions of the local EMR Serverless.

    Attributes
    ----------
    start_seconds : float
        How long applications take to start.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        super().__init__(emrserverless_backends, EmrServerlessBackend, EmrServerlessResponses, changed)
        self.start_seconds = 0.0
        replace_model(ApplicationResource)

    def start_job_run(self, application: str) -> str:
        """Start a job run of an application, by its id, and return the job run's id."""
        return str(self.backend.start_job_run(application, "", _ROLE, *[None] * 5).id)

    def start_session(self, application: str) -> str:
        """Start a session of an application, by its id, and return the session's id."""
        return str(self.backend.start_session(application, _ROLE).id)

    def state(self, application: str, job: str) -> str:
        """Return the state of a job run or a session."""
        return str(self.backend.find(application, job).state)

    def settle(self, application: str, job: str, state: str) -> None:
        """Change the state of a job run or a session."""
        self.backend.settle(self.backend.find(application, job), state)


_ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"


def _check_state(application: Application, to: str, allowed: tuple[str, str]) -> None:
    if application.state not in allowed:
        raise ValidationException(
            f"Application cannot be {to}. Applications must be in one of the following statuses: [{', '.join(allowed)}]"
        )

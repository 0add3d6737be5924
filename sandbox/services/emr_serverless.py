"""EMR Serverless: moto's, with applications, job runs and sessions that take time, and its resource type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.emrserverless import urls
from moto.emrserverless.exceptions import ResourceNotFoundException, ValidationException
from moto.emrserverless.models import Application, EMRServerlessBackend, JobRun, emrserverless_backends
from moto.emrserverless.responses import EMRServerlessResponse
from moto.emrserverless.utils import random_job_id

from .. import ACCOUNT
from .jobs import NEVER, Container, Jobs, later, page, replace_model, replace_operation

ENDS = ("SUCCESS", "FAILED", "CANCELLED", "TERMINATED")
MAX_JOB_RUNS = 50  # on a page of ListJobRuns, and sessions on one of ListSessions (EMR Serverless API Reference)

_SESSIONS = "{0}/applications/(?P<applicationId>[^/]+)/sessions"
for _path in (f"{_SESSIONS}$", f"{_SESSIONS}/(?P<sessionId>[^/]+)$"):
    urls.url_paths[_path] = EMRServerlessResponse.dispatch


@dataclass
class Session:
    """An interactive session. moto's serializer finds members of a SessionSummary among the attributes."""

    application_id: str
    release_label: str
    execution_role_arn: str
    arn: str = ""
    state: str = "IDLE"
    id: str = field(default_factory=random_job_id)

    @property
    def session_id(self) -> str:
        """Its id, by the name of the API."""
        return self.id


class EmrServerlessBackend(EMRServerlessBackend):
    """moto's backend, with the life of applications, job runs and sessions."""

    jobs: ClassVar[EmrServerless]
    _url_module: Any = urls  # moto would look for it beside this module

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.sessions: dict[str, list[Session]] = {}

    def create_application(self, *args: Any, **kwargs: Any) -> Application:
        """Create an application."""
        application = super().create_application(*args, **kwargs)
        application.state = "CREATED"
        return application

    def start_application(self, application_id: str) -> None:
        """Start an application, which takes it some time."""
        application = self.get_application(application_id)
        _check_state(application, "STARTED", ("CREATED", "STOPPED"))
        _move(application, "STARTING", self.jobs.start_seconds, "STARTED")

    def stop_application(self, application_id: str) -> None:
        """Stop an application without unfinished job runs and sessions, which takes it some time."""
        application = self.get_application(application_id)
        _check_state(application, "STOPPED", ("STARTING", "STARTED"))
        jobs: tuple[JobRun | Session, ...] = (*self.runs_of(application_id), *self.sessions_of(application_id))
        if any(job.state not in ENDS for job in jobs):
            raise ValidationException("Application cannot be STOPPED. It has jobs that are scheduled or running.")
        _move(application, "STOPPING", self.jobs.application_stop_seconds, "STOPPED")

    def start_job_run(self, application_id: str, *args: Any, **kwargs: Any) -> JobRun:
        """Submit a job run, and start its application if need be and allowed."""
        self._start_by_itself(application_id)
        job_run = super().start_job_run(application_id, *args, **kwargs)
        job_run.state = "RUNNING"
        self.jobs.changed(job_run.arn, job_run.state)
        return job_run

    def start_session(self, application_id: str, role: str) -> Session:
        """Start a session, and its application if need be and allowed."""
        self._start_by_itself(application_id)
        application = self.get_application(application_id)
        session = Session(application_id, application.release_label, role)
        session.arn = f"{application.arn}/sessions/{session.id}"
        self.sessions.setdefault(application_id, []).append(session)
        self.jobs.changed(session.arn, session.state)
        return session

    def cancel_job_run(self, application_id: str, job_run_id: str, grace: float = NEVER) -> tuple[str, str]:
        """Cancel a job run, which takes it some time, though not more than its grace period."""
        job_run = self.get_job_run(application_id, job_run_id)
        self._end(job_run, "CANCELLING", "CANCELLED", grace)
        return application_id, job_run_id

    def terminate_session(self, application_id: str, session_id: str) -> None:
        """Terminate a session, which takes it some time."""
        for session in self.sessions_of(application_id):
            if session.id == session_id:
                return self._end(session, "TERMINATING", "TERMINATED")
        raise ResourceNotFoundException(session_id, "Session")

    def runs_of(self, application_id: str) -> list[JobRun]:
        """Give every job run of an application."""
        self.get_application(application_id)
        return self.job_runs.get(application_id, [])

    def sessions_of(self, application_id: str) -> list[Session]:
        """Give every session of an application."""
        self.get_application(application_id)
        return self.sessions.get(application_id, [])

    def settle(self, job: JobRun | Session, state: str) -> None:
        """Bring a job run or a session to another state, unless it has ended."""
        if job.state not in (state, *ENDS):
            job.state = state
            self.jobs.changed(job.arn, state)

    def _start_by_itself(self, application_id: str) -> None:
        application = self.get_application(application_id)
        if application.state in ("CREATED", "STOPPED"):
            if not application.auto_start_configuration["enabled"]:  # type: ignore[index]  # moto: a string
                raise ValidationException(f"Application {application_id} must be STARTED to run jobs.")
            self.start_application(application_id)

    def _end(self, job: JobRun | Session, by: str, to: str, within: float = NEVER) -> None:
        if job.state in ENDS:
            raise ValidationException(f"{job.id} is {job.state} and can't be stopped.")
        if job.state != by:
            self.settle(job, by)
            self.jobs.stop(job.id, lambda: self.settle(job, to), within)


class ApplicationResource(Container, Application):
    """AWS::EMRServerless::Application, which moto lacks. Its resources are moto's applications."""

    backends = emrserverless_backends

    @staticmethod
    def cloudformation_name_type() -> str:
        """Give the property that has the name."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """Give the resource type."""
        return "AWS::EMRServerless::Application"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Say which attributes Fn::GetAtt finds."""
        return attr in ("ApplicationId", "Arn")

    @property
    def physical_resource_id(self) -> str:
        """What Ref gives."""
        return self.id

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Give what Fn::GetAtt finds."""
        return self.arn if attribute_name == "Arn" else self.id

    @staticmethod
    def make(backend: Any, name: str, properties: dict[str, Any]) -> Any:
        """Make an application."""
        starts = properties.get("AutoStartConfiguration")
        return backend.create_application(
            name=properties.get("Name", name),
            release_label=properties["ReleaseLabel"],
            application_type=properties["Type"].upper(),
            client_token="",
            initial_capacity=None,
            maximum_capacity=None,
            tags={},
            auto_start_configuration=starts and {"enabled": str(starts.get("Enabled", True)).lower() == "true"},
            auto_stop_configuration="",
            network_configuration=None,
        )

    @staticmethod
    def remove(backend: Any, name: str) -> None:
        """Delete an application, by its id."""
        if backend.get_application(name).state != "TERMINATED":
            backend.delete_application(name)

    def is_another(self, properties: dict[str, Any]) -> bool:
        """Say whether the name or the type is another one."""
        return (properties.get("Name", self.name), properties["Type"].capitalize()) != (self.name, self.type)

    def change(self, properties: dict[str, Any]) -> None:  # noqa: ARG002 - none of them matters here
        """Change what can be changed while it is not started."""
        if self.state not in ("CREATED", "STOPPED"):
            raise ValidationException(
                f"Application {self.id} must be in one of the statuses to be updated: [STOPPED, CREATED]."
                f" Current status: {self.state}"
            )


class EmrServerless(Jobs):
    """The job runs and sessions of the local EMR Serverless.

    Attributes
    ----------
    start_seconds, application_stop_seconds : float
        How long applications take to start, and to stop.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        super().__init__(emrserverless_backends, EmrServerlessBackend, changed)
        self.start_seconds = 0.0
        self.application_stop_seconds = 0.0
        replace_operation(EMRServerlessResponse, "list_job_runs", _list_job_runs)
        replace_operation(EMRServerlessResponse, "cancel_job_run", _cancel_job_run)
        replace_operation(EMRServerlessResponse, "list_sessions", _list_sessions)
        replace_operation(EMRServerlessResponse, "terminate_session", _terminate_session)
        replace_model(ApplicationResource)

    def start_job_run(self, application: str, *, stop_seconds: float | None = None, state: str = "RUNNING") -> str:
        """Start a job run of an application and give its id.

        Parameters
        ----------
        application : str
            The application's id.
        stop_seconds : float, optional
            How long it takes to cancel. Default: as long as every job run.
        state : str
            The state that it is in.
        """
        job_run = self.backend.start_job_run(application, "", _ROLE, None, None, None, None, None)
        self.take(job_run.id, stop_seconds)
        self.backend.settle(job_run, state)
        return str(job_run.id)

    def start_session(self, application: str, *, stop_seconds: float | None = None, state: str = "IDLE") -> str:
        """Start a session of an application and give its id. The parameters are those of `start_job_run`."""
        session = self.backend.start_session(application, _ROLE)
        self.take(session.id, stop_seconds)
        self.backend.settle(session, state)
        return str(session.id)

    def state(self, application: str, job: str) -> str:
        """Give the state of a job run or a session."""
        return str(self._find(application, job).state)

    def settle(self, application: str, job: str, state: str) -> None:
        """Bring a job run or a session to another state."""
        self.backend.settle(self._find(application, job), state)

    def _find(self, application: str, job: str) -> JobRun | Session:
        found: JobRun | Session
        jobs = (*self.backend.runs_of(application), *self.backend.sessions_of(application))
        [found] = [one for one in jobs if one.id == job]
        return found


_ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"


def _page(response: Any, listed: str, jobs: list[Any]) -> ActionResult:
    states = response._get_param("states", [])
    size = min(int(response._get_param("maxResults") or MAX_JOB_RUNS), MAX_JOB_RUNS)
    found, token = page(jobs, lambda job: not states or job.state in states, response._get_param("nextToken"), size)
    return ActionResult({listed: found, "nextToken": token})


def _list_job_runs(response: Any) -> ActionResult:
    return _page(response, "jobRuns", response.emrserverless_backend.runs_of(response._get_param("applicationId")))


def _list_sessions(response: Any) -> ActionResult:
    return _page(response, "sessions", response.emrserverless_backend.sessions_of(response._get_param("applicationId")))


def _cancel_job_run(response: Any) -> ActionResult:
    application, job_run = response._get_param("applicationId"), response._get_param("jobRunId")
    grace = response._get_param("shutdownGracePeriodInSeconds")
    response.emrserverless_backend.cancel_job_run(application, job_run, NEVER if grace is None else float(grace))
    return ActionResult({"applicationId": application, "jobRunId": job_run})


def _terminate_session(response: Any) -> ActionResult:
    application, session = response._get_param("applicationId"), response._get_param("sessionId")
    response.emrserverless_backend.terminate_session(application, session)
    return ActionResult({"applicationId": application, "sessionId": session})


def _check_state(application: Application, to: str, allowed: tuple[str, str]) -> None:
    if application.state not in allowed:
        raise ValidationException(
            f"Application cannot be {to}. Applications must be in one of the following statuses: [{', '.join(allowed)}]"
        )


def _move(application: Application, by: str, seconds: float, to: str) -> None:
    application.state = by

    def arrive() -> None:
        if application.state == by:
            application.state = to

    later(seconds, arrive)

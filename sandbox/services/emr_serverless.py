"""EMR Serverless: moto's, with applications and job runs that take time, and AWS::EMRServerless::Application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.emrserverless import urls
from moto.emrserverless.exceptions import ResourceNotFoundException, ValidationException
from moto.emrserverless.models import Application, EMRServerlessBackend, JobRun, emrserverless_backends
from moto.emrserverless.responses import EMRServerlessResponse

from .. import ACCOUNT
from .jobs import Container, Jobs, later, page, replace_model, replace_operation

ENDS = ("SUCCESS", "FAILED", "CANCELLED")
MAX_JOB_RUNS = 50  # on a page of ListJobRuns (EMR Serverless API Reference)


class EmrServerlessBackend(EMRServerlessBackend):
    """moto's backend, with the life of applications and job runs."""

    jobs: ClassVar[EmrServerless]
    _url_module: Any = urls  # moto would look for it beside this module

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
        """Stop an application without unfinished job runs, which takes it some time."""
        application = self.get_application(application_id)
        _check_state(application, "STOPPED", ("STARTING", "STARTED"))
        if any(job_run.state not in ENDS for job_run in self.runs_of(application_id)):
            raise ValidationException("Application cannot be STOPPED. It has jobs that are scheduled or running.")
        _move(application, "STOPPING", self.jobs.application_stop_seconds, "STOPPED")

    def start_job_run(self, application_id: str, *args: Any, **kwargs: Any) -> JobRun:
        """Submit a job run, and start its application if need be and allowed."""
        application = self.get_application(application_id)
        if application.state in ("CREATED", "STOPPED"):
            if not application.auto_start_configuration["enabled"]:  # type: ignore[index]  # moto: a string
                raise ValidationException(f"Application {application_id} must be STARTED to run jobs.")
            self.start_application(application_id)
        job_run = super().start_job_run(application_id, *args, **kwargs)
        job_run.state = "RUNNING"
        self.jobs.changed(job_run.arn, job_run.state)
        return job_run

    def cancel_job_run(self, application_id: str, job_run_id: str) -> tuple[str, str]:
        """Cancel a job run, which takes it some time."""
        job_run = self.get_job_run(application_id, job_run_id)
        if job_run.state in ENDS:
            raise ValidationException(f"Job run {job_run_id} is {job_run.state} and can't be cancelled.")
        if job_run.state != "CANCELLING":
            self.settle(job_run, "CANCELLING")
            self.jobs.stop(job_run.id, lambda: self.settle(job_run, "CANCELLED"))
        return application_id, job_run_id

    def get_job_run(self, application_id: str, job_run_id: str) -> JobRun:
        """Find a job run."""
        for job_run in self.runs_of(application_id):
            if job_run.id == job_run_id:
                return job_run
        raise ResourceNotFoundException(job_run_id, "JobRun")

    def runs_of(self, application_id: str) -> list[JobRun]:
        """Give every job run of an application."""
        self.get_application(application_id)
        return self.job_runs.get(application_id, [])

    def settle(self, job_run: JobRun, state: str) -> None:
        """Bring a job run to another state, unless it has ended."""
        if job_run.state not in (state, *ENDS):
            job_run.state = state
            self.jobs.changed(job_run.arn, state)


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
    """The job runs of the local EMR Serverless.

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
        role = f"arn:aws:iam::{ACCOUNT}:role/job"
        job_run = self.backend.start_job_run(application, "", role, None, None, None, None, None)
        self.take(job_run.id, stop_seconds)
        self.backend.settle(job_run, state)
        return str(job_run.id)

    def state(self, application: str, job_run: str) -> str:
        """Give a job run's state."""
        return str(self.backend.get_job_run(application, job_run).state)

    def settle(self, application: str, job_run: str, state: str) -> None:
        """Bring a job run to another state."""
        self.backend.settle(self.backend.get_job_run(application, job_run), state)


def _list_job_runs(response: Any) -> ActionResult:
    states = response._get_param("states", [])
    found, token = page(
        response.emrserverless_backend.runs_of(response._get_param("applicationId")),
        lambda job_run: not states or job_run.state in states,
        response._get_param("nextToken"),
        min(int(response._get_param("maxResults") or MAX_JOB_RUNS), MAX_JOB_RUNS),
    )
    job_runs = [
        {
            "applicationId": job_run.application_id,
            "id": job_run.id,
            "arn": job_run.arn,
            "name": job_run.name,
            "createdBy": job_run.execution_role_arn,
            "createdAt": job_run.created_at,
            "updatedAt": job_run.updated_at,
            "executionRole": job_run.execution_role_arn,
            "state": job_run.state,
            "stateDetails": job_run.state_details,
            "releaseLabel": job_run.release_label,
            "type": job_run.application_type,
        }
        for job_run in found
    ]
    return ActionResult({"jobRuns": job_runs, "nextToken": token})


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

"""EMR Serverless: moto's, with applications and job runs that take time, and AWS::EMRServerless::Application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.core.responses import ActionResult
from moto.emrserverless import urls
from moto.emrserverless.exceptions import ResourceNotFoundException, ValidationException
from moto.emrserverless.models import Application, EMRServerlessBackend, JobRun, emrserverless_backends
from moto.emrserverless.responses import EMRServerlessResponse

from .. import ACCOUNT, REGION
from .later import Jobs, later
from .moto_parts import replace_operation
from .pages import page

ENDS = ("SUCCESS", "FAILED", "CANCELLED")
MAX_JOB_RUNS = 50  # on a page of ListJobRuns (EMR Serverless API Reference)


class EmrServerlessBackend(EMRServerlessBackend):
    """moto's backend, with the life of applications and job runs.

    `EmrServerless` gives it what it needs before it is used.
    """

    _emr_serverless: EmrServerless

    @property
    def _url_module(self) -> Any:
        return urls  # moto would look for it beside this module

    def create_application(self, *args: Any, **kwargs: Any) -> Application:
        """Create an application."""
        application = super().create_application(*args, **kwargs)
        application.state = "CREATED"
        return application

    def start_application(self, application_id: str) -> None:
        """Start an application, which takes it some time."""
        application = self.get_application(application_id)
        if application.state not in ("CREATED", "STOPPED"):
            raise ValidationException(
                "Application cannot be STARTED. Applications must be in one of the following statuses:"
                " [CREATED, STOPPED]"
            )
        application.state = "STARTING"

        def started() -> None:
            if application.state == "STARTING":
                application.state = "STARTED"

        later(self._emr_serverless.start_seconds, started)

    def stop_application(self, application_id: str) -> None:
        """Stop an application without unfinished job runs, which takes it some time."""
        application = self.get_application(application_id)
        if application.state not in ("STARTING", "STARTED"):
            raise ValidationException(
                "Application cannot be STOPPED. Applications must be in one of the following statuses:"
                " [STARTING, STARTED]"
            )
        if any(job_run.state not in ENDS for job_run in self.runs_of(application_id)):
            raise ValidationException("Application cannot be STOPPED. It has jobs that are scheduled or running.")
        application.state = "STOPPING"

        def stopped() -> None:
            if application.state == "STOPPING":
                application.state = "STOPPED"

        later(self._emr_serverless.application_stop_seconds, stopped)

    def start_job_run(self, application_id: str, *args: Any, **kwargs: Any) -> JobRun:
        """Submit a job run, and start its application if need be and allowed."""
        application = self.get_application(application_id)
        if application.state in ("CREATED", "STOPPED"):
            if not application.auto_start_configuration["enabled"]:  # type: ignore[index]  # moto: a string
                raise ValidationException(f"Application {application_id} must be STARTED to run jobs.")
            self.start_application(application_id)
        job_run = super().start_job_run(application_id, *args, **kwargs)
        job_run.state = "RUNNING"
        self._emr_serverless.changed(job_run.arn, job_run.state)
        return job_run

    def cancel_job_run(self, application_id: str, job_run_id: str) -> tuple[str, str]:
        """Cancel a job run, which takes it some time."""
        job_run = self.get_job_run(application_id, job_run_id)
        if job_run.state in ENDS:
            raise ValidationException(f"Job run {job_run_id} is {job_run.state} and can't be cancelled.")
        if job_run.state != "CANCELLING":
            self.settle(job_run, "CANCELLING")
            later(self._emr_serverless.seconds_to_stop(job_run.id), lambda: self.settle(job_run, "CANCELLED"))
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
            self._emr_serverless.changed(job_run.arn, state)


class ApplicationResource(Application, CloudFormationModel):
    """AWS::EMRServerless::Application, which moto lacks. Its resources are moto's applications."""

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

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> ApplicationResource:
        """Create an application."""
        properties = cloudformation_json["Properties"]
        application = emrserverless_backends[account_id][region_name].create_application(
            name=properties.get("Name", resource_name),
            release_label=properties["ReleaseLabel"],
            application_type=properties["Type"].upper(),
            client_token="",
            initial_capacity=None,  # type: ignore[arg-type]  # moto: a string, which GetApplication can't give
            maximum_capacity=None,  # type: ignore[arg-type]  # ditto
            tags={},
            auto_start_configuration=_in_lower_case(properties.get("AutoStartConfiguration")),  # type: ignore[arg-type]  # moto: a string
            auto_stop_configuration="",
            network_configuration=None,
        )
        application.__class__ = cls
        assert isinstance(application, cls)  # noqa: S101 - set above
        return application

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> ApplicationResource:
        """Change what can be changed while it is not started, or make another application for another name or type."""
        properties = cloudformation_json["Properties"]
        new = (properties.get("Name", original_resource.name), properties["Type"].capitalize())
        if new != (original_resource.name, original_resource.type):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        if original_resource.state not in ("CREATED", "STOPPED"):
            raise ValidationException(
                f"Application {original_resource.id} must be in one of the statuses to be updated: [STOPPED, CREATED]."
                f" Current status: {original_resource.state}"
            )
        unchanged: ApplicationResource = original_resource
        return unchanged

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003 - moto's signature
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the application. One that is gone is deleted already."""
        backend = emrserverless_backends[account_id][region_name]
        if backend.get_application(resource_name).state != "TERMINATED":
            backend.delete_application(resource_name)


class EmrServerless(Jobs):
    """The job runs of the local EMR Serverless.

    Attributes
    ----------
    start_seconds, application_stop_seconds : float
        How long applications take to start, and to stop.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        super().__init__(changed)
        self.start_seconds = 0.0
        self.application_stop_seconds = 0.0
        EmrServerlessBackend._emr_serverless = self
        emrserverless_backends.backend = EmrServerlessBackend
        replace_operation(EMRServerlessResponse, "list_job_runs", _list_job_runs)

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
        job_run = self._backend.start_job_run(application, "", role, None, None, None, None, None)
        self.take(job_run.id, stop_seconds)
        self._backend.settle(job_run, state)
        return str(job_run.id)

    def state(self, application: str, job_run: str) -> str:
        """Give a job run's state."""
        return self._backend.get_job_run(application, job_run).state

    def settle(self, application: str, job_run: str, state: str) -> None:
        """Bring a job run to another state."""
        self._backend.settle(self._backend.get_job_run(application, job_run), state)

    @property
    def _backend(self) -> EmrServerlessBackend:
        backend = emrserverless_backends[ACCOUNT][REGION]
        assert isinstance(backend, EmrServerlessBackend)  # noqa: S101 - set above
        return backend


def _list_job_runs(response: EMRServerlessResponse) -> ActionResult:
    backend = response.emrserverless_backend
    assert isinstance(backend, EmrServerlessBackend)  # noqa: S101 - set when the local AWS was started
    states = response._get_param("states", [])
    found, token = page(
        backend.runs_of(response._get_param("applicationId")),
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


def _in_lower_case(configuration: dict[str, Any] | None) -> dict[str, Any] | None:
    if configuration is None:
        return None
    return {"enabled": str(configuration.get("Enabled", True)).lower() == "true"}

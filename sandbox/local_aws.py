"""The local AWS: moto's server with the parts that it lacks, in one process on loopback."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import boto3
from moto.cloudformation.models import cloudformation_backends
from moto.cloudtrail.responses import CloudTrailResponse
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from . import ACCOUNT as ACCOUNT
from . import REGION as REGION
from .cloudformation.backend import LifecycleBackend
from .cloudformation.custom_resources import Exchange, ResponseUrls
from .cloudformation.lifecycle import Event
from .lambda_service import LambdaService
from .robomaker import Call, Job, RoboMaker
from .services.ecs import Ecs
from .services.emr_serverless import EmrServerless
from .services.front import Front
from .services.step_functions import StepFunctions

# The names that botocore gives the services in the variables for their endpoints.
_LIVING = ("ECS", "SFN", "EMR_SERVERLESS", "CLOUDFORMATION")


class LocalAws:
    """Everything that a deployment talks to. One at a time in a process, because moto's state is global.

    Parameters
    ----------
    stack_event : callable, optional
        Told of each event of each stack: the stack's name and the event.
    job_changed : callable, optional
        Told of each job whenever its status changes: of world export jobs, tasks, executions and job runs.
    log : callable, optional
        Takes each line that a function logs.
    call_answered : callable, optional
        Told of each call of RoboMaker, with the code and the message of the error that it was answered.

    Attributes
    ----------
    living_jobs : dict
        The last status of each task, execution and job run, by its ARN.
    variables : dict
        What leads a function here.
    """

    def __init__(
        self,
        stack_event: Callable[[str, Event], None] = lambda *_: None,
        job_changed: Callable[[Job], None] = lambda _: None,
        log: Callable[[str], None] = lambda _: None,
        call_answered: Callable[[Call, str], None] = lambda *_: None,
    ) -> None:
        moto_api_backend.reset()

        self.living_jobs: dict[str, str] = {}

        def changed(arn: str, status: str) -> None:
            self.living_jobs[arn] = status
            job_changed(Job(arn, status))

        self.front = Front()
        self.ecs, self.step_functions, self.emr_serverless = (
            Ecs(changed),
            StepFunctions(changed),
            EmrServerless(changed),
        )
        self.robomaker = RoboMaker(job_changed, call_answered)
        self.response_urls = ResponseUrls()
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
        self._server.start()
        _, port = self._server.get_host_and_port()
        # The living services are moto's. Whatever other AWS API a function calls, the call arrives at the RoboMaker
        # endpoint and is recorded there.
        living = {f"AWS_ENDPOINT_URL_{service}": f"http://127.0.0.1:{port}" for service in _LIVING}
        self.variables = {"AWS_ENDPOINT_URL": self.robomaker.url, **living, "NO_PROXY": "127.0.0.1"}
        self.functions = LambdaService(lambda arn: _cloudformation().function(arn), self.variables, log)
        LifecycleBackend.attach(stack_event, self.functions.invoke, self.response_urls)
        cloudformation_backends.backend = LifecycleBackend
        # What the CDK CLI asks after a failed deployment, again and again while moto knows no answer.
        CloudTrailResponse.lookup_events = _no_events  # type: ignore[attr-defined]  # moto lacks the operation

    @property
    def url(self) -> str:
        """Where every service but RoboMaker listens: the value for AWS_ENDPOINT_URL."""
        _, port = self._server.get_host_and_port()
        # By name, because moto takes the first part of an address for a bucket.
        return f"http://localhost:{port}"

    def client(self, service: str) -> Any:  # boto3-stubs has no types for them here
        """Give a client of one of the services that listen at `url`, by boto3's name."""
        return boto3.client(  # type: ignore[call-overload]  # the stubs want a literal
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",  # noqa: S106 - no secret
        )

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request that was sent to a custom resource, with its answers."""
        return _cloudformation().exchanges()

    def stacks(self) -> dict[str, str]:
        """Give the status of every stack that has not been deleted, by its name."""
        return {stack.name: stack.status for stack in _cloudformation().stacks.values()}

    def close(self) -> None:
        """End every process, every operation of a stack and every server, whatever they wait for."""
        _cloudformation().close()
        self.functions.close()
        self._server.stop()
        self.response_urls.close()
        self.robomaker.close()


def _no_events(_: CloudTrailResponse) -> str:
    return '{"Events": []}'


def _cloudformation() -> LifecycleBackend:
    backend = cloudformation_backends[ACCOUNT][REGION]
    assert isinstance(backend, LifecycleBackend)  # noqa: S101 - set when the local AWS was started
    return backend

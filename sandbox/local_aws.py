"""The local AWS: moto's server with the parts that it lacks, in one process on loopback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
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
from .robomaker import Call, RoboMaker
from .services.ecs import Ecs
from .services.emr_serverless import EmrServerless
from .services.front import Front
from .services.step_functions import StepFunctions

# The services of moto that functions call, as in the names of the variables for their endpoints.
_MOTO_SERVICES = ("ECS", "SFN", "EMR_SERVERLESS", "CLOUDFORMATION")


class LocalAws:
    """All services that a deployment calls. Only one at a time in a process, because moto's state is global.

    Parameters
    ----------
    stack_event : callable, optional
        Called with each event of each stack: the stack's name and the event.
    job_changed : callable, optional
        Called with the ARN and the status of each world export job, task, execution and job run, whenever it changes.
    log : callable, optional
        Called with each line that a function logs.
    call_answered : callable, optional
        Called with each call to RoboMaker, and the error code and message of its answer.

    Attributes
    ----------
    job_statuses : dict
        The last status of each world export job, task, execution and job run, by its ARN.
    variables : dict
        The environment variables with which a function calls this local AWS.
    """

    def __init__(
        self,
        stack_event: Callable[[str, Event], None] = lambda *_: None,
        job_changed: Callable[[str, str], None] = lambda *_: None,
        log: Callable[[str], None] = lambda _: None,
        call_answered: Callable[[Call, str], None] = lambda *_: None,
    ) -> None:
        moto_api_backend.reset()

        self.job_statuses: dict[str, str] = {}

        def changed(arn: str, status: str) -> None:
            self.job_statuses[arn] = status
            job_changed(arn, status)

        self.front = Front()
        self.ecs, self.step_functions = Ecs(changed), StepFunctions(changed)
        self.emr_serverless, self.robomaker = EmrServerless(changed), RoboMaker(changed, call_answered)
        self.response_urls = ResponseUrls()
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
        self._server.start()
        # A call to any other API of AWS arrives at the RoboMaker endpoint and is recorded there.
        endpoints = {f"AWS_ENDPOINT_URL_{service}": self.url for service in _MOTO_SERVICES}
        self.variables = {"AWS_ENDPOINT_URL": self.robomaker.url, **endpoints, "NO_PROXY": "localhost,127.0.0.1"}
        self.functions = LambdaService(lambda arn: _cloudformation().function(arn), self.variables, log)
        LifecycleBackend.attach(stack_event, self.functions.invoke, self.response_urls)
        cloudformation_backends.backend = LifecycleBackend
        # The CDK CLI calls LookupEvents after a failed deployment, and repeats it if moto answers with an error.
        CloudTrailResponse.lookup_events = _no_events  # type: ignore[attr-defined]  # moto lacks the operation

    @property
    def url(self) -> str:
        """The URL of every service but RoboMaker, for AWS_ENDPOINT_URL."""
        _, port = self._server.get_host_and_port()
        # Not an IP address, because moto takes its first part for the name of a bucket.
        return f"http://localhost:{port}"

    def client(self, service: str) -> Any:  # boto3-stubs has no types for them here
        """Return a client of a service at `url`, by its name in boto3."""
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
        """Return the status of every stack that is not deleted, by its name."""
        return {stack.name: stack.status for stack in _cloudformation().stacks.values()}

    def refactor(self, templates: Mapping[str, str]) -> None:
        """Move resources between stacks: those that have left one of these templates are in another of them."""
        _cloudformation().refactor(templates)

    def close(self) -> None:
        """End every process, every operation of a stack and every server, even if they are waiting."""
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

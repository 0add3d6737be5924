"""The local endpoints that every contender talks to, and the Deletes that it is sent."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import trustme
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import BaseResponse
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.emrserverless.responses import EMRServerlessResponse
from moto.stepfunctions.responses import StepFunctionResponse

from bench.contenders import Contender
from sandbox import ACCOUNT, REGION
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls
from sandbox.faults import THROTTLED, Fault, Faults
from sandbox.lambda_service import ExecutionEnvironment, Function, FunctionError
from sandbox.local_aws import LocalAws
from sandbox.services.jobs import replace_operation

STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Bench/1"
_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:bench"
_ENDS = ("Canceled", "STOPPED", "ABORTED", "CANCELLED")


@dataclass(frozen=True)
class Answer:
    """An answer to a Delete.

    Parameters
    ----------
    status, reason : str
        What it says. Without an answer: no status, and why there is none.
    at : float
        When it arrived, by the monotonic clock.
    """

    status: str
    reason: str
    at: float

    def __str__(self) -> str:
        """Write it for a person."""
        return f"{self.status or 'no answer'}: {self.reason}"

    @property
    def is_success(self) -> bool:
        """Whether CloudFormation would go on."""
        return self.status == "SUCCESS"


class Endpoints:
    """The local AWS, and response URLs over TLS, without which AwsCustomResource can't answer.

    Parameters
    ----------
    folder : Path
        An empty folder.

    Attributes
    ----------
    last_end : float
        When a job was last stopped, by the monotonic clock.
    at_end : callable
        Called whenever a job is stopped.
    call_seconds : float
        How long each call of ECS, Step Functions and EMR Serverless takes, whatever other calls there are.
    """

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        trusted = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(trusted))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self.last_end = 0.0
        self.at_end: Callable[[], None] = lambda: None
        self.call_seconds = 0.0
        self.aws = LocalAws(job_changed=self._job_changed)
        for responses in (EC2ContainerServiceResponse, StepFunctionResponse, EMRServerlessResponse):
            replace_operation(responses, "call_action", self._slowed(responses.call_action))
        self._urls = ResponseUrls(tls)
        self._variables = {
            **self.aws.variables,
            "SSL_CERT_FILE": str(trusted),
            "NODE_EXTRA_CA_CERTS": str(trusted),
        }

    def close(self) -> None:
        """Stop listening."""
        self._urls.close()
        self.aws.close()

    @contextmanager
    def process(self, contender: Contender) -> Iterator[ExecutionEnvironment]:
        """Start a process of a contender's."""
        properties = {"Handler": contender.handler, "Timeout": 900, "LoggingConfig": {"LogFormat": "JSON"}}
        function = Function(_FUNCTION, contender.package(), properties)
        variables = {**self._variables, **contender.variables}
        with closing(ExecutionEnvironment(function, variables, lambda _: None, contender.runtime)) as environment:
            yield environment

    def delete(
        self,
        environment: ExecutionEnvironment,
        physical_id: str,
        properties: Mapping[str, str],
        stack: str = STACK,
    ) -> Answer:
        """Send a Delete and give its answer."""
        exchange = Exchange(
            {
                "RequestType": "Delete",
                "StackId": stack,
                "RequestId": "request-1",
                "LogicalResourceId": "Bench",
                "ResourceType": "Custom::Bench",
                "PhysicalResourceId": physical_id,
                "ResourceProperties": {"ServiceToken": _FUNCTION, **properties},
            }
        )
        arrived: list[float] = []
        exchange.first.add_done_callback(lambda _: arrived.append(time.monotonic()))
        problem = "the function sent no answer"
        try:
            environment.invoke({**exchange.event, "ResponseURL": self._urls.open(exchange)})
        except FunctionError as error:
            problem = str(error)
        if not arrived:
            return Answer("", problem, time.monotonic())
        return Answer(exchange.answer["Status"], exchange.answer.get("Reason", ""), arrived[0])

    def _slowed(self, answer: Callable[[BaseResponse], TYPE_RESPONSE]) -> Callable[[BaseResponse], TYPE_RESPONSE]:
        def slowly(response: BaseResponse) -> TYPE_RESPONSE:
            time.sleep(self.call_seconds)
            return answer(response)

        return slowly

    def _job_changed(self, _: str, status: str) -> None:
        if status in _ENDS:
            self.last_end = time.monotonic()
            self.at_end()


@contextmanager
def limited(faults: Faults, limit: tuple[float, float], operation: str = "") -> Iterator[None]:
    """Throttle the calls beyond a limit.

    Parameters
    ----------
    faults : Faults
        The endpoint.
    limit : tuple of float
        How many calls may be made at once, and how many more each second.
    operation : str, optional
        The operation that the limit is for. Default: all operations together.
    """
    at_once, per_second = limit
    left, counted_at = at_once, time.monotonic()
    usual = faults.next_fault

    def next_fault(called: str, job: str = "") -> Fault | None:
        nonlocal left, counted_at
        fault = usual(called, job)
        if fault or operation not in ("", called):
            return fault
        with faults.lock:
            now = time.monotonic()
            left, counted_at = min(at_once, left + (now - counted_at) * per_second), now
            if left < 1:
                return THROTTLED
            left -= 1
            return None

    with mock.patch.object(faults, "next_fault", next_fault):
        yield

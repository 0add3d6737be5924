"""Stands in front of moto's services: keeps a record of the calls, answers with faults, and holds to limits."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.sax.saxutils import escape

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import BaseResponse
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.emrserverless.responses import EMRServerlessResponse
from moto.stepfunctions.responses import StepFunctionResponse

from ..faults import THROTTLED, Bucket, Fault, Faults
from .jobs import replace_operation

# How many calls may come at once, and how many a second, in us-east-1, us-west-2 and eu-west-1 (README.md).
LIMITS: Mapping[str, tuple[float, float]] = {"StopTask": (40, 40), "StopExecution": (1000, 200)}
# And in every other region.
LIMITS_ELSEWHERE: Mapping[str, tuple[float, float]] = {**LIMITS, "StopExecution": (500, 25)}

_BEHIND = (EC2ContainerServiceResponse, StepFunctionResponse, EMRServerlessResponse, CloudFormationResponse)


@dataclass(frozen=True)
class ServiceCall:
    """A call that was made.

    Parameters
    ----------
    service : str
        botocore's name of the service, such as ``ecs``.
    operation : str
        The name of the API operation.
    region : str
        The region that the request was signed for.
    parameters : Mapping
        What was asked.
    """

    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any] = field(hash=False)


class Front:
    """The record, the faults and the limits of ECS, Step Functions, EMR Serverless and CloudFormation.

    Of CloudFormation it is concerned with what functions ask, and lets the CDK CLI through.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults = Faults()
        self._buckets: dict[str, Bucket] = {}
        self.calls: list[ServiceCall] = []
        for responses in _BEHIND:
            replace_operation(responses, "call_action", self._answer)

    def switch_on(self, fault: Fault, times: float = float("inf")) -> None:
        """Answer with a fault, for that many calls. Faults switched on earlier come first."""
        with self._lock:
            self._faults.switch_on(fault, times)

    def switch_off(self) -> None:
        """Tell the truth again, to as many calls as come."""
        with self._lock:
            self._faults.switch_off()
            self._buckets.clear()

    def limit(self, limits: Mapping[str, tuple[float, float]] = LIMITS) -> None:
        """Throttle from now on what goes beyond the limits: by operation, how many at once, and how many a second."""
        with self._lock:
            self._buckets = {operation: Bucket(*limit) for operation, limit in limits.items()}

    def _answer(self, response: BaseResponse) -> TYPE_RESPONSE:
        if isinstance(response, CloudFormationResponse) and not _by_a_function(response):
            return BaseResponse.call_action(response)
        operation = response._get_action()
        call = ServiceCall(response.boto3_service_name, operation, response.region, _parameters(response))
        with self._lock:
            self.calls.append(call)
            fault = self._faults.next(operation) or self._throttle(operation, call.service)
        if fault is None:
            return BaseResponse.call_action(response)
        time.sleep(fault.seconds)
        if fault.status == 0:
            response.normalized_request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        instead = fault.response()
        body = _error(fault, call.service) if fault.code else instead.body
        return instead.status or 200, dict(instead.headers), body

    def _throttle(self, operation: str, service: str) -> Fault | None:
        bucket = self._buckets.get(operation)
        if bucket is None or bucket.take():
            return None
        return replace(THROTTLED, code="Throttling") if service == "cloudformation" else THROTTLED


def _by_a_function(response: BaseResponse) -> bool:
    return "exec-env/AWS_Lambda" in response.headers.get("User-Agent", "")


def _error(fault: Fault, service: str) -> str:
    """Write an error as a service with JSON does, or as CloudFormation."""
    if service != "cloudformation":
        return json.dumps({"__type": fault.code, "message": fault.message})
    error = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"
    return f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"


def _parameters(response: BaseResponse) -> Mapping[str, Any]:
    if response.automated_parameter_parsing:
        return {**(response.uri_match or {}), **response.params}
    parameters: Mapping[str, Any] = json.loads(response.body)
    return parameters

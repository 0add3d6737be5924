"""Handles each call before moto does: records it, and answers with a fault that is switched on."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import BaseResponse
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.emrserverless.responses import EMRServerlessResponse
from moto.stepfunctions.responses import StepFunctionResponse

from ..faults import Fault, Faults
from .jobs import replace_operation

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
        The parameters of the request.
    """

    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any] = field(hash=False)


class Front(Faults):
    """The recorded calls and the faults of ECS, Step Functions, EMR Serverless and CloudFormation.

    For CloudFormation, they apply to the calls of functions, not to those of the CDK CLI.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[ServiceCall] = []
        for responses in _BEHIND:
            replace_operation(responses, "call_action", self._answer)

    def _answer(self, response: BaseResponse) -> TYPE_RESPONSE:
        if isinstance(response, CloudFormationResponse) and not _by_a_function(response):
            return BaseResponse.call_action(response)
        operation = response._get_action()
        call = ServiceCall(response.boto3_service_name, operation, response.region, _parameters(response))
        self.calls.append(call)
        fault = self.next_fault(operation)
        if fault is None:
            return BaseResponse.call_action(response)
        if fault.status == 0:
            response.normalized_request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        instead = fault.response()
        body = _error(fault, call.service) if fault.code else instead.body
        return instead.status or 200, dict(instead.headers), body


def _by_a_function(response: BaseResponse) -> bool:
    return "exec-env/AWS_Lambda" in response.headers.get("User-Agent", "")


def _error(fault: Fault, service: str) -> str:
    """Return the body of an error, in JSON or, for CloudFormation, in XML."""
    if service != "cloudformation":
        return json.dumps({"__type": fault.code, "message": fault.message})
    error = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"
    return f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"


def _parameters(response: BaseResponse) -> Mapping[str, Any]:
    if response.automated_parameter_parsing:
        return {**(response.uri_match or {}), **response.params}
    parameters: Mapping[str, Any] = json.loads(response.body)
    return parameters

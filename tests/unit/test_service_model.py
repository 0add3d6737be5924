"""The service model says what the API reference says (RoboMaker API reference, version 2018-06-29)."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ServiceModel

from jobs.robomaker import _client

ERRORS = {
    "InternalServerException": 500,
    "InvalidParameterException": 400,
    "ResourceNotFoundException": 400,
    "ThrottlingException": 400,
}

# Field -> its type and its limits, as the pages of the two operations have them.
ARN = ("string", {"min": 1, "max": 1224, "pattern": "arn:.*"})
DESCRIBED: dict[str, tuple[str, dict[str, Any]]] = {
    "arn": ARN,
    "clientRequestToken": ("string", {"min": 1, "max": 64, "pattern": r"[a-zA-Z0-9_\-=]*"}),
    "createdAt": ("timestamp", {}),
    "failureCode": (
        "string",
        {
            "enum": [
                "InternalServiceError",
                "LimitExceeded",
                "ResourceNotFound",
                "RequestThrottled",
                "InvalidInput",
                "AccessDenied",
            ]
        },
    ),
    "failureReason": ("string", {"min": 0, "max": 1024, "pattern": ".*"}),
    "iamRole": ("string", {"min": 1, "max": 255, "pattern": r"arn:aws:iam::\w+:role/.*"}),
    "outputLocation": ("structure", {}),
    "status": ("string", {"enum": ["Pending", "Running", "Completed", "Failed", "Canceling", "Canceled"]}),
    "tags": ("map", {"min": 0, "max": 50}),
    "worlds": ("list", {"min": 1, "max": 100}),
}
LOCATION: dict[str, tuple[str, dict[str, Any]]] = {
    "s3Bucket": ("string", {"min": 3, "max": 63, "pattern": r"[a-z0-9][a-z0-9\-]*[a-z0-9]"}),
    "s3Prefix": ("string", {"min": 1, "max": 1024, "pattern": ".*"}),
}


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    found: ServiceModel = _client("us-west-2").meta.service_model
    return found


def _fields(shape: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    limits = ("min", "max", "pattern", "enum")
    return {
        name: (member.type_name, {key: value for key, value in member.metadata.items() if key in limits})
        for name, member in shape.members.items()
    }


def test_the_service_is_robomaker(model: ServiceModel) -> None:
    metadata = {key: model.metadata[key] for key in ("apiVersion", "endpointPrefix", "protocol", "signatureVersion")}
    assert metadata == {
        "apiVersion": "2018-06-29",
        "endpointPrefix": "robomaker",
        "protocol": "rest-json",
        "signatureVersion": "v4",
    }
    assert (model.service_id, model.signing_name) == ("RoboMaker", "robomaker")


def test_it_has_the_two_operations_that_the_handler_calls(model: ServiceModel) -> None:
    assert sorted(model.operation_names) == ["CancelWorldExportJob", "DescribeWorldExportJob"]


@pytest.mark.parametrize("name", ["CancelWorldExportJob", "DescribeWorldExportJob"])
def test_an_operation_takes_a_job_and_has_four_errors(model: ServiceModel, name: str) -> None:
    operation = model.operation_model(name)
    assert operation.http == {"method": "POST", "requestUri": f"/{name[0].lower()}{name[1:]}"}
    assert operation.input_shape is not None
    assert _fields(operation.input_shape) == {"job": ARN}
    assert operation.input_shape.required_members == ["job"]
    assert {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in operation.error_shapes} == ERRORS


def test_a_cancel_is_answered_with_nothing(model: ServiceModel) -> None:
    shape = model.operation_model("CancelWorldExportJob").output_shape
    assert shape is not None
    assert _fields(shape) == {}


def test_a_description_has_the_fields_of_the_reference(model: ServiceModel) -> None:
    shape: Any = model.operation_model("DescribeWorldExportJob").output_shape
    assert _fields(shape) == DESCRIBED
    assert _fields(shape.members["outputLocation"]) == LOCATION
    assert shape.members["worlds"].member.metadata["max"] == 1224
    assert shape.members["tags"].key.metadata["max"] == 128
    assert shape.members["tags"].value.metadata["max"] == 256

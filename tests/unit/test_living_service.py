"""What each answer of a living service means, as botocore gives it from a real endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.living_service import LivingService, TroubleError
from teardown import Reply, Verdict
from tests.canned import Canned, denial


def _trouble(service: str, action: str, **parameters: Any) -> TroubleError:
    with pytest.raises(TroubleError) as trouble:
        LivingService(service).call(action, **parameters)
    return trouble.value


@pytest.mark.parametrize(
    ("service", "action", "parameters", "permission"),
    [
        ("ecs", "ListTasks", {}, "ecs:ListTasks"),
        ("stepfunctions", "ListExecutions", {}, "states:ListExecutions"),
        ("emr-serverless", "GetApplication", {"applicationId": "00f"}, "emr-serverless:GetApplication"),
        ("cloudformation", "DescribeStacks", {}, "cloudformation:DescribeStacks"),
    ],
)
def test_a_denial_names_the_permission_as_iam_does(
    aws: Canned, service: str, action: str, parameters: dict[str, str], permission: str
) -> None:
    aws.answer(action, denial(permission))
    trouble = _trouble(service, action, **parameters)
    assert trouble.reply == Reply(
        Verdict.UNKNOWN,
        f"The handler's role has no permission {permission}: add it, and look for a permissions boundary or a service"
        f" control policy that takes it away. {permission} answered AccessDeniedException: User:"
        f" arn:aws:iam::123456789012:user/u is not authorized to perform: {permission}",
    )
    assert (trouble.code, trouble.refused) == ("AccessDeniedException", False)

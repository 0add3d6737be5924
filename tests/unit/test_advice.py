"""The step that an operator is told to take after a failed Delete."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.advice import after_failed_delete
from tests.requests import JOB_1, request

PAGE = "operators.md of cdk-world-export-job"
COMMAND = "aws cloudformation delete-stack --region us-west-2 --stack-name WorldExport --retain-resources Stop"
CONTAINER = "EcsTasks(arn:aws:ecs:us-west-2:123456789012:cluster/prod)"


def _delete(physical_id: str, outlives: object = "false", **more: Any) -> dict[str, Any]:
    properties = {"ProviderOutlivesStack": outlives}
    return request("Delete", properties, LogicalResourceId="Stop", PhysicalResourceId=physical_id, **more)


@pytest.mark.parametrize("physical_id", [JOB_1, CONTAINER])
@pytest.mark.parametrize("outlives", ["true", True, None, "perhaps"])
def test_is_to_delete_the_stack_again_if_the_function_outlives_it(physical_id: str, outlives: object) -> None:
    assert after_failed_delete(_delete(physical_id, outlives)) == (
        f"To try again, delete the stack again. After an update or a rollback, see {PAGE}."
    )


def test_is_to_retain_a_job_whose_function_is_deleted() -> None:
    assert after_failed_delete(_delete(JOB_1)) == (
        "The function is deleted next, so deleting the stack again can't cancel the job. When the stack is in"
        f" DELETE_FAILED, delete it without this resource: {COMMAND} (name each resource that failed). To cancel the"
        f" job yourself, or after an update or a rollback, see {PAGE}."
    )


def test_is_to_stop_the_jobs_before_what_they_run_in_can_be_deleted() -> None:
    assert after_failed_delete(_delete(CONTAINER)) == (
        "The function is deleted next, so deleting the stack again can't stop the jobs. When the stack is in"
        " DELETE_FAILED, stop the jobs yourself. Then delete the stack without this resource:"
        f" {COMMAND} (name each StopOnDelete that failed, but no cluster, state machine or application). After an"
        f" update or a rollback, see {PAGE}."
    )


@pytest.mark.parametrize("odd", ["x; rm -rf /", "arn:aws:cloudformation:us-west-2:123456789012:stack/x;rm/1", None])
def test_has_placeholders_for_what_is_no_name_of_a_stack_or_a_resource(odd: object) -> None:
    advice = after_failed_delete({**_delete(JOB_1), "StackId": odd, "LogicalResourceId": odd and f"a {odd}"})
    resource = "None" if odd is None else "LOGICAL_ID"
    assert f"delete-stack --region REGION --stack-name STACK --retain-resources {resource} (name" in advice

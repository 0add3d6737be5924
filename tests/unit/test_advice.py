"""What a person is told to do about a Delete that failed."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.advice import after_failed_delete
from tests.requests import request

PAGE = "operators.md of cdk-world-export-job"
COMMAND = "aws cloudformation delete-stack --region us-west-2 --stack-name WorldExport --retain-resources Stop"


def _delete(**more: Any) -> dict[str, Any]:
    return request("Delete", {}, LogicalResourceId="Stop", **more)


@pytest.mark.parametrize("of_container", [False, True])
def test_is_to_delete_again_where_the_function_stays(of_container: bool) -> None:
    assert after_failed_delete(_delete(), provider_stays=True, of_container=of_container) == (
        f"Delete the stack again to try again; in an update's cleanup or a rollback, see {PAGE}."
    )


def test_is_to_let_go_of_a_job_whose_function_is_gone() -> None:
    assert after_failed_delete(_delete(), provider_stays=False, of_container=False) == (
        "CloudFormation goes on and deletes the function, so deleting the stack again can't end the job. Once the stack"
        f" is in DELETE_FAILED, let go of the job: {COMMAND} (if more failed, name them all; in an update's cleanup or"
        f" a rollback, and to cancel the job yourself, see {PAGE})."
    )


def test_is_to_stop_the_jobs_of_a_container_before_its_stop_is_let_go_of() -> None:
    assert after_failed_delete(_delete(), provider_stays=False, of_container=True) == (
        "CloudFormation goes on and deletes the function, so deleting the stack again can't stop the jobs. Once the"
        f" stack is in DELETE_FAILED, stop them yourself, and then let go of this resource: {COMMAND} (if another"
        " StopOnDelete failed, name it too; what the jobs run in can be deleted then; in an update's cleanup or a"
        f" rollback, see {PAGE})."
    )


def test_has_words_to_replace_for_what_the_request_does_not_tell() -> None:
    odd = {**_delete(), "StackId": "x; rm -rf /", "LogicalResourceId": "x; rm -rf /"}
    advice = after_failed_delete(odd, provider_stays=False, of_container=False)
    assert "delete-stack --region REGION --stack-name STACK --retain-resources LOGICAL_ID (if" in advice
    assert "rm -rf" not in advice

"""Says what a person can do about a Delete that failed, in the stack that it failed in."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PAGE = "operators.md of cdk-world-export-job"


def after_failed_delete(request: Mapping[str, object], *, provider_stays: bool, of_container: bool) -> str:
    """Give the step that works for this stack.

    CloudFormation goes on after a failed Delete, with what the resource depended on (cloudformation-coverage-roadmap
    852). A function in the same stack is gone by the time at which somebody could delete the stack again.

    Parameters
    ----------
    request : Mapping
        The Delete.
    provider_stays : bool
        Whether the function is under another root stack, and so outlives this stack's deletion.
    of_container : bool
        Whether the Delete was to stop whatever runs in a container, not one job. The container's own deletion fails
        for the same cause, and succeeds once a person has stopped the jobs, so it is not to be let go of.
    """
    if provider_stays:
        return f"Delete the stack again to try again; in an update's cleanup or a rollback, see {_PAGE}."
    region, stack = _stack(str(request.get("StackId")))
    resource = str(request.get("LogicalResourceId"))
    logical_id = resource if re.fullmatch(r"[A-Za-z0-9]+", resource) else "LOGICAL_ID"
    command = f"aws cloudformation delete-stack --region {region} --stack-name {stack} --retain-resources {logical_id}"
    if of_container:
        return (
            "CloudFormation goes on and deletes the function, so deleting the stack again can't stop the jobs. Once the"
            f" stack is in DELETE_FAILED, stop them yourself, and then let go of this resource: {command} (if another"
            " StopOnDelete failed, name it too; what the jobs run in can be deleted then; in an update's cleanup or a"
            f" rollback, see {_PAGE})."
        )
    return (
        "CloudFormation goes on and deletes the function, so deleting the stack again can't end the job. Once the stack"
        f" is in DELETE_FAILED, let go of the job: {command} (if more failed, name them all; in an update's cleanup or"
        f" a rollback, and to cancel the job yourself, see {_PAGE})."
    )


def _stack(stack_id: str) -> tuple[str, str]:
    found = re.fullmatch(r"arn:[^:]+:cloudformation:([a-z0-9-]+):[0-9]+:stack/([A-Za-z0-9-]+)/.+", stack_id)
    return (found[1], found[2]) if found else ("REGION", "STACK")

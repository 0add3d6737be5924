"""States the next step for an operator after a failed Delete."""

from __future__ import annotations

import re

from properties import check_provider_outlives_stack
from protocol.request import Request, StackId, property_or_default

_PAGE = "operators.md of cdk-world-export-job"


def after_failed_delete(request: Request) -> str:
    """Return the next step, as the last sentences of the reason.

    CloudFormation continues after a failed Delete and deletes what the resource depends on
    (aws-cloudformation/cloudformation-coverage-roadmap 852). So a function in the same stack no longer exists when
    somebody deletes the stack again. The property ProviderOutlivesStack states whether the function is in another
    stack. Default: it is.

    Parameters
    ----------
    request : Mapping
        The Delete request.
    """
    if property_or_default(request, "ProviderOutlivesStack", check_provider_outlives_stack, True):
        return f"To try again, delete the stack again. After an update or a rollback, see {_PAGE}."
    stack = StackId.parse(request.get("StackId"))
    # In any other form, the shell may not take them as they are.
    is_plain = stack.region and re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9-]+", f"{stack.region}/{stack.name}")
    region, name = (stack.region, stack.name) if is_plain else ("REGION", "STACK")
    resource = str(request.get("LogicalResourceId"))
    logical_id = resource if re.fullmatch(r"[A-Za-z0-9]+", resource) else "LOGICAL_ID"
    command = f"aws cloudformation delete-stack --region {region} --stack-name {name} --retain-resources {logical_id}"
    if "(" in str(request.get("PhysicalResourceId")):
        # The cluster, state machine or application has failed, too. It can be deleted once its jobs have stopped.
        return (
            "The function is deleted next, so deleting the stack again can't stop the jobs. When the stack is in"
            " DELETE_FAILED, stop the jobs yourself. Then delete the stack without this resource:"
            f" {command} (name each StopOnDelete that failed, but no cluster, state machine or application). After an"
            f" update or a rollback, see {_PAGE}."
        )
    return (
        "The function is deleted next, so deleting the stack again can't cancel the job. When the stack is in"
        f" DELETE_FAILED, delete it without this resource: {command} (name each resource that failed). To cancel the"
        f" job yourself, or after an update or a rollback, see {_PAGE}."
    )

"""Warns of two constructs of an app that cancel the same job.

Without the warning, users who copy a stack, or move a job to another one, notice the second construct only when the job
is canceled.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations, CfnDeletionPolicy, CfnResource
from constructs import Construct, IConstruct, IValidation

# For `Annotations.of(scope).acknowledge_warning(...)`.
WARNING_ID = "cdk-world-export-job:sameJob"

Owners = list[tuple[Construct, CfnResource]]

_owners_by_app: WeakKeyDictionary[IConstruct, dict[str, Owners]] = WeakKeyDictionary()


def warn_of_other_owners(job: Construct, job_arn: str, resource: CfnResource) -> None:
    """Let synthesis warn if constructs that were made before this one cancel the same job.

    It compares all stacks and stages of the app, whatever their environments. A job is in one account, so a construct
    in another account is refused anyway.
    """
    owners = _owners_by_app.setdefault(job.node.root, {}).setdefault(job_arn, [])
    owners.append((job, resource))
    if len(owners) > 1:
        job.node.add_validation(_LastIsOnlyOwner(job_arn, owners[:]))


@jsii.implements(IValidation)
class _LastIsOnlyOwner:
    # At synthesis, because an aspect may still set RETAIN, which one of the two has while a job moves between them.
    def __init__(self, job_arn: str, owners: Owners) -> None:
        self._job_arn = job_arn
        self._owners = owners

    def validate(self) -> list[str]:
        job, _ = self._owners[-1]
        cancel = [owner for owner, resource in self._owners if _cancels(resource)]
        if job in cancel and len(cancel) > 1:
            Annotations.of(job).add_warning_v2(
                WARNING_ID,
                f"{job.node.path}: {cancel[0].node.path} has the same job_arn {self._job_arn!r}. The first that is"
                " deleted cancels the job. Declare it once, or give all but one of them"
                " removal_policy=RemovalPolicy.RETAIN.",
            )
        return []


def _cancels(resource: CfnResource) -> bool:
    return resource.cfn_options.deletion_policy is CfnDeletionPolicy.DELETE

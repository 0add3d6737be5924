"""Warns of two constructs of an app that cancel the same job, for authors who copy a stack or move a job to another."""

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

    It compares all stacks and stages of the app, whatever their environments. A job belongs to one account, so both
    constructs are in this account, or one of them is refused in another.
    """
    owners = _owners_by_app.setdefault(job.node.root, {}).setdefault(job_arn, [])
    if owners:
        job.node.add_validation(_NoOtherOwner(job_arn, (job, resource), list(owners)))
    owners.append((job, resource))


@jsii.implements(IValidation)
class _NoOtherOwner:
    # At synthesis, because an aspect may still set RETAIN, as when a job moves from one construct to another.
    def __init__(self, job_arn: str, owner: tuple[Construct, CfnResource], others: Owners) -> None:
        self._job_arn = job_arn
        self._owner = owner
        self._others = others

    def validate(self) -> list[str]:
        job, resource = self._owner
        others = [other.node.path for other, found in self._others if _cancels(found)]
        if others and _cancels(resource):
            Annotations.of(job).add_warning_v2(
                WARNING_ID,
                f"{job.node.path}: {others[0]} has the same job_arn {self._job_arn!r}. The first that is deleted"
                " cancels the job. Declare it once, or give all but one of them removal_policy=RemovalPolicy.RETAIN.",
            )
        return []


def _cancels(resource: CfnResource) -> bool:
    return resource.cfn_options.deletion_policy is CfnDeletionPolicy.DELETE

"""Warns where several constructs of an app own the end of one job."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import Annotations, CfnDeletionPolicy, CfnResource, CustomResource
from constructs import Construct, IConstruct, IValidation

# To acknowledge it by: `Annotations.of(scope).acknowledge_warning(...)`.
WARNING_ID = "cdk-world-export-job:sameJob"


class _Owner(NamedTuple):
    job: Construct
    resource: CustomResource

    @property
    def ends_it(self) -> bool:
        resource = self.resource.node.default_child
        return isinstance(resource, CfnResource) and resource.cfn_options.deletion_policy is CfnDeletionPolicy.DELETE


_owners_by_app: WeakKeyDictionary[IConstruct, dict[str, list[_Owner]]] = WeakKeyDictionary()


def warn_of_other_owners(job: Construct, job_arn: str, resource: CustomResource) -> None:
    """Let synthesis warn if constructs that were made before this one own the end of the same job.

    All stacks and stages of the app are looked through, whatever their environments: a job belongs to one account, so
    the same ARN is either owned twice there, or refused in the other one.
    """
    owners = _owners_by_app.setdefault(job.node.root, {}).setdefault(job_arn, [])
    owner = _Owner(job, resource)
    if owners:
        job.node.add_validation(_NoOtherOwner(owner, job_arn, list(owners)))
    owners.append(owner)


@jsii.implements(IValidation)
class _NoOtherOwner:
    # At synthesis, because a policy of RETAIN may be set until then, by an aspect, too: a job that moves from one
    # construct to another has two of them for a while, of which one retains it.
    def __init__(self, owner: _Owner, job_arn: str, others: list[_Owner]) -> None:
        self._owner = owner
        self._job_arn = job_arn
        self._others = others

    def validate(self) -> list[str]:
        others = [other.job.node.path for other in self._others if other.ends_it]
        if others and self._owner.ends_it:
            Annotations.of(self._owner.job).add_warning_v2(
                WARNING_ID,
                f"{self._owner.job.node.path}: job_arn {self._job_arn!r} is that of {others[0]}, too: the first of them"
                " that is deleted cancels the job. Declare it once, or give all but one of them"
                " removal_policy=RemovalPolicy.RETAIN.",
            )
        return []

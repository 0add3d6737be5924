"""Warns of two constructs of an app that cancel the same job.

Without the warning, users who copy a stack, or move a job to another one, notice the second construct only when the job
is canceled.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from aws_cdk import CfnDeletionPolicy, CfnResource
from constructs import Construct, IConstruct

from cdk_stop_on_delete._warnings import Found, warn_at_synthesis

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
    earlier = owners[:]
    owners.append((job, resource))
    if earlier:
        warn_at_synthesis(job, WARNING_ID, lambda: _other_owner(job_arn, earlier, (job, resource)))


def _other_owner(job_arn: str, earlier: Owners, last: tuple[Construct, CfnResource]) -> Iterator[Found]:
    # At synthesis, because an aspect may still set RETAIN, which one of the two has while a job moves between them.
    job, resource = last
    cancel = [owner for owner, owned in earlier if _cancels(owned)]
    if cancel and _cancels(resource):
        yield (
            job,
            f"{cancel[0].node.path} has the same job_arn {job_arn!r}. The first that is deleted cancels the job."
            " Declare it once, or give all but one of them removal_policy=RemovalPolicy.RETAIN.",
        )


def _cancels(resource: CfnResource) -> bool:
    return resource.cfn_options.deletion_policy is CfnDeletionPolicy.DELETE

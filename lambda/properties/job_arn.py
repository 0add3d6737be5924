"""Checks the ARN of a world export job."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import InvalidPropertyError

# A physical id has at most 1 KB, less than the 1,224 characters that RoboMaker allows for an ARN (CloudFormation User
# Guide, crpg-ref-responses; API reference, CancelWorldExportJob).
MAX_ARN_BYTES = 1024

# Every region that had RoboMaker, with its partition. The list is final, because support ended on 2025-09-10
# (botocore 1.40.60, the last with a RoboMaker client, endpoints.json).
REGIONS = {
    "ap-northeast-1": "aws",
    "ap-southeast-1": "aws",
    "eu-central-1": "aws",
    "eu-west-1": "aws",
    "us-east-1": "aws",
    "us-east-2": "aws",
    "us-west-2": "aws",
    "us-gov-west-1": "aws-us-gov",
}

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
# Prefix of a region's name -> its partition. Without one of these prefixes, it is aws. RoboMaker was never in the
# partitions of us-iso and eu-iso regions, so "" rejects these.
_OTHER_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso": "", "eu-iso": ""}
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_JOB_ID = re.compile(r"[A-Za-z0-9_.:=@+-]+")
_GIVE_THE_ARN = (
    "Pass the ARN that CreateWorldExportJob returned, such as"
    " arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID."
)


@dataclass(frozen=True)
class JobArn:
    """The ARN of a world export job, after it was checked.

    Parameters
    ----------
    text : str
        The ARN as it was given, which is also the resource's physical id.
    region : str
        The region that the job runs in, and that its API calls go to.
    """

    text: str
    region: str

    @classmethod
    def parse(
        cls,
        value: object,
        *,
        stack_account: str | None = None,
        stack_partition: str | None = None,
        new: bool = False,
    ) -> JobArn:
        """Check a world export job's ARN.

        Parameters
        ----------
        value : object
            What was given as the ARN.
        stack_account : str, optional
            The account of the stack, if it is known. The function's role can cancel jobs of its own account only.
        stack_partition : str, optional
            The partition of the stack, if it is known. Credentials work in their own partition only.
        new : bool, default: False
            Whether the ARN can't have been accepted before, as in a Create. Then its region must be one of `REGIONS`,
            and its partition that of the stack. These rules are newer than the others: in an Update, they could make
            the rollback to an older ARN fail.

        Raises
        ------
        InvalidPropertyError
            If `value` breaks a rule. The form of the ARN is from the Service Authorization Reference
            (list_awsrobomaker).
        """

        def invalid(rule: str, fix: str = _GIVE_THE_ARN) -> InvalidPropertyError:
            return InvalidPropertyError("JobArn", value, rule, fix)

        if not isinstance(value, str) or not value:
            raise invalid("it must be a string that is not empty")
        if any(character.isspace() or not character.isprintable() for character in value):
            raise invalid("an ARN has no whitespace and no control characters", "Remove them.")
        if len(value.encode()) > MAX_ARN_BYTES:
            raise invalid(f"it is longer than the {MAX_ARN_BYTES:,} bytes that CloudFormation allows for a physical id")
        if value.count(":") < 5 or not value.startswith("arn:"):
            raise invalid("it is not an ARN (arn:partition:service:region:account:resource)")

        _, partition, service, region, account, resource = value.split(":", 5)
        if partition not in _PARTITIONS:
            raise invalid(f"the partition must be one of {', '.join(_PARTITIONS)}")
        if service != "robomaker":
            raise invalid(f"the service must be robomaker, not {service!r}")
        if not _REGION.fullmatch(region):
            raise invalid(f"{region!r} is not the name of a region")
        if partition != _partition_of(region):
            raise invalid(f"the region {region} is not in the partition {partition}")
        if not _ACCOUNT.fullmatch(account):
            raise invalid("the account must be 12 digits")

        kind, _, job_id = resource.partition("/")
        if kind != "world-export-job":
            raise invalid(f"the resource must be a world-export-job, not {kind!r}")
        if not job_id:
            raise invalid("the job's id is empty")
        if not _JOB_ID.fullmatch(job_id):
            raise invalid("it must name one job: an id has letters, digits and -_.:=@+ only, and no wildcard")
        if new and region not in REGIONS:
            raise invalid(f"RoboMaker was never in the region {region}, only in {', '.join(REGIONS)}")
        if new and stack_partition is not None and partition != stack_partition:
            raise invalid(
                f"the job is in the partition {partition}, but the stack is in {stack_partition}",
                "Declare the job in a stack of its own partition.",
            )
        if stack_account is not None and account != stack_account:
            raise invalid(
                f"the job is in account {account}, but the stack is in {stack_account}",
                "Declare the job in a stack of its own account.",
            )
        return cls(value, region)


def _partition_of(region: str) -> str:
    return next((partition for prefix, partition in _OTHER_PARTITIONS.items() if region.startswith(prefix)), "aws")

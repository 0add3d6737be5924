"""Checks the properties of both custom resources, by the same rules at synthesis and at deployment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Kind of job -> its service, as the metrics name it.
SERVICES = {
    "WorldExportJob": "RoboMaker",
    "EcsTasks": "ECS",
    "StateMachineExecutions": "StepFunctions",
    "EmrServerlessJobRuns": "EMRServerless",
}

DEFAULT_WAIT_SECONDS = 300
MAX_WAIT_SECONDS = 840

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
# Prefix of a region's name -> its partition, if that is not aws.
_OTHER_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso": "", "eu-iso": ""}
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_JOB_ID = re.compile(r"[A-Za-z0-9_.:=@+-]+")
_GIVE_THE_ARN = (
    "Pass the ARN that CreateWorldExportJob returned, such as"
    " arn:aws:robomaker:us-west-2:123456789012:world-export-job/ID."
)


class InvalidPropertyError(ValueError):
    """A property breaks a rule. The message names the property, its value, the rule and the fix."""

    def __init__(self, name: str, value: object, rule: str, fix: str) -> None:
        super().__init__(f"{name} {_shown(value)} is not valid: {rule}. {fix}")


@dataclass(frozen=True)
class JobArn:
    """The checked ARN of a world export job.

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
            Whether the job is declared for the first time. If so, its region must be one of `REGIONS`, and its
            partition that of the stack. These newer rules do not apply to an ARN that was accepted before, because a
            rollback to it could fail.

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


# A region is a label in the name of its endpoint, so at most 63 characters (RFC 1035).
# Amazon ECS API reference, CreateCluster: the characters of a name.
CLUSTER_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):ecs:(?P<region>[a-z0-9-]{1,63}):(?P<account>[0-9]{12}):cluster/"
    r"(?P<name>[A-Za-z0-9_-]{1,255})"
)
# Step Functions API reference, CreateStateMachine: the characters that a name may not have. An ARN with one more part
# names a version or an alias; ListExecutions then lists only some of the executions (the same, ListExecutions).
STATE_MACHINE_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):states:(?P<region>[a-z0-9-]{1,63}):(?P<account>[0-9]{12}):stateMachine:"
    r"(?P<name>[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]{1,80})"
)
# EMR Serverless API reference, GetApplication.
APPLICATION_ID = re.compile(r"(?P<name>[0-9a-z]{1,64})")


class _ContainerType(NamedTuple):
    """The type of the containers of one kind of job."""

    id: re.Pattern[str]
    """The pattern of their ids."""
    described: str
    """The form of their ids, for an error."""
    noun: str
    """The name of such a container in a message, such as ``cluster``."""
    resource_type: str
    """Their CloudFormation resource type."""


_CONTAINERS = {
    "EcsTasks": _ContainerType(
        CLUSTER_ARN,
        "the ARN of a cluster, such as arn:aws:ecs:us-west-2:123456789012:cluster/NAME",
        "cluster",
        "AWS::ECS::Cluster",
    ),
    "StateMachineExecutions": _ContainerType(
        STATE_MACHINE_ARN,
        "the ARN of a state machine, such as arn:aws:states:us-west-2:123456789012:stateMachine:NAME,"
        " without a version or an alias",
        "state machine",
        "AWS::StepFunctions::StateMachine",
    ),
    "EmrServerlessJobRuns": _ContainerType(
        APPLICATION_ID,
        "the id of an application, such as 00f1r5e7t8m9o0c1",
        "application",
        "AWS::EMRServerless::Application",
    ),
}


class _Option(NamedTuple):
    """An optional property of one kind of job: a filter of the jobs, or how to stop them."""

    key: str
    """Its name in the physical id."""
    kind: str
    """The kind of job that takes it."""
    valid: re.Pattern[str]
    """The pattern of its values. None may have a comma, which separates the options in a physical id."""
    rule: str
    """The rule for its values, for an error."""
    fix: str
    """What to pass, for an error."""
    is_number: bool = False
    """Whether its values are numbers."""


_OPTIONS = {
    # Amazon ECS API reference, RegisterTaskDefinition.
    "Family": _Option(
        "family",
        "EcsTasks",
        re.compile(r"[A-Za-z0-9_-]{1,255}"),
        "it must be letters, digits, - and _, 255 at the most",
        "Pass the name without a revision.",
    ),
    # Amazon ECS API reference, RunTask: at most 128 characters. More characters are in use than the reference allows:
    # Step Functions writes "AWS Step Functions", with spaces (execution histories in public repositories).
    "StartedBy": _Option(
        "startedBy",
        "EcsTasks",
        re.compile(r"[ -+\--~]{1,128}"),
        "it must be 1 to 128 printable ASCII characters, and no comma",
        "Pass the startedBy of the tasks, as DescribeTasks shows it.",
    ),
    # EMR Serverless User Guide, job-cancellation-grace-period.
    "ShutdownGracePeriodInSeconds": _Option(
        "shutdownGracePeriod",
        "EmrServerlessJobRuns",
        re.compile(r"0|1[5-9]|[2-9][0-9]|[1-9][0-9]{2}|1[0-7][0-9]{2}|1800"),
        "it must be 0, or a whole number of seconds from 15 to 1,800",
        "Pass a period in that range.",
        is_number=True,
    ),
}
# No id has a comma, but a state machine's name may have parentheses.
_PHYSICAL_ID = re.compile(r"(?P<Kind>\w+)\((?P<Container>[^,]+)(?P<options>(,\w+=[^,]+)*)\)")


@dataclass(frozen=True)
class Container:
    """A cluster, a state machine or an application, in which the jobs of one kind run.

    Parameters
    ----------
    kind : str
        The kind of job: ``EcsTasks``, ``StateMachineExecutions`` or ``EmrServerlessJobRuns``.
    id : str
        The cluster's or the state machine's ARN, or the application's id.
    options : Mapping, default: empty
        The values of Family, StartedBy and ShutdownGracePeriodInSeconds: which of its jobs to stop, and how.
    """

    kind: str
    id: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def declared(
        cls,
        properties: Mapping[str, object],
        *,
        stack_account: str | None = None,
        stack_partition: str | None = None,
    ) -> Container:
        """Check the container that properties declare.

        Parameters
        ----------
        properties : Mapping
            The properties of the resource: Kind, Container and the options.
        stack_account, stack_partition : str, optional
            The account and the partition of the stack, if they are known.

        Raises
        ------
        InvalidPropertyError
            If a property breaks a rule.
        """
        kind, id_ = properties.get("Kind"), properties.get("Container")
        if not isinstance(kind, str) or kind not in _CONTAINERS:
            rule = f"it must be one of {', '.join(_CONTAINERS)}"
            raise InvalidPropertyError("Kind", kind, rule, "Pass one of these.")
        form = _CONTAINERS[kind]
        found = form.id.fullmatch(id_) if isinstance(id_, str) else None
        if not isinstance(id_, str) or found is None:
            raise InvalidPropertyError("Container", id_, f"for {kind}, it must be {form.described}", "Pass that.")
        named = found.groupdict()
        for place, theirs, ours in (
            ("partition", named.get("partition"), stack_partition),
            ("account", named.get("account"), stack_account),
        ):
            if theirs is not None and ours is not None and theirs != ours:
                raise InvalidPropertyError(
                    "Container",
                    id_,
                    f"it is in the {place} {theirs}, but the stack is in {ours}",
                    f"Declare it in a stack of its own {place}.",
                )
        options = {}
        for name, option in _OPTIONS.items():
            if (value := properties.get(name)) is not None:
                if kind != option.kind:
                    raise InvalidPropertyError(name, value, f"only {option.kind} takes it", "Leave it out.")
                options[name] = check_option(name, value)
        return cls(kind, id_, options)

    @classmethod
    def from_physical_id(cls, text: str) -> Container:
        """Return the container that a physical id names.

        Raises
        ------
        InvalidPropertyError
            If it names no container.
        """
        if found := _PHYSICAL_ID.fullmatch(text):
            given = dict(option.split("=", 1) for option in found["options"].split(",")[1:])
            options = {name: given[option.key] for name, option in _OPTIONS.items() if option.key in given}
            container = cls.declared({"Kind": found["Kind"], "Container": found["Container"], **options})
            if str(container) == text:
                return container
        rule = "it does not name a cluster, a state machine or an application"
        raise InvalidPropertyError("PhysicalResourceId", text, rule, "Do not change it.")

    def __str__(self) -> str:
        """Return the physical id. It is all that a Delete knows of the container."""
        options = [f",{_OPTIONS[name].key}={value}" for name, value in self.options.items()]
        return f"{self.kind}({self.id}{''.join(options)})"

    @property
    def ref(self) -> str:
        """What ``Ref`` returns in a template: the name of a cluster, otherwise the id (User Guide, resource types)."""
        return self._named["name"] if self.kind == "EcsTasks" else self.id

    @property
    def region(self) -> str | None:
        """The region in its ARN, if it has one."""
        return self._named.get("region")

    @property
    def place(self) -> str:
        """The container in a message, such as ``cluster prod``."""
        return f"{_CONTAINERS[self.kind].noun} {self._named['name']}"

    @property
    def resource_type(self) -> str:
        """The CloudFormation resource type of the container."""
        return _CONTAINERS[self.kind].resource_type

    @property
    def _named(self) -> dict[str, str]:
        found = _CONTAINERS[self.kind].id.fullmatch(self.id)
        return found.groupdict() if found else {}


def check_option(name: str, value: object) -> str:
    """Check an option of a kind of job: Family, StartedBy or ShutdownGracePeriodInSeconds.

    Raises
    ------
    InvalidPropertyError
        If the value breaks the property's rule.
    """
    option = _OPTIONS[name]
    # Local emulations of CloudFormation send a number as such, not as a string.
    text = str(value) if isinstance(value, str) or (option.is_number and type(value) is int) else ""
    if not option.valid.fullmatch(text):
        raise InvalidPropertyError(name, value, option.rule, option.fix)
    return text


def check_choices(properties: Mapping[str, object]) -> None:
    """Check the properties that have defaults: BestEffort, WaitSeconds and ProviderOutlivesStack.

    Parameters
    ----------
    properties : Mapping
        The properties of the resource. CloudFormation sends every value as a string.

    Raises
    ------
    InvalidPropertyError
        If a property breaks a rule.
    """
    check_best_effort(properties.get("BestEffort", False))
    check_wait_seconds(properties.get("WaitSeconds", DEFAULT_WAIT_SECONDS))
    check_provider_outlives_stack(properties.get("ProviderOutlivesStack", True))


def check_wait_seconds(value: object) -> int:
    """Check the WaitSeconds property: how long a Delete waits, in seconds.

    Raises
    ------
    InvalidPropertyError
        If it is not a whole number from 0 to 840. The longest wait is a minute shorter than Lambda's limit of 15
        minutes (Lambda quotas), so that there is time to answer.
    """
    text = str(value)
    seconds = int(text) if _WHOLE_NUMBER.fullmatch(text) else -1
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise InvalidPropertyError(
            "WaitSeconds",
            value,
            f"it must be a whole number of seconds from 0 to {MAX_WAIT_SECONDS} (14 minutes)",
            "Give a `wait` in that range.",
        )
    return seconds


def check_best_effort(value: object) -> bool:
    """Check the BestEffort property.

    Raises
    ------
    InvalidPropertyError
        If it is neither ``true`` nor ``false``.
    """
    return _check_bool("BestEffort", value, "Give `best_effort` one of the two.")


def check_provider_outlives_stack(value: object) -> bool:
    """Check the ProviderOutlivesStack property, which the construct sets by itself.

    Raises
    ------
    InvalidPropertyError
        If it is neither ``true`` nor ``false``.
    """
    return _check_bool("ProviderOutlivesStack", value, "Leave it out if the function is not in the job's own stack.")


def _check_bool(name: str, value: object, fix: str) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise InvalidPropertyError(name, value, "it must be true or false", fix)
    return text == "true"


def _partition_of(region: str) -> str:
    return next((partition for prefix, partition in _OTHER_PARTITIONS.items() if region.startswith(prefix)), "aws")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 300 else f"{shown[:300]}… ({len(shown):,} characters)"

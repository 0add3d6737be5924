"""Checks the properties of a StopOnDelete: a kind of job, its container, and options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from . import InvalidPropertyError


class _ContainerType(NamedTuple):
    """The type of container in which the jobs of one kind run."""

    id: re.Pattern[str]
    """The pattern of a container's ARN or id."""
    described: str
    """The form of the ARN or id, for an error."""
    noun: str
    """What a message calls such a container, such as ``cluster``."""
    resource_type: str
    """Its CloudFormation resource type."""


# A region is a label in the name of its endpoint, so at most 63 characters (RFC 1035).
_CONTAINERS = {
    "EcsTasks": _ContainerType(
        # Amazon ECS API reference, CreateCluster: the characters of a name.
        re.compile(
            r"arn:(?P<partition>aws[a-z-]*):ecs:(?P<region>[a-z0-9-]{1,63}):(?P<account>[0-9]{12}):cluster/"
            r"(?P<name>[A-Za-z0-9_-]{1,255})"
        ),
        "the ARN of a cluster, such as arn:aws:ecs:us-west-2:123456789012:cluster/NAME",
        "cluster",
        "AWS::ECS::Cluster",
    ),
    "StateMachineExecutions": _ContainerType(
        # Step Functions API reference, CreateStateMachine: the characters that a name may not have. An ARN with one
        # more part names a version or an alias, for which ListExecutions lists only some of the executions (Step
        # Functions API reference, ListExecutions).
        re.compile(
            r"arn:(?P<partition>aws[a-z-]*):states:(?P<region>[a-z0-9-]{1,63}):(?P<account>[0-9]{12}):stateMachine:"
            r"(?P<name>[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\U0010ffff]{1,80})"
        ),
        "the ARN of a state machine, such as arn:aws:states:us-west-2:123456789012:stateMachine:NAME,"
        " without a version or an alias",
        "state machine",
        "AWS::StepFunctions::StateMachine",
    ),
    "EmrServerlessJobRuns": _ContainerType(
        # EMR Serverless API reference, GetApplication.
        re.compile(r"(?P<name>[0-9a-z]{1,64})"),
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
    """The only kind of job that has it."""
    valid: re.Pattern[str]
    """The pattern of its values. No value may have a comma, which separates the options in a physical id."""
    rule: str
    """The rule for its values, for an error."""
    fix: str
    """How to correct the value, for an error."""
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
# A container's ARN or id has no comma, but a state machine's name may have parentheses.
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
        container_type = _CONTAINERS[kind]
        found = container_type.id.fullmatch(id_) if isinstance(id_, str) else None
        if not isinstance(id_, str) or found is None:
            rule = f"for {kind}, it must be {container_type.described}"
            raise InvalidPropertyError("Container", id_, rule, "Pass that.")
        for part, ours in (("partition", stack_partition), ("account", stack_account)):
            theirs = found.groupdict().get(part)
            if theirs is not None and ours is not None and theirs != ours:
                raise InvalidPropertyError(
                    "Container",
                    id_,
                    f"it is in the {part} {theirs}, but the stack is in {ours}",
                    f"Declare it in a stack of its own {part}.",
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
        raise InvalidPropertyError("PhysicalResourceId", text, rule, "CloudFormation sends it, so do not change it.")

    def __str__(self) -> str:
        """Return the physical id, which has all that a Delete needs to find the jobs."""
        options = [f",{_OPTIONS[name].key}={value}" for name, value in self.options.items()]
        return f"{self.kind}({self.id}{''.join(options)})"

    @property
    def ref(self) -> str:
        """What ``Ref`` returns in a template: the name of a cluster, otherwise `id` (User Guide, resource types)."""
        return self._id_parts["name"] if self.kind == "EcsTasks" else self.id

    @property
    def region(self) -> str | None:
        """The region in its ARN, if it has one."""
        return self._id_parts.get("region")

    @property
    def place(self) -> str:
        """The container in a message, such as ``cluster prod``."""
        return f"{_CONTAINERS[self.kind].noun} {self._id_parts['name']}"

    @property
    def resource_type(self) -> str:
        """The CloudFormation resource type of the container."""
        return _CONTAINERS[self.kind].resource_type

    @property
    def _id_parts(self) -> dict[str, str]:
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
    # At synthesis, and from local emulations of CloudFormation, it is a number; from CloudFormation, a string.
    text = str(value) if isinstance(value, str) or (option.is_number and type(value) is int) else ""
    if not option.valid.fullmatch(text):
        raise InvalidPropertyError(name, value, option.rule, option.fix)
    return text

"""The base of every kind of job that a provider's function can stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from aws_cdk import Stack
from aws_cdk import aws_iam as iam


class Jobs(ABC):
    """A kind of job that a provider's function can stop. Do not subclass it: the handler supports only its own kinds.

    Pass subclasses to a provider as its ``kinds``.
    """

    __module__ = "cdk_stop_on_delete"

    # The service that runs the jobs, as the metrics name it.
    _SERVICE: ClassVar[str]

    @classmethod
    @abstractmethod
    def statements(cls, stack: Stack, *, other_stacks: bool = True) -> Sequence[iam.PolicyStatement]:
        """Return the permissions that the function needs to stop jobs of this kind.

        They cover all jobs of the kind in the account, not only the template's: an update changes the policy first,
        and its cleanup then stops the jobs that the template no longer names.

        Parameters
        ----------
        stack : Stack
            The stack of the function.
        other_stacks : bool, default: True
            Whether constructs of other stacks use the function. If not, it may read no other stack in CloudFormation
            than its own and, if that is a nested one, its root.

        Returns
        -------
        sequence of PolicyStatement
            New statements. A provider adds them to its role by itself, unless the role is imported with
            ``mutable=False``.
        """


def allow(actions: Sequence[str], *resources: str, **options: Any) -> iam.PolicyStatement:
    """Make a statement that allows actions on resources."""
    return iam.PolicyStatement(actions=actions, resources=list(resources), **options)


def arn_of(stack: Stack, service: str, resource: str, region: str = "*") -> str:
    """Make an ARN in the partition and account of a stack, by default of every region."""
    return f"arn:{stack.partition}:{service}:{region}:{stack.account}:{resource}"


def root_of(stack: Stack) -> Stack:
    """Return the stack that a nested stack is deployed with, or the stack itself if it is not nested."""
    while (parent := stack.nested_stack_parent) is not None:
        stack = parent
    return stack

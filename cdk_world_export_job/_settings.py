"""Checks the settings of the provider's function before anything is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from ._errors import AsWritten, invalid
from ._tokens import is_token, not_a_string

# The oldest Python 3 that the handler is tested on.
OLDEST_PYTHON = 11

# What of another service each argument must be: an attribute that only such a construct has, its type, and how to get
# one. The CDK would refuse what is none in words of its own, which name no construct and no fix.
_KINDS = {
    "vpc": ("vpc_id", "an IVpc", "Pass a Vpc, or import one with `Vpc.from_lookup(scope, id, vpc_id=...)`."),
    "log_group": (
        "log_group_arn",
        "an ILogGroup",
        "Pass a LogGroup, or import one with `LogGroup.from_log_group_name(scope, id, name)`.",
    ),
    "role": ("role_arn", "an IRole", "Pass a Role, or import one with `Role.from_role_arn(scope, id, arn)`."),
    "environment_encryption": (
        "key_arn",
        "an IKey",
        "Pass a Key, or import one with `Key.from_key_arn(scope, id, arn)`.",
    ),
}


def check_kinds(construct: IConstruct, **arguments: object) -> None:
    """Refuse a name or an ARN where a construct of another service is due."""
    for argument, value in arguments.items():
        attribute, kind, fix = _KINDS[argument]
        if value is not None and not hasattr(value, attribute):
            raise invalid(construct, argument, value, f"it must be {kind}", fix)


def check_network(construct: IConstruct, vpc: object, vpc_subnets: object, security_groups: object) -> None:
    """Refuse subnets and security groups that are none, or that have no VPC beside them."""
    if vpc_subnets is not None and not isinstance(vpc_subnets, (ec2.SubnetSelection, Mapping)):
        fix = "Pass, for example, `SubnetSelection(subnets=[Subnet.from_subnet_id(scope, id, subnet_id)])`."
        raise invalid(construct, "vpc_subnets", vpc_subnets, "it must be a SubnetSelection", fix)
    if security_groups is not None and not (
        isinstance(security_groups, Sequence)
        and all(hasattr(security_group, "security_group_id") for security_group in security_groups)
    ):
        fix = "Pass a list of SecurityGroup, or of `SecurityGroup.from_security_group_id(scope, id, group_id)`."
        raise invalid(construct, "security_groups", security_groups, "it must be a list of ISecurityGroup", fix)
    for argument, value in {"vpc_subnets": vpc_subnets, "security_groups": security_groups}.items():
        if value and vpc is None:
            raise invalid(construct, argument, value, "it says where in a VPC, but there is none", "Pass `vpc`, too.")


@contextmanager
def blamed_on_the_network(construct: IConstruct, vpc: object, vpc_subnets: object) -> Iterator[None]:
    """Let what the CDK finds wrong with the subnets name the argument that chose them."""
    try:
        yield
    except RuntimeError as error:
        if vpc is None:
            raise
        argument, value = ("vpc", vpc) if vpc_subnets is None else ("vpc_subnets", vpc_subnets)
        # The way out that the CDK names is an option of its own function, which makes a function without a way out.
        said, *_ = str(error).split(" If you are aware of this limitation")
        fix = "Choose private subnets by `vpc_subnets`, with a way to what the function calls and to S3."
        raise invalid(construct, argument, value, f"the CDK says {said.rstrip('.')!r}", fix) from error


def check_memory_size(construct: IConstruct, memory_size: object) -> None:
    """Refuse what Lambda has no functions of."""
    if isinstance(memory_size, (int, float)) and Token.is_unresolved(memory_size):
        return
    if type(memory_size) is not int or not 128 <= memory_size <= 10_240:
        raise invalid(
            construct,
            "memory_size",
            memory_size,
            "it must be a whole number of MiB from 128 to 10,240 (Lambda quotas)",
            "Leave it out for 256, which is enough.",
        )


def check_runtime(construct: IConstruct, runtime: object) -> None:
    """Refuse what the handler is not tested on."""
    if not isinstance(runtime, lambda_.Runtime):
        raise invalid(construct, "runtime", runtime, "it must be a Runtime", "Pass, for example, Runtime.PYTHON_3_13.")
    minor = re.fullmatch(r"python3\.([0-9]+)", runtime.name)
    if minor is None or int(minor[1]) < OLDEST_PYTHON:
        raise invalid(
            construct,
            "runtime",
            runtime.name,
            f"the handler is written in Python, and needs 3.{OLDEST_PYTHON} or newer",
            "Leave it out for Python 3.13.",
        )


def check_architecture(construct: IConstruct, architecture: object) -> None:
    """Refuse the name of an architecture."""
    if not isinstance(architecture, lambda_.Architecture):
        fix = "Pass Architecture.ARM_64 or Architecture.X86_64."
        raise invalid(construct, "architecture", architecture, "it must be an Architecture", fix)


def check_proxy(construct: IConstruct, proxy: object) -> None:
    """Refuse a proxy that the answers to CloudFormation can't be delivered through, or that holds a password."""
    if is_token(proxy):
        if not isinstance(proxy, str):
            raise not_a_string(construct, "proxy", proxy)
        return
    # The password of a login, if there is one, is for no log.
    shown = AsWritten(proxy, re.sub(r":[^:/@]*(?=@)", ":...", repr(proxy)))
    form = "Pass it as http://HOST:PORT."
    if not isinstance(proxy, str):
        raise invalid(construct, "proxy", proxy, "it must be a string", form)
    try:
        url = urlsplit(proxy)
        well_formed = bool(url.hostname) and url.port != 0 and not re.search(r"\s", proxy)
    except ValueError:
        raise invalid(construct, "proxy", shown, "it is no URL with a host and a port", form) from None
    if url.scheme == "https":
        rule = "the handler's answers to CloudFormation go through no proxy that is itself spoken to by TLS"
        raise invalid(construct, "proxy", shown, rule, "Pass the proxy's plain port, http://HOST:PORT.")
    if url.scheme != "http" or not well_formed or url.path not in ("", "/") or url.query or url.fragment:
        raise invalid(construct, "proxy", shown, "it is no URL of the form http://HOST:PORT", form)
    if url.password is not None:
        rule = "the template would show the password to everyone who may read it"
        fix = "Pass a dynamic reference in its place: {{resolve:secretsmanager:...}}."
        raise invalid(construct, "proxy", shown, rule, fix)

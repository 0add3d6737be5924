"""The settings of a provider's function, and checks for mistakes that the CDK reports late, unclearly or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypedDict

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import IConstruct

from ._arguments import invalid, is_literal, is_token

# The minor version of the oldest Python 3 that the handler is tested on.
OLDEST_PYTHON = 11

_PROXY = re.compile(r"http://((?P<login>[^\s/?#@]*)@)?(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:(?P<port>[0-9]{1,5}))?/?")


class ProviderSettings(TypedDict, total=False):
    """The settings of a provider's function. `StopOnDeleteProvider` and `WorldExportJobProvider` take them by name.

    Parameters
    ----------
    vpc : IVpc, optional
        A VPC to run the function in. Its subnets need a route to the services whose jobs are stopped, to CloudFormation
        if a StopOnDelete uses the function, and to S3, where CloudFormation receives the responses. Default: no VPC.
    vpc_subnets : SubnetSelection, optional
        The subnets to use. Default: the VPC's private subnets with a route to the internet, or its isolated subnets if
        it has no others; isolated subnets need VPC endpoints.
    security_groups : sequence of ISecurityGroup, optional
        The function's security groups. Default: a new one that allows all outbound traffic.
    memory_size : int, optional
        The function's memory, in MiB, from 128 to 10,240 (Lambda quotas). May be a token. Default: 256.
    log_group : ILogGroup, optional
        The log group to write to. Default: a new one that keeps its entries for a year and is retained when the stack
        is deleted, because it has the outcome of each deletion.
    role : IRole, optional
        The function's execution role, of this stack or another. The permissions are added to it. A role imported with
        ``mutable=False`` must already have them. Default: a new role.
    runtime : Runtime, optional
        The Python runtime, 3.11 or newer; the handler is tested on 3.11 and 3.13. Default: ``Runtime.PYTHON_3_13``.
    architecture : Architecture, optional
        The function's processor architecture. Default: ``Architecture.ARM_64``.
    environment_encryption : IKey, optional
        The KMS key that encrypts the function's environment variables, not an alias of it. The role gets the permission
        to decrypt with it. The key's policy must allow IAM policies to grant that, as the policy of a key that the CDK
        makes does. Default: Lambda's own key.
    proxy : str, optional
        The proxy for all calls and responses of the function, as ``http://HOST:PORT``; the default port is 80. It
        becomes the variable ``HTTPS_PROXY``. May be a token. A proxy that requires TLS, ``https://...``, is
        refused. With a proxy, only RoboMaker's own error messages can show that it has been retired. Exclude hosts,
        such as a VPC endpoint's, with ``provider.function.add_environment("NO_PROXY", ...)``. Default: no proxy.
    """

    # Pyright finds that some classes of the CDK do not fit their interfaces (aws/aws-cdk 21099). These are named, too.
    vpc: ec2.IVpc | None
    vpc_subnets: ec2.SubnetSelection | None
    security_groups: Sequence[ec2.ISecurityGroup] | None
    memory_size: int
    log_group: logs.ILogGroup | None
    role: iam.IRole | iam.Role | None
    runtime: lambda_.Runtime | None
    architecture: lambda_.Architecture | None
    environment_encryption: kms.IKey | kms.Key | None
    proxy: str | None


# Argument that takes a construct -> an attribute of such a construct, its type, and how to import one. The error that
# jsii raises for a string states only that it could not deserialize the function's properties.
_CONSTRUCTS = {
    "vpc": ("vpc_id", "an IVpc", "Vpc.from_lookup(scope, id, vpc_id=...)"),
    "security_groups": ("security_group_id", "a list of ISecurityGroup", "SecurityGroup.from_security_group_id(...)"),
    "log_group": ("log_group_arn", "an ILogGroup", "LogGroup.from_log_group_name(scope, id, name)"),
    "role": ("role_arn", "an IRole", "Role.from_role_arn(scope, id, arn)"),
    "environment_encryption": ("key_arn", "an IKey, and no alias of one", "Key.from_key_arn(scope, id, arn)"),
}


def checked_settings(construct: IConstruct, given: ProviderSettings) -> dict[str, Any]:
    """Return the settings, or raise the error of one that has a wrong type, or a literal value that can't work."""
    settings: dict[str, Any] = {
        "memory_size": 256,
        "runtime": lambda_.Runtime.PYTHON_3_13,
        "architecture": lambda_.Architecture.ARM_64,
        **{name: value for name, value in given.items() if value is not None},
    }
    for name, value in settings.items():
        if name not in ProviderSettings.__annotations__:
            raise TypeError(f"{construct.node.path}: {type(construct).__name__} has no argument {name!r}")
        if name in _CONSTRUCTS:
            attribute, kind, importer = _CONSTRUCTS[name]
            fits = not isinstance(value, str) and all(
                hasattr(each, attribute) for each in (value if name == "security_groups" else [value])
            )
            # Lambda takes no alias of a key (hashicorp/terraform 20813), and IAM grants on one do nothing (aws/aws-cdk
            # 19914).
            if not fits or hasattr(value, "alias_name"):
                raise invalid(construct, name, value, f"it must be {kind}", f"Import it with `{importer}`.")
    memory_size, runtime = settings["memory_size"], settings["runtime"]
    if not is_token(memory_size) and (type(memory_size) is not int or not 128 <= memory_size <= 10_240):
        rule = "it must be a whole number of MiB from 128 to 10,240 (Lambda quotas)"
        raise invalid(construct, "memory_size", memory_size, rule, "Leave it out for 256, which is enough.")
    minor = re.fullmatch(r"python3\.([0-9]+)", runtime.name) if isinstance(runtime, lambda_.Runtime) else None
    if minor is None or int(minor[1]) < OLDEST_PYTHON:
        rule = f"it must be a Runtime of Python 3.{OLDEST_PYTHON} or newer, in which the handler is written"
        fix = "Leave it out for Runtime.PYTHON_3_13."
        raise invalid(construct, "runtime", getattr(runtime, "name", runtime), rule, fix)
    if "proxy" in settings and is_literal(construct, "proxy", settings["proxy"]):
        _check_proxy(construct, settings["proxy"])
    return settings


def _check_proxy(construct: IConstruct, proxy: str) -> None:
    # Keep a password out of the error, also one that should be percent-encoded.
    shown = re.sub(r"(?s)^(\w+://)?([^:]*):.*@", r"\1\2:...@", proxy)
    url = _PROXY.fullmatch(proxy)
    if url is None or not 1 <= int(url["port"] or 80) <= 65_535:
        rule = "it must be a URL of the form http://HOST:PORT: the responses can't pass a proxy that requires TLS"
        raise invalid(construct, "proxy", shown, rule, "Pass the proxy's plain port in this form.")
    if ":" in (url["login"] or ""):
        rule = "the template would show the password to everyone who may read it"
        fix = "Pass a dynamic reference in its place: {{resolve:secretsmanager:...}}."
        raise invalid(construct, "proxy", shown, rule, fix)

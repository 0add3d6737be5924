"""A function that ends jobs, with its role and its log: what the providers of both packages share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, Self, cast

import jsii
from aws_cdk import Aws, CfnResource, Duration, IStableStringProducer, Lazy, Names, RemovalPolicy, Stack, Stage
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from ._bundling import handler_code
from ._errors import InvalidArgumentError, invalid
from ._findings import acknowledge, justify, wildcard
from ._provider_interface import ProviderInterface, Service
from ._settings import (
    blamed_on_the_network,
    check_architecture,
    check_kinds,
    check_memory_size,
    check_network,
    check_proxy,
    check_runtime,
)
from ._tokens import known

# Lambda's longest (Lambda quotas), because one function serves waits of up to 14 minutes.
FUNCTION_TIMEOUT = Duration.minutes(15)

_LOG_ACTIONS = ["logs:CreateLogStream", "logs:PutLogEvents"]
# Lambda Developer Guide, configuration-vpc: what the execution role of a function in a VPC needs.
_VPC_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


class FunctionProvider(ProviderInterface):
    """The Lambda function of a provider, with what it needs until the last that it serves has ended.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    """

    # What is said of the function, and the module of lambda/ that it runs.
    _DESCRIPTION: ClassVar[str]
    _HANDLER: ClassVar[str]

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002 - the name that every construct gives it
        if existing := scope.node.try_find_child(id):
            raise self._taken(existing)
        super().__init__(scope, id)

    def _make_function(
        self,
        *,
        vpc: ec2.IVpc | None,
        vpc_subnets: ec2.SubnetSelection | None,
        security_groups: Sequence[ec2.ISecurityGroup] | None,
        memory_size: int,
        log_group: logs.ILogGroup | None,
        role: iam.IRole | None,
        runtime: lambda_.Runtime | None,
        architecture: lambda_.Architecture | None,
        environment_encryption: kms.IKey | None,
        proxy: str | None,
    ) -> None:
        """Check the settings, which are those of the providers' constructors, and make the function."""
        check_kinds(self, vpc=vpc, log_group=log_group, role=role, environment_encryption=environment_encryption)
        check_network(self, vpc, vpc_subnets, security_groups)
        check_memory_size(self, memory_size)
        runtime = runtime or lambda_.Runtime.PYTHON_3_13
        check_runtime(self, runtime)
        architecture = architecture or lambda_.Architecture.ARM_64
        check_architecture(self, architecture)
        if proxy is not None:
            check_proxy(self, proxy)
        log_group = log_group or self._log_group()
        self._shared_role = role is not None
        self._role = role or iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=self._DESCRIPTION
        )
        policy = self._attach_policy(self, "Policy")
        self._allow(policy, log_group, environment_encryption, in_vpc=vpc is not None)
        with blamed_on_the_network(self, vpc, vpc_subnets):
            self._function = lambda_.Function(
                self,
                "Function",
                description=self._DESCRIPTION,
                code=handler_code(runtime),
                handler=self._HANDLER,
                runtime=runtime,
                architecture=architecture,
                timeout=FUNCTION_TIMEOUT,
                memory_size=memory_size,
                logging_format=lambda_.LoggingFormat.JSON,
                log_group=log_group,
                role=self._role,
                environment={"HTTPS_PROXY": proxy} if proxy is not None else None,
                environment_encryption=environment_encryption,
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
            )
        # CloudFormation deletes in the reverse order: the function must keep its permissions and its way out of the
        # VPC (what the VPC and the security groups were told to make) until the last that it serves has ended.
        needs = [policy, *([vpc] if vpc else []), *(security_groups or ())]
        cast(CfnResource, self._function.node.default_child).node.add_dependency(*needs)

        acknowledge(self._function, "L1", "It runs on a Python that the handler is tested on, and moves with it.")
        justify(
            self._function,
            CKV_AWS_115="A limit would hold up the teardown of many jobs.",
            CKV_AWS_116="CloudFormation waits for each answer, so a lost request shows as the stack's failure.",
            **({} if environment_encryption else {"CKV_AWS_173": "Its variables hold no secrets."}),
            **({} if vpc else {"CKV_AWS_117": "What it calls is public; a VPC is a choice of the provider."}),
        )

    def _log_group(self) -> logs.LogGroup:
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=RemovalPolicy.RETAIN
        )
        justify(log_group, CKV_AWS_158="It holds ARNs and outcomes, and no secrets; one of your own may have a key.")
        return log_group

    def _attach_policy(self, scope: Construct, id: str, prefix: str = "") -> iam.Policy:  # noqa: A002
        """Make a policy of the function's role, whose name differs for each scope and prefix."""
        name = None
        if self._shared_role:
            # Several stacks may give their policies to one role, where those of the same name would replace each other.
            of_scope = Names.unique_resource_name(scope, max_length=100 - len(prefix))
            name = f"{prefix}{of_scope}-{Aws.REGION}"
        policy = iam.Policy(scope, id, policy_name=name)
        self._role.attach_inline_policy(policy)
        return policy

    def _allow(self, policy: iam.Policy, log_group: logs.ILogGroup, key: kms.IKey | None, *, in_vpc: bool) -> None:
        # A policy of the provider's own, because a role from another stack may not refer to this stack's log group.
        policy.add_statements(iam.PolicyStatement(actions=_LOG_ACTIONS, resources=[log_group.log_group_arn]))
        self._allow_calls(policy)
        if key is not None:
            # Lambda decrypts as the role; without it, no request reaches the handler
            # (cattle-ops/terraform-aws-gitlab-runner 1253).
            policy.add_statements(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]))
        if in_vpc:
            policy.add_statements(iam.PolicyStatement(actions=_VPC_ACTIONS, resources=["*"]))
            no_arn_yet = "Lambda's network interfaces have no ARN before they are made."
            acknowledge(policy, wildcard("*"), no_arn_yet)
            justify(policy, CKV_AWS_111=no_arn_yet)

    @abstractmethod
    def _allow_calls(self, policy: iam.Policy) -> None:
        """Let the policy allow what the function calls to end what it serves."""

    @classmethod
    def _shared(cls, scope: Construct) -> Self:
        """Return the provider that is shared in the stack of a construct, made on first use."""
        stack = Stack.of(scope)
        existing = stack.node.try_find_child(cls._NAME)
        return existing if isinstance(existing, cls) else cls(stack, cls._NAME)

    @property
    def function(self) -> lambda_.Function:
        """The function, for whatever else is to be said of it, such as tags, variables or its own metrics."""
        return self._function

    @property
    def service_token(self) -> str:
        """The function's ARN, as CloudFormation calls it in a custom resource."""
        return self._function.function_arn

    @property
    def _function_name(self) -> str:
        return self._function.function_name

    def _serve(self, served: Construct) -> Service:
        here, there = Stack.of(served), Stack.of(self)
        if here is there or _root(here) is _root(there):
            # The CDK passes the ARN between nested stacks, and CloudFormation deletes the function last.
            return Service(self.service_token, stays=False)
        path = self.node.path
        self._check_environment(served, shown=path, account=known(there.account), region=known(there.region))
        if Stage.of(served) is not Stage.of(self):
            raise invalid(
                served,
                "provider",
                path,
                "it is in another stage or app, which the CDK deploys apart",
                f"Import it with `{self._NAME}.from_service_token`, or make one in this stage.",
            )
        # The stack of the provider is deployed before that of what it serves, and destroyed after it.
        served.node.add_dependency(self)
        return Service(self._exported, stays=True)

    @cached_property
    def _exported(self) -> str:
        """The ARN for stacks of other roots.

        An export that is imported keeps this stack from being deleted before theirs. What the CDK makes of a reference
        does so only if the app's flag ``@aws-cdk/core:defaultCrossStackReferences`` allows it.
        """
        # At resolve time, because an export fixes the logical id of the function, which an aspect may still change.
        return Lazy.string(_Exported(self._function))

    @classmethod
    def _taken(cls, existing: IConstruct) -> InvalidArgumentError:
        kind = type(existing)
        if isinstance(existing, FunctionProvider) and existing._NAME == cls._NAME:
            rule = f"there is a {cls._NAME} of this name, which the first {cls._SERVED} of the stack has made"
            fix = f"Make your own before the first {cls._SERVED}."
        elif kind.__name__ == cls._NAME:
            rule = f"there is a {cls._NAME} of another copy of this library, which was imported twice"
            fix = "Import it once, and from one place."
        else:
            rule = f"there is another construct of this name, a {kind.__name__}"
            fix = f"Give that one another id, or each {cls._SERVED} of the stack a `provider` that you make."
        return invalid(existing, "id", existing.node.id, rule, fix)


@jsii.implements(IStableStringProducer)
class _Exported:
    """Exports a function's ARN from the root of its stack, and says how to import it."""

    def __init__(self, function: lambda_.Function) -> None:
        self._resource = cast(lambda_.CfnFunction, function.node.default_child)

    def produce(self) -> str:
        return _root(Stack.of(self._resource)).export_value(self._resource.attr_arn)


def _root(stack: Stack) -> Stack:
    while (parent := stack.nested_stack_parent) is not None:
        stack = parent
    return stack

"""The function that ends world export jobs, with its role and its log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import cast

import jsii
from aws_cdk import (
    Aws,
    CfnResource,
    Duration,
    IResolveContext,
    IStableStringProducer,
    IStringProducer,
    Lazy,
    Names,
    RemovalPolicy,
    Stack,
    Stage,
)
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from ._bundling import handler_code
from ._errors import InvalidArgumentError, invalid
from ._help import shows_its_arguments
from ._imported_provider import ImportedProvider
from ._provider_interface import IWorldExportJobProvider, Service
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

# Lambda's longest (Lambda quotas), because one function serves jobs with waits of up to 14 minutes.
FUNCTION_TIMEOUT = Duration.minutes(15)

# Part of the logical ids of every deployed function: it must never change.
SHARED_ID = "WorldExportJobProvider"

_LOG_ACTIONS = ["logs:CreateLogStream", "logs:PutLogEvents"]
_ROBOMAKER_ACTIONS = ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"]
# Lambda Developer Guide, configuration-vpc: what the execution role of a function in a VPC needs.
_VPC_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]


@shows_its_arguments
class WorldExportJobProvider(IWorldExportJobProvider):
    """The Lambda function that ends managed world export jobs.

    Best it has a stack of its own, and is passed to each job as ``provider``: then a deletion that failed can be tried
    again. The stacks of the jobs depend on that stack, which can't be deleted before them. `from_service_token` imports
    one that another app has deployed.

    `ManagedWorldExportJob` makes one in its own stack by itself if it is given none, which serves small apps. What a
    FAILED means is harder there: CloudFormation goes on after a Delete that failed, and deletes the function as well
    (cloudformation-coverage-roadmap 852), so nothing is left that could be tried again. The way out of the stack's
    DELETE_FAILED is then ``aws cloudformation delete-stack --retain-resources``, which lets go of the job.

    CloudFormation can't give a job that is deployed another function, so decide before the first deployment; a job that
    has the stack's own one keeps it if other settings are made with
    ``WorldExportJobProvider(stack, "WorldExportJobProvider", ...)`` before the first job.

    What the arguments don't say is said of the function itself: ``provider.function.add_environment("COLOR", "red")``,
    ``Tags.of(provider).add("team", "simulation")``, or for what the CDK has no words for,
    ``provider.function.node.default_child.add_property_override("Property.Name", value)``. The role, the policy and the
    log group that the provider makes are ``provider.node.find_child("Role")``, ``"Policy"`` and ``"Logs"``. The handler
    relies on its time-out, its handler's name and its logging format: leave them.

    The function's variable ``NO_VPC`` says that it is in no VPC, where it may take silence for the end of RoboMaker. An
    aspect that gives the function a VPC by ``vpc_config`` is seen. A raw override (``add_property_override``) can't be,
    because the CDK keeps those to itself: take the variable out along with it, with
    ``add_property_deletion_override("Environment.Variables.NO_VPC")``.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    vpc : IVpc, optional
        A VPC to run the function in. Its subnets need a way to the RoboMaker API of each job's region and to S3, where
        the answers go. Default: no VPC.
    vpc_subnets : SubnetSelection, optional
        The subnets to use. Default: the VPC's private subnets with a route to the internet, or its isolated ones if it
        has no others; those need VPC endpoints.
    security_groups : sequence of ISecurityGroup, optional
        The function's security groups. Default: a new one that allows all outbound traffic.
    memory_size : int, default: 256
        The function's memory, in MiB, from 128 to 10,240 (Lambda quotas). May be a token.
    log_group : ILogGroup, optional
        The log group to write to. Default: a new one that keeps its entries for a year and outlives the stack, because
        it says how each job ended.
    role : IRole, optional
        The role to run as, of this stack or another. The permissions are added to it; one that is imported with
        ``mutable=False`` must have them already. Default: a new one.
    runtime : Runtime, optional
        The Python that the function runs on, 3.11 or newer; the handler is tested on 3.11 and 3.13. Default: 3.13,
        whatever the newest is that your aws-cdk-lib names.
    architecture : Architecture, optional
        The processor that the function runs on, which makes no difference to the handler. Default:
        ``Architecture.ARM_64``.
    environment_encryption : IKey, optional
        The KMS key that the function's variables are encrypted with. The role may decrypt with it; the key's policy
        must leave that to IAM, as the CDK's own keys do. Default: a key of Lambda's.
    proxy : str, optional
        A proxy that the function calls RoboMaker and delivers its answers through, as ``http://HOST:PORT``; without a
        port, it is 80. It becomes the variable ``HTTPS_PROXY``. May be a token. A proxy that is itself spoken to by
        TLS, ``https://...``, is refused. Through a proxy, only RoboMaker's own words can tell that it has ended. Hosts
        that need no proxy, such as an endpoint's, are named by ``provider.function.add_environment("NO_PROXY", ...)``.
        Default: none.

    Raises
    ------
    InvalidArgumentError
        If an argument is of the wrong type, or a literal value breaks its rule, or `scope` already has a construct of
        this id. A ValueError, which names the construct, the argument, its value, the rule and the fix.
    ImportError
        If the crhelper that is deployed with the handler is not installed as it was published.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        memory_size: int = 256,
        log_group: logs.ILogGroup | None = None,
        role: iam.IRole | None = None,
        runtime: lambda_.Runtime | None = None,
        architecture: lambda_.Architecture | None = None,
        environment_encryption: kms.IKey | None = None,
        proxy: str | None = None,
    ) -> None:
        if existing := scope.node.try_find_child(id):
            raise _taken(existing)
        super().__init__(scope, id)
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
        # A policy of the provider's own, because a role from another stack may not refer to this stack's log group.
        policy = self._policy(log_group, environment_encryption, in_vpc=vpc is not None, shared_role=role is not None)
        role = role or iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Cancels world export jobs when their stack gives them up",
        )
        role.attach_inline_policy(policy)
        with blamed_on_the_network(self, vpc, vpc_subnets):
            self._function = lambda_.Function(
                self,
                "Function",
                description="Cancels world export jobs when their stack gives them up",
                code=handler_code(runtime),
                handler="index.handler",
                runtime=runtime,
                architecture=architecture,
                timeout=FUNCTION_TIMEOUT,
                memory_size=memory_size,
                logging_format=lambda_.LoggingFormat.JSON,
                log_group=log_group,
                role=role,
                environment={"HTTPS_PROXY": proxy} if proxy is not None else None,
                environment_encryption=environment_encryption,
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
            )
        if vpc is None:
            self._function.add_environment("NO_VPC", Lazy.uncached_string(_NoVpc(self._function)))
        # CloudFormation deletes in the reverse order: the function must keep its permissions and its way out of the
        # VPC (what the VPC and the security groups were told to make) until the last job has stopped.
        needs = [policy, *([vpc] if vpc else []), *(security_groups or ())]
        _resource(self._function).node.add_dependency(*needs)

        _acknowledge(self._function, "L1", "It runs on a Python that the handler is tested on, and moves with it.")
        _justify(
            self._function,
            CKV_AWS_115="A limit would hold up the teardown of many jobs.",
            CKV_AWS_116="CloudFormation waits for each answer, so a lost request shows as the stack's failure.",
            **({} if environment_encryption else {"CKV_AWS_173": "Its variables hold no secrets."}),
            **({} if vpc else {"CKV_AWS_117": "RoboMaker's API is public; a VPC is a choice of the provider."}),
        )

    def _log_group(self) -> logs.LogGroup:
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=RemovalPolicy.RETAIN
        )
        _justify(log_group, CKV_AWS_158="It holds ARNs and outcomes, and no secrets; one of your own may have a key.")
        return log_group

    def _policy(
        self, log_group: logs.ILogGroup, key: kms.IKey | None, *, in_vpc: bool, shared_role: bool
    ) -> iam.Policy:
        # Every job of the account, not the current one: in an update the policy changes before the cleanup Delete of
        # the old job arrives, which the handler could then no longer cancel.
        jobs = Stack.of(self).format_arn(
            service="robomaker", region="*", resource="world-export-job", resource_name="*"
        )
        # Several stacks may give their policies to one role, where those of the same name would replace each other.
        name = f"{Names.unique_resource_name(self, max_length=100)}-{Aws.REGION}" if shared_role else None
        policy = iam.Policy(self, "Policy", policy_name=name)
        policy.add_statements(
            iam.PolicyStatement(actions=_LOG_ACTIONS, resources=[log_group.log_group_arn]),
            iam.PolicyStatement(actions=_ROBOMAKER_ACTIONS, resources=[jobs]),
        )
        _acknowledge(
            policy,
            _wildcard(jobs),
            "The template names only the new job while the cleanup of an update cancels the old one.",
        )
        if key is not None:
            # Lambda decrypts as the role; without it, no request reaches the handler
            # (cattle-ops/terraform-aws-gitlab-runner 1253).
            policy.add_statements(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key.key_arn]))
        if in_vpc:
            policy.add_statements(iam.PolicyStatement(actions=_VPC_ACTIONS, resources=["*"]))
            no_arn_yet = "Lambda's network interfaces have no ARN before they are made."
            _acknowledge(policy, _wildcard("*"), no_arn_yet)
            _justify(policy, CKV_AWS_111=no_arn_yet)
        return policy

    @classmethod
    def get_or_create(cls, scope: Construct) -> WorldExportJobProvider:
        """Return the provider that all jobs of a stack share, made on first use.

        Parameters
        ----------
        scope : Construct
            Any construct of the stack.

        Returns
        -------
        WorldExportJobProvider
            The construct ``WorldExportJobProvider`` of the stack.
        """
        stack = Stack.of(scope)
        existing = stack.node.try_find_child(SHARED_ID)
        return existing if isinstance(existing, cls) else cls(stack, SHARED_ID)

    @staticmethod
    def from_service_token(scope: Construct, id: str, service_token: str) -> IWorldExportJobProvider:  # noqa: A002
        """Import a provider that another app, another team or a template has deployed, in this account and region.

        A failed deletion of a job's stack can be tried again, because the function is not part of it. CloudFormation
        does not hold the function back for the jobs that use it: whoever has deployed it must keep it until the last of
        them is gone. A provider of the same app is passed to the job as it is.

        Parameters
        ----------
        scope : Construct
            The construct that the imported one belongs to.
        id : str
            Its id in `scope`.
        service_token : str
            The ARN of the function, or of an alias of it. A version is refused: no fix would ever reach it, and
            CloudFormation can't give a deployed job another function. May be a token; metrics take the function's name
            from it, so it must hold the ARN itself, and no dynamic reference, where they are asked for.

        Returns
        -------
        IWorldExportJobProvider
            What a job takes as its ``provider``. It has no ``function``.

        Raises
        ------
        InvalidArgumentError
            If a literal is no such ARN. A job refuses it if its region or account is not that of the job's stack.
        """
        return ImportedProvider(scope, id, service_token)

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

    def _serve(self, job: Construct) -> Service:
        here, there = Stack.of(job), Stack.of(self)
        if here is there or _root(here) is _root(there):
            # The CDK passes the ARN between nested stacks, and CloudFormation deletes the function after the job.
            return Service(self.service_token, stays=False)
        path = self.node.path
        self._check_environment(job, shown=path, account=known(there.account), region=known(there.region))
        if Stage.of(job) is not Stage.of(self):
            raise invalid(
                job,
                "provider",
                path,
                "it is in another stage or app, which the CDK deploys apart",
                "Import it with `WorldExportJobProvider.from_service_token`, or make one in this stage.",
            )
        # The stack of the provider is deployed before that of the job, and destroyed after it.
        job.node.add_dependency(self)
        return Service(self._exported, stays=True)

    @cached_property
    def _exported(self) -> str:
        """The ARN for stacks of other roots.

        An export that is imported keeps this stack from being deleted before theirs. What the CDK makes of a reference
        does so only if the app's flag ``@aws-cdk/core:defaultCrossStackReferences`` allows it.
        """
        # At resolve time, because an export fixes the logical id of the function, which an aspect may still change.
        return Lazy.string(_Exported(self._function))


def _resource(construct: IConstruct) -> CfnResource:
    return cast(CfnResource, construct.node.default_child)


def _justify(construct: IConstruct, **reasons: str) -> None:
    """Tell Checkov why what it finds in a construct stands."""
    skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    _resource(construct).add_metadata("checkov", {"skip": skip})


def _acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Tell cdk-nag why what it finds in a construct stands."""
    # What Validations.acknowledge writes, which came with aws-cdk-lib 2.252.
    construct.node.add_metadata("aws:cdk:acknowledged-rules", {f"AwsSolutions::AwsSolutions-{finding}": reason})


def _wildcard(resource: str) -> str:
    """Name cdk-nag's finding of a wildcard, in which pseudo parameters are in angle brackets."""
    shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
    return f"IAM5[Resource::{shown}]"


@jsii.implements(IStringProducer)
class _NoVpc:
    """Says "true" unless the function has a VPC once all aspects are through."""

    def __init__(self, function: lambda_.Function) -> None:
        self._resource = cast(lambda_.CfnFunction, function.node.default_child)

    def produce(self, context: IResolveContext) -> str | None:  # noqa: ARG002 - the CDK passes it by its name
        return "true" if self._resource.vpc_config is None else None


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


def _taken(existing: IConstruct) -> InvalidArgumentError:
    kind = type(existing)
    if isinstance(existing, WorldExportJobProvider):
        rule = "there is a WorldExportJobProvider of this name, which the first job of the stack has made"
        fix = "Make your own before the first job."
    elif kind.__name__ == WorldExportJobProvider.__name__:
        rule = "there is a WorldExportJobProvider of another copy of this library, which was imported twice"
        fix = "Import it once, and from one place."
    else:
        rule = f"there is another construct of this name, a {kind.__name__}"
        fix = "Give that one another id, or each job of the stack a `provider` that you make."
    return invalid(existing, "id", existing.node.id, rule, fix)

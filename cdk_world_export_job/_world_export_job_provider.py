"""The function that ends world export jobs, with its role and its log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import jsii
from aws_cdk import IResolveContext, IStringProducer, Lazy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ._findings import acknowledge, wildcard
from ._function_provider import FunctionProvider
from ._help import shows_its_arguments
from ._imported_provider import ImportedProvider
from ._provider_interface import IWorldExportJobProvider

_ROBOMAKER_ACTIONS = ["robomaker:CancelWorldExportJob", "robomaker:DescribeWorldExportJob"]


@shows_its_arguments
class WorldExportJobProvider(FunctionProvider, IWorldExportJobProvider):
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

    _DESCRIPTION = "Cancels world export jobs when their stack lets go of them"
    _HANDLER = "index.handler"

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
        super().__init__(scope, id)
        self._make_function(
            vpc=vpc,
            vpc_subnets=vpc_subnets,
            security_groups=security_groups,
            memory_size=memory_size,
            log_group=log_group,
            role=role,
            runtime=runtime,
            architecture=architecture,
            environment_encryption=environment_encryption,
            proxy=proxy,
        )
        if vpc is None:
            self.function.add_environment("NO_VPC", Lazy.uncached_string(_NoVpc(self.function)))

    def _allow_calls(self, policy: iam.Policy) -> None:
        # Every job of the account, not the current one: in an update the policy changes before the cleanup Delete of
        # the old job arrives, which the handler could then no longer cancel.
        jobs = Stack.of(self).format_arn(
            service="robomaker", region="*", resource="world-export-job", resource_name="*"
        )
        policy.add_statements(iam.PolicyStatement(actions=_ROBOMAKER_ACTIONS, resources=[jobs]))
        acknowledge(
            policy,
            wildcard(jobs),
            "The template names only the new job while the cleanup of an update cancels the old one.",
        )

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
        return cls._shared(scope)

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
        return _Imported(scope, id, service_token)


class _Imported(ImportedProvider, IWorldExportJobProvider):
    """What `WorldExportJobProvider.from_service_token` returns."""


@jsii.implements(IStringProducer)
class _NoVpc:
    """Says "true" unless the function has a VPC once all aspects are through."""

    def __init__(self, function: lambda_.Function) -> None:
        self._resource = cast(lambda_.CfnFunction, function.node.default_child)

    def produce(self, context: IResolveContext) -> str | None:  # noqa: ARG002 - the CDK passes it by its name
        return "true" if self._resource.vpc_config is None else None

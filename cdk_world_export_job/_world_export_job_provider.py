"""The function that ends world export jobs, with its role and its log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct, IDependable

from ._handler_code import bundle, metrics

# Lambda's longest (Lambda quotas), because one function serves jobs with waits of up to 14 minutes.
FUNCTION_TIMEOUT = Duration.minutes(15)

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
_NO_ARN_YET = "Lambda's network interfaces have no ARN before they are made."


class WorldExportJobProvider(Construct):
    """The Lambda function that serves every managed world export job of a stack.

    `ManagedWorldExportJob` makes one for each stack by itself. Make one of your own to give the function a VPC, more
    memory, a log group or a role, and pass it to each job as ``provider``. CloudFormation can't give a job that is
    deployed another function, so decide before the first deployment; a job that has the stack's own one keeps it if
    the other settings are made with ``WorldExportJobProvider(stack, "WorldExportJobProvider", ...)`` before the first
    job.

    Parameters
    ----------
    scope : Construct
        Where the construct stands.
    id : str
        Its id in `scope`.
    vpc : IVpc, optional
        A VPC to run the function in. Its subnets need a route to the RoboMaker API. Default: no VPC.
    vpc_subnets : SubnetSelection, optional
        The subnets to use. Default: the VPC's private subnets with a route to the internet.
    security_groups : sequence of ISecurityGroup, optional
        The function's security groups. Default: a new one that lets everything out.
    memory_size : int, default: 256
        The function's memory, in MiB, from 128 to 10,240 (Lambda quotas).
    log_group : ILogGroup, optional
        The log group to write to. Default: a new one that keeps its entries for a year and outlives the stack, because
        it holds the word on how each job ended.
    role : IRole, optional
        The role to run as. The permissions are added to it; one that is imported with ``mutable=False`` must have them
        already. Default: a new one.
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
    ) -> None:
        super().__init__(scope, id)
        log_group = log_group or self._log_group()
        role = role or iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Cancels world export jobs when their stack gives them up",
        )
        with TemporaryDirectory() as folder:
            bundle(Path(folder))
            self._function = lambda_.Function(
                self,
                "Function",
                description="Cancels world export jobs when their stack gives them up",
                code=lambda_.Code.from_asset(folder),
                handler="index.handler",
                runtime=_newest_python(),
                architecture=lambda_.Architecture.ARM_64,
                timeout=FUNCTION_TIMEOUT,
                memory_size=memory_size,
                logging_format=lambda_.LoggingFormat.JSON,
                log_group=log_group,
                role=role,
                vpc=vpc,
                vpc_subnets=vpc_subnets,
                security_groups=security_groups,
            )

        _justify(
            self._function,
            CKV_AWS_115="A limit would hold up the teardown of many jobs.",
            CKV_AWS_116="CloudFormation waits for each answer, so a lost request shows as the stack's failure.",
            CKV_AWS_117="RoboMaker's API is public; a provider of one's own may have a VPC.",
        )
        # CloudFormation deletes in the reverse order: the function must keep its permissions and its way out of the
        # VPC until the last job has stopped.
        self._function.node.add_dependency(*self._grant(role, log_group, in_vpc=vpc is not None))
        if vpc is not None:
            self._function.node.add_dependency(vpc.internet_connectivity_established, *(security_groups or ()))

    def _log_group(self) -> logs.LogGroup:
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=RemovalPolicy.RETAIN
        )
        _justify(log_group, CKV_AWS_158="It holds ARNs and outcomes, and no secrets; one of one's own may have a key.")
        return log_group

    def _grant(self, role: iam.IRole, log_group: logs.ILogGroup, *, in_vpc: bool) -> list[IDependable]:
        """Give the role its permissions, and return what holds them."""
        # Every job of the account, not the current one: in an update the policy changes before the cleanup Delete of
        # the old job arrives, which the handler could then no longer cancel.
        jobs = Stack.of(self).format_arn(
            service="robomaker", region="*", resource="world-export-job", resource_name="*"
        )
        statements = [iam.PolicyStatement(actions=_ROBOMAKER_ACTIONS, resources=[jobs])]
        self._acknowledge(
            jobs, "The template names only the new job while the cleanup of an update cancels the old one."
        )
        if in_vpc:
            statements.append(iam.PolicyStatement(actions=_VPC_ACTIONS, resources=["*"]))
            self._acknowledge("*", _NO_ARN_YET)

        log_group.grant_write(role)
        granted = [role.add_to_principal_policy(statement) for statement in statements]
        if in_vpc and role.node.scope is self:
            _justify(role.node.find_child("DefaultPolicy"), CKV_AWS_111=_NO_ARN_YET)
        return [grant.policy_dependable for grant in granted if grant.policy_dependable is not None]

    def _acknowledge(self, resource: str, reason: str) -> None:
        """Tell cdk-nag why a wildcard stands. In its findings, pseudo parameters are in angle brackets."""
        shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
        finding = f"AwsSolutions::AwsSolutions-IAM5[Resource::{shown}]"
        # What Validations.acknowledge writes, which came with aws-cdk-lib 2.252.
        self.node.add_metadata("aws:cdk:acknowledged-rules", {finding: reason})

    @classmethod
    def get_or_create(cls, scope: Construct) -> WorldExportJobProvider:
        """Give the provider that all jobs of a stack share, made on first use.

        Parameters
        ----------
        scope : Construct
            Any construct of the stack.
        """
        stack = Stack.of(scope)
        existing = stack.node.try_find_child(cls.__name__)
        return existing if isinstance(existing, cls) else cls(stack, cls.__name__)

    @property
    def function(self) -> lambda_.Function:
        """The function."""
        return self._function

    @property
    def service_token(self) -> str:
        """The function's ARN, as CloudFormation calls it in a custom resource."""
        return self._function.function_arn

    def metric_teardowns(self, **options: Any) -> cloudwatch.Metric:
        """Give the number of jobs that were torn down, whatever came of it.

        Parameters
        ----------
        **options : Any
            Everything that a CloudWatch Metric takes, such as ``period``. Default: the sum over 5 minutes.
        """
        return self._metric(metrics.TEARDOWNS, "Sum", options)

    def metric_left_running(self, **options: Any) -> cloudwatch.Metric:
        """Give the number of teardowns that failed, so that the job may still be running.

        It counts what best effort answered with SUCCESS, and what failed in the cleanup of an update, too.

        Parameters
        ----------
        **options : Any
            Everything that a CloudWatch Metric takes, such as ``period``. Default: the sum over 5 minutes.
        """
        return self._metric(metrics.LEFT_RUNNING, "Sum", options)

    def metric_teardown_seconds(self, **options: Any) -> cloudwatch.Metric:
        """Give how long teardowns took, in seconds.

        Parameters
        ----------
        **options : Any
            Everything that a CloudWatch Metric takes, such as ``statistic``. Default: the average over 5 minutes.
        """
        return self._metric(metrics.TEARDOWN_SECONDS, "Average", options)

    def _metric(self, name: str, statistic: str, options: dict[str, Any]) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=metrics.NAMESPACE,
            metric_name=name,
            dimensions_map={metrics.DIMENSION: self._function.function_name},
            **{"statistic": statistic, **options},
        )


def _justify(construct: IConstruct, **reasons: str) -> None:
    """Tell Checkov why what it finds in a construct stands."""
    resource = cast(CfnResource, construct.node.default_child)
    skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    resource.add_metadata("checkov", {"skip": skip})


def _newest_python() -> lambda_.Runtime:
    # By the names of the constants: each property that is read of a runtime is a call to the CDK's process.
    minors = [int(name.removeprefix("PYTHON_3_")) for name in vars(lambda_.Runtime) if name.startswith("PYTHON_3_")]
    return cast(lambda_.Runtime, getattr(lambda_.Runtime, f"PYTHON_3_{max(minors)}"))

"""The function that ends world export jobs, with its role and its log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict, Unpack, cast

from aws_cdk import Aws, CfnResource, Duration, Names, RemovalPolicy, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct, IConstruct

from ._bundling import handler_code
from ._handler_code import metrics, properties
from ._help import shows_its_arguments

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


class MetricOptions(TypedDict, total=False):
    """What may be chosen of a metric, as the CDK's MetricOptions has it."""

    account: str
    color: str
    label: str
    period: Duration
    region: str
    statistic: str
    unit: cloudwatch.Unit


@shows_its_arguments
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

    Raises
    ------
    ValueError
        If `memory_size` breaks its rule, or `scope` already has a provider of this id.
    RuntimeError
        The CDK's, if `vpc_subnets` or `security_groups` are given without a `vpc`, or the VPC has only public subnets.
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
        if isinstance(scope.node.try_find_child(id), WorldExportJobProvider):
            raise ValueError(
                f"id {id!r} is not valid: {scope.node.path} has a WorldExportJobProvider of this name, which its first"
                " job made. Make your own before the first job."
            )
        _check_memory_size(memory_size)
        super().__init__(scope, id)
        log_group = log_group or self._log_group()
        # A policy of the provider's own, because a role from another stack may not refer to this stack's log group.
        policy = self._policy(log_group, in_vpc=vpc is not None, shared_role=role is not None)
        role = role or iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Cancels world export jobs when their stack gives them up",
        )
        role.attach_inline_policy(policy)
        runtime = _newest_python()
        self._function = lambda_.Function(
            self,
            "Function",
            description="Cancels world export jobs when their stack gives them up",
            code=handler_code(runtime),
            handler="index.handler",
            runtime=runtime,
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
        # CloudFormation deletes in the reverse order: the function must keep its permissions and its way out of the
        # VPC (what the VPC and the security groups were told to make) until the last job has stopped.
        needs = [policy, *([vpc] if vpc else []), *(security_groups or ())]
        _resource(self._function).node.add_dependency(*needs)

        _justify(
            self._function,
            CKV_AWS_115="A limit would hold up the teardown of many jobs.",
            CKV_AWS_116="CloudFormation waits for each answer, so a lost request shows as the stack's failure.",
            **({} if vpc else {"CKV_AWS_117": "RoboMaker's API is public; a VPC is a choice of the provider."}),
        )

    def _log_group(self) -> logs.LogGroup:
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=RemovalPolicy.RETAIN
        )
        _justify(log_group, CKV_AWS_158="It holds ARNs and outcomes, and no secrets; one of your own may have a key.")
        return log_group

    def _policy(self, log_group: logs.ILogGroup, *, in_vpc: bool, shared_role: bool) -> iam.Policy:
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
            policy, jobs, "The template names only the new job while the cleanup of an update cancels the old one."
        )
        if in_vpc:
            policy.add_statements(iam.PolicyStatement(actions=_VPC_ACTIONS, resources=["*"]))
            no_arn_yet = "Lambda's network interfaces have no ARN before they are made."
            _acknowledge(policy, "*", no_arn_yet)
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

    @property
    def function(self) -> lambda_.Function:
        """The function, for whatever else is to be said of it, such as tags, variables or its own metrics."""
        return self._function

    @property
    def service_token(self) -> str:
        """The function's ARN, as CloudFormation calls it in a custom resource."""
        return self._function.function_arn

    def metric_teardowns(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of Deletes that had a job to end, whatever came of it; each try counts.

        Parameters
        ----------
        **options : MetricOptions
            What the CDK's own metrics take: account, color, label, period, region, statistic, unit. Default: the sum
            over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return _metric(metrics.TEARDOWNS, self._by_function, "Sum", options)

    def metric_left_running(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of teardowns that failed, so that the job may still be running; each try counts.

        It counts what best effort answered with SUCCESS, and what failed in the cleanup of an update, too. It goes with
        the function, so an alarm on a stack's deletion takes `metric_all_left_running`.

        Parameters
        ----------
        **options : MetricOptions
            What the CDK's own metrics take: account, color, label, period, region, statistic, unit. Default: the sum
            over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return _metric(metrics.LEFT_RUNNING, self._by_function, "Sum", options)

    @staticmethod
    def metric_all_left_running(**options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of teardowns that failed in any stack of an account and region, deleted ones included.

        Parameters
        ----------
        **options : MetricOptions
            What the CDK's own metrics take: account, color, label, period, region, statistic, unit. Default: the sum
            over 5 minutes.

        Returns
        -------
        Metric
            In counts.
        """
        return _metric(metrics.LEFT_RUNNING, {metrics.SERVICE: metrics.ROBOMAKER}, "Sum", options)

    def metric_teardown_seconds(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how long teardowns took.

        Parameters
        ----------
        **options : MetricOptions
            What the CDK's own metrics take: account, color, label, period, region, statistic, unit. Default: the
            average over 5 minutes.

        Returns
        -------
        Metric
            In seconds.
        """
        return _metric(metrics.TEARDOWN_SECONDS, self._by_function, "Average", options)

    @property
    def _by_function(self) -> dict[str, str]:
        return {metrics.FUNCTION: self._function.function_name}


def _metric(name: str, dimensions: dict[str, str], statistic: str, options: MetricOptions) -> cloudwatch.Metric:
    chosen: MetricOptions = {"statistic": statistic, **options}
    return cloudwatch.Metric(namespace=metrics.NAMESPACE, metric_name=name, dimensions_map=dimensions, **chosen)


def _check_memory_size(memory_size: object) -> None:
    if isinstance(memory_size, (int, float)) and Token.is_unresolved(memory_size):
        return
    if type(memory_size) is not int or not 128 <= memory_size <= 10_240:
        raise properties.InvalidPropertyError(
            "memory_size",
            memory_size,
            "it must be a whole number of MiB from 128 to 10,240 (Lambda quotas)",
            "Leave it out for 256, which is enough.",
        )


def _resource(construct: IConstruct) -> CfnResource:
    return cast(CfnResource, construct.node.default_child)


def _justify(construct: IConstruct, **reasons: str) -> None:
    """Tell Checkov why what it finds in a construct stands."""
    skip = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    _resource(construct).add_metadata("checkov", {"skip": skip})


def _acknowledge(policy: iam.Policy, resource: str, reason: str) -> None:
    """Tell cdk-nag why a wildcard stands. In its findings, pseudo parameters are in angle brackets."""
    shown = re.sub(r"\$\{Token\[(AWS\.\w+)\.\d+\]\}", lambda token: f"<{token[1].replace('.', '::')}>", resource)
    finding = f"AwsSolutions::AwsSolutions-IAM5[Resource::{shown}]"
    # What Validations.acknowledge writes, which came with aws-cdk-lib 2.252.
    policy.node.add_metadata("aws:cdk:acknowledged-rules", {finding: reason})


def _newest_python() -> lambda_.Runtime:
    # By the names of the constants: each property that is read of a runtime is a call to the CDK's process.
    names = [name for name in vars(lambda_.Runtime) if re.fullmatch(r"PYTHON_3_\d+", name)]
    newest = max(names, key=lambda name: int(name.removeprefix("PYTHON_3_")))
    return cast(lambda_.Runtime, getattr(lambda_.Runtime, newest))

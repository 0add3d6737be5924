"""The function that stops jobs, with its role and its log."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_world_export_job._errors import invalid
from cdk_world_export_job._findings import acknowledge, wildcard
from cdk_world_export_job._function_provider import FunctionProvider
from cdk_world_export_job._help import shows_its_arguments
from cdk_world_export_job._imported_provider import ImportedProvider

from ._jobs import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions, allow, check_listed
from ._provider_interface import IStopOnDeleteProvider

# By which the handler finds out whether a container goes with its stack.
_CLOUDFORMATION_ACTIONS = [
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStacks",
    "cloudformation:GetTemplate",
]


@shows_its_arguments
class StopOnDeleteProvider(FunctionProvider, IStopOnDeleteProvider):
    """The Lambda function that stops jobs.

    Best it has a stack of its own, lists the kinds of jobs that it stops, and is passed to each StopOnDelete as
    ``provider``: then a deletion that failed can be tried again. The stacks of the StopOnDeletes depend on that stack,
    which can't be deleted before them. `from_service_token` imports one that another app has deployed.

    `StopOnDelete` makes one in its own stack by itself if it is given none, which serves small apps. What a FAILED
    means is harder there: CloudFormation goes on after a Delete that failed, and deletes the function as well
    (cloudformation-coverage-roadmap 852), so nothing is left that could be tried again. The way out of the stack's
    DELETE_FAILED is then ``aws cloudformation delete-stack --retain-resources``, which lets go of the jobs.

    CloudFormation can't give a StopOnDelete that is deployed another function, so decide before the first deployment;
    one that has the stack's own function keeps it if other settings are made with
    ``StopOnDeleteProvider(stack, "StopOnDeleteProvider", ...)`` before the first StopOnDelete.

    The function may stop all jobs of a kind in its account, because the one container that a template names is not the
    one that an update replaces. In its own stack, each StopOnDelete brings the permissions that it needs; for other
    stacks, `kinds` lists them.

    What the arguments don't say is said of the function itself: ``provider.function.add_environment("COLOR", "red")``,
    ``Tags.of(provider).add("team", "batch")``, or for what the CDK has no words for,
    ``provider.function.node.default_child.add_property_override("Property.Name", value)``. The role, the policy and the
    log group that the provider makes are ``provider.node.find_child("Role")``, ``"Policy"`` and ``"Logs"``. The handler
    relies on its time-out, its handler's name and its logging format: leave them.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    kinds : sequence of classes, default: ()
        The kinds of jobs that it stops for other stacks: EcsTasks, StateMachineExecutions, EmrServerlessJobRuns. To
        take a kind out while a StopOnDelete of it is deployed takes its permissions away.
    vpc : IVpc, optional
        A VPC to run the function in. Its subnets need a way to CloudFormation, to the services of its kinds
        and to S3, where the answers go. Default: no VPC.
    vpc_subnets : SubnetSelection, optional
        The subnets to use. Default: the VPC's private subnets with a route to the internet, or its isolated ones if it
        has no others; those need VPC endpoints.
    security_groups : sequence of ISecurityGroup, optional
        The function's security groups. Default: a new one that allows all outbound traffic.
    memory_size : int, default: 256
        The function's memory, in MiB, from 128 to 10,240 (Lambda quotas). May be a token.
    log_group : ILogGroup, optional
        The log group to write to. Default: a new one that keeps its entries for a year and outlives the stack, because
        it says how each teardown ended.
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
        A proxy that the function calls the APIs and delivers its answers through, as ``http://HOST:PORT``; without a
        port, it is 80. It becomes the variable ``HTTPS_PROXY``. May be a token. A proxy that is itself spoken to by
        TLS, ``https://...``, is refused. Hosts that need no proxy, such as an endpoint's, are named by
        ``provider.function.add_environment("NO_PROXY", ...)``. Default: none.

    Raises
    ------
    InvalidArgumentError
        If an argument is of the wrong type, or a literal value breaks its rule, or `scope` already has a construct of
        this id. A ValueError, which names the construct, the argument, its value, the rule and the fix.
    ImportError
        If the crhelper that is deployed with the handler is not installed as it was published.
    """

    _DESCRIPTION = "Stops tasks, executions and job runs when their stack lets go of them"
    _HANDLER = "stop_on_delete.handler"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        kinds: Sequence[type[EcsTasks | StateMachineExecutions | EmrServerlessJobRuns]] = (),
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
        self._kinds = check_listed(self, kinds)
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

    def _allow_calls(self, policy: iam.Policy) -> None:
        stacks = Stack.of(self).format_arn(service="cloudformation", resource="stack", resource_name="*/*")
        policy.add_statements(iam.PolicyStatement(actions=_CLOUDFORMATION_ACTIONS, resources=[stacks]))
        acknowledge(policy, wildcard(stacks), "It serves stacks that are made after it.")
        for kind in self._kinds:
            allow(policy, kind)

    def _permit(self, stop: Construct, kind: type[Jobs]) -> iam.Policy | None:
        if kind in self._kinds:
            return None
        name = kind.__name__
        if Stack.of(stop) is not Stack.of(self):
            raise invalid(
                stop,
                "provider",
                self.node.path,
                f"it is in another stack, and does not list {name} in its `kinds`, so it may stop none of them",
                f"Make it with kinds=[{', '.join(listed.__name__ for listed in [*self._kinds, kind])}].",
            )
        # One for each StopOnDelete, and one for each kind that it was ever of: they are deleted after the cleanup, in
        # which the function still has to stop what was declared before.
        policy = self._attach_policy(stop, f"{name}Policy", f"{name}-")
        allow(policy, kind)
        return policy

    @classmethod
    def get_or_create(cls, scope: Construct) -> StopOnDeleteProvider:
        """Return the provider that all StopOnDeletes of a stack share, made on first use.

        Parameters
        ----------
        scope : Construct
            Any construct of the stack.

        Returns
        -------
        StopOnDeleteProvider
            The construct ``StopOnDeleteProvider`` of the stack.
        """
        return cls._shared(scope)

    @staticmethod
    def from_service_token(scope: Construct, id: str, service_token: str) -> IStopOnDeleteProvider:  # noqa: A002
        """Import a provider that another app, another team or a template has deployed, in this account and region.

        It must list the kinds of the jobs that it is to stop, which can't be checked from here. A failed deletion of a
        StopOnDelete's stack can be tried again, because the function is not part of it. CloudFormation does not hold
        the function back for those that use it: whoever has deployed it must keep it until the last of them is gone. A
        provider of the same app is passed to the StopOnDelete as it is.

        Parameters
        ----------
        scope : Construct
            The construct that the imported one belongs to.
        id : str
            Its id in `scope`.
        service_token : str
            The ARN of the function, or of an alias of it. A version is refused: no fix would ever reach it, and
            CloudFormation can't give a deployed resource another function. May be a token; metrics take the function's
            name from it, so it must hold the ARN itself, and no dynamic reference, where they are asked for.

        Returns
        -------
        IStopOnDeleteProvider
            What a StopOnDelete takes as its ``provider``. It has no ``function``.

        Raises
        ------
        InvalidArgumentError
            If a literal is no such ARN. A StopOnDelete refuses it if its region or account is not that of the stack.
        """
        return _Imported(scope, id, service_token)


class _Imported(ImportedProvider, IStopOnDeleteProvider):
    """What `StopOnDeleteProvider.from_service_token` returns."""

    def _permit(self, stop: Construct, kind: type[Jobs]) -> None:  # noqa: ARG002 - whoever has deployed it said it
        return None

"""The Lambda function that stops jobs, with its role and its log group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from ._arguments import InvalidArgumentError, invalid
from ._findings import suppress_cdk_nag, suppress_checkov, wildcard_finding
from ._handler_code import handler_code, properties
from ._kinds import Jobs, allow, network
from ._lazy import lazy_dependency, lazy_string, warn_at_validation
from ._provider_interface import ImportedProvider, IStopOnDeleteProvider
from ._provider_settings import ProviderSettings, checked_settings
from ._stacks import environment_of, is_same, root_of

# The construct id of the provider that the constructs of a stack share if they are given none. It is part of the
# logical id of each deployed shared function, so it must never change.
SHARED_ID = "StopOnDeleteProvider"
# The maximum (Lambda quotas), because the `wait` may be 14 minutes.
FUNCTION_TIMEOUT = cdk.Duration.minutes(15)

_DESCRIPTION = "Stops jobs when their stack is deleted or no longer declares them (cdk-world-export-job)"
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
_NO_ARN_YET = "Lambda's network interfaces have no ARN before they are made."

_UNUSED = (
    "it lists no kind of jobs, and no construct of its stack uses it. List the kinds that other stacks use, such as"
    " kinds=[EcsTasks], or remove the provider."
)


class StopOnDeleteProvider(IStopOnDeleteProvider):
    """The Lambda function that stops jobs, for StopOnDelete and ManagedWorldExportJob.

    Recommended: declare it in a stack of its own, list the kinds of jobs in `kinds`, and pass it to each construct as
    ``provider``. Then a failed deletion can be retried. The stacks that use the provider depend on its stack, which
    can't be deleted before them. `from_service_token` imports a provider that another app deployed.

    Constructs without a ``provider`` share one in their own stack, which is enough for small apps. A failed deletion is
    harder to repair there. After a Delete request that failed, CloudFormation continues and deletes the function, too
    (aws-cloudformation/cloudformation-coverage-roadmap 852), so the deletion can't be retried. The stack in
    DELETE_FAILED can then be deleted only with ``aws cloudformation delete-stack --retain-resources``, which leaves the
    jobs running.

    Choose the provider before the first deployment, because CloudFormation can't change the function of a deployed
    resource. To give the shared provider other settings, make it before the first construct that uses it:
    ``StopOnDeleteProvider(stack, "StopOnDeleteProvider", memory_size=512)``.

    The function may stop all jobs of its kinds in its account, because the cleanup of an update stops jobs that the
    template no longer names. For constructs of its own stack, the permissions of a kind are added when the kind is
    used. For other stacks, list the kind in `kinds`.

    Change anything else on the function itself: ``provider.function.add_environment("COLOR", "red")``,
    ``Tags.of(provider).add("team", "batch")``, or, if the CDK has no argument for it,
    ``provider.function.node.default_child.add_property_override("Property.Name", value)``. The provider's role, policy
    and log group are ``provider.node.find_child("Role")``, ``"Policy"`` and ``"Logs"``. Do not change the time-out, the
    handler or the logging format.

    Outside a VPC, the function has the variable ``FUNCTION_OUTSIDE_VPC``: connections to RoboMaker that time out may
    then mean that RoboMaker is retired. The variable is left out if an aspect sets the function's ``vpc_config``. If a
    property override sets it, remove the variable, too:
    ``add_property_deletion_override("Environment.Variables.FUNCTION_OUTSIDE_VPC")``.

    Parameters
    ----------
    scope : Construct
        The construct that this one belongs to.
    id : str
        Its id in `scope`.
    kinds : sequence of classes, default: ()
        The kinds of jobs that it stops for other stacks: EcsTasks, StateMachineExecutions, EmrServerlessJobRuns, and
        WorldExportJobs of cdk_world_export_job. Before you remove a kind, which removes its permissions, remove the
        last construct that uses it.
    **settings : ProviderSettings
        The settings of the function.

    Raises
    ------
    InvalidArgumentError
        If an argument has a wrong type or an invalid literal value, or `scope` already has a construct of this id. It
        is a ValueError, and names the construct, the argument, its value, the rule and the fix.
    ImportError
        If crhelper, which is deployed with the handler, is not installed, or is another version.
    """

    # The kinds that the provider always has; a subclass sets them.
    _KINDS: ClassVar[Sequence[type[Jobs]]] = ()

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        kinds: Sequence[type[Jobs]] = (),
        **settings: Unpack[ProviderSettings],
    ) -> None:
        if existing := scope.node.try_find_child(id):
            rule = f"there is a {type(existing).__name__} of this id, perhaps one that was made for the first construct"
            fix = "Make a provider before the constructs that use it, and give other constructs another id."
            raise invalid(existing, "id", id, rule, fix)
        super().__init__(scope, id)
        if not isinstance(kinds, (list, tuple)) or not all(
            isinstance(kind, type) and issubclass(kind, Jobs) and kind.__name__ in properties.SERVICES for kind in kinds
        ):
            rule = "it must be a list of classes of jobs, such as EcsTasks or WorldExportJobs"
            raise invalid(self, "kinds", kinds, rule, "Pass, for example, kinds=[EcsTasks].")
        # Constructs of this stack may use every kind.
        self._kinds_for_other_stacks: list[type[Jobs]] = []
        self._policies: dict[type[Jobs], iam.Policy] = {}
        self._make_function(**checked_settings(self, settings))
        for kind in (*self._KINDS, *kinds):
            self._grant(kind, other_stacks=True)
        unused = (self, "cdk-stop-on-delete:unusedProvider", _UNUSED)
        warn_at_validation(self, lambda: [] if self._policies else [unused])

    def _make_function(self, *, proxy: str | None = None, **settings: Any) -> None:
        key, vpc = settings.get("environment_encryption"), settings.get("vpc")
        if "log_group" not in settings:
            settings["log_group"] = self._make_log_group()
        self._shares_role = "role" in settings
        self._role: iam.IRole = settings.pop("role", None) or iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=_DESCRIPTION
        )
        statements = [allow(_LOG_ACTIONS, settings["log_group"].log_group_arn)]
        if key:
            # Lambda decrypts as the role; without it, the handler is never started
            # (cattle-ops/terraform-aws-gitlab-runner 1253).
            statements.append(allow(["kms:Decrypt"], key.key_arn))
        if vpc:
            statements.append(allow(_VPC_ACTIONS, "*"))
        policy = self._make_policy("Policy", statements, _NO_ARN_YET)
        # AWS GovCloud (US) User Guide, govcloud-lambda: JSON log formatting is not available there.
        is_govcloud = environment_of(cdk.Stack.of(self))["partition"] == "aws-us-gov"
        try:
            self._function = lambda_.Function(
                self,
                "Function",
                description=_DESCRIPTION,
                code=handler_code(settings["runtime"]),
                handler="index.handler",
                timeout=FUNCTION_TIMEOUT,
                logging_format=lambda_.LoggingFormat.TEXT if is_govcloud else lambda_.LoggingFormat.JSON,
                role=self._role,
                environment={"HTTPS_PROXY": proxy} if proxy else None,
                **settings,
            )
        except (RuntimeError, TypeError) as error:
            # The CDK's own error names the argument, but not the construct.
            raise InvalidArgumentError(f"{self.node.path}: {error}") from error
        resource = cast(lambda_.CfnFunction, self._function.node.default_child)
        # CloudFormation deletes in reverse order, so the function keeps its permissions and its network until it is no
        # longer used.
        resource.node.add_dependency(policy, *settings.get("security_groups", ()))
        if vpc:
            resource.node.add_dependency(lazy_dependency(lambda: network(vpc)))
            suppress_checkov(policy, CKV_AWS_111=_NO_ARN_YET)
        else:
            outside_vpc = lazy_string(lambda: None if resource.vpc_config else "true")
            self._function.add_environment("FUNCTION_OUTSIDE_VPC", outside_vpc)

        suppress_cdk_nag(
            self._function, "L1", "The handler is tested with this version of Python, or the app has chosen it."
        )
        suppress_checkov(
            self._function,
            CKV_AWS_115="A limit would delay the deletion of many jobs.",
            CKV_AWS_116="CloudFormation waits for each response, so a lost request shows as the stack's failure.",
            **({} if key else {"CKV_AWS_173": "Its variables hold no secrets."}),
            **({} if vpc else {"CKV_AWS_117": "The APIs that it calls are public; a VPC is a choice of the provider."}),
        )

    def _make_log_group(self) -> logs.LogGroup:
        log_group = logs.LogGroup(
            self, "Logs", retention=logs.RetentionDays.ONE_YEAR, removal_policy=cdk.RemovalPolicy.RETAIN
        )
        suppress_checkov(
            log_group, CKV_AWS_158="It holds ARNs and outcomes, no secrets; your own log group may have a key."
        )
        return log_group

    def _make_policy(self, id: str, statements: Sequence[iam.PolicyStatement], reason: str) -> iam.Policy:
        """Make an inline policy for the function's role, which may be in another stack."""
        name = None
        if self._shares_role:
            # If several stacks gave one role policies with the same name, they would overwrite each other.
            unique = cdk.Names.unique_resource_name(self, max_length=100 - len(id))
            name = f"{id}-{unique}-{cdk.Aws.REGION}"
        policy = iam.Policy(self, id, policy_name=name, statements=statements)
        for statement in statements:
            for resource in statement.resources:
                if "*" in resource:
                    suppress_cdk_nag(policy, "IAM5", reason, wildcard_finding(resource))
        # Attached when its statements are complete, because Role.customize_roles reads them at this moment.
        self._role.attach_inline_policy(policy)
        return policy

    def _grant(self, kind: type[Jobs], *, other_stacks: bool = False) -> iam.Policy:
        """Give the function the permissions to stop jobs of a kind, and return the policy with them.

        With `other_stacks`, constructs of other stacks may use the kind, too.
        """
        if other_stacks and kind not in self._kinds_for_other_stacks:
            self._kinds_for_other_stacks.append(kind)
        if kind not in self._policies:
            reason = "The cleanup of an update stops jobs that the template no longer names."
            statements = kind.statements(cdk.Stack.of(self), other_stacks=other_stacks)
            self._policies[kind] = self._make_policy(f"{kind.__name__}Policy", statements, reason)
        return self._policies[kind]

    @classmethod
    def get_or_create(cls, scope: Construct) -> StopOnDeleteProvider:
        """Return the provider that all constructs of a stack share, made on first use.

        Parameters
        ----------
        scope : Construct
            Any construct of the stack.

        Returns
        -------
        StopOnDeleteProvider
            The construct ``StopOnDeleteProvider`` of the stack, also if it is called on a subclass.
        """
        stack = cdk.Stack.of(scope)
        existing = stack.node.try_find_child(SHARED_ID)
        provider = existing if isinstance(existing, StopOnDeleteProvider) else StopOnDeleteProvider(stack, SHARED_ID)
        for kind in cls._KINDS:
            provider._grant(kind, other_stacks=True)
        return provider

    @staticmethod
    def from_service_token(scope: Construct, id: str, service_token: str) -> IStopOnDeleteProvider:
        """Import a provider that another app, another team or a template deployed, in this account and region.

        The provider must list the kinds of the jobs, which synthesis can't check. A failed deletion can be retried,
        because the function is in another stack. CloudFormation does not protect the function while resources use it:
        its owner must keep it until the last of them is deleted. If the provider is in the same app, do not import it:
        pass the construct.

        Parameters
        ----------
        scope : Construct
            The construct that the imported one belongs to.
        id : str
            Its id in `scope`.
        service_token : str
            The ARN of the function, or of an alias of it. The ARN of a version is refused, because its code could
            never be updated: CloudFormation can't change the function of a deployed resource. May be a token. Metrics
            take the function's name from it, so with a dynamic reference there are no metrics.

        Returns
        -------
        IStopOnDeleteProvider
            A provider to pass to constructs. It has no ``function``.

        Raises
        ------
        InvalidArgumentError
            If a literal is not such an ARN. A construct in another region or account raises the same error.
        """
        return ImportedProvider(scope, id, service_token)

    @property
    def function(self) -> lambda_.Function:
        """The function, for example to add tags or environment variables, or for its own metrics."""
        return self._function

    @property
    def service_token(self) -> str:
        """The function's ARN, which a custom resource has as its ``ServiceToken``."""
        return self._function.function_arn

    @property
    def _function_name(self) -> str:
        return self._function.function_name

    def _bind(self, user: Construct, kind: type[Jobs]) -> tuple[str, bool]:
        here, there = cdk.Stack.of(user), cdk.Stack.of(self)
        path = self.node.path
        same_root = is_same(root_of(here), root_of(there))
        if not same_root:
            self._check_environment(user, path, environment_of(there))
            self._warn_of_environment(user)
            if cdk.Stage.of(user) is not cdk.Stage.of(self):
                rule = "it is in another stage or app, which the CDK deploys apart"
                fix = "Import it with `StopOnDeleteProvider.from_service_token`, or make one in this stage."
                raise invalid(user, "provider", path, rule, fix)
        if not is_same(here, there) and kind not in self._kinds_for_other_stacks:
            rule = f"it is in another stack, and its `kinds` do not list {kind.__name__}, so it may not stop them"
            names = ", ".join(listed.__name__ for listed in [*self._kinds_for_other_stacks, kind])
            raise invalid(user, "provider", path, rule, f"Make it with kinds=[{names}].")
        if same_root:
            # CloudFormation deletes in reverse order, so the function keeps its permissions until the jobs stopped.
            user.node.add_dependency(self._grant(kind))
            return self.service_token, False  # the CDK passes it to nested stacks
        user.node.add_dependency(self)
        # An export, because this stack can't be deleted while another stack imports it. A reference that the CDK makes
        # has this effect only if the app's flag @aws-cdk/core:defaultCrossStackReferences allows it. It is made when
        # the template is written, because an aspect may change the function's logical id.
        return lazy_string(lambda: root_of(there).export_value(self._function.function_arn)), True

    def _warn_of_environment(self, user: Construct) -> None:
        here, there = cdk.Stack.of(user), cdk.Stack.of(self)
        ours, theirs = environment_of(here), environment_of(there)
        if any((ours[part] is None) != (theirs[part] is None) for part in ("account", "region")):
            # Only one of the environments is known at synthesis. If they differ, the deployment fails. If they are the
            # same, the CDK still makes no reference between the stacks, for example for an alarm on a metric.
            text = (
                f"{user.node.path}: the stack of its provider {self.node.path!r} is in {there.environment}, but its own"
                f" stack is in {here.environment}. Give both stacks the same `env`."
            )
            cdk.Annotations.of(user).add_warning_v2("cdk-stop-on-delete:otherEnvironment", text)

"""Writes the provider's template with the construct, so that the two can't differ."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import cast

import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own
from aws_cdk import App, CfnCondition, CfnOutput, CfnParameter, CfnResource, DefaultStackSynthesizer, Fn, Stack
from constructs import Construct, IConstruct

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobs

# Kind -> the default of its parameter, and its jobs in the parameter's description.
_KINDS: Mapping[type[Jobs], tuple[str, str]] = {
    WorldExportJobs: ("true", "RoboMaker world export jobs (Custom::ManagedWorldExportJob)"),
    EcsTasks: ("false", "ECS tasks (Custom::StopOnDelete)"),
    StateMachineExecutions: ("false", "Step Functions executions (Custom::StopOnDelete)"),
    EmrServerlessJobRuns: ("false", "EMR Serverless job runs (Custom::StopOnDelete)"),
}


class ProviderStack(Stack):
    """A stack with a provider whose code is in a bucket of the user.

    Parameters
    ----------
    scope : Construct
        The app.
    id : str
        The stack's id in `scope`.
    """

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002 - the name that every construct gives it
        super().__init__(
            scope,
            id,
            description="Cancels RoboMaker world export jobs, and stops tasks, executions and job runs, when their"
            " stack is deleted (cdk-world-export-job)",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        bucket = CfnParameter(
            self, "CodeBucket", description="The bucket, in this region, that handler.zip was uploaded to"
        )
        key = CfnParameter(
            self,
            "CodeKey",
            description="The key of handler.zip there. With the same key, the function keeps its old code",
        )
        provider = StopOnDeleteProvider(self, "Provider", kinds=list(_KINDS))
        for part in provider.node.children:
            _resource(part).override_logical_id(part.node.id)
        for kind, (default, jobs) in _KINDS.items():
            name = kind.__name__
            switch = CfnParameter(
                self,
                name,
                default=default,
                allowed_values=["true", "false"],
                description=f"Whether the function may stop {jobs}",
            )
            is_on = CfnCondition(self, f"Stops{name}", expression=Fn.condition_equals(switch.value_as_string, "true"))
            _resource(provider.node.find_child(f"{name}Policy")).cfn_options.condition = is_on
        export_name = CfnParameter(
            self,
            "ExportName",
            default="StopOnDeleteServiceToken",
            description="The name by which stacks import the service token, unique in the account and region",
        )

        function = _resource(provider.function)
        function.add_property_override("Code", {"S3Bucket": bucket.value_as_string, "S3Key": key.value_as_string})
        # Not on the role, to which the function refers anyway (cfn-lint W3005), nor on the policies of the kinds: other
        # stacks use the function only after this stack is complete, and before it can be deleted.
        function.add_override("DependsOn", ["Policy"])
        CfnOutput(
            self,
            "ServiceToken",
            value=provider.service_token,
            description="The ServiceToken of each Custom::ManagedWorldExportJob and Custom::StopOnDelete",
            export_name=export_name.value_as_string,
        )


def provider_template() -> str:
    """Return the provider's template as YAML."""
    with tempfile.TemporaryDirectory() as assembly:
        app = App(outdir=assembly, analytics_reporting=False)
        stack = ProviderStack(app, "Provider")
        template = app.synth().get_stack_artifact(stack.artifact_id).template
    return cast(str, yaml.safe_dump(template, sort_keys=False, width=120))


def _resource(construct: IConstruct) -> CfnResource:
    return cast(CfnResource, construct.node.default_child)

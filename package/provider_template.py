"""Writes the provider's template with the construct, so that the two can't differ."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import cast

import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own
from aws_cdk import App, CfnCondition, CfnOutput, CfnParameter, CfnResource, DefaultStackSynthesizer, Fn, Stack

from cdk_stop_on_delete import EcsTasks, EmrServerlessJobRuns, Jobs, StateMachineExecutions, StopOnDeleteProvider
from cdk_world_export_job import WorldExportJobs

# Kind -> its jobs, in the description of its parameter.
_KINDS: Mapping[type[Jobs], str] = {
    WorldExportJobs: "RoboMaker world export jobs (Custom::ManagedWorldExportJob)",
    EcsTasks: "ECS tasks (Custom::StopOnDelete)",
    StateMachineExecutions: "Step Functions executions (Custom::StopOnDelete)",
    EmrServerlessJobRuns: "EMR Serverless job runs (Custom::StopOnDelete)",
}


def provider_template() -> str:
    """Return the template of a provider whose code is in a bucket of the user, as YAML."""
    with tempfile.TemporaryDirectory() as assembly:
        app = App(outdir=assembly, analytics_reporting=False)
        stack = Stack(
            app,
            "Provider",
            description="Cancels RoboMaker world export jobs, and stops tasks, executions and job runs, when their"
            " stack is deleted (cdk-world-export-job)",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        _add_provider(stack)
        template = app.synth().get_stack_artifact(stack.artifact_id).template
    return cast(str, yaml.safe_dump(template, sort_keys=False, width=120))


def _add_provider(stack: Stack) -> None:
    bucket = CfnParameter(
        stack, "CodeBucket", description="The bucket, in this region, that handler.zip was uploaded to"
    )
    key = CfnParameter(
        stack,
        "CodeKey",
        description="The key of handler.zip there. With the same key, the function keeps its old code",
    )
    provider = StopOnDeleteProvider(stack, "Provider", kinds=list(_KINDS))
    resources = {part.node.id: cast(CfnResource, part.node.default_child) for part in provider.node.children}
    for name, resource in resources.items():
        resource.override_logical_id(name)
    for kind, jobs in _KINDS.items():
        name = kind.__name__
        switch = CfnParameter(
            stack,
            name,
            default="true" if kind is WorldExportJobs else "false",
            allowed_values=["true", "false"],
            description=f"Whether the function may stop {jobs}",
        )
        is_on = CfnCondition(stack, f"Stops{name}", expression=Fn.condition_equals(switch.value_as_string, "true"))
        resources[f"{name}Policy"].cfn_options.condition = is_on
    export_name = CfnParameter(
        stack,
        "ExportName",
        default="StopOnDeleteServiceToken",
        description="The name by which stacks import the service token, unique in the account and region",
    )

    function = resources["Function"]
    function.add_property_override("Code", {"S3Bucket": bucket.value_as_string, "S3Key": key.value_as_string})
    # Not on the role, to which the function refers anyway (cfn-lint W3005), nor on the policies of the kinds: other
    # stacks use the function only after this stack is complete, and before it can be deleted.
    function.add_override("DependsOn", ["Policy"])
    CfnOutput(
        stack,
        "ServiceToken",
        value=provider.service_token,
        description="The ServiceToken of each Custom::ManagedWorldExportJob and Custom::StopOnDelete",
        export_name=export_name.value_as_string,
    )

"""Writes the provider's template with the construct, so that the two can't differ."""

from __future__ import annotations

import tempfile
from typing import cast

import yaml  # type: ignore[import-untyped]  # PyYAML has no types of its own
from aws_cdk import App, CfnOutput, CfnParameter, CfnResource, DefaultStackSynthesizer, Stack
from constructs import Construct, IConstruct

from cdk_world_export_job import WorldExportJobProvider


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
            description="Cancels RoboMaker world export jobs when their stacks are deleted (cdk-world-export-job)",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        bucket = CfnParameter(
            self, "CodeBucket", description="The bucket, in this region, that handler.zip was uploaded to"
        )
        key = CfnParameter(
            self,
            "CodeKey",
            description="The key of handler.zip there. New code needs a new key, or the function keeps the old code",
        )
        export_name = CfnParameter(
            self,
            "ExportName",
            default="WorldExportJobServiceToken",
            description="The name by which stacks import the service token, unique in the account and region",
        )

        provider = WorldExportJobProvider(self, "Provider")
        for part in provider.node.children:
            _resource(part).override_logical_id(part.node.id)
        function = _resource(provider.function)
        function.add_property_override("Code", {"S3Bucket": bucket.value_as_string, "S3Key": key.value_as_string})
        # Without the role, to which the function refers anyway (cfn-lint W3005).
        function.add_override("DependsOn", ["Policy"])
        CfnOutput(
            self,
            "ServiceToken",
            value=provider.service_token,
            description="The ServiceToken of each Custom::ManagedWorldExportJob",
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

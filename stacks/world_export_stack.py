"""The example stack: a world export job with the bucket and the role that it needs until it has stopped."""

from __future__ import annotations

from typing import Any, cast

from aws_cdk import Acknowledgment, CfnOutput, CfnResource, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_world_export_job import IWorldExportJobProvider, ManagedWorldExportJob


class WorldExportStack(Stack):
    """Cancels one world export job when it is deleted, before the bucket and the role that the job needs.

    Parameters
    ----------
    scope : Construct
        The app or stage.
    id : str
        The stack's id in `scope`.
    job_arn : str
        The ARN of the job.
    provider : IWorldExportJobProvider
        The function that cancels the job, of another stack, so that a failed deletion of this one can be retried.
    **kwargs : Any
        Everything that a Stack takes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        job_arn: str,
        provider: IWorldExportJobProvider,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, **kwargs)
        bucket = s3.Bucket(
            self,
            "Exports",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            # The exported worlds outlive the job.
            removal_policy=RemovalPolicy.RETAIN,
        )
        role = iam.Role(
            self,
            "ExportRole",
            assumed_by=iam.ServicePrincipal("robomaker.amazonaws.com"),
            description="Lets a world export job write to its bucket",
        )
        bucket.grant_put(role)
        self._acknowledge_findings(bucket, role)

        job = ManagedWorldExportJob(self, "WorldExportJob", job_arn=job_arn, provider=provider)
        # The job writes with this role into this bucket until it has stopped.
        job.node.add_dependency(bucket, role)

        CfnOutput(self, "JobArn", value=job.job_arn, description="The world export job of this stack")

    def _acknowledge_findings(self, bucket: s3.Bucket, role: iam.Role) -> None:
        """Suppress the findings of scanners in the bucket and the role, each with its reason."""

        def acknowledge(scope: Construct, rule: str, reason: str, *findings: str) -> None:
            for id in [f"{rule}[{finding}]" for finding in findings] or [rule]:
                Validations.of(scope).acknowledge(Acknowledgment(id=f"AwsSolutions::{id}", reason=reason))
            # cdk-nag 2 reads the template, not the CDK's acknowledgments.
            suppressed = {"id": rule, "reason": reason, **({"applies_to": [*findings]} if findings else {})}
            resource = cast(CfnResource, scope.node.default_child)
            resource.add_metadata("cdk_nag", {"rules_to_suppress": [suppressed]})

        no_access_log = "A team that needs access logs names its own bucket for them."
        acknowledge(bucket, "AwsSolutions-S1", no_access_log)
        resource = cast(s3.CfnBucket, bucket.node.default_child)
        resource.add_metadata("checkov", {"skip": [{"id": "CKV_AWS_18", "comment": no_access_log}]})
        acknowledge(
            cast(Construct, role.node.find_child("DefaultPolicy")),
            "AwsSolutions-IAM5",
            "The CDK's own grant to write: it means multipart uploads, and a job chooses the keys that it writes.",
            "Action::s3:Abort*",
            f"Resource::<{self.get_logical_id(resource)}.Arn>/*",
        )

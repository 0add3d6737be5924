"""Builds both files into a folder, and prints how to deploy them: `python -m package dist`."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from .handler_zip import handler_zip
from .provider_template import provider_template

# BUCKET is the only part that users must replace.
STEPS = """\
{folder}/handler.zip
{folder}/provider.yaml
SHA-256 of handler.zip: {sha256}

Upload the code to a bucket in the region:

  aws s3 cp {folder}/handler.zip s3://BUCKET/{key}

Deploy the provider, for Custom::ManagedWorldExportJob:

  aws cloudformation deploy --stack-name stop-on-delete-provider --template-file {folder}/provider.yaml \\
    --capabilities CAPABILITY_IAM --parameter-overrides CodeBucket=BUCKET CodeKey={key}

Or for ECS tasks only, with Custom::StopOnDelete:

  aws cloudformation deploy --stack-name stop-on-delete-provider --template-file {folder}/provider.yaml \\
    --capabilities CAPABILITY_IAM --parameter-overrides CodeBucket=BUCKET CodeKey={key} \\
    EcsTasks=true WorldExportJobs=false

For other jobs, add StateMachineExecutions=true or EmrServerlessJobRuns=true in the same way.

docs/without-the-cdk.md explains how a stack uses it."""


def main(folder: Path) -> None:
    """Write handler.zip and provider.yaml into a folder, and print how to deploy them."""
    folder.mkdir(parents=True, exist_ok=True)
    code = handler_zip()
    sha256 = hashlib.sha256(code).hexdigest()
    (folder / "handler.zip").write_bytes(code)
    (folder / "provider.yaml").write_text(provider_template())
    print(STEPS.format(folder=folder, sha256=sha256, key=f"cdk-world-export-job/{sha256}.zip"))  # noqa: T201 - it reports


main(Path(sys.argv[1]))

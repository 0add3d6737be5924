"""Accounts, ARNs and resource types that the tests of the constructs use."""

from __future__ import annotations

from aws_cdk import Environment

ACCOUNT, OTHER_ACCOUNT = "123456789012", "9" * 12
ENVIRONMENT = Environment(account=ACCOUNT, region="us-west-2")
JOB = f"arn:aws:robomaker:us-west-2:{ACCOUNT}:world-export-job/job-1"
CLUSTER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:cluster/prod"
STATE_MACHINE = f"arn:aws:states:us-west-2:{ACCOUNT}:stateMachine:nightly"
FUNCTION_ARN = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:exports"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/mine"
KEY_ARN = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/k"

FUNCTION, POLICY = "AWS::Lambda::Function", "AWS::IAM::Policy"
ROLE, LOG_GROUP = "AWS::IAM::Role", "AWS::Logs::LogGroup"
JOB_TYPE, STOP_TYPE = "Custom::ManagedWorldExportJob", "Custom::StopOnDelete"

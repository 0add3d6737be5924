"""What CloudFormation, Lambda and CloudWatch ask of any custom resource: requests, answers, log and metrics."""

"""Stories: whole lives of stacks, by the real CDK CLI and the deployed code under the real runtime client."""

"""The whole: the real CDK CLI, the real runtime client, the local AWS."""

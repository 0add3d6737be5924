"""The local AWS itself, where it stands in for CloudFormation and Lambda."""

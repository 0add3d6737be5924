"""The CDK apps that the tests deploy."""

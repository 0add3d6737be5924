"""The provider for teams without the CDK: its code in a zip, and a template that deploys it."""

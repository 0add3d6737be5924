"""The provider for teams without the CDK: its code as a zip, and a template that deploys it."""

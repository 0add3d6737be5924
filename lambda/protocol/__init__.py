"""The protocol of any custom resource: requests, answers, log and metrics."""

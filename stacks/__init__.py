"""The example stacks."""

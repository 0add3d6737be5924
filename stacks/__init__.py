"""The example stack."""

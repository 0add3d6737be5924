"""Reads what the function's environment says of its network."""

from __future__ import annotations

import os


def ca_bundle() -> str | None:
    """Return the file with the CAs to trust, from the variables that botocore reads; None for the usual ones."""
    # An empty value is none: some versions of botocore would then verify nothing.
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or None

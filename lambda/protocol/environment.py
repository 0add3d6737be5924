"""Reads what the function's environment says of its network, for every call alike."""

from __future__ import annotations

import os


def ca_bundle() -> str | None:
    """Give the file with the CAs to trust, from the variables that botocore reads; None for the usual ones."""
    # An empty value is none: some versions of botocore would then verify nothing.
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or None


def is_in_no_vpc() -> bool:
    """Tell whether the function is known to be in no VPC. It can't see that itself: the construct sets a variable."""
    return os.environ.get("NO_VPC") == "true"

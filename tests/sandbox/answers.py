"""Answers to a custom resource's requests."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit


def put(url: str, body: bytes, **headers: str) -> int:
    """PUT an answer to a response URL and give the HTTP status."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    try:
        connection.request("PUT", f"{parts.path}?{parts.query}", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()

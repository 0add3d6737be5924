"""Writes the log: every line names the request that it belongs to, and no trouble with the log reaches the work."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

from protocol.request import stack_name

logger = logging.getLogger("world_export_jobs")

# Seconds that a line may hold up the work.
PATIENCE = 1.0

# A variable of the context, because work that was given up may still log when the next request is there.
_names: ContextVar[Mapping[str, str]] = ContextVar("_names", default=MappingProxyType({}))


def name_request(request: Mapping[str, object]) -> None:
    """Let every later line name a request.

    Parameters
    ----------
    request : Mapping
        The request of CloudFormation's. Its StackId is logged whole, because only that finds a deleted stack's events.
    """
    keys = {"stack": "StackId", "logical_id": "LogicalResourceId", "request_type": "RequestType"}
    _names.set({field: str(request.get(key) or "unknown") for field, key in keys.items()})


def log(level: int, message: str, *, trace: bool = False, **fields: object) -> None:
    """Write a line. It never raises or blocks: a handler that does would otherwise cost an answer, or a retry.

    Parameters
    ----------
    level : int
        Of the logging module.
    message : str
        What a person reads. The request's stack, logical id and type are put before it, for a log in Text format.
    trace : bool, default: False
        Whether the error that is being handled is added with its trace.
    **fields : object
        What else the line has in JSON format.
    """
    names = _names.get()
    if names:
        stack = stack_name(names["stack"])
        message = f"{names['request_type']} of {names['logical_id']} in stack {stack}: {message}"
    extra = {name: _encodable(value) for name, value in {**names, **fields}.items()}
    error = sys.exc_info() if trace else None

    def write() -> None:
        with contextlib.suppress(Exception):
            logger.log(level, "%s", _encodable(message), exc_info=error, extra=extra)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(PATIENCE)


def _encodable(value: object) -> object:
    # Lambda's log takes no lone surrogates, which JSON can bring.
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value

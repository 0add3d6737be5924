"""Writes the lines of the log. Each names its request."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

from protocol.request import Request, StackId

logger = logging.getLogger("cdk_world_export_job")

# Not a global variable: a request that ran out of time may still write lines after the next request has arrived.
_names: ContextVar[Mapping[str, str]] = ContextVar("_names", default=MappingProxyType({}))


def name_request(request: Request) -> None:
    """Name a request in every later line of this context.

    Parameters
    ----------
    request : Mapping
        The request. Its whole StackId is logged, because the events of a deleted stack are found by the id only.
    """
    keys = {"stack": "StackId", "logical_id": "LogicalResourceId", "request_type": "RequestType"}
    _names.set({field: str(request.get(key) or "unknown") for field, key in keys.items()})


def log(level: int, message: str, *, trace: bool = False, **fields: object) -> None:
    """Write a line. It never raises, so that no problem with the log changes an answer.

    Parameters
    ----------
    level : int
        A level of the logging module.
    message : str
        The message. The request's type, logical id and stack are put before it, for a log in text format.
    trace : bool, default: False
        Whether to add the traceback of the exception that is being handled.
    **fields : object
        More fields of the line, for a log in JSON format.
    """
    with contextlib.suppress(Exception):
        names = _names.get()
        if names:
            stack = StackId.parse(names["stack"]).name
            message = f"{names['request_type']} of {names['logical_id']} in stack {stack}: {message}"
        extra = {name: _encodable(value) for name, value in {**names, **fields}.items()}
        logger.log(level, "%s", _encodable(message), exc_info=trace, extra=extra)


def _encodable(value: object) -> object:
    # JSON can bring lone surrogates, which Lambda's log handler can't encode.
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value

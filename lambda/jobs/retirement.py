"""Detects signs that RoboMaker has been retired. Then no job can be running."""

from __future__ import annotations

import os
import re
import select
import socket
from collections.abc import Callable

from botocore.utils import get_environ_proxies

from jobs.aws import CONNECT_TIMEOUT, TRANSIENT_CODES, UNKNOWN_OPERATION, ConnectionFailedError, addresses, is_denial
from protocol.clock import Clock
from teardown import ServiceError

# The least seconds between two look-ups that both do not find the endpoint's name.
NO_SUCH_NAME_SECONDS = 5
# The least seconds between the first and the last call that time out. Then a connection to each address must time
# out, too.
TIME_OUT_SECONDS = 30

# A regular expression for the message of an error -> where such a message was seen. The messages of an
# InvalidParameterException and of a missing permission do not count, because they are about the request.
MESSAGES = {
    r"support .*has ended": "RoboMaker: SummitRoute/aws_breaking_changes 64",
    r"only available for existing customers": "RoboMaker: ekristen/aws-nuke 373",
    r"has been deprecated": "RoboMaker's ListFleets: rebuy-de/aws-nuke 809",
    r"no longer accepting": "OpsWorks Stacks: ekristen/aws-nuke 665",
    r"not accepting new customers": "OpsWorks CM: ekristen/aws-nuke 665",
    r"no longer supported": "OpsWorks CM: ekristen/aws-nuke 665",
    r"no longer available": "rebuy-de/aws-nuke 341",
    r"has been discontinued": "no source: another way to say the same",
}
# The errors of an operation that RoboMaker still has (API reference), and the transient errors of all services.
_KNOWN_ERRORS = ("ResourceNotFoundException", "InvalidParameterException", *TRANSIENT_CODES)


class Retirement:
    """Finds signs of retirement in the calls of one Delete.

    Parameters
    ----------
    endpoint : callable
        Returns the URL of the endpoint.
    region : str
        The region of the endpoint.
    others_connect : callable
        Returns whether another host accepts connections now. If it does, the endpoint causes the time-outs, not the
        network.
    clock : Clock
        The clock that measures how long calls fail.
    """

    def __init__(
        self, endpoint: Callable[[], str], region: str, others_connect: Callable[[], bool], clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._others_connect = others_connect
        self._clock = clock
        self._answered = False
        # Since when every call has failed like this.
        self._no_such_name_since: float | None = None
        self._timing_out_since: float | None = None

    def note_answer(self) -> None:
        """Remember that the endpoint answered a call."""
        self._answered = True
        self._no_such_name_since = self._timing_out_since = None

    def find_sign(self, error: ServiceError) -> str:
        """Return the sign of retirement in an error and the errors before it, or ``""``.

        Parameters
        ----------
        error : ServiceError
            The error of a call. Pass each error once.
        """
        if isinstance(error, ConnectionFailedError):
            return self._sign_without_an_answer(error)
        if not error.status:  # the call was not made
            return ""
        self.note_answer()
        if _is_said(error) or (_is_unknown_operation(error) and self._is_own_endpoint()):
            return str(error)
        return ""

    def _sign_without_an_answer(self, error: ConnectionFailedError) -> str:
        now = self._clock.monotonic()
        self._no_such_name_since = (self._no_such_name_since or now) if error.no_such_name else None
        self._timing_out_since = (self._timing_out_since or now) if error.timed_out else None
        no_such_name, timing_out = self._no_such_name_since, self._timing_out_since
        # Seen for a retired part of RoboMaker, and for CodeStar (ekristen/aws-nuke 373).
        if no_such_name and now - no_such_name >= NO_SUCH_NAME_SECONDS and self._is_own_endpoint():
            return f"RoboMaker's endpoint is no longer in DNS: {error}"
        # Seen for CodeStar, OpsWorks CM, Elastic Transcoder and Inspector Classic (ekristen/aws-nuke 1013 and 559).
        if timing_out and now - timing_out >= TIME_OUT_SECONDS and self._only_its_endpoint_times_out():
            return f"RoboMaker's endpoint drops every connection: {error}"
        return ""

    def _is_own_endpoint(self) -> bool:
        """Return whether the calls go to RoboMaker's own endpoint without a proxy. Other endpoints prove nothing."""
        endpoint = self._endpoint()
        names = [f"https://robomaker.{self._region}.{suffix}" for suffix in ("amazonaws.com", "amazonaws.com.cn")]
        return endpoint in names and "https" not in get_environ_proxies(endpoint)

    def _only_its_endpoint_times_out(self) -> bool:
        """Return whether all addresses of RoboMaker's endpoint time out while another host accepts connections."""
        return (
            # The construct sets the variable, because the function can't find out whether it is in a VPC.
            os.environ.get("FUNCTION_OUTSIDE_VPC") == "true"
            and not self._answered
            and self._is_own_endpoint()
            and self._others_connect()
            and _drops_connections(self._endpoint())
        )


def _is_said(error: ServiceError) -> bool:
    if not error.code or error.code == "InvalidParameterException" or is_denial(error.message):
        return False
    return any(re.search(pattern, error.message, re.IGNORECASE | re.DOTALL) for pattern in MESSAGES)


def _is_unknown_operation(error: ServiceError) -> bool:
    # 404 and 410 mean that the path does not exist (RFC 9110). No source shows these or the code for RoboMaker itself.
    if error.code == UNKNOWN_OPERATION:
        return True
    return error.status in (404, 410) and error.code not in _KNOWN_ERRORS and not is_denial(error.message)


def _drops_connections(endpoint: str) -> bool:
    """Return whether no address of an endpoint accepts or refuses a connection within `CONNECT_TIMEOUT`."""
    sockets = []
    try:
        for address in addresses(endpoint):
            sockets.append(socket.socket())
            sockets[-1].setblocking(False)
            sockets[-1].connect_ex(address)
        _, answered, failed = select.select([], sockets, sockets, CONNECT_TIMEOUT)
        return not answered and not failed
    except (OSError, ValueError):
        return False
    finally:
        for each in sockets:
            each.close()

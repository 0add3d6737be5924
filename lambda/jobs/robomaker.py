"""Everything that is known of RoboMaker: its client, a job's states, and what its answers and silences mean."""

from __future__ import annotations

import json
import re
import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from botocore.loaders import Loader
from botocore.parsers import ResponseParserFactory, RestJSONParser
from botocore.utils import get_environ_proxies

from jobs import connection
from jobs.connection import (
    NO_SUCH_NAME,
    PASSING_CODES,
    addresses,
    is_denial,
    judge,
    look_up,
    may_pass,
    missing,
    new_client,
    new_session,
    plain,
    read_error,
)
from protocol.environment import is_in_no_vpc
from teardown import Clock, Reply, Verdict

if TYPE_CHECKING:
    from properties import JobArn

MODELS = Path(__file__).parents[1] / "models"

# How often, and over how many seconds, a connection must be dropped before that is a sign of retirement.
SILENT_CONNECTIONS = 3
SILENT_SECONDS = 30
# How many seconds must lie between two look-ups that both say that there is no such name.
NAMELESS_SECONDS = 5

# API reference, DescribeWorldExportJob.
STATUSES = {
    "Pending": Verdict.RUNNING,
    "Running": Verdict.RUNNING,
    "Canceling": Verdict.STOPPING,
    "Canceled": Verdict.STOPPED,
    "Completed": Verdict.STOPPED,
    "Failed": Verdict.STOPPED,
}

# What each error code means, unless it is a sign of retirement. The first two are RoboMaker's own (API reference), the
# others what AWS services say of what may pass. What is not here is judged by its HTTP status.
ERRORS = {
    "ResourceNotFoundException": Verdict.GONE,
    "InvalidParameterException": Verdict.REFUSED,
    **dict.fromkeys(PASSING_CODES, Verdict.PASSING),
}

_LONGEST_WORDS = 1000


@dataclass(frozen=True)
class Trouble:
    """What a call met in place of the answer that it wanted.

    Parameters
    ----------
    words : str
        What a person should read of it.
    code, message : str
        The error that RoboMaker answered, if it answered one.
    status : int
        The HTTP status of the answer, if there was one.
    own : bool
        Whether it was met at RoboMaker's own endpoint, without a proxy in between.
    nameless_for : float
        For how many seconds look-up after look-up has said that the endpoint's name does not exist.
    silent, silent_for : int, float
        How many connections in a row were dropped in silence, and for how many seconds, where silence tells something.
    """

    words: str
    code: str = ""
    message: str = ""
    status: int = 0
    own: bool = False
    nameless_for: float = 0.0
    silent: int = 0
    silent_for: float = 0.0

    def says(self, pattern: str) -> bool:
        """Tell whether RoboMaker answered an error in such words, which is neither a refusal nor a denial."""
        return (
            bool(self.code)
            and self.code != "InvalidParameterException"
            and not is_denial(self.message)
            and re.search(pattern, self.message, re.IGNORECASE | re.DOTALL) is not None
        )


@dataclass(frozen=True)
class Sign:
    """A sign that RoboMaker has been retired, so that no job can be running.

    Parameters
    ----------
    shown_by : callable
        Tells whether a trouble shows it.
    source : str
        Where it was seen.
    """

    shown_by: Callable[[Trouble], bool]
    source: str


SIGNS_OF_RETIREMENT = [
    Sign(lambda met: met.says(r"support .*has ended"), "RoboMaker: SummitRoute/aws_breaking_changes 64"),
    Sign(lambda met: met.says(r"only available for existing customers"), "RoboMaker: ekristen/aws-nuke 373"),
    Sign(lambda met: met.says(r"has been deprecated"), "RoboMaker's ListFleets: rebuy-de/aws-nuke 809"),
    Sign(lambda met: met.says(r"no longer accepting"), "OpsWorks Stacks: ekristen/aws-nuke 665"),
    Sign(lambda met: met.says(r"not accepting new customers"), "OpsWorks CM: ekristen/aws-nuke 665"),
    Sign(lambda met: met.says(r"no longer supported"), "OpsWorks CM: ekristen/aws-nuke 665"),
    Sign(lambda met: met.says(r"no longer available"), "rebuy-de/aws-nuke 341"),
    Sign(lambda met: met.says(r"has been discontinued"), "no source: a word for the same"),
    Sign(
        lambda met: met.own and met.code == "UnknownOperationException",
        "what AWS answers to an operation that a service lacks; of RoboMaker, no source",
    ),
    Sign(
        lambda met: met.own and met.status in (404, 410) and met.code not in ERRORS and not is_denial(met.message),
        "HTTP's words for the same (RFC 9110); of RoboMaker, no source",
    ),
    Sign(
        lambda met: met.own and met.nameless_for >= NAMELESS_SECONDS,
        "a retired part of RoboMaker, and CodeStar: ekristen/aws-nuke 373",
    ),
    Sign(
        lambda met: met.own and met.silent >= SILENT_CONNECTIONS and met.silent_for >= SILENT_SECONDS,
        "CodeStar, OpsWorks CM, Elastic Transcoder, Inspector Classic: ekristen/aws-nuke 1013 and 559",
    ),
]


class WorldExportJob:
    """A world export job, as a teardown sees it.

    Parameters
    ----------
    arn : JobArn
        The job; calls go to the region in the ARN.
    others_connect : callable, optional
        Tells whether other hosts take connections right now. Default: they don't, so that silence proves nothing.
    clock : Clock, default: the time module
        The clock to go by.
    """

    def __init__(self, arn: JobArn, *, others_connect: Callable[[], bool] = lambda: False, clock: Clock = time) -> None:
        self._arn = arn
        self._others_connect = others_connect
        self._clock = clock
        self._answered = False
        self._nameless = _Streak()
        self._silent = _Streak()

    def cancel(self) -> Reply:
        """Call CancelWorldExportJob."""
        return self._ask(
            "CancelWorldExportJob", lambda client: client.cancel_world_export_job(job=self._arn.text), _taken
        )

    def describe(self) -> Reply:
        """Call DescribeWorldExportJob."""
        return self._ask(
            "DescribeWorldExportJob", lambda client: client.describe_world_export_job(job=self._arn.text), _status
        )

    def _ask(self, action: str, call: Callable[[Any], Any], read: Callable[[Mapping[str, Any]], Reply]) -> Reply:
        reply = self._reply(action, call, read)
        words = reply.words
        return replace(reply, words=words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…")

    def _reply(self, action: str, call: Callable[[Any], Any], read: Callable[[Mapping[str, Any]], Reply]) -> Reply:
        try:
            client = _client(self._arn.region)
        except Exception as error:
            return Reply(Verdict.UNKNOWN, f"{action} can't be called: {error!r}")
        own = _is_robomakers_own(client.meta.endpoint_url, self._arn.region)
        try:
            answer = call(client)
        except ClientError as error:
            self._heard()
            return self._judge_error(action, _as_trouble(action, error, own=own))
        except _NotRoboMakersError as error:
            self._heard()
            words = f"{action} got an answer that is not RoboMaker's: {error}"
            met = Trouble(words, error.code, error.message, error.status, own)
            return Reply(Verdict.RETIRED if _is_retired(met) else Verdict.PASSING, met.words)
        except BotoCoreError as error:
            return self._judge_connection(action, client.meta.endpoint_url, error, own=own)
        except Exception as error:
            return Reply(Verdict.UNKNOWN, f"{action} failed: {error!r}")
        self._heard()
        return read(answer)

    def _heard(self) -> None:
        """Note that an answer came, which is the end of every silence."""
        self._answered = True
        self._nameless = _Streak()
        self._silent = _Streak()

    def _judge_error(self, action: str, met: Trouble) -> Reply:
        if _is_retired(met):
            return Reply(Verdict.RETIRED, met.words)
        verdict = ERRORS.get(met.code)
        if verdict is None and may_pass(met.code, met.status):
            verdict = Verdict.PASSING
        # What is refused is the cancel. A look that is refused says nothing.
        if verdict is not None and (verdict is not Verdict.REFUSED or action.startswith("Cancel")):
            return Reply(verdict, met.words)
        if is_denial(met.message):
            return Reply(Verdict.UNKNOWN, missing(f"robomaker:{action} on {self._arn.text}", met.words))
        return Reply(Verdict.UNKNOWN, f"It is unknown whether the job has stopped. {met.words}")

    def _judge_connection(self, action: str, endpoint: str, error: BotoCoreError, *, own: bool) -> Reply:
        now = self._clock.monotonic()
        looked_up = look_up(endpoint, error)
        is_silent = isinstance(error, ConnectTimeoutError)
        self._silent = self._silent.longer(now) if is_silent else _Streak()
        self._nameless = self._nameless.longer(now) if looked_up is NO_SUCH_NAME else _Streak()
        met = Trouble(str(error), own=own, nameless_for=self._nameless.seconds)
        if own and self._silent.seconds >= SILENT_SECONDS and self._is_silence_telling(endpoint):
            # The connections that have just been tried count as one more.
            met = replace(met, silent=self._silent.times + 1, silent_for=self._silent.seconds)
        if _is_retired(met):
            how = "drops every connection in silence" if is_silent else "is not in DNS any more"
            return Reply(Verdict.RETIRED, f"{action} found that the endpoint {how}: {met.words}")
        doubt = "It is unknown whether the job has stopped."
        return judge(action, "RoboMaker", error, looked_up=looked_up, answered=self._answered, doubt=doubt)

    def _is_silence_telling(self, endpoint: str) -> bool:
        """Tell whether it is RoboMaker that is silent, at all its addresses, and not the way to it, or the moment."""
        return is_in_no_vpc() and not self._answered and self._others_connect() and _drops_connections(endpoint)


@dataclass(frozen=True)
class _Streak:
    """How often, and for how long, every call has met the same."""

    times: int = 0
    first: float = 0.0
    last: float = 0.0

    def longer(self, now: float) -> _Streak:
        return _Streak(self.times + 1, self.first if self.times else now, now)

    @property
    def seconds(self) -> float:
        return self.last - self.first


def _is_retired(met: Trouble) -> bool:
    return any(sign.shown_by(met) for sign in SIGNS_OF_RETIREMENT)


def _taken(_: Mapping[str, Any]) -> Reply:
    return Reply(Verdict.ACCEPTED, "Canceling")


def _status(answer: Mapping[str, Any]) -> Reply:
    status = answer.get("status")
    if not isinstance(status, str) or not status:
        return Reply(Verdict.PASSING, "DescribeWorldExportJob got an answer without a status")
    # A status that RoboMaker does not document may be an end or not: only waiting can tell.
    return Reply(
        STATUSES.get(status, Verdict.RUNNING), status if status in STATUSES else f"in the unknown status {status!r}"
    )


def _as_trouble(action: str, error: ClientError, *, own: bool) -> Trouble:
    code, message, status = read_error(error)
    return Trouble(f"{action} answered {code}: {message}", code, message, status, own)


class _NotRoboMakersError(Exception):
    """An answer that RoboMaker never gives, such as a page, half a body, or an error that calls itself a success."""

    def __init__(self, status: int, body: bytes, code: str = "", message: str = "") -> None:
        super().__init__(f"HTTP status {status}, {body[:200].decode(errors='replace')!r}")
        self.status, self.code, self.message = status, code, message


# Every name that an error has in a body of some AWS service or gateway; no answer of RoboMaker's has any of them. The
# last two hold an error (amazon's Coral: aws-amplify/amplify-flutter 5675).
_NAMES_OF_ERRORS = {
    *("__type", "code", "error", "errors", "errorcode", "errormessage", "errortype", "message"),
    *("output", "fault"),
}


class _Parser(RestJSONParser):
    """botocore's parser, which takes a page for an empty answer, held to what RoboMaker answers."""

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        body, status = response["body"], response["status_code"]
        names_an_error = "x-amzn-errortype" in {name.lower() for name in response["headers"]}
        document = _document(body)
        code, message = _error_within(document or {})
        if status >= 300:
            fits = names_an_error or (document is not None and not code)
        else:
            names = {str(name).lower() for name in document or {}}
            fits = document is not None and not names_an_error and _NAMES_OF_ERRORS.isdisjoint(names)
            code = code or plain((document or {}).get("__type"))
        if not fits:
            raise _NotRoboMakersError(status, body, code, message)
        try:
            return super().parse(response, shape)
        except Exception as error:  # botocore's parsers raise what they please
            raise _NotRoboMakersError(status, body) from error


def _document(body: bytes) -> dict[str, Any] | None:
    """Give the JSON object in a body, an empty one for no body at all, and None if the body is something else."""
    try:
        document = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _error_within(document: Mapping[str, Any]) -> tuple[str, str]:
    """Give the code and the message of an error in an envelope, as Coral sends it with any status, or ``""``."""
    envelope = document.get("Output")
    if not isinstance(envelope, dict):
        return "", ""
    return plain(envelope.get("__type")), str(envelope.get("message") or envelope.get("Message") or "")


class _Parsers(ResponseParserFactory):
    def create_parser(self, protocol_name: str) -> _Parser:  # noqa: ARG002 - RoboMaker has one
        return _Parser()


class _Loader(Loader):
    """botocore's loader, which knows that there is nothing to look for among botocore's own services."""

    def list_available_services(self, type_name: str) -> list[str]:
        return ["robomaker"] if type_name == "service-2" else []


@cache
def _client(region: str) -> Any:
    components = {
        # models/ has the service model that boto3 lost after 1.40.60, and the names of the endpoints, for which
        # botocore would read more than a megabyte of its other services: the same on every version.
        "data_loader": _Loader(extra_search_paths=[str(MODELS)]),
        "response_parser_factory": _Parsers(),
    }
    return new_client(
        new_session(components),
        "robomaker",
        region,
        # RoboMaker has no such endpoints, whatever the function's environment asks of every service.
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )


def _is_robomakers_own(endpoint: str, region: str) -> bool:
    """Tell RoboMaker's own endpoint, without a proxy before it, from every other, whose absence proves nothing."""
    names = [f"https://robomaker.{region}.{suffix}" for suffix in ("amazonaws.com", "amazonaws.com.cn")]
    return endpoint in names and "https" not in get_environ_proxies(endpoint)


def _drops_connections(endpoint: str) -> bool:
    """Tell whether every address of an endpoint drops connections in silence: none connects, and none refuses."""
    sockets = []
    try:
        for address in addresses(endpoint):
            sockets.append(socket.socket())
            sockets[-1].setblocking(False)
            sockets[-1].connect_ex(address)
        _, answered, failed = select.select([], sockets, sockets, connection.CONNECT_TIMEOUT)
        return not answered and not failed
    except (OSError, ValueError):
        return False
    finally:
        for each in sockets:
            each.close()

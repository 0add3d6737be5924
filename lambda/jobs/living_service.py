"""Calls a living service by botocore's own model of it, and says what a trouble means for a teardown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from jobs.connection import is_denial, judge, look_up, may_pass, missing, new_client, read_error
from teardown import Reply, Verdict


class TroubleError(Exception):
    """A call that did not get the answer that it wanted.

    Parameters
    ----------
    reply : Reply
        What it means.
    code : str
        The error's code, if the service answered one.
    refused : bool
        Whether the service understood the call and would not do it, which says nothing of its next answer.
    """

    def __init__(self, reply: Reply, code: str = "", *, refused: bool = False) -> None:
        super().__init__(reply.words)
        self.reply = reply
        self.code = code
        self.refused = refused


class LivingService:
    """A service, as the handler's role may call it.

    Parameters
    ----------
    service : str
        Its name, as botocore has it.
    region : str, optional
        The region to call it in. Default: the function's own.
    """

    def __init__(self, service: str, region: str | None = None) -> None:
        self._service = service
        self._region = region or os.environ["AWS_REGION"]
        self._answered = False
        self.calls = 0

    def call(self, action: str, **parameters: Any) -> Mapping[str, Any]:
        """Make a call.

        Raises
        ------
        TroubleError
            If it does not succeed.
        """
        self.calls += 1
        try:
            client = _client(self._service, self._region)
        except Exception as error:
            raise TroubleError(Reply(Verdict.UNKNOWN, f"{action} can't be called: {error!r}")) from error
        try:
            answer: Mapping[str, Any] = getattr(client, xform_name(action))(**parameters)
        except ClientError as error:
            self._answered = True
            # The prefix of its actions in IAM, which botocore's name for it may not be: stepfunctions is states.
            prefix = client.meta.service_model.signing_name
            raise _as_trouble(f"{prefix}:{action}", error) from error
        except BotoCoreError as error:
            looked_up = look_up(client.meta.endpoint_url, error)
            reply = judge(action, self._service, error, looked_up=looked_up, answered=self._answered)
            raise TroubleError(reply) from error
        except Exception as error:  # botocore's parsers raise what they please
            reply = Reply(Verdict.PASSING, f"{action} got an answer that can't be read: {error!r}")
            raise TroubleError(reply) from error
        self._answered = True
        return answer

    def ask(self, action: str, wanted: str, *, each: str = "", **parameters: Any) -> Any:
        """Make a call and give one member of its answer.

        botocore takes a page, such as a proxy's, for an answer without any member.

        Parameters
        ----------
        action : str
            The call.
        wanted : str
            The member.
        each : str, optional
            What the member has, or every element of it, if it is a list. Default: nothing.
        **parameters
            Those of the call.

        Raises
        ------
        TroubleError
            If the call does not succeed, or its answer lacks what was wanted.
        """
        return _member(self.call(action, **parameters), action, wanted, each)

    def pages(self, action: str, wanted: str, *, each: str = "", **parameters: Any) -> Iterator[list[Any]]:
        """Give every page of a list. The parameters are those of `ask`.

        Raises
        ------
        TroubleError
            If a call does not succeed, or its answer lacks what was wanted.
        """
        token: dict[str, str] = {}
        used: set[str] = set()
        while True:
            answer = self.call(action, **parameters, **token)
            yield _member(answer, action, wanted, each)
            following = answer.get("nextToken")
            if not following:
                return
            if following in used:
                raise TroubleError(Reply(Verdict.PASSING, f"{action} got the same page again and again"))
            used.add(following)
            token = {"nextToken": following}


def _member(answer: Mapping[str, Any], action: str, wanted: str, each: str) -> Any:
    if wanted not in answer:
        raise TroubleError(Reply(Verdict.PASSING, f"{action} got an answer without {wanted}"))
    found = answer[wanted]
    elements = found if isinstance(found, list) else [found]
    if each and not all(element and element.get(each) for element in elements):
        raise TroubleError(Reply(Verdict.PASSING, f"{action} got an answer with {wanted} without {each}"))
    return found


def _as_trouble(action: str, error: ClientError) -> TroubleError:
    code, message, status = read_error(error)
    words = f"{action} answered {code}: {message}"[:1000]
    if may_pass(code, status) or code.endswith("ThrottlingException"):
        return TroubleError(Reply(Verdict.PASSING, words), code)
    if is_denial(message) or code.startswith("AccessDenied"):
        # That of a key may lack, and not the action's own.
        named = re.search(r"not authorized to perform: ([\w-]+:\w+)", message)
        return TroubleError(Reply(Verdict.UNKNOWN, missing(named[1] if named else action, words)), code)
    return TroubleError(Reply(Verdict.UNKNOWN, words), code, refused=True)


@cache
def _client(service: str, region: str) -> Any:
    return new_client(service, region)

"""What random histories of a stack share: the handler serves requests, perhaps twice, and answers each once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol import log, response
from sandbox.cloudformation.custom_resources import CustomResources, ResponseUrls, invalidity
from sandbox.cloudformation.lifecycle import StackLifecycle
from tests.requests import STACK_ID, Context

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")

_one_at_a_time = threading.Lock()  # as in Lambda, where a process has one invocation at a time


class _Listener(logging.Handler):
    """Keeps what the handler logs."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


class StackHistory(RuleBasedStateMachine):
    """A stack whose custom resources a handler in this process serves.

    Parameters
    ----------
    handler : callable
        The handler.
    *patches
        What is patched as long as the history lasts.
    """

    lifecycle: StackLifecycle

    def __init__(self, handler: Callable[[dict[str, Any], Context], object], *patches: Any) -> None:
        super().__init__()
        self._handler = handler
        self._patches = (*patches, mock.patch.object(response, "FIRST_BACKOFF", 0.001))
        for patch in self._patches:
            patch.start()
        self.log: list[logging.LogRecord] = []
        self._listener = _Listener(self.log)
        log.logger.addHandler(self._listener)
        self.urls = ResponseUrls()
        self.custom = CustomResources(STACK_ID, self.deliver, self.urls)
        # How many requests were made before the stack that there is now.
        self.first = 0
        self._deliveries: dict[str, int] = {}
        self._repeat = False

    @property
    def status(self) -> str:
        return self.lifecycle.status

    def deliver(self, _arn: str, event: dict[str, Any]) -> None:
        with _one_at_a_time:
            for _ in range(2 if self._repeat else 1):
                self._deliveries[event["RequestId"]] = self._deliveries.get(event["RequestId"], 0) + 1
                self._handler(event, Context(900))

    def failed_in_the_log(self, subject: str) -> set[str]:
        """Give every subject of a line that tells of a failure, by the field that names it."""
        return {record.__dict__[subject] for record in self.log if record.__dict__.get("outcome") == "failed"}

    @rule(repeat=st.booleans())
    def deliver_requests_twice(self, repeat: bool) -> None:
        self._repeat = repeat

    @rule()
    @precondition(lambda self: len(self.custom.exchanges) > self.first)
    def deliver_the_last_request_again(self) -> None:
        self.deliver("", self.custom.exchanges[-1].event)

    @invariant()
    def every_request_got_one_valid_answer_for_each_delivery(self) -> None:
        for exchange in self.custom.exchanges:
            assert len(exchange.bodies) == self._deliveries[exchange.event["RequestId"]]
            for body in exchange.bodies:
                assert invalidity(exchange.event, body) == ""

    def teardown(self) -> None:
        log.logger.removeHandler(self._listener)
        for patch in self._patches:
            patch.stop()
        self.urls.close()

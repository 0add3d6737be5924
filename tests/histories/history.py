"""What the tests with random histories of a stack share: a handler that must answer each request exactly once."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Mapping
from logging.handlers import BufferingHandler
from typing import Any, Generic, TypeVar
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import index
from protocol import log, response
from sandbox.cloudformation.custom_resources import CustomResources, ResponseUrls, invalidity
from sandbox.cloudformation.lifecycle import (
    Declaration,
    Event,
    Physical,
    ResourceError,
    StackLifecycle,
    Template,
)
from tests.requests import STACK_ID, Context, HurriedClock

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")

numbers = itertools.count(1)
_one_at_a_time = threading.Lock()


def serve(event: dict[str, Any]) -> None:
    """Invoke the handler. As in Lambda, a process has one invocation at a time."""
    with _one_at_a_time:
        index.handler(event, Context(900))


class Resources:
    """The resources of a stack that are not custom resources. One fails after `fail_next`."""

    fail_next = False

    def use(self, template: Template) -> None:
        pass

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        return dict(declaration.body["Properties"])

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        if self.fail_next:
            self.fail_next = False
            raise ResourceError("told to fail")
        return Physical(declaration, "other", properties)

    def update(self, _: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        return self.create(declaration, properties)

    def delete(self, resource: Physical) -> None:
        pass


R = TypeVar("R", bound=Resources)


class StackHistory(RuleBasedStateMachine, Generic[R]):
    """A stack whose custom resources the handler in this process serves.

    A subclass says which changes there are, and what the template is after one.

    Parameters
    ----------
    resources : type
        Makes the resources.
    *patches
        What is patched during the history.
    """

    changes: st.SearchStrategy[Any]

    def __init__(self, resources: type[R], *patches: Any) -> None:
        super().__init__()
        self._patches = (
            *patches,
            mock.patch.object(index, "clock", HurriedClock()),
            mock.patch.object(response, "FIRST_BACKOFF", 0.001),
        )
        for patch in self._patches:
            patch.start()
        self._log = BufferingHandler(sys.maxsize)
        log.logger.addHandler(self._log)
        self.urls = ResponseUrls()
        self.custom = CustomResources(STACK_ID, self.deliver, self.urls)
        self.resources = resources()
        self._deliveries: dict[str, int] = {}
        self._repeat = False
        self.new_stack()

    def new_stack(self) -> None:
        self.lifecycle = StackLifecycle(self.resources, self.custom, self.hear)
        self.template: Template = {}
        self.first = len(self.custom.exchanges)

    def hear(self, event: Event) -> None:
        """Take note of an event."""

    def begin(self) -> None:
        """Prepare for an operation."""

    def changed(self, change: Any) -> dict[str, Declaration]:
        raise NotImplementedError

    @property
    def status(self) -> str:
        return self.lifecycle.status

    @property
    def exists(self) -> bool:
        return self.status not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE")

    def deliver(self, _arn: str, event: dict[str, Any]) -> None:
        for _ in range(2 if self._repeat else 1):
            self._deliveries[event["RequestId"]] = self._deliveries.get(event["RequestId"], 0) + 1
            serve(event)

    @property
    def answered_failed(self) -> set[str]:
        """The physical ids whose Delete had an answer FAILED."""
        deletes = [found for found in self.custom.exchanges if found.event["RequestType"] == "Delete"]
        failed = [found for found in deletes if any(json.loads(body)["Status"] == "FAILED" for body in found.bodies)]
        return {found.event["PhysicalResourceId"] for found in failed}

    @property
    def failed_in_the_log(self) -> set[str]:
        """The physical ids of which a line of the log says that something failed."""
        lines = [record.__dict__ for record in self._log.buffer]
        return {line["physical_id"] for line in lines if line.get("outcome") == "failed"}

    def _next(self, change: Any, *, fails: bool) -> Template:
        """Return the next template: after a change, with a resource that depends on all others, and may fail."""
        self.begin()
        self.resources.fail_next = fails
        template = self.changed(change)
        properties = {"Properties": {"number": next(numbers)}}
        return {**template, "Other": Declaration("Other", "Other", properties, frozenset(template))}

    @rule(change=st.runner().flatmap(lambda history: history.changes), fails=st.booleans())
    @precondition(lambda self: not self.exists)
    def create(self, change: Any, fails: bool) -> None:
        self.new_stack()
        self.template = self._next(change, fails=fails)
        self.lifecycle.create(self.template)

    @rule(change=st.runner().flatmap(lambda history: history.changes), fails=st.booleans())
    @precondition(lambda self: self.status in SETTLED)
    def update(self, change: Any, fails: bool) -> None:
        template = self._next(change, fails=fails)
        self.lifecycle.update(template)
        if self.status == "UPDATE_COMPLETE":
            self.template = template

    @rule()
    @precondition(lambda self: self.exists)
    def delete(self) -> None:
        self.begin()
        self.lifecycle.delete()

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
            assert {invalidity(exchange.event, body) for body in exchange.bodies} == {""}

    def teardown(self) -> None:
        log.logger.removeHandler(self._log)
        for patch in self._patches:
            patch.stop()
        self.urls.close()

"""What every Delete does, whatever it ends: read what it was told, write its line in the log, and answer."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from properties import (
    DEFAULT_WAIT_SECONDS,
    InvalidPropertyError,
    check_best_effort,
    check_provider_stays,
    check_wait_seconds,
)
from protocol import advice
from protocol.custom_resource import CustomResource, ExpectedError
from protocol.log import log
from protocol.metrics import embedded
from protocol.request import Request, resource_properties
from teardown import End, Outcome

T = TypeVar("T")

_LEVELS = {End.FAILED: logging.ERROR, End.RETIRED: logging.WARNING}


@dataclass(frozen=True)
class Line:
    """The line that a Delete leaves in the log.

    Parameters
    ----------
    field : str
        The field of the line that names what was ended.
    subject : str
        What that is.
    namespace, service : str
        Where the line's metrics are counted.
    """

    field: str
    subject: str
    namespace: str
    service: str

    def write(self, outcome: Outcome) -> None:
        """Write it."""
        fields: dict[str, Any] = {
            self.field: self.subject,
            **embedded(
                os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
                time.time_ns() // 1_000_000,
                namespace=self.namespace,
                service=self.service,
                left_running=outcome.end is End.FAILED,
                seconds=outcome.seconds,
            ),
        }
        log(
            _LEVELS.get(outcome.end, logging.INFO),
            f"Teardown of {self.subject}: {outcome.end}: {outcome.words}",
            outcome=outcome.end,
            detail=outcome.words,
            seconds=outcome.seconds,
            calls=outcome.calls,
            **fields,
        )


def begin(request: Request, resource: CustomResource, *, of_container: bool = False) -> int:
    """Prepare the answer of a Delete as its properties ask for it, and give the longest time to wait, in seconds.

    What was wrong with a property was said when it was declared, and must block no end.
    """
    properties = resource_properties(request)
    resource.BestEffort = _checked_or_default(check_best_effort, properties.get("BestEffort"), False)
    stays = _checked_or_default(check_provider_stays, properties.get("ProviderStays"), True)
    resource.Advice = advice.after_failed_delete(request, provider_stays=stays, of_container=of_container)
    return _checked_or_default(check_wait_seconds, properties.get("WaitSeconds"), DEFAULT_WAIT_SECONDS)


def carry_out(resource: CustomResource, line: Line, end: Callable[[], Outcome]) -> None:
    """End what a Delete is for, and let its line be written with its answer, whoever comes to that.

    Raises
    ------
    ExpectedError
        If it failed.
    """
    started = time.monotonic()
    resource.LogAnswer = lambda reason: line.write(Outcome(End.FAILED, reason, round(time.monotonic() - started, 3)))
    outcome = end()
    resource.LogAnswer = lambda _: line.write(outcome)
    if outcome.end is End.FAILED:
        raise ExpectedError(outcome.words)


def _checked_or_default(check: Callable[[object], T], value: object, default: T) -> T:
    try:
        return check(value)
    except InvalidPropertyError:
        return default

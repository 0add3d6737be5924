"""What the extended services of moto share: jobs that take time to stop, pages of lists, and replaced parts of moto."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from moto.cloudformation import parsing
from moto.core.responses import BaseResponse

from .. import ACCOUNT, REGION
from ..later import NEVER as NEVER
from ..later import later

T = TypeVar("T")


class Jobs:
    """The jobs of one service, for the demo and the tests.

    Parameters
    ----------
    backends : BackendDict
        moto's backends of the service.
    backend, responses : type
        The classes that replace moto's backend and its operations.
    changed : callable, optional
        Called with the ARN and the status of each job whenever its status changes.

    Attributes
    ----------
    stop_seconds : float
        How long jobs that start from now on take to stop. With `NEVER`, they do not stop.
    """

    def __init__(
        self, backends: Any, backend: type[Any], responses: type[BaseResponse], changed: Callable[[str, str], None]
    ) -> None:
        backends.backend, backend.jobs = backend, self
        serve(backend, responses)
        self._backends, self._changed = backends, changed
        self.stop_seconds = 0.0
        self._stop_seconds: dict[str, float] = {}

    @property
    def backend(self) -> Any:
        """The backend of the local account and region."""
        return self._backends[ACCOUNT][REGION]

    def changed(self, job: str, status: str) -> None:
        """Tell that a job has started, or that its status has changed."""
        self._stop_seconds.setdefault(job, self.stop_seconds)
        self._changed(job, status)

    def stop(self, job: str, stopped: Callable[[], None]) -> None:
        """Call `stopped` when a job has stopped."""
        later(self._stop_seconds[job], stopped)


def serve(backend: type[Any], responses: type[BaseResponse]) -> None:
    """Replace moto's operations of a service."""
    paths = backend._url_module.url_paths
    paths.update(dict.fromkeys(paths, responses.dispatch))


def replace_operation(responses: type[BaseResponse], name: str, answer: Callable[..., Any]) -> None:
    """Replace an operation of a service with a function, which takes moto's response object."""
    setattr(responses, name, lambda response, *arguments: answer(response, *arguments))


def replace_model(model: Any) -> None:
    """Replace the model with which moto creates, updates and deletes the resources of a type."""
    parsing.get_model_map()[model.cloudformation_type()] = model


def page(
    response: Any, everything: Sequence[T], is_listed: Callable[[T], object], default: int, maximum: int = 0
) -> tuple[list[T], str | None]:
    """Return the page that a request asks for, the newest first, and the token of the next page, which may be None.

    If jobs are stopped or started between two pages, no job is missing and none is listed twice.
    """
    left = int(response._get_param("nextToken") or len(everything))
    size = min(int(response._get_param("maxResults") or default), maximum or default)
    found: list[T] = []
    while left and len(found) < size:
        left -= 1
        if is_listed(everything[left]):
            found.append(everything[left])
    return found, str(left) if left else None

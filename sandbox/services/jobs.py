"""What the living services share: time that jobs take, pages of listings, and places to change moto at."""

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
        What takes the place of moto's backend, and of its operations.
    changed : callable, optional
        Told of each job whenever its status changes: its ARN and the status.

    Attributes
    ----------
    stop_seconds : float
        How long jobs take to stop, unless they were started with a time of their own. `NEVER`: they don't.
    """

    def __init__(
        self, backends: Any, backend: type[Any], responses: type[BaseResponse], changed: Callable[[str, str], None]
    ) -> None:
        backends.backend, backend.jobs = backend, self
        serve(backend, responses)
        self._backends = backends
        self.changed = changed
        self.stop_seconds = 0.0
        self._own_stop_seconds: dict[str, float] = {}

    @property
    def backend(self) -> Any:
        """The backend of the local account and region."""
        return self._backends[ACCOUNT][REGION]

    def take(self, job: str, stop_seconds: float | None) -> None:
        """Remember how long a job takes to stop, if it has a time of its own."""
        if stop_seconds is not None:
            self._own_stop_seconds[job] = stop_seconds

    def stop(self, job: str, stopped: Callable[[], None], within: float = NEVER) -> None:
        """Call something when a job that was told to stop has had its time, or as many seconds as it is given."""
        later(min(self._own_stop_seconds.get(job, self.stop_seconds), within), stopped)


def serve(backend: type[Any], responses: type[BaseResponse]) -> None:
    """Let the operations of a service be answered by others than moto's."""
    paths = backend._url_module.url_paths
    paths.update(dict.fromkeys(paths, responses.dispatch))


def replace_operation(responses: type[BaseResponse], name: str, answer: Callable[..., Any]) -> None:
    """Answer an operation of a service by a function, which takes moto's response object."""
    setattr(responses, name, lambda response, *arguments: answer(response, *arguments))


def replace_model(model: Any) -> None:
    """Make, update and delete the resources of a type by another model."""
    parsing.get_model_map()[model.cloudformation_type()] = model


def page(
    response: Any, everything: Sequence[T], is_listed: Callable[[T], object], default: int, maximum: int = 0
) -> tuple[list[T], str | None]:
    """Give the page that a request asks for, the newest first, and the token of the next one, which may be empty.

    Pages hold still while jobs are stopped and started between them.
    """
    left = int(response._get_param("nextToken") or len(everything))
    size = min(int(response._get_param("maxResults") or default), maximum or default)
    found: list[T] = []
    while left and len(found) < size:
        left -= 1
        if is_listed(everything[left]):
            found.append(everything[left])
    return found, str(left) if left else None

"""What the living services share: time that jobs take, pages of listings, and places to change moto at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.core.responses import BaseResponse

from .. import ACCOUNT, REGION

T = TypeVar("T")

NEVER = float("inf")


class Jobs:
    """The jobs of one service, for the demo and the tests.

    Parameters
    ----------
    backends : BackendDict
        moto's backends of the service.
    backend : type
        What takes the place of moto's backend.
    changed : callable, optional
        Told of each job whenever its status changes: its ARN and the status.

    Attributes
    ----------
    stop_seconds : float
        How long jobs take to stop, unless they were started with a time of their own. `NEVER`: they don't.
    """

    def __init__(self, backends: Any, backend: type[Any], changed: Callable[[str, str], None]) -> None:
        backends.backend, backend.jobs = backend, self
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


class Container(CloudFormationModel):
    """A resource in which jobs run, as CloudFormation makes it. Another name or type makes another resource."""

    backends: ClassVar[Any]

    @staticmethod
    def make(backend: Any, name: str, properties: dict[str, Any]) -> Any:
        """Make a resource."""
        raise NotImplementedError

    @staticmethod
    def remove(backend: Any, name: str) -> None:
        """Delete a resource. One that is gone is deleted already."""
        raise NotImplementedError

    def is_another(self, properties: dict[str, Any]) -> bool:
        """Say whether the properties are those of another resource."""
        raise NotImplementedError

    def change(self, properties: dict[str, Any]) -> None:
        """Change what can be changed."""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        """Create a resource."""
        made = cls.make(cls.backends[account_id][region_name], resource_name, cloudformation_json["Properties"])
        made.__class__ = cls
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        """Change a resource, or make another one, whose predecessor the cleanup deletes."""
        if original_resource.is_another(cloudformation_json["Properties"]):
            return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
        original_resource.change(cloudformation_json["Properties"])
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,  # noqa: ARG003 - moto's signature
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete a resource."""
        cls.remove(cls.backends[account_id][region_name], resource_name)


def replace_operation(responses: type[BaseResponse], name: str, answer: Callable[..., Any]) -> None:
    """Answer an operation of a service by a function, which takes moto's response object."""
    setattr(responses, name, lambda response, *arguments: answer(response, *arguments))


def replace_model(model: Any) -> None:
    """Make, update and delete the resources of a type by another model."""
    parsing.get_model_map()[model.cloudformation_type()] = model


def later(seconds: float, happen: Callable[[], None]) -> None:
    """Call something after that many seconds: 0 is at once, `NEVER` is never."""
    if seconds <= 0:
        happen()
    elif seconds < NEVER:
        timer = threading.Timer(seconds, happen)
        timer.daemon = True
        timer.start()


def page(
    everything: Sequence[T], is_listed: Callable[[T], bool], token: str | None, size: int
) -> tuple[list[T], str | None]:
    """Give a page, the newest first, and the token of the next one, which may be empty.

    Pages hold still while jobs are stopped and started between them.
    """
    left = int(token or len(everything))
    found: list[T] = []
    while left and len(found) < size:
        left -= 1
        if is_listed(everything[left]):
            found.append(everything[left])
    return found, str(left) if left else None

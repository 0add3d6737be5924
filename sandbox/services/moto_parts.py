"""Puts parts of one's own in the place of moto's, which has no hooks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.core.responses import BaseResponse


def replace_operation(responses: type[BaseResponse], name: str, answer: Callable[..., Any]) -> None:
    """Answer an operation of a service by a function, which takes moto's response object."""
    setattr(responses, name, lambda response, *arguments: answer(response, *arguments))


def replace_model(resource_type: str, model: type[Any]) -> None:
    """Make, update and delete the resources of a type by another model."""
    assert issubclass(model, CloudFormationModel)  # noqa: S101 - or CloudFormation can't use it
    parsing.get_model_map()[resource_type] = model

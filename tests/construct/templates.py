"""What a stack's template and warnings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jsii
from aws_cdk import Aspects, CfnResource, IAspect, Stack
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct, IConstruct

Resources = dict[str, dict[str, Any]]


def resources(stack: Stack) -> Resources:
    """Synthesize a stack, and give its resources."""
    return cast(Resources, Template.from_stack(stack).to_json().get("Resources", {}))


def of_type(found: Resources, resource_type: str) -> Resources:
    return {name: resource for name, resource in found.items() if resource["Type"] == resource_type}


def the(found: Resources, resource_type: str) -> dict[str, Any]:
    """Return the only resource of a type."""
    [resource] = of_type(found, resource_type).values()
    return resource


def cfn_resource(construct: IConstruct) -> CfnResource:
    """Return the resource that a construct stands for."""
    while not isinstance(construct, CfnResource):
        construct = cast(IConstruct, construct.node.default_child)
    return construct


def resource_of(construct: IConstruct) -> dict[str, Any]:
    """Synthesize a construct's stack, and give its resource."""
    stack = Stack.of(construct)
    return resources(stack)[stack.resolve(cfn_resource(construct).logical_id)]


def properties_of(construct: IConstruct) -> dict[str, Any]:
    return dict(resource_of(construct)["Properties"])


def warnings_of(stack: Stack) -> dict[str, str]:
    """Synthesize a stack, and give its warnings by the paths of their constructs."""
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return {message.id: str(message.entry.data) for message in found}


def change_each(resource: type[CfnResource], scope: Construct, change: Callable[[Any], object]) -> None:
    """Let an aspect change the resources of a class in a scope."""
    Aspects.of(scope).add(_Change(resource, change))


@jsii.implements(IAspect)
class _Change:
    def __init__(self, resource: type[CfnResource], change: Callable[[Any], object]) -> None:
        self._resource, self._change = resource, change

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, self._resource):
            self._change(node)

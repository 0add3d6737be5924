"""Connects the CloudFormation API of moto with `StackLifecycle`. moto makes all resources but the custom ones."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from moto.cloudformation import parsing, urls
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.models import Event as MotoEvent
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ecs.models import ecs_backends

from ..lambda_service import Function
from ..services.jobs import serve
from .custom_resources import ClosedError, CustomResources, Exchange, Invoke, ResponseUrls
from .lifecycle import Declaration, Event, Physical, ResourceError, StackLifecycle, Template

Listener = Callable[[str, Event], None]

_HEAD_START = 1.0  # a call that begins an operation of a stack waits this many seconds for its end
_SUB = re.compile(r"\$\{([^!}][^}]*)\}")

_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")

# Resource type -> the properties whose update replaces the resource, if stacks here change them (UG, types' pages).
_REPLACED_BY = {
    "AWS::ECS::Cluster": ("ClusterName",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "StateMachineType"),
    "AWS::EMRServerless::Application": ("Name", "Type"),
}


class _Resources(parsing.ResourceMap):
    """moto's map of a stack's resources, with which it resolves references and describes resources.

    It creates no resource. It contains every resource that exists, also one that is no longer in the template and is
    deleted in the cleanup.
    """

    def __init__(self, stack: Stack, exports: dict[str, parsing.Export], lifecycle: StackLifecycle) -> None:
        place = {"region_name": stack.region_name, "account_id": stack.account_id}
        super().__init__(
            stack.stack_id, stack.name, {}, stack.tags, **place, template={}, cross_stack_resources=exports
        )
        self._lifecycle = lifecycle

    def __getitem__(self, key: str) -> Any:
        resource = self._existing().get(key)
        if resource is None:
            return self._parsed_resources[key]
        handle: Any = _Opaque(resource) if resource.handle is None else resource.handle
        handle.logical_resource_id, handle.cf_resource_type = key, resource.declaration.type
        return handle

    def __iter__(self) -> Iterator[str]:
        return iter(self._existing())

    def _existing(self) -> dict[str, Physical]:
        # A logical id stands for the new resource, not for the replaced one that is deleted in the cleanup.
        return {found.declaration.logical_id: found for found in reversed(self._lifecycle.existing)}

    def use(self, template: dict[str, Any], parameters: Mapping[str, str]) -> None:
        self._template = template
        self._resource_json_map = template["Resources"]
        self.input_parameters = dict(parameters)
        self.load()
        # The parsed resources have every value by now. What is left here serves the next update as the previous
        # value, which for a parameter in SSM is its name.
        defaults = {name: slot.get("Default") for name, slot in template.get("Parameters", {}).items()}
        self.resolved_parameters = {**defaults, **parameters}


class _Template(dict[str, Declaration]):
    """A template's resources, with its text and the values of its parameters."""

    def __init__(self, text: str, body: dict[str, Any], parameters: Mapping[str, str]) -> None:
        super().__init__()
        self.text = text
        self.body = body
        self.parameters = parameters


class _Opaque:
    """A resource without a model in moto, with the members that moto needs to resolve references to it."""

    def __init__(self, resource: Physical) -> None:
        self.physical_resource_id = resource.physical_id
        self._attributes = resource.attributes

    def get_cfn_attribute(self, name: str) -> Any:
        return self._attributes.get(name, f"{self.physical_resource_id}.{name}")


class _Life:
    """A stack of moto, with its `StackLifecycle`, which calls it to create, update and delete resources."""

    # moto's models are not safe for threads; only custom resources take their time side by side.
    _moto = threading.RLock()

    def __init__(self, stack: Stack, backend: LifecycleBackend) -> None:
        self.stack = stack
        self.custom = CustomResources(stack.stack_id, backend._invoke, backend._urls)
        self.lifecycle = StackLifecycle(self, self.custom, self.record)
        # What DescribeStackResource looks into.
        stack.resource_map = self.resources = _Resources(stack, backend.exports, self.lifecycle)
        self._listener = backend._listener

    def template(self, text: str, body: dict[str, Any], parameters: Mapping[str, str]) -> Template:
        """Read a template: its resources whose conditions hold, and what each depends on."""
        self.resources.use(body, parameters)
        conditions = self.resources.lazy_condition_map
        resources = {
            name: resource
            for name, resource in body["Resources"].items()
            if "Condition" not in resource or conditions[resource["Condition"]]
        }
        template = _Template(text, body, parameters)
        for name, resource in resources.items():
            depends_on = frozenset(_references(resource)) & resources.keys() - {name}
            policies = {policy: resource[policy] for policy in _POLICIES if policy in resource}
            resolved = parsing.clean_json(policies, self.resources)
            template[name] = Declaration(name, resource["Type"], {"Properties": {}, **resource, **resolved}, depends_on)
        return template

    def import_resources(self, template: Template) -> None:
        """Import the resources that only the template has: existing clusters, found by their names."""
        arriving = {}
        for name in template.keys() - self.lifecycle.live:
            properties = self.resolve(template[name])
            clusters = ecs_backends[self.stack.account_id][self.stack.region_name].clusters
            handle = clusters[properties["ClusterName"]]
            arriving[name] = Physical(template[name], handle.physical_resource_id, properties, handle=handle)
        self.lifecycle.import_resources(template, arriving)

    def use(self, template: Template) -> None:
        assert isinstance(template, _Template)  # noqa: S101 - this class has read it
        self.resources.use(template.body, template.parameters)
        # What GetTemplate returns from now on, and what the next update starts from.
        self.stack.template, self.stack.template_dict = template.text, template.body
        self.stack.parameters = dict(template.parameters)

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        with self._failing():
            return dict(parsing.clean_json(dict(declaration.body), self.resources).get("Properties", {}))

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        handle = self._by_moto(parsing.parse_and_create_resource, declaration)
        if handle is None:
            name = parsing.generate_resource_name(declaration.type, self.stack.name, declaration.logical_id)
            return Physical(declaration, name, properties)
        return Physical(declaration, str(handle.physical_resource_id), properties, handle=handle)

    def update(self, current: Physical, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        for found in self.lifecycle.existing:  # what this update has replaced: its rollback goes back to it
            if found.declaration.logical_id == declaration.logical_id and found.properties == properties:
                return found
        if any(current.properties.get(key) != properties.get(key) for key in _REPLACED_BY.get(declaration.type, ())):
            return self.create(declaration, properties)
        handle = self._by_moto(parsing.parse_and_update_resource, declaration)
        if handle is None:
            return replace(current, declaration=declaration, properties=properties)
        return Physical(declaration, str(handle.physical_resource_id), properties, handle=handle)

    def delete(self, resource: Physical) -> None:
        if resource.handle is not None:
            with self._failing():
                body = {**resource.declaration.body, "Properties": dict(resource.properties)}
                self.resources._delete_resource(resource.handle, body)
            while getattr(resource.handle, "is_deleting", False):  # a state machine
                if self.custom.closed.wait(0.05):
                    raise ClosedError

    def _by_moto(self, make: Callable[..., Any], declaration: Declaration) -> Any:
        """Return moto's resource for a declaration, or None if moto has no model of the type, or can't update it."""
        if declaration.type not in parsing.get_model_map():
            return None
        stack = self.stack
        with self._failing():
            body = dict(declaration.body)
            return make(declaration.logical_id, body, self.resources, stack.account_id, stack.region_name)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Use moto, whose errors fail a resource."""
        with self._moto:
            try:
                yield
            except Exception as error:
                raise ResourceError(str(error) or repr(error)) from error

    def summaries(self) -> list[dict[str, Any]]:
        """Return what ListStackResources lists: resources that exist, and those that were deleted or retained."""
        there = {name: known.physical_resource_id for name, known in self.resources.items()}
        events = [event for event in self.stack.events if event.physical_resource_id != self.stack.stack_id]
        last = {(event.logical_resource_id, event.physical_resource_id): event for event in events}
        return [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": physical_id,
                "ResourceType": event.resource_type,
                "ResourceStatus": event.resource_status,
                "LastUpdatedTimestamp": event.timestamp,
            }
            for (name, physical_id), event in last.items()
            if there.get(name) == physical_id or (event.resource_status in _GONE and name not in there)
        ]

    def begin(self, otherwise: str, work: Callable[..., None], *arguments: Any) -> None:
        """Run an operation in the background. After an error, set the status `otherwise`, which ends the CLI's wait."""

        def run() -> None:
            try:
                work(*arguments)
            except ClosedError:
                pass
            except Exception as error:
                self.record(Event("", "", "AWS::CloudFormation::Stack", otherwise, repr(error)))
                raise

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        # The CDK CLI asks for the status at once, and then every five seconds. A fast operation has then ended at once.
        thread.join(_HEAD_START)

    def record(self, event: Event) -> None:
        stack = self.stack
        stack.events.append(
            MotoEvent(
                stack_id=stack.stack_id,
                stack_name=stack.name,
                logical_resource_id=event.logical_id or stack.name,
                physical_resource_id=event.physical_id or ("" if event.logical_id else stack.stack_id),
                resource_type=event.type,
                resource_status=event.status,
                resource_status_reason=event.reason or None,
                resource_properties=None,
            )
        )
        if not event.logical_id:
            stack.status = event.status
            # Written for moto's serializer, which finds a response's members among the attributes by their names.
            stack.stack_status_reason = event.reason or None  # type: ignore[attr-defined]  # moto's model lacks it
            if event.reason == "User Initiated":
                stack.last_updated_time = stack.events[-1].timestamp  # type: ignore[attr-defined]  # the same
        self._listener(stack.name, event)


class _ChangeSetNotFound(CloudFormationError):  # noqa: N818 - the name that the API gives it
    code = "ChangeSetNotFound"
    status_code = 404


class LifecycleBackend(CloudFormationBackend):
    """moto's CloudFormation, whose change sets and deletes run a `StackLifecycle` in the background.

    `attach` gives it what it needs before it is used.
    """

    _listener: Listener
    _invoke: Invoke
    _urls: ResponseUrls
    _url_module: Any = urls  # moto would look for it beside this module

    @classmethod
    def attach(cls, listener: Listener, invoke: Invoke, urls: ResponseUrls) -> None:
        """Set the listener of all events, the invocation of functions, and the response URLs."""
        cls._listener, cls._invoke, cls._urls = staticmethod(listener), staticmethod(invoke), urls
        serve(cls, _Responses)

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lives: dict[str, _Life] = {}

    def describe_change_set(self, change_set_name: str) -> ChangeSet:
        """Find a change set by its name or ARN."""
        for change_set in self.change_sets.values():
            if change_set_name in (change_set.change_set_name, change_set.change_set_id):
                return change_set
        # The error with which the CDK CLI finds out that no earlier deployment has left one.
        raise _ChangeSetNotFound(f"ChangeSet [{change_set_name}] does not exist")

    def delete_change_set(self, change_set_name: str) -> None:
        """Delete a change set, if there is one."""
        with contextlib.suppress(_ChangeSetNotFound):
            del self.change_sets[self.describe_change_set(change_set_name).change_set_id]

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:  # noqa: ARG002
        """Create or update the stack, in the background."""
        change_set = self.describe_change_set(change_set_name)
        del self.change_sets[change_set.change_set_id]
        kind, life = change_set.change_set_type, self._life(change_set.stack)
        life.stack.status = f"{kind}_IN_PROGRESS"
        otherwise = "ROLLBACK_FAILED" if kind == "CREATE" else "UPDATE_ROLLBACK_FAILED"
        life.begin(otherwise, self._execute, life, change_set)

    def delete_stack(self, name_or_stack_id: str, retain: Collection[str] = (), *, force: bool = False) -> None:
        """Delete the stack, in the background.

        Parameters
        ----------
        name_or_stack_id : str
            The stack. If it does not exist, nothing is done.
        retain : collection of str
            RetainResources: the logical ids of resources to leave out.
        force : bool, default: False
            Whether the DeletionMode is FORCE_DELETE_STACK, which leaves out each resource that can't be deleted.

        Raises
        ------
        ValidationError
            If one of these is set and the stack is not in DELETE_FAILED, or a resource in `retain` no longer exists.
        """
        for stack in list(self.stacks.values()):
            if name_or_stack_id in (stack.name, stack.stack_id):
                life = self._life(stack)
                if (force or retain) and stack.status != "DELETE_FAILED":
                    raise ValidationError(
                        message=f"Invalid operation on stack [{stack.stack_id}]. It can be deleted without some"
                        " resources only when the stack is in the DELETE_FAILED state."
                    )
                if not set(retain) <= life.lifecycle.live.keys():
                    raise ValidationError(
                        message="The specified resources to retain must be in a valid state. Do not specify resources"
                        " that are in the DELETE_COMPLETE state."
                    )
                stack.status = "DELETE_IN_PROGRESS"
                life.begin("DELETE_FAILED", self._delete, life, retain, force)

    def refactor(self, templates: Mapping[str, str]) -> None:
        """Give existing stacks, by their names, templates between which resources have moved, with their logical ids.

        Nothing is created, changed or deleted.
        """
        lives = {name: self._life(self.get_stack(name)) for name in templates}
        known = {name: resource for life in lives.values() for name, resource in life.lifecycle.live.items()}
        for name, life in lives.items():
            body = Stack.parse_template(templates[name])
            life.lifecycle.refactor(life.template(templates[name], body, life.stack.parameters), known)
            self._export(life.stack, body)

    def summaries(self, stack: str) -> list[dict[str, Any]]:
        """Return what ListStackResources lists for a stack."""
        return self._life(self.get_stack(stack)).summaries()

    def close(self) -> None:
        """End every running operation."""
        for life in list(self._lives.values()):
            life.custom.close()

    def function(self, arn: str) -> Function | None:
        """Find a deployed function."""
        for life in self._lives.values():
            for resource in life.lifecycle.existing:
                if resource.declaration.type == "AWS::Lambda::Function" and resource.handle.function_arn == arn:
                    return Function(arn, resource.handle.code_bytes, resource.properties)
        return None

    def exchanges(self) -> list[Exchange]:
        """Return every request that was sent to a custom resource."""
        return [exchange for life in self._lives.values() for exchange in life.custom.exchanges]

    def _life(self, stack: Stack) -> _Life:
        if stack.stack_id not in self._lives:
            self._lives[stack.stack_id] = _Life(stack, self)
        return self._lives[stack.stack_id]

    def _execute(self, life: _Life, change_set: ChangeSet) -> None:
        lifecycle = life.lifecycle
        operations = {"CREATE": lifecycle.create, "IMPORT": life.import_resources}
        operate = operations.get(change_set.change_set_type, lifecycle.update)
        operate(life.template(change_set.template, change_set.template_dict, change_set.parameters))
        if not lifecycle.status.startswith("ROLLBACK"):
            self._export(life.stack, life.stack.template_dict)

    def _delete(self, life: _Life, retain: Collection[str], force: bool) -> None:
        life.lifecycle.delete(retain, force=force)
        if life.lifecycle.status == "DELETE_COMPLETE":
            self._export(life.stack, {})
            self.deleted_stacks[life.stack.stack_id] = self.stacks.pop(life.stack.stack_id)

    def _export(self, stack: Stack, template: dict[str, Any]) -> None:
        """Set the outputs and the exports of a stack to those of a template."""
        for export in list(self.exports.values()):
            if export.exporting_stack_id == stack.stack_id:
                del self.exports[export.name]
        stack.output_map = parsing.OutputMap(stack.resource_map, template, stack.stack_id)
        self.exports.update({export.name: export for export in stack.exports})


class _Responses(CloudFormationResponse):
    """moto's operations, with imports, RetainResources, FORCE_DELETE_STACK and ListStackResources."""

    cloudformation_backend: LifecycleBackend

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        """Make the name of a change set unique, because moto ignores the stack's name."""
        value = super()._get_param(param_name, if_none)
        if param_name == "ChangeSetName" and not value.startswith("arn:"):
            return f"{self._get_param('StackName')}-{value}"
        return value

    def create_change_set(self) -> ActionResult:
        is_import = self._get_param("ChangeSetType") == "IMPORT"
        if is_import:
            self.params["ChangeSetType"] = "UPDATE"  # moto would make another stack
        planned = super().create_change_set()
        if is_import:
            change_set = planned.result["Id"]  # type: ignore[index]  # moto: an object
            self.cloudformation_backend.change_sets[change_set].change_set_type = "IMPORT"
        return planned

    def delete_stack(self) -> ActionResult:
        force = self._get_param("DeletionMode") == "FORCE_DELETE_STACK"
        retain = self._get_param("RetainResources", [])
        self.cloudformation_backend.delete_stack(self._get_param("StackName"), retain, force=force)
        return EmptyResult()

    def list_stack_resources(self) -> ActionResult:
        listed = self.cloudformation_backend.summaries(self._get_param("StackName"))
        return ActionResult({"StackResourceSummaries": listed})


def _references(body: Any) -> Iterator[str]:
    """Find every logical id that a part of a template may refer to."""
    if isinstance(body, list):
        for item in body:
            yield from _references(item)
    elif isinstance(body, dict):
        for key, value in body.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from (name.split(".")[0] for name in _SUB.findall(text))
                yield from _references(value)
            else:
                yield from _references(value)

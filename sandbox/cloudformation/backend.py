"""Puts a stack's whole life behind the CloudFormation API of moto, which makes the ordinary resources."""

from __future__ import annotations

import contextlib
import re
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from moto.cloudformation import parsing, urls
from moto.cloudformation.exceptions import CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.models import Event as MotoEvent
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from ..lambda_service import Function
from ..services.ecs import ClusterResource
from ..services.jobs import replace_operation
from ..services.step_functions import deletion_of
from .custom_resources import CustomResources, Exchange, Invoke, ResponseUrls
from .lifecycle import ClosedError, Declaration, Event, Patience, Physical, ResourceError, StackLifecycle, Template

Listener = Callable[[str, Event], None]

_HEAD_START = 1.0  # seconds that a call gives the operation that it begins
_SUB = re.compile(r"\$\{([^!}][^}]*)\}")

_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
# What can only be deleted; from UPDATE_ROLLBACK_FAILED, a rollback could go on, which is not played here.
_ENDS = ("DELETE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")


class _Resources(parsing.ResourceMap):
    """moto's map of a stack's resources, which resolves references, but never creates what it does not know."""

    def __getitem__(self, key: str) -> Any:
        return self._parsed_resources[key]

    def __iter__(self) -> Iterator[str]:
        # Every resource that has not been deleted, also one that has left the template and waits for its cleanup.
        return iter([name for name, known in self._parsed_resources.items() if hasattr(known, "physical_resource_id")])

    def put(self, resource: Physical) -> None:
        self._parsed_resources[resource.declaration.logical_id] = resource.handle

    def exchange(self, live: Collection[Physical]) -> None:
        """Take what a refactoring or an import has brought, and let go of what it has moved to another stack."""
        self._parsed_resources = {
            name: known for name, known in self._parsed_resources.items() if not hasattr(known, "physical_resource_id")
        }
        for resource in live:
            resource.handle.logical_resource_id = resource.declaration.logical_id
            self.put(resource)

    def drop(self, logical_id: str, physical_id: str) -> None:
        known = self._parsed_resources.get(logical_id)
        if known is not None and str(known.physical_resource_id) == physical_id:  # and not what replaced it
            del self._parsed_resources[logical_id]

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
    """A template's resources, with what their references are resolved by."""

    def __init__(self, text: str, body: dict[str, Any], parameters: Mapping[str, str]) -> None:
        super().__init__()
        self.text = text
        self.body = body
        self.parameters = parameters


class _Opaque:
    """What moto's reference resolution needs of a resource that moto has no model for."""

    def __init__(self, declaration: Declaration, physical_id: str, attributes: Mapping[str, Any]) -> None:
        self.physical_resource_id = physical_id
        self.logical_resource_id = declaration.logical_id
        self.cf_resource_type = declaration.type
        self._attributes = attributes

    def get_cfn_attribute(self, name: str) -> Any:
        return self._attributes.get(name, f"{self.physical_resource_id}.{name}")


class _Provisioner:
    """Makes the resources of one stack: custom resources by their protocol, all others by moto's models."""

    # moto's models are not safe for threads; only custom resources take their time side by side.
    _moto = threading.RLock()

    def __init__(self, stack: Stack, resources: _Resources, custom: CustomResources) -> None:
        self._stack = stack
        self._resources = resources
        self._custom = custom
        self._templates: tuple[Template, Template] = ({}, {})  # the one before, and the one in use
        # What this update has replaced, by the logical id: a rollback goes back to it.
        self._replaced: dict[str, Physical] = {}

    def use(self, template: Template) -> None:
        before, current = self._templates
        self._templates = (current, template)
        if template is not before:  # and so no rollback
            self._replaced.clear()
        if isinstance(template, _Template):
            self._resources.use(template.body, template.parameters)
            # What GetTemplate gives from now on, and what the next update starts from.
            stack = self._stack
            stack.template, stack.template_dict = template.text, template.body
            stack.parameters = dict(template.parameters)

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        with self._moto:
            try:
                body = parsing.clean_json(dict(declaration.body), self._resources)
            except Exception as error:
                raise ResourceError(f"The properties can't be resolved: {error!r}") from error
            return dict(body.get("Properties", {}))

    def create(self, declaration: Declaration, properties: Mapping[str, Any], patience: Patience) -> Physical:
        if _is_custom(declaration):
            with self._knowing_what_failed(declaration, properties):
                return self._known(self._custom.create(declaration, properties, patience))
        return self._by_moto(declaration, properties, self._create)

    def update(
        self, current: Physical, declaration: Declaration, properties: Mapping[str, Any], patience: Patience
    ) -> Physical:
        if _is_custom(declaration):
            with self._knowing_what_failed(declaration, properties):
                return self._known(self._custom.update(current, declaration, properties, patience))
        replaced = self._replaced.pop(declaration.logical_id, None)
        if replaced and replaced.properties == properties:
            return self._known(replaced)

        def change(model: Any, body: dict[str, Any], name: str) -> Any:
            if hasattr(model.update_from_cloudformation_json, "__isabstractmethod__"):
                return current.handle
            return model.update_from_cloudformation_json(
                original_resource=current.handle,
                new_resource_name=name,
                cloudformation_json=body,
                account_id=self._stack.account_id,
                region_name=self._stack.region_name,
            )

        changed = self._by_moto(declaration, properties, change)
        if changed.physical_id != current.physical_id:
            self._replaced[declaration.logical_id] = current
        return changed

    def delete(self, resource: Physical, patience: Patience) -> None:
        if _is_custom(resource.declaration):
            self._custom.delete(resource, patience)
        elif not isinstance(resource.handle, _Opaque):
            with self._moto:
                body = {**resource.declaration.body, "Properties": dict(resource.properties)}
                try:
                    self._resources._delete_resource(resource.handle, body)
                except Exception as error:
                    raise ResourceError(str(error) or repr(error)) from error
            if deletion := deletion_of(resource.handle):
                patience.wait_for(deletion, threading.TIMEOUT_MAX)

    def find(self, declaration: Declaration) -> Physical:
        """Find a cluster that exists, by its name."""
        properties = self.resolve(declaration)
        handle = ClusterResource.find(self._stack.account_id, self._stack.region_name, properties["ClusterName"])
        handle.cf_resource_type = declaration.type
        return Physical(declaration, handle.physical_resource_id, properties, handle=handle)

    def _create(self, model: Any, body: dict[str, Any], name: str) -> Any:
        return model.create_from_cloudformation_json(
            name,
            body,
            self._stack.account_id,
            self._stack.region_name,
            StackId=self._stack.stack_id,
            LogicalId=body["LogicalId"],
            ResourceType=body["Type"],
        )

    def _by_moto(
        self,
        declaration: Declaration,
        properties: Mapping[str, Any],
        make: Callable[[Any, dict[str, Any], str], Any],
    ) -> Physical:
        logical_id = declaration.logical_id
        with self._moto:
            try:
                if declaration.type not in parsing.get_model_map():
                    name = parsing.generate_resource_name(declaration.type, self._stack.name, logical_id)
                    handle: Any = _Opaque(declaration, name, {})
                else:
                    model, body, name = parsing.parse_resource_and_generate_name(
                        logical_id, dict(declaration.body), self._resources
                    )
                    handle = make(model, {**body, "LogicalId": logical_id}, name)
                    handle.cf_resource_type, handle.logical_resource_id = declaration.type, logical_id
            except Exception as error:
                raise ResourceError(str(error) or repr(error)) from error
        return self._known(Physical(declaration, str(handle.physical_resource_id), properties, handle=handle))

    @contextlib.contextmanager
    def _knowing_what_failed(self, declaration: Declaration, properties: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        except ResourceError as error:
            if error.physical_id:
                self._known(Physical(declaration, error.physical_id, properties))
            raise

    def _known(self, resource: Physical) -> Physical:
        if resource.handle is None:
            opaque = _Opaque(resource.declaration, resource.physical_id, resource.attributes)
            resource = replace(resource, handle=opaque)
        self._resources.put(resource)
        return resource


class _Life:
    """A stack of moto's, and the life that it leads here."""

    def __init__(
        self, stack: Stack, exports: dict[str, parsing.Export], listener: Listener, invoke: Invoke, urls: ResponseUrls
    ) -> None:
        self.stack = stack
        self.resources = _Resources(
            stack.stack_id,
            stack.name,
            {},
            stack.tags,
            account_id=stack.account_id,
            region_name=stack.region_name,
            template={},
            cross_stack_resources=exports,
        )
        stack.resource_map = self.resources  # what DescribeStackResource and ListStackResources look into
        self.custom = CustomResources(stack.stack_id, invoke, urls)
        self._listener = listener
        self._provisioner = _Provisioner(stack, self.resources, self.custom)
        self.lifecycle = StackLifecycle(self._provisioner, self.record)
        # The last event of each resource, by its ids. What was deleted stays until the next operation begins.
        self._last: dict[tuple[str, str], Event] = {}

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

    def refactor(self, template: Template, arriving: Mapping[str, Physical]) -> None:
        """Take another template, and resources from other stacks."""
        self.lifecycle.refactor(template, arriving)
        self.resources.exchange(self.lifecycle.live.values())

    def import_resources(self, template: Template) -> None:
        """Take what the template declares and the stack does not have: clusters that exist, by their names."""
        new = [declaration for name, declaration in template.items() if name not in self.lifecycle.live]
        arriving = {declaration.logical_id: self._provisioner.find(declaration) for declaration in new}
        self.lifecycle.import_resources(template, arriving)
        self.resources.exchange(self.lifecycle.live.values())

    def summaries(self) -> list[dict[str, Any]]:
        """Give what ListStackResources shows: what there is, and what the last operation has deleted or retained."""
        there = {(known.logical_resource_id, known.physical_resource_id) for known in self.resources.values()}
        logical_ids = {logical_id for logical_id, _ in there}
        return [
            {
                "LogicalResourceId": event.logical_id,
                "PhysicalResourceId": event.physical_id,
                "ResourceType": event.type,
                "ResourceStatus": event.status,
                "LastUpdatedTimestamp": self.stack.creation_time,
            }
            for ids, event in self._last.items()
            if ids in there or (event.status in _GONE and event.logical_id not in logical_ids)
        ]

    @contextlib.contextmanager
    def failing_as(self, status: str) -> Iterator[None]:
        """Let the stack end in a status whatever happens: the CDK CLI must not wait for one that nobody works on."""
        try:
            yield
        except ClosedError:
            raise
        except Exception as error:
            self.record(Event("", "", "AWS::CloudFormation::Stack", status, repr(error)))
            raise

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
        if event.logical_id:
            self._last[event.logical_id, event.physical_id] = event
            if event.status in _GONE:
                self.resources.drop(event.logical_id, event.physical_id)
        else:
            if event.reason == "User Initiated":
                self._last = {ids: last for ids, last in self._last.items() if last.status not in _GONE}
            stack.status = event.status
            # Written for moto's serializer, which finds a response's members among the attributes by their names.
            stack.stack_status_reason = event.reason or None  # type: ignore[attr-defined]  # moto's model lacks it
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

    @classmethod
    def attach(cls, listener: Listener, invoke: Invoke, urls: ResponseUrls) -> None:
        """Say who hears of every event, how functions are invoked, and where custom resources answer."""
        cls._listener, cls._invoke, cls._urls = staticmethod(listener), staticmethod(invoke), urls
        for operation in _OPERATIONS:
            replace_operation(CloudFormationResponse, operation.__name__[1:], operation)

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._lives: dict[str, _Life] = {}
        self.refactors: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {}

    @property
    def _url_module(self) -> Any:
        return urls  # moto would look for it beside this module

    def create_change_set(self, stack_name: str, *args: Any, **kwargs: Any) -> tuple[str, str]:
        """Plan a change, unless the stack can only be deleted."""
        for stack in self.stacks.values():
            if stack.name == stack_name and stack.status in _ENDS:
                raise ValidationError(
                    message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
                )
        return super().create_change_set(stack_name, *args, **kwargs)

    def describe_change_set(self, change_set_name: str) -> ChangeSet:
        """Find a change set by its name or ARN. Names are moto's: not by stack, so one stack at a time deploys."""
        for change_set in self.change_sets.values():
            if change_set_name in (change_set.change_set_name, change_set.change_set_id):
                return change_set
        raise _ChangeSetNotFound(f"ChangeSet [{change_set_name}] does not exist")

    def delete_change_set(self, change_set_name: str) -> None:
        """Delete a change set, if there is one."""
        with contextlib.suppress(_ChangeSetNotFound):
            del self.change_sets[self.describe_change_set(change_set_name).change_set_id]

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:  # noqa: ARG002
        """Create or update the stack, in the background."""
        change_set = self.describe_change_set(change_set_name)
        del self.change_sets[change_set.change_set_id]
        stack = change_set.stack
        life = self._lives.get(stack.stack_id)
        if life is None:
            life = self._lives[stack.stack_id] = _Life(stack, self.exports, self._listener, self._invoke, self._urls)
        stack.status = f"{change_set.change_set_type}_IN_PROGRESS"
        _in_background(self._execute, life, change_set)

    def delete_stack(self, name_or_stack_id: str, retain: Collection[str] = (), *, force: bool = False) -> None:
        """Delete the stack, in the background.

        Parameters
        ----------
        name_or_stack_id : str
            The stack. One that does not exist is deleted already.
        retain : collection of str
            The logical ids of resources to let go of: RetainResources.
        force : bool, default: False
            Let go of whatever fails to be deleted: the DeletionMode FORCE_DELETE_STACK.

        Raises
        ------
        ValidationError
            If something is to be let go of in a stack that is not in DELETE_FAILED, or that it has not any more.
        """
        for stack in list(self.stacks.values()):
            if name_or_stack_id in (stack.name, stack.stack_id):
                life = self._lives.get(stack.stack_id)
                if life is None:  # a change set that was never executed
                    self._forget(stack)
                    continue
                _check_letting_go(life, retain, force=force)
                stack.status = "DELETE_IN_PROGRESS"
                _in_background(self._delete, life, retain, force)

    def refactor(self, templates: Mapping[str, str], moves: Iterable[Mapping[str, Any]]) -> None:
        """Move resources between stacks that there are. Nothing is created, changed or deleted.

        Parameters
        ----------
        templates : Mapping
            The templates that the stacks have in the end, by the names of the stacks.
        moves : iterable of Mapping
            The API's ResourceMappings.
        """
        lives = {name: self._lives[self.get_stack(name).stack_id] for name in templates}
        arriving: dict[str, dict[str, Physical]] = {name: {} for name in templates}
        for move in moves:
            there, here = move["Source"], move["Destination"]
            moved = lives[there["StackName"]].lifecycle.live[there["LogicalResourceId"]]
            arriving[here["StackName"]][here["LogicalResourceId"]] = moved
        for name, life in lives.items():
            body = Stack.parse_template(templates[name])
            life.refactor(life.template(templates[name], body, life.stack.parameters), arriving[name])
            self._export(life)

    def summaries(self, stack: str) -> list[dict[str, Any]]:
        """Give what ListStackResources shows of a stack."""
        life = self._lives.get(self.get_stack(stack).stack_id)
        return life.summaries() if life else []

    def close(self) -> None:
        """End every operation that is under way."""
        for life in list(self._lives.values()):
            life.lifecycle.close()

    def function(self, arn: str) -> Function | None:
        """Find a deployed function."""
        for life in self._lives.values():
            for resource in life.lifecycle.existing:
                if resource.declaration.type == "AWS::Lambda::Function" and resource.handle.function_arn == arn:
                    properties = resource.properties
                    logging = properties.get("LoggingConfig", {})
                    return Function(
                        arn,
                        resource.handle.code_bytes,
                        properties["Handler"],
                        float(properties.get("Timeout", 3)),
                        int(properties.get("MemorySize", 128)),
                        properties.get("Environment", {}).get("Variables", {}),
                        logging.get("LogFormat", "Text"),
                        logging.get("ApplicationLogLevel", ""),
                        properties.get("Runtime", ""),
                    )
        return None

    def exchanges(self) -> list[Exchange]:
        """Give every request that was sent to a custom resource."""
        return [exchange for life in self._lives.values() for exchange in life.custom.exchanges]

    def _execute(self, life: _Life, change_set: ChangeSet) -> None:
        lifecycle, kind = life.lifecycle, change_set.change_set_type
        operate = {"CREATE": lifecycle.create, "IMPORT": life.import_resources}.get(kind, lifecycle.update)
        with life.failing_as("ROLLBACK_FAILED" if kind == "CREATE" else "UPDATE_ROLLBACK_FAILED"):
            operate(life.template(change_set.template, change_set.template_dict, change_set.parameters))
        if not lifecycle.status.startswith("ROLLBACK"):
            self._export(life)

    def _export(self, life: _Life) -> None:
        stack = life.stack
        stack.output_map = parsing.OutputMap(life.resources, stack.template_dict, stack.stack_id)
        self._withdraw_exports(stack)
        self.exports.update({export.name: export for export in stack.exports})

    def _delete(self, life: _Life, retain: Collection[str], force: bool) -> None:
        with life.failing_as("DELETE_FAILED"):
            life.lifecycle.delete(retain, force=force)
        if life.lifecycle.status == "DELETE_COMPLETE":
            self._forget(life.stack)

    def _forget(self, stack: Stack) -> None:
        self._withdraw_exports(stack)
        stack.output_map = parsing.OutputMap(stack.resource_map, {}, stack.stack_id)
        self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)

    def _withdraw_exports(self, stack: Stack) -> None:
        for export in list(self.exports.values()):
            if export.exporting_stack_id == stack.stack_id:
                del self.exports[export.name]


def _backend(response: CloudFormationResponse) -> LifecycleBackend:
    backend = response.cloudformation_backend
    assert isinstance(backend, LifecycleBackend)  # noqa: S101 - set when the local AWS was started
    return backend


_plan = CloudFormationResponse.create_change_set


def _create_change_set(response: CloudFormationResponse) -> ActionResult:
    if response._get_param("ChangeSetType") != "IMPORT":
        return _plan(response)
    response.params["ChangeSetType"] = "UPDATE"  # moto would make another stack
    planned = _plan(response)
    _backend(response).describe_change_set(planned.result["Id"]).change_set_type = "IMPORT"  # type: ignore[index]
    return planned


def _delete_stack(response: CloudFormationResponse) -> ActionResult:
    _backend(response).delete_stack(
        response._get_param("StackName"),
        response._get_param("RetainResources", []),
        force=response._get_param("DeletionMode") == "FORCE_DELETE_STACK",
    )
    return EmptyResult()


def _list_stack_resources(response: CloudFormationResponse) -> ActionResult:
    return ActionResult({"StackResourceSummaries": _backend(response).summaries(response._get_param("StackName"))})


def _create_stack_refactor(response: CloudFormationResponse) -> ActionResult:
    plan = str(uuid.uuid4())
    templates = {stack["StackName"]: stack["TemplateBody"] for stack in response._get_param("StackDefinitions")}
    _backend(response).refactors[plan] = (templates, response._get_param("ResourceMappings"))
    return ActionResult({"StackRefactorId": plan})


def _execute_stack_refactor(response: CloudFormationResponse) -> ActionResult:
    backend = _backend(response)
    backend.refactor(*backend.refactors.pop(response._get_param("StackRefactorId")))
    return EmptyResult()


def _describe_stack_refactor(_: CloudFormationResponse) -> ActionResult:
    return ActionResult({"Status": "CREATE_COMPLETE", "ExecutionStatus": "EXECUTE_COMPLETE"})


_OPERATIONS: tuple[Callable[[CloudFormationResponse], ActionResult], ...] = (
    _create_change_set,
    _delete_stack,
    _list_stack_resources,
    _create_stack_refactor,
    _execute_stack_refactor,
    _describe_stack_refactor,
)


def _check_letting_go(life: _Life, retain: Collection[str], *, force: bool) -> None:
    stack = life.stack
    failed = stack.status == "DELETE_FAILED"
    if force and not failed:
        raise ValidationError(
            message=f"Invalid operation on stack [{stack.stack_id}]. You can activate DeletionMode FORCE_DELETE_STACK"
            " in a delete stack operation only when the stack is in the DELETE_FAILED state."
        )
    if retain and not failed:
        raise ValidationError(
            message=f"Invalid operation on stack [{stack.stack_id}]. When you delete a stack, specify which resources"
            " to retain only when the stack is in the DELETE_FAILED state."
        )
    if not set(retain) <= life.lifecycle.live.keys():
        raise ValidationError(
            message="The specified resources to retain must be in a valid state. Do not specify resources that are in"
            " the DELETE_COMPLETE state."
        )


def _in_background(work: Callable[..., None], *args: Any) -> None:
    def run() -> None:
        with contextlib.suppress(ClosedError):
            work(*args)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    # The CDK CLI looks at once, and then every five seconds: what takes no time has ended at its first look.
    thread.join(_HEAD_START)


def _is_custom(declaration: Declaration) -> bool:
    return declaration.type.startswith("Custom::") or declaration.type == "AWS::CloudFormation::CustomResource"


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

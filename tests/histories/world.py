"""Plays a row of tests/containers.py: deploys a stack to the local AWS, and changes it, its container and its jobs."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox import ACCOUNT
from sandbox.services.jobs import NEVER
from tests.requests import HurriedClock

if TYPE_CHECKING:
    from sandbox.cloudformation.custom_resources import Exchange
    from sandbox.cloudformation.lifecycle import Event
    from sandbox.local_aws import LocalAws
    from tests.containers import Declared, Row

RESOURCE_TYPE = "Custom::StopOnDelete"
YAML = "# JSON is a part of YAML, and comments are not a part of JSON.\n"
ANCHOR = {"Type": "AWS::CloudFormation::WaitConditionHandle"}  # a template must have a resource


class Service(NamedTuple):
    """The container of a kind: its resource type and properties; the service, and its operation to delete one."""

    resource_type: str
    name: str
    others: dict[str, str]
    client: str
    delete: str
    parameter: str


SERVICES = {
    "EcsTasks": Service("AWS::ECS::Cluster", "ClusterName", {}, "ecs", "delete_cluster", "cluster"),
    "StateMachineExecutions": Service(
        *("AWS::StepFunctions::StateMachine", "StateMachineName"),
        {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/role", "DefinitionString": "{}"},
        *("stepfunctions", "delete_state_machine", "stateMachineArn"),
    ),
    "EmrServerlessJobRuns": Service(
        *("AWS::EMRServerless::Application", "Name", {"ReleaseLabel": "emr-7.10.0", "Type": "Spark"}),
        *("emr-serverless", "delete_application", "applicationId"),
    ),
}
ENDED = ("STOPPED", "SUCCEEDED", "ABORTED", "SUCCESS", "CANCELLED", "TERMINATED")

_numbers = itertools.count(1)


class Clock(HurriedClock):
    """A clock whose pauses take a moment, for the threads of the services. The first one calls `meanwhile`."""

    meanwhile: Callable[[], None] | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.002)
        call, self.meanwhile = self.meanwhile, None
        if call:
            call()


class World:
    """The stack of a row, its container and the jobs in it. The row calls its methods.

    Parameters
    ----------
    aws : LocalAws
        The local AWS.
    row : Row
        The row.
    """

    def __init__(self, aws: LocalAws, row: Row) -> None:
        self.aws, self.row = aws, row
        self.stack = f"Case{next(_numbers)}"
        self.clock = Clock()
        self._service = SERVICES[row.kind]
        self.cloudformation, self._client = aws.client("cloudformation"), aws.client(self._service.client)
        self._given = ""  # the property Container, if the container is no resource of the stack
        self._containers: list[str] = []
        self._jobs: dict[str, str] = {}

    def play(self) -> None:
        """Deploy the row's stack, and change or delete it."""
        row = self.row
        self._given = row.given or (self._make_shared() if row.shared else "")
        if row.before:
            self._declare("CREATE", row.before)
        if row.prepare:
            row.prepare(self)
        for fault, times in row.faults:
            self.aws.front.switch_on(fault, times)
        if row.meanwhile:
            self.clock.meanwhile = partial(row.meanwhile, self)
        if row.after:
            self._declare("UPDATE" if row.before else "CREATE", row.after)
        else:
            self.cloudformation.delete_stack(StackName=self.stack)
            self._settle(self.stack)

    def heard(self, _: str, event: Event) -> None:
        """Listen to the events of the stack: start jobs in a container as soon as a StopOnDelete for it is complete."""
        if event.type != RESOURCE_TYPE:
            return
        if event.status == "DELETE_FAILED" and self.row.one_failure:
            self.aws.front.switch_off()
        found = re.match(r"\w+\(([^,)]+)", event.physical_id)
        if found and event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") and found[1] not in self._containers:
            self._containers.append(found[1])
            if len(self._containers) > 1:
                self.start("new")
            else:
                for job in self.row.jobs:
                    self.start(job.name, job.stop_seconds, is_session=job.is_session, **job.task)

    def start(self, name: str, stop_seconds: float = 0.0, *, is_session: bool = False, **task: Any) -> None:
        """Start a job in the newest container."""
        for service in (self.aws.ecs, self.aws.step_functions, self.aws.emr_serverless):
            service.stop_seconds = stop_seconds
        starts = {
            "EcsTasks": self.aws.ecs.start_task,
            "StateMachineExecutions": self.aws.step_functions.start_execution,
            "EmrServerlessJobRuns": self.aws.emr_serverless.start_job_run,
        }
        start: Any = self.aws.emr_serverless.start_session if is_session else starts[self.row.kind]
        self._jobs[name] = start(self._containers[-1], **task)

    def end(self) -> None:
        """Let the job end by itself."""
        job = self._jobs["job"]
        if self.row.kind == "EcsTasks":
            self.aws.ecs.settle(job, "STOPPED")
        elif self.row.kind == "StateMachineExecutions":
            self.aws.step_functions.settle(job, "SUCCEEDED")
        else:
            self.aws.emr_serverless.settle(self._containers[0], job, "SUCCESS")

    def relieve(self) -> None:
        """Let the job end, and start another one."""
        self.end()
        self.start("late")

    def lag(self) -> None:
        """Start an execution that the next call of ListExecutions does not return."""
        self.aws.step_functions.lags = True
        self.start("late")

    def tell_to_stop(self) -> None:
        """Call StopTask for the task, as an operator would."""
        self._client.stop_task(cluster=self._containers[0], task=self._jobs["job"])

    def start_soon(self) -> None:
        """Start the application, which takes a moment."""
        self.aws.emr_serverless.start_seconds = 0.05  # it ends while the handler lists the jobs
        self._client.start_application(applicationId=self._containers[0])

    def start_without_end(self) -> None:
        """Start the application, which stays in STARTING."""
        self.aws.emr_serverless.start_seconds = NEVER
        self._client.start_application(applicationId=self._containers[0])

    def delete(self) -> None:
        """Delete the container, as an operator would."""
        getattr(self._client, self._service.delete)(**{self._service.parameter: self._given or self._containers[0]})

    def refactor(self) -> None:
        """Move the container to another stack."""
        other = f"{self.stack}-other"
        self._change("CREATE", {"Resources": {"Anchor": ANCHOR}}, stack=other)
        refactor(self.aws, "Container", self.stack, other)

    def retain(self) -> None:
        """Do the first step of `cdk orphan`: write Retain and, in place of references to the container, its id."""
        template = _template_of(self.cloudformation, self.stack)
        _refer_to(self._containers[0], template)
        template["Resources"]["Container"].update(DeletionPolicy="Retain", UpdateReplacePolicy="Retain")
        self._change("UPDATE", template, as_yaml=True)

    def orphan(self) -> None:
        """Do both steps of `cdk orphan`: after `retain`, remove the container from the template."""
        self.retain()
        template = _template_of(self.cloudformation, self.stack)
        del template["Resources"]["Container"]
        self._change("UPDATE", template, as_yaml=True)

    def import_another(self) -> None:
        """Import another cluster."""
        name = f"{self.stack}-imported"
        self._client.create_cluster(clusterName=name)
        template, imported = _template_of(self.cloudformation, self.stack), self._container(name)
        template["Resources"]["Imported"] = {**imported, "DeletionPolicy": "Delete"}
        identifier = {"LogicalResourceId": "Imported", "ResourceIdentifier": imported["Properties"]}
        identifiers = [{"ResourceType": imported["Type"], **identifier}]
        self._change("IMPORT", template, as_yaml=True, ResourcesToImport=identifiers)

    @property
    def status(self) -> str:
        """The status of the stack, or "gone"."""
        return self.aws.stacks().get(self.stack, "gone")

    @property
    def unfinished(self) -> set[str]:
        """The names of the jobs that have not ended."""
        running = [arn for arn, status in self.aws.job_statuses.items() if status not in ENDED]
        return {name for name, job in self._jobs.items() if any(arn.endswith(job) for arn in running)}

    def requests(self, request_type: str) -> list[Exchange]:
        """Return every request of a type for the StopOnDeletes of the container, with its answers."""
        asked = [exchange for exchange in self.aws.exchanges if f"/{self.stack}/" in exchange.event["StackId"]]
        asked = [exchange for exchange in asked if exchange.event["RequestType"] == request_type]
        return [exchange for exchange in asked if exchange.event["LogicalResourceId"].startswith("Stop")]

    def _make_shared(self) -> str:
        """Create the container in another stack, and return its ARN or id."""
        shared = f"{self.stack}-shared"
        template = {"Resources": {"Container": self._container(shared)}, "Outputs": {"It": {"Value": self._reference}}}
        self._change("CREATE", template, stack=shared)
        [stack] = self.cloudformation.describe_stacks(StackName=shared)["Stacks"]
        return str(stack["Outputs"][0]["OutputValue"])

    def _declare(self, change: str, declared: Declared) -> None:
        resources: dict[str, Any] = {"Anchor": ANCHOR}
        properties: dict[str, Any] = {"Kind": self.row.kind, "Container": self._given or self._reference}
        if declared.container and not self._given:
            # UpdateReplacePolicy has no RetainExceptOnCreate (User Guide, aws-attribute-updatereplacepolicy).
            replaced = "Delete" if declared.policy == "Delete" else "Retain"
            resources["Container"] = {
                **self._container(f"{self.stack}-{declared.container}"),
                "DeletionPolicy": declared.written or declared.policy,
                "UpdateReplacePolicy": declared.written or replaced,
            }
            properties |= {"ContainerLogicalId": "Container", "ContainerDeletionPolicy": declared.policy}
        stops = declared.stops.split()
        resources |= {stop: _stop({**properties, **declared.options}) for stop in stops}
        if declared.fails:
            # Its Create fails, because there is no application with this id.
            fails = _stop({"Kind": "EmrServerlessJobRuns", "Container": "00nonsense"})
            resources["Fails"] = {**fails, "DependsOn": stops}
        parameters = {"Policy": {"Type": "String", "Default": "Retain"}}
        self._change(change, {"Parameters": parameters, "Resources": resources}, as_yaml=declared.yaml)

    def _container(self, name: str) -> dict[str, Any]:
        express = {"StateMachineType": "EXPRESS"} if self.row.express else {}
        properties = {self._service.name: name, **self._service.others, **express}
        return {"Type": self._service.resource_type, "Properties": properties}

    @property
    def _reference(self) -> dict[str, Any]:
        return {"Fn::GetAtt": ["Container", "Arn"]} if self.row.kind == "EcsTasks" else {"Ref": "Container"}

    def _change(
        self, change: str, template: dict[str, Any], stack: str = "", *, as_yaml: bool = False, **more: object
    ) -> None:
        named = {"StackName": stack or self.stack, "ChangeSetName": "change"}
        body = (YAML if as_yaml else "") + json.dumps(template)
        self.cloudformation.create_change_set(**named, ChangeSetType=change, TemplateBody=body, **more)
        self.cloudformation.execute_change_set(**named)
        self._settle(named["StackName"])

    def _settle(self, stack: str) -> None:
        while "IN_PROGRESS" in self.aws.stacks().get(stack, ""):
            time.sleep(0.005)


def refactor(aws: LocalAws, container: str, source: str, target: str) -> None:
    """Move a container to another stack. References to it in its old stack become imports of an exported value."""
    templates = {stack: _template_of(aws.client("cloudformation"), stack) for stack in (source, target)}
    templates[target]["Resources"][container] = templates[source]["Resources"].pop(container)
    export = f"{source}-{container}"
    reference = _refer_to({"Fn::ImportValue": export}, templates[source])
    templates[target]["Outputs"] = {"Container": {"Value": reference, "Export": {"Name": export}}}
    aws.refactor({name: json.dumps(body) for name, body in templates.items()})


def _template_of(cloudformation: Any, stack: str) -> Any:
    """Return a stack's template, which is JSON or the YAML of these tests."""
    body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    return json.loads(body.removeprefix(YAML) if isinstance(body, str) else json.dumps(body))


def _refer_to(container: Any, template: dict[str, Any]) -> Any:
    """Change the property Container of a template's StopOnDelete, and return its old value."""
    [stop] = [resource for resource in template["Resources"].values() if resource["Type"] == RESOURCE_TYPE]
    reference, stop["Properties"]["Container"] = stop["Properties"]["Container"], container
    return reference


def _stop(properties: dict[str, Any]) -> dict[str, Any]:
    return {"Type": RESOURCE_TYPE, "Properties": {"ServiceToken": "arn:function", **properties}}

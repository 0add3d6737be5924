"""Whatever happens to a stack: what it keeps is never stopped, and what it gives up never runs on in silence."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

import index
from jobs.aws import AwsService
from sandbox.cloudformation.custom_resources import CustomResources
from sandbox.cloudformation.lifecycle import (
    Declaration,
    Event,
    Patience,
    Physical,
    ResourceError,
    StackLifecycle,
    Template,
)
from teardown import Failure, ServiceError
from tests.containers import RESOURCE_TYPE
from tests.histories.history import SETTLED, StackHistory
from tests.requests import HurriedClock

CLUSTER = "AWS::ECS::Cluster"
ARN = "arn:aws:ecs:us-west-2:123456789012:cluster/"
SHARED = f"{ARN}shared"
FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:handler"
QUESTIONS = ("DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources")

_numbers = itertools.count(1)

# What an update does to each of two clusters. None removes it; a rename replaces it; a policy is for what is new.
clusters = st.sampled_from(
    ["keep", "keep", "keep", None, "rename", "Delete", "Delete", "Retain", "RetainExceptOnCreate"]
)
options = {
    "Family": st.sampled_from([None, None, "nightly"]),
    "WaitSeconds": st.sampled_from([0, 60]),
    "BestEffort": st.sampled_from([False, False, True]),
}
stops_of_a, stops_of_b = (
    st.one_of(
        st.sampled_from(["keep", "keep", None]),
        st.fixed_dictionaries({"of": st.sampled_from([cluster, cluster, other, SHARED]), **options}),
    )
    for cluster, other in ("AB", "BA")
)
changes = st.tuples(clusters, clusters, stops_of_a, stops_of_b)
failures = st.sampled_from([Failure.TRANSIENT, Failure.UNKNOWN])


class Yaml(dict[str, Declaration]):
    """A template that is written in YAML."""


@dataclass
class Task:
    """A task of a cluster."""

    arn: str
    cluster: str
    family: str
    stops: bool
    was_told: bool = False
    has_ended: bool = False


class Aws:
    """ECS, and what CloudFormation answers of the stack, where `AwsService` would call them."""

    def __init__(self) -> None:
        self.active = {SHARED}
        self.tasks: dict[str, Task] = {}
        self.failure: dict[str, tuple[Failure, float]] = {}
        self.lifecycle: StackLifecycle
        self.template: Template = {}
        self.statuses: dict[tuple[str, str], str] = {}
        """The last status of each resource, by its ids."""
        self.told: set[tuple[str, str]] = set()
        """Each cluster with a task that was told to stop, and the stack's status then."""

    def call(self, action: str, **asked: Any) -> Mapping[str, Any]:
        """Answer a call."""
        failure, times = self.failure.get(action, (Failure.UNKNOWN, 0))
        if times > 0:
            self.failure[action] = (failure, times - 1)
            raise ServiceError(failure, f"{action} failed")
        answer: Mapping[str, Any] = getattr(self, action)(**asked)
        return answer

    def DescribeStacks(self, **_: Any) -> Mapping[str, Any]:  # noqa: N802 - the names of the operations
        return {"Stacks": [{"StackStatus": self.lifecycle.status}]}

    def GetTemplate(self, **_: Any) -> Mapping[str, Any]:  # noqa: N802
        if isinstance(self.template, Yaml):
            return {"TemplateBody": "Resources:"}
        return {"TemplateBody": {"Resources": {name: found.body for name, found in self.template.items()}}}

    def DescribeStackResource(self, LogicalResourceId: str, **_: Any) -> Mapping[str, Any]:  # noqa: N802, N803
        found = self.lifecycle.live.get(LogicalResourceId)
        if found is None:
            message = f"Resource {LogicalResourceId} does not exist for stack Stack"
            raise ServiceError(Failure.REJECTED, message, code="ValidationError", message=message)
        return {"StackResourceDetail": {"PhysicalResourceId": found.physical_id}}

    def ListStackResources(self, **_: Any) -> Mapping[str, Any]:  # noqa: N802
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": found.declaration.logical_id,
                    "PhysicalResourceId": found.physical_id,
                    "ResourceType": found.declaration.type,
                    "ResourceStatus": self.statuses[found.declaration.logical_id, found.physical_id],
                }
                for found in self.lifecycle.existing
            ]
        }

    def DescribeClusters(self, clusters: list[str]) -> Mapping[str, Any]:  # noqa: N802
        return {"clusters": [{"status": "ACTIVE"} for cluster in clusters if cluster in self.active]}

    def ListTasks(self, cluster: str, desiredStatus: str, family: str = "", **_: Any) -> Mapping[str, Any]:  # noqa: N802, N803
        if cluster not in self.active:
            raise ServiceError(Failure.REJECTED, "No cluster", code="ClusterNotFoundException")
        found = [
            task.arn
            for task in self.tasks.values()
            if task.cluster == cluster and family in ("", task.family) and task.was_told is (desiredStatus == "STOPPED")
        ]
        return {"taskArns": found}

    def ListDaemons(self, **_: Any) -> Mapping[str, Any]:  # noqa: N802
        return {"daemonSummariesList": []}

    def DescribeTasks(self, tasks: list[str], **_: Any) -> Mapping[str, Any]:  # noqa: N802
        return {
            "tasks": [
                {
                    "taskArn": arn,
                    "group": "family:x",
                    "desiredStatus": "STOPPED" if self.tasks[arn].was_told else "RUNNING",
                    "lastStatus": "STOPPED" if self.tasks[arn].has_ended else "RUNNING",
                }
                for arn in tasks
            ]
        }

    def StopTask(self, task: str, **_: Any) -> Mapping[str, Any]:  # noqa: N802
        found = self.tasks[task]
        self.told.add((found.cluster, self.lifecycle.status))
        found.was_told = True
        found.has_ended = found.stops
        return {}


class Resources:
    """StopOnDeletes by their protocol, clusters that can't be deleted while tasks run, and what fails when told to."""

    def __init__(self, custom: CustomResources, aws: Aws) -> None:
        self._custom, self._aws = custom, aws
        self._existing: dict[str, str] = {}
        self.fail_next = False
        self.held_back: set[str] = set()

    def use(self, template: Template) -> None:
        self._aws.template = template

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        properties = dict(declaration.body["Properties"])
        if "of" in properties:
            of = properties.pop("of")
            properties["Container"] = of if of.startswith(ARN) else f"{ARN}{self._existing[of]}"
        return properties

    def create(self, declaration: Declaration, properties: Mapping[str, Any], patience: Patience) -> Physical:
        if declaration.type == RESOURCE_TYPE:
            return self._custom.create(declaration, properties, patience)
        return self._make(declaration, properties)

    def update(
        self, current: Physical, declaration: Declaration, properties: Mapping[str, Any], patience: Patience
    ) -> Physical:
        if declaration.type == RESOURCE_TYPE:
            return self._custom.update(current, declaration, properties, patience)
        return self._make(declaration, properties)

    def delete(self, resource: Physical, patience: Patience) -> None:
        if resource.declaration.type == RESOURCE_TYPE:
            self._custom.delete(resource, patience)
        elif resource.declaration.type == CLUSTER:
            arn = f"{ARN}{resource.physical_id}"
            if left := [task for task in self._aws.tasks.values() if task.cluster == arn and not task.has_ended]:
                if not isinstance(self._aws.template, Yaml):  # by which nobody can tell that the cluster is deleted
                    self.held_back |= {task.arn for task in left if not task.was_told}
                raise ResourceError("The Cluster cannot be deleted while Tasks are active.")
            self._aws.active.discard(arn)

    def import_cluster(self, declaration: Declaration) -> Physical:
        """Give a cluster that exists, as the stack's own."""
        name = self._existing[declaration.logical_id] = str(declaration.body["Properties"]["name"])
        return Physical(declaration, name, declaration.body["Properties"])

    def _make(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        if declaration.type != CLUSTER:
            if self.fail_next:
                self.fail_next = False
                raise ResourceError("told to fail")
            return Physical(declaration, "other", properties)
        name = str(properties["name"])
        self._existing[declaration.logical_id] = name
        self._aws.active.add(f"{ARN}{name}")
        return Physical(declaration, name, properties)


class History(StackHistory):
    """One stack with up to two clusters and two StopOnDeletes, which may be of a shared cluster."""

    def __init__(self) -> None:
        self.aws = Aws()

        def call(_: AwsService, action: str, **asked: Any) -> Mapping[str, Any]:
            return self.aws.call(action, **asked)

        def pages(_: AwsService, action: str, member: str, **asked: Any) -> Iterator[list[Any]]:
            yield self.aws.call(action, **asked)[member]

        super().__init__(
            index.handler,
            mock.patch.dict("os.environ", {"AWS_REGION": "us-west-2"}),
            mock.patch.object(AwsService, "call", call),
            mock.patch.object(AwsService, "pages", pages),
            mock.patch.object(index, "clock", HurriedClock()),
        )
        self.resources = Resources(self.custom, self.aws)
        self.template: Template = {}
        self.kept: set[str] = set()
        self.guarded: set[str] = set()
        self.new_stack()

    def new_stack(self) -> None:
        self.lifecycle = self.aws.lifecycle = StackLifecycle(self.resources, self.hear)
        self.template = {}
        self.first = len(self.custom.exchanges)

    def hear(self, event: Event) -> None:
        """Note what is retained and what is guarded by a StopOnDelete, in which a task then starts at once."""
        self.aws.statuses[event.logical_id, event.physical_id] = event.status
        if event.type == CLUSTER and event.status == "DELETE_SKIPPED":
            self.kept.add(f"{ARN}{event.physical_id}")
        if event.type == RESOURCE_TYPE and event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            self.guarded.add(event.physical_id)
            self.start_in(event.physical_id.partition("(")[2].strip(")").partition(",")[0])

    def start_in(self, cluster: str, family: str = "nightly", *, stops: bool = True) -> None:
        arn = f"arn:aws:ecs:us-west-2:123456789012:task/{cluster.rpartition('/')[2]}/{next(_numbers)}"
        self.aws.tasks[arn] = Task(arn, cluster, family, stops)

    def changed(self, change: tuple[Any, ...]) -> Template:
        template: dict[str, Declaration] = {}
        for name, wanted in zip("AB", change[:2], strict=True):
            before = self.template.get(name)
            fresh: dict[str, object] = {"name": f"{name}-{next(_numbers)}"}
            if wanted in ("keep", "rename") and before:
                body = before.body if wanted == "keep" else {**before.body, "Properties": fresh}
                template[name] = Declaration(name, CLUSTER, body)
            elif wanted and wanted not in ("keep", "rename"):
                # No source tells by which of two templates a replaced cluster is kept: so both say the same.
                properties = before.body["Properties"] if before else fresh
                replaced = "Delete" if wanted == "Delete" else "Retain"
                body = {"Properties": properties, "DeletionPolicy": wanted, "UpdateReplacePolicy": replaced}
                template[name] = Declaration(name, CLUSTER, body)
        for name, wanted in zip(("StopC", "StopD"), change[2:], strict=True):
            before = self.template.get(name)
            settled = before.body["Properties"] if wanted == "keep" and before else wanted
            if settled and before and settled is before.body["Properties"] and settled["of"].startswith(ARN):
                template[name] = before
            elif isinstance(settled, dict) and (settled["of"] == SHARED or settled["of"] in template):
                template[name] = self.stop(name, settled, template)
        number: dict[str, object] = {"number": next(_numbers)}
        template["Other"] = Declaration("Other", "Other", {"Properties": number}, frozenset(template))
        return template

    def stop(self, name: str, wanted: Mapping[str, Any], template: Template) -> Declaration:
        """Declare a StopOnDelete, as the construct does."""
        of = wanted["of"]
        chosen = ("of", "WaitSeconds", "BestEffort", *(["Family"] if wanted.get("Family") else []))
        properties = {"ServiceToken": FUNCTION, "Kind": "EcsTasks", **{key: wanted[key] for key in chosen}}
        if of == SHARED:
            return Declaration(name, RESOURCE_TYPE, {"Properties": properties})
        ownership = {"ContainerLogicalId": of, "ContainerDeletionPolicy": template[of].body["DeletionPolicy"]}
        return Declaration(name, RESOURCE_TYPE, {"Properties": {**properties, **ownership}}, frozenset({of}))

    def begin(self) -> None:
        live = self.lifecycle.live.values()
        self.guarded = {found.physical_id for found in live if found.declaration.type == RESOURCE_TYPE}
        self.resources.held_back.clear()

    @initialize(
        kind=st.sampled_from(["Delete", "Retain", "RetainExceptOnCreate"]),
        of=st.sampled_from(["A", SHARED]),
        leaves=st.sampled_from(["", "moved", "orphaned"]),
        comes_back=st.booleans(),
    )
    def begin_with_a_stack(self, kind: str, of: str, leaves: str, *, comes_back: bool) -> None:
        stop = {"of": of, "Family": None, "WaitSeconds": 60, "BestEffort": False}
        self.create((kind, kind, stop, {**stop, "of": "B"}), fails=False)
        for pick in range(3):
            self.start_a_task(pick, "nightly", True)
        if leaves:
            self.let_a_cluster_leave("B", orphan=leaves == "orphaned")
            if comes_back:
                self.import_a_cluster("B", kind)

    @rule(change=changes, fails=st.booleans())
    @precondition(lambda self: self.status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"))
    def create(self, change: tuple[Any, ...], fails: bool) -> None:
        self.new_stack()
        self.begin()
        self.template = self.changed(change)
        self.resources.fail_next = fails
        self.lifecycle.create(self.template)

    @rule(change=changes, fails=st.booleans())
    @precondition(lambda self: self.status in SETTLED)
    def update(self, change: tuple[Any, ...], fails: bool) -> None:
        self.begin()
        template = self.changed(change)
        self.resources.fail_next = fails
        self.lifecycle.update(template)
        if self.status == "UPDATE_COMPLETE":
            self.template = template

    @rule(name=st.sampled_from("AB"), orphan=st.booleans())
    @precondition(lambda self: self.status in SETTLED)
    def let_a_cluster_leave(self, name: str, *, orphan: bool) -> None:
        """Orphan a cluster as `cdk orphan` does, or move it to another stack."""
        if name not in self.template:
            return
        self.begin()
        cluster = f"{ARN}{self.lifecycle.live[name].physical_id}"
        template = {other: _referring(found, name, cluster) for other, found in self.template.items()}
        declaration = template.pop(name)
        if orphan:
            body = {**declaration.body, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
            self.lifecycle.update(Yaml({**template, name: replace(declaration, body=body)}))
            self.template = Yaml(template)
            self.lifecycle.update(self.template)
        else:
            self.kept.add(cluster)
            self.template = template
            self.lifecycle.refactor(template, {})

    @rule(name=st.sampled_from("AB"), policy=st.sampled_from(["Delete", "Retain"]))
    @precondition(lambda self: self.status in SETTLED)
    def import_a_cluster(self, name: str, policy: str) -> None:
        """Take in a cluster that has left, or was retained."""
        left = sorted(cluster for cluster in self.kept & self.aws.active if cluster.startswith(f"{ARN}{name}-"))
        if name in self.template or not left:
            return
        self.begin()
        self.kept.remove(left[0])
        # The policy that a StopOnDelete knows, if one does: if the two differ, the handler goes by what retains.
        stops = (found.body["Properties"] for found in self.template.values())
        known = [stop["ContainerDeletionPolicy"] for stop in stops if stop.get("ContainerLogicalId") == name]
        policy = max(known, default=policy)
        body = {"Properties": {"name": left[0].removeprefix(ARN)}, "DeletionPolicy": policy}
        declaration = Declaration(name, CLUSTER, {**body, "UpdateReplacePolicy": policy})
        # That a StopOnDelete refers to it again comes with the next update, which here is the same.
        template = {other: _referring(found, left[0], name) for other, found in self.template.items()}
        self.template = Yaml({**template, name: declaration})
        self.lifecycle.import_resources(self.template, {name: self.resources.import_cluster(declaration)})

    @rule()
    @precondition(lambda self: self.status not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"))
    def delete(self) -> None:
        self.begin()
        self.lifecycle.delete()

    @rule(
        pick=st.integers(0, 5),
        family=st.sampled_from(["nightly", "hourly"]),
        stops=st.sampled_from([True, True, False]),
    )
    def start_a_task(self, pick: int, family: str, stops: bool) -> None:
        self.start_in(sorted(self.aws.active)[pick % len(self.aws.active)], family, stops=stops)

    @rule()
    def let_a_task_end(self) -> None:
        for task in self.aws.tasks.values():
            if not task.has_ended:
                task.has_ended = task.was_told = True
                return

    @rule(
        action=st.sampled_from([*QUESTIONS, "ListTasks", "DescribeTasks", "StopTask"]),
        failure=failures,
        times=st.sampled_from([1, 3, float("inf")]),
    )
    def fail_calls(self, action: str, failure: Failure, times: float) -> None:
        self.aws.failure[action] = (failure, times)

    @rule()
    def meet_no_trouble(self) -> None:
        self.aws.failure.clear()

    @invariant()
    def no_task_of_a_cluster_that_is_kept_was_ever_told_to_stop(self) -> None:
        live = self.lifecycle.live.values() if self.status in SETTLED else ()
        owned = {f"{ARN}{found.physical_id}" for found in live if found.declaration.type == CLUSTER}
        assert not {cluster for cluster, _ in self.aws.told} & (self.kept | owned)

    @invariant()
    def no_task_of_a_shared_cluster_was_told_to_stop_unless_the_stack_was_deleted(self) -> None:
        assert all(status.startswith("DELETE_") for cluster, status in self.aws.told if cluster == SHARED)

    @invariant()
    def no_task_holds_back_in_silence_what_a_construct_was_to_stop(self) -> None:
        for task in (self.aws.tasks[arn] for arn in self.resources.held_back):
            guards = {f"EcsTasks({task.cluster})", f"EcsTasks({task.cluster},family={task.family})"}
            assert guards & self.guarded <= self.failed_in_the_log("physical_id")

    @invariant()
    def no_answer_tells_of_success_where_something_failed_without_best_effort(self) -> None:
        for exchange in self.custom.exchanges:
            if exchange.event["RequestType"] == "Delete" and exchange.answer["Status"] == "FAILED":
                assert exchange.event["PhysicalResourceId"] in self.failed_in_the_log("physical_id")

    def teardown(self) -> None:
        """End every history with a deletion that nothing disturbs: what a construct was to stop has ended then."""
        self.aws.failure.clear()
        for task in self.aws.tasks.values():
            task.stops, task.has_ended = True, task.has_ended or task.was_told
        if self.status not in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
            self.begin()
            self.lifecycle.delete()
            guarded = {guard.partition("(")[2].strip(")") for guard in self.guarded if "family" not in guard}
            for task in self.aws.tasks.values():
                assert task.has_ended or task.cluster not in guarded - self.kept
        super().teardown()


def _referring(declaration: Declaration, before: str, after: str) -> Declaration:
    """Let a StopOnDelete refer to its cluster by the ARN instead of the logical id, or the other way round."""
    properties = declaration.body["Properties"]
    if properties.get("of") != before:
        return declaration
    body = {**declaration.body, "Properties": {**properties, "of": after}}
    return replace(declaration, body=body, depends_on=frozenset() if after.startswith(ARN) else frozenset({after}))


TestAnyStackHistory = History.TestCase
TestAnyStackHistory.settings = settings(max_examples=100, stateful_step_count=15, deadline=None)

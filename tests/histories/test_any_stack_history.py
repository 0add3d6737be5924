"""Whatever happens to a stack: what it keeps is never stopped, and what it gives up never runs on in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from jobs.aws import AwsService
from sandbox.cloudformation.lifecycle import (
    Declaration,
    Event,
    Physical,
    ResourceError,
    StackLifecycle,
    Template,
)
from teardown import Failure, ServiceError
from tests.histories.history import SETTLED, Resources, StackHistory, numbers
from tests.histories.world import RESOURCE_TYPE

CLUSTER = "AWS::ECS::Cluster"
ARN = "arn:aws:ecs:us-west-2:123456789012:cluster/"
SHARED = f"{ARN}shared"
QUESTIONS = ("DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources")


class Yaml(dict[str, Declaration]):
    """A template that is written in YAML."""


class Cloud(Resources):
    """Clusters that can't be deleted while tasks run, and what ECS and CloudFormation answer the handler of them.

    Attributes
    ----------
    summaries : dict
        What ListStackResources shows of each resource, by its ids.
    active : set
        The ARNs of the clusters that exist.
    tasks : dict
        What DescribeTasks shows of each task, by its ARN, with its family and whether it stops.
    told : set
        Each cluster with a task that was told to stop, and the stack's status then.
    held_back : set
        The tasks that held back the deletion of a cluster without having been told to stop.
    failures : dict
        How a call fails, by its action, and how many times more.
    began : datetime
        When the stack's last operation began.
    """

    lifecycle: StackLifecycle

    def __init__(self) -> None:
        self.template: Template = {}
        self.summaries: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.active = {SHARED}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.told: set[tuple[str, str]] = set()
        self.held_back: set[str] = set()
        self.failures: dict[str, tuple[Failure, float]] = {}
        self.began = _now()

    def call(self, action: str, **asked: Any) -> Mapping[str, Any]:
        """Answer a call of the handler."""
        failure, times = self.failures.get(action, (Failure.UNKNOWN, 0))
        if times > 0:
            self.failures[action] = (failure, times - 1)
            raise ServiceError(failure, f"{action} failed")
        match action:
            case "DescribeStacks":
                return {"Stacks": [{"StackStatus": self.lifecycle.status, "LastUpdatedTime": self.began}]}
            case "GetTemplate":
                resources = {name: found.body for name, found in self.template.items()}
                return {"TemplateBody": "Resources:" if isinstance(self.template, Yaml) else {"Resources": resources}}
            case "DescribeStackResource":
                if found := self.lifecycle.live.get(asked["LogicalResourceId"]):
                    return {"StackResourceDetail": {"PhysicalResourceId": found.physical_id}}
                message = f"Resource {asked['LogicalResourceId']} does not exist for stack Stack"
                raise ServiceError(Failure.REJECTED, message, code="ValidationError", message=message)
            case "ListStackResources":
                ids = [(found.declaration.logical_id, found.physical_id) for found in self.lifecycle.existing]
                return {"StackResourceSummaries": [self.summaries[its] for its in ids]}
            case "DescribeClusters":
                return {"clusters": [{"status": "ACTIVE"} for cluster in asked["clusters"] if cluster in self.active]}
            case "ListDaemons":
                return {"daemonSummariesList": []}
            case "ListTasks" if asked["cluster"] not in self.active:
                raise ServiceError(Failure.REJECTED, "No cluster", code="ClusterNotFoundException")
            case "ListTasks":
                filters = {name: asked[name] for name in ("cluster", "family", "desiredStatus") if name in asked}
                return {"taskArns": [arn for arn, task in self.tasks.items() if filters.items() <= task.items()]}
            case "DescribeTasks":
                return {"tasks": [self.tasks[arn] for arn in asked["tasks"]]}
            case "StopTask":
                task = self.tasks[asked["task"]]
                self.told.add((task["cluster"], self.lifecycle.status))
                task["desiredStatus"] = "STOPPED"
                if task["stops"]:
                    task["lastStatus"] = "STOPPED"
                return {}
        raise NotImplementedError(action)

    def use(self, template: Template) -> None:
        self.template = template

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        properties = dict(super().resolve(declaration))
        if of := properties.pop("of", ""):
            properties["Container"] = of if of.startswith(ARN) else f"{ARN}{self.lifecycle.live[of].physical_id}"
        return properties

    def create(self, declaration: Declaration, properties: Mapping[str, Any]) -> Physical:
        if declaration.type != CLUSTER:
            return super().create(declaration, properties)
        name = str(properties["name"])
        self.active.add(f"{ARN}{name}")
        return Physical(declaration, name, properties)

    def delete(self, resource: Physical) -> None:
        if resource.declaration.type != CLUSTER:
            return
        cluster = f"{ARN}{resource.physical_id}"
        if left := {arn: task for arn, task in self.running.items() if task["cluster"] == cluster}:
            if not isinstance(self.template, Yaml):  # by which nobody can tell that the cluster is deleted
                self.held_back |= {arn for arn, task in left.items() if task["desiredStatus"] == "RUNNING"}
            raise ResourceError("The Cluster cannot be deleted while Tasks are active.")
        self.active.discard(cluster)

    @property
    def running(self) -> dict[str, dict[str, Any]]:
        """The tasks that have not stopped."""
        return {arn: task for arn, task in self.tasks.items() if task["lastStatus"] != "STOPPED"}

    def start_task(self, cluster: str, family: str = "nightly", *, stops: bool = True) -> None:
        arn = f"arn:aws:ecs:us-west-2:123456789012:task/{cluster.rpartition('/')[2]}/{next(numbers)}"
        statuses = dict.fromkeys(("desiredStatus", "lastStatus"), "RUNNING")
        self.tasks[arn] = {"taskArn": arn, "cluster": cluster, "family": family, "stops": stops, **statuses}


def _now() -> datetime:
    """Return another time, later than each one before."""
    return datetime.fromtimestamp(next(numbers), UTC)


def _stops(cluster: str, other: str) -> st.SearchStrategy[Any]:
    """Return what an update does to a StopOnDelete: keeps it, removes it, or declares one of a cluster."""
    of = st.sampled_from([cluster, cluster, other, SHARED])
    options = {"WaitSeconds": st.sampled_from([0, 60]), "BestEffort": st.sampled_from([False, False, True])}
    declared = st.fixed_dictionaries({"of": of, **options}, optional={"Family": st.just("nightly")})
    return st.one_of(st.sampled_from(["keep", "keep", None]), declared)


class History(StackHistory[Cloud]):
    """One stack with up to two clusters and two StopOnDeletes, which may be of a shared cluster."""

    # What an update does to each of two clusters. None removes it; a rename replaces it; a policy is for what is new.
    _clusters = st.sampled_from([*["keep"] * 3, None, "rename", "Delete", "Delete", "Retain", "RetainExceptOnCreate"])
    changes = st.tuples(_clusters, _clusters, _stops("A", "B"), _stops("B", "A"))

    def __init__(self) -> None:
        def call(_: AwsService, action: str, **asked: Any) -> Mapping[str, Any]:
            return self.resources.call(action, **asked)

        def pages(_: AwsService, action: str, member: str, **asked: Any) -> Iterator[list[Any]]:
            yield self.resources.call(action, **asked)[member]

        super().__init__(
            Cloud,
            mock.patch.dict("os.environ", {"AWS_REGION": "us-west-2"}),
            mock.patch.object(AwsService, "call", call),
            mock.patch.object(AwsService, "pages", pages),
        )
        self.kept: set[str] = set()
        self.guarded: set[str] = set()

    def hear(self, event: Event) -> None:
        """Note what is retained and what is guarded by a StopOnDelete, in which a task then starts at once."""
        self.resources.summaries[event.logical_id, event.physical_id] = {
            "LogicalResourceId": event.logical_id,
            "PhysicalResourceId": event.physical_id,
            "ResourceType": event.type,
            "ResourceStatus": event.status,
            "LastUpdatedTimestamp": _now(),
        }
        if event.type == CLUSTER and event.status == "DELETE_SKIPPED":
            self.kept.add(f"{ARN}{event.physical_id}")
        if event.type == RESOURCE_TYPE and event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            self.guarded.add(event.physical_id)
            self.resources.start_task(event.physical_id.partition("(")[2].strip(")").partition(",")[0])

    def changed(self, change: tuple[Any, ...]) -> dict[str, Declaration]:
        template: dict[str, Declaration] = {}
        for name, wanted in zip("AB", change[:2], strict=True):
            body = dict(self.template[name].body) if name in self.template else {}
            if wanted == "rename" or not body:
                body["Properties"] = {"name": f"{name}-{next(numbers)}"}
            if wanted in ("Delete", "Retain", "RetainExceptOnCreate"):
                # No source tells by which of two templates a replaced cluster is kept: so both say the same.
                body |= {"DeletionPolicy": wanted, "UpdateReplacePolicy": "Delete" if wanted == "Delete" else "Retain"}
            if wanted and "DeletionPolicy" in body:
                template[name] = Declaration(name, CLUSTER, body)
        for name, wanted in zip(("StopC", "StopD"), change[2:], strict=True):
            kept = self.template.get(name) if wanted == "keep" else None
            properties = kept.body["Properties"] if kept else wanted
            if isinstance(properties, dict) and properties["of"] in (*template, SHARED):
                template[name] = self.stop(name, properties, template)
            elif kept and properties["of"].startswith(ARN) and properties["ContainerLogicalId"] not in template:
                # That of a cluster that has left. It goes, too, when another one gets its logical id, because the
                # construct no longer sets that.
                template[name] = kept
        return template

    def stop(self, name: str, wanted: Mapping[str, Any], template: Template) -> Declaration:
        """Declare a StopOnDelete, as the construct does."""
        of, properties = wanted["of"], {"ServiceToken": "arn:function", "Kind": "EcsTasks", **wanted}
        if of != SHARED:
            properties |= {"ContainerLogicalId": of, "ContainerDeletionPolicy": template[of].body["DeletionPolicy"]}
        return Declaration(name, RESOURCE_TYPE, {"Properties": properties}, frozenset({of} - {SHARED}))

    def begin(self) -> None:
        self.resources.lifecycle, self.resources.began = self.lifecycle, _now()
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
        stop = {"of": of, "WaitSeconds": 60, "BestEffort": False}
        self.create((kind, kind, stop, {**stop, "of": "B"}), fails=False)
        for pick in range(3):
            self.start_a_task(pick, "nightly", True)
        if leaves:
            self.let_a_cluster_leave("B", orphan=leaves == "orphaned")
            if comes_back:
                self.import_a_cluster("B", kind)

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
        left = sorted(cluster for cluster in self.kept & self.resources.active if cluster.startswith(f"{ARN}{name}-"))
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
        arrived = self.resources.create(declaration, declaration.body["Properties"])
        self.lifecycle.import_resources(self.template, {name: arrived})

    @rule(
        pick=st.integers(0, 5),
        family=st.sampled_from(["nightly", "hourly"]),
        stops=st.sampled_from([True, True, False]),
    )
    def start_a_task(self, pick: int, family: str, stops: bool) -> None:
        active = sorted(self.resources.active)
        self.resources.start_task(active[pick % len(active)], family, stops=stops)

    @rule()
    def let_a_task_end(self) -> None:
        for task in self.resources.running.values():
            task["desiredStatus"] = task["lastStatus"] = "STOPPED"
            return

    @rule(
        action=st.sampled_from([*QUESTIONS, "ListTasks", "DescribeTasks", "StopTask"]),
        failure=st.sampled_from([Failure.TRANSIENT, Failure.UNKNOWN]),
        times=st.sampled_from([1, 3, float("inf")]),
    )
    def fail_calls(self, action: str, failure: Failure, times: float) -> None:
        self.resources.failures[action] = (failure, times)

    @rule()
    def meet_no_trouble(self) -> None:
        self.resources.failures.clear()

    @invariant()
    def no_task_of_a_cluster_that_is_kept_was_ever_told_to_stop(self) -> None:
        live = self.lifecycle.live.values() if self.status in SETTLED else ()
        owned = {f"{ARN}{found.physical_id}" for found in live if found.declaration.type == CLUSTER}
        assert not {cluster for cluster, _ in self.resources.told} & (self.kept | owned)

    @invariant()
    def no_task_of_a_shared_cluster_was_told_to_stop_unless_the_stack_was_deleted(self) -> None:
        assert all(status.startswith("DELETE_") for cluster, status in self.resources.told if cluster == SHARED)

    @invariant()
    def no_task_holds_back_in_silence_what_a_construct_was_to_stop(self) -> None:
        for task in (self.resources.tasks[arn] for arn in self.resources.held_back):
            guards = {f"EcsTasks({task['cluster']})", f"EcsTasks({task['cluster']},family={task['family']})"}
            assert guards & self.guarded <= self.failed_in_the_log

    @invariant()
    def no_delete_has_failed_without_a_line_in_the_log(self) -> None:
        assert self.answered_failed <= self.failed_in_the_log

    def teardown(self) -> None:
        """End every history with a deletion that nothing disturbs: what a construct was to stop has ended then."""
        self.resources.failures.clear()
        for task in self.resources.tasks.values():
            task["stops"], task["lastStatus"] = True, task["desiredStatus"]
        if self.exists:
            self.delete()
            guarded = {guard.partition("(")[2].strip(")") for guard in self.guarded if "family" not in guard}
            assert not {task["cluster"] for task in self.resources.running.values()} & guarded - self.kept
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

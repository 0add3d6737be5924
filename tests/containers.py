"""What may happen to a container and its jobs, and what must be true then: a row a case, for every test of it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox import ACCOUNT, REGION
from sandbox.faults import ACCESS_DENIED, CONNECTION_DROPPED, SERVER_ERROR, THROTTLED, Fault
from sandbox.services.jobs import NEVER

if TYPE_CHECKING:
    from sandbox.cloudformation.lifecycle import Event
    from sandbox.local_aws import LocalAws

RESOURCE_TYPE = "Custom::StopOnDelete"
# No application has this id: a StopOnDelete of it fails to be created.
NO_APPLICATION = "00nonsense"

ANCHOR = {"Type": "AWS::CloudFormation::WaitConditionHandle"}  # no template is without a resource
YAML = "# JSON is a part of YAML, and comments are not a part of JSON.\n"
DEFINITION = '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'

# A moment's work of the service, in seconds, which passes while the handler looks.
SOON = 0.05


@dataclass(frozen=True)
class Job:
    """A task, an execution, a job run or a session.

    Parameters
    ----------
    name : str
        What the row calls it.
    stop_seconds : float, default: 0
        How long it takes to stop. `NEVER`: it does not.
    container : int, default: 0
        What it runs in: the container, or the one that takes its place (1). It starts as soon as a StopOnDelete has
        taken charge of that.
    task : Mapping
        What else is known of a task: the arguments of `Ecs.start_task`.
    is_session : bool, default: False
        Whether it is an interactive session, not a job run.
    """

    name: str = "job"
    stop_seconds: float = 0.0
    container: int = 0
    task: Mapping[str, Any] = field(default_factory=dict)
    is_session: bool = False


@dataclass(frozen=True)
class Declared:
    """What the stack's template declares.

    Parameters
    ----------
    stops : tuple
        The StopOnDeletes of the container: the construct's id, which begins with ``Stop``, and more properties.
    container : str, default: "first"
        The name of the container. Another name is another container. ``""``: none.
    policy : str, default: "Delete"
        Its DeletionPolicy. What is not deleted is not replaced either, as the CDK has it.
    written : object, optional
        What the template has instead, of which a StopOnDelete does not know. ``{"Ref": "Policy"}`` is Retain.
    yaml : bool, default: False
        Whether the template is written in YAML.
    fails : bool, default: False
        Whether the operation that brings this about fails in the end.
    """

    stops: tuple[tuple[str, Mapping[str, str]], ...] = (("Stop", {}),)
    container: str = "first"
    policy: str = "Delete"
    written: object = None
    yaml: bool = False
    fails: bool = False


@dataclass(frozen=True)
class Row:
    """A case.

    Parameters
    ----------
    kind : str
        The kind of the jobs.
    name : str
        What happens, in words.
    before : Declared or None
        What the stack declares before. ``None``: there is no stack.
    after : Declared or None
        What it is changed to. ``None``: it is deleted.
    jobs : tuple of Job
        What runs in the container.
    shared : bool, default: False
        Whether the container is no resource of the stack.
    express : bool, default: False
        Whether it is an EXPRESS state machine.
    given : str, optional
        What is given as the container. Default: the container.
    prepare : callable, optional
        What happens before the change.
    meanwhile : callable, optional
        What happens while the handler pauses for the first time.
    faults : tuple
        What services answer to functions instead of the truth, and how often.
    one_failure : bool, default: False
        Whether the faults end as soon as a Delete has failed.
    wait : int, default: 300
        WaitSeconds.
    best_effort : bool, default: False
        BestEffort.
    again : str, optional
        The outcome of the same request if it is delivered once more in the end. Default: it is not.
    judged : str, default: "Delete"
        The type of the requests whose answer the rest is about.
    answer : str, default: "SUCCESS"
        Their answers, separated by spaces.
    outcome : str, default: "stopped"
        Their outcomes in the log, separated by commas.
    words : str
        A part of the reason, or of the log's detail.
    run_on : str
        The names of the jobs that have not ended in the end.
    """

    kind: str
    name: str
    before: Declared | None = Declared()
    after: Declared | None = None
    jobs: tuple[Job, ...] = (Job(),)
    shared: bool = False
    express: bool = False
    given: str = ""
    prepare: Callable[[World], None] | None = None
    meanwhile: Callable[[World], None] | None = None
    faults: tuple[tuple[Fault, float], ...] = ()
    one_failure: bool = False
    wait: int = 300
    best_effort: bool = False
    again: str = ""
    judged: str = "Delete"
    answer: str = "SUCCESS"
    outcome: str = "stopped"
    words: str = ""
    run_on: str = ""

    def __str__(self) -> str:
        """Name it in a few words."""
        return f"{self.kind}: {self.name}"

    @property
    def id(self) -> str:
        """Its name as a part of a logical id, and of the names of containers, which have up to 64 characters."""
        words = (word for word in self.name.split() if word not in _FILLERS)
        return _SHORT[self.kind] + "".join(word[0].upper() + word[1:] for word in words)


class World:
    """The container of a row, with its jobs, at the local AWS.

    Parameters
    ----------
    aws : LocalAws
        The local AWS.
    row : Row
        The row.
    change : callable
        Creates or updates a stack, and waits: takes the type of the change set, the name and the template.
    """

    def __init__(self, aws: LocalAws, row: Row, change: Callable[..., None]) -> None:
        self._aws = aws
        self._row = row
        self._change = change
        self._lock = threading.Lock()
        self._containers: list[str] = []
        self._jobs: dict[str, tuple[str, str]] = {}

    def heard(self, event: Event) -> None:
        """Start the jobs of a container as soon as a StopOnDelete has taken charge of it, as the stack's listener."""
        if not event.logical_id.startswith(f"{self._row.id}Stop") or event.type != RESOURCE_TYPE:
            return
        if event.status == "DELETE_FAILED" and self._row.one_failure:
            self._aws.front.switch_off()
        found = re.match(r"\w+\(([^,)]+)", event.physical_id)
        if found and event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            self.take(found[1])

    def take(self, container: str) -> None:
        """Start the jobs of a container, if it is not known."""
        with self._lock:
            if container in self._containers:
                return
            self._containers.append(container)
            for job in self._row.jobs:
                if self._containers[job.container : job.container + 1] == [container]:
                    self.start(job)

    def make(self) -> str:
        """Make the container, for a row in which it is no resource of the stack, and give what names it."""
        name = f"{self._row.id}-shared"
        if self._row.kind == "EcsTasks":
            return str(self.client.create_cluster(clusterName=name)["cluster"]["clusterArn"])
        if self._row.kind == "StateMachineExecutions":
            role = f"arn:aws:iam::{ACCOUNT}:role/role"
            made = self.client.create_state_machine(name=name, definition=DEFINITION, roleArn=role)
            return str(made["stateMachineArn"])
        return str(self.client.create_application(name=name, releaseLabel="emr-7.10.0", type="SPARK")["applicationId"])

    def delete(self) -> None:
        """Delete the container as anybody might."""
        [container] = self._containers
        if self._row.kind == "EcsTasks":
            self.client.delete_cluster(cluster=container)
        elif self._row.kind == "StateMachineExecutions":
            self.client.delete_state_machine(stateMachineArn=container)
        else:
            self.client.delete_application(applicationId=container)

    def start(self, job: Job) -> None:
        """Start a job."""
        container = self._containers[job.container]
        if self._row.kind == "EcsTasks":
            task = {"family": "nightly", **job.task}
            started = self._aws.ecs.start_task(container, **task, stop_seconds=job.stop_seconds)
        elif self._row.kind == "StateMachineExecutions":
            started = self._aws.step_functions.start_execution(container, stop_seconds=job.stop_seconds)
        else:
            emr = self._aws.emr_serverless
            start = emr.start_session if job.is_session else emr.start_job_run
            started = start(container, stop_seconds=job.stop_seconds)
        self._jobs[job.name] = (container, started)

    def tell_to_stop(self, name: str) -> None:
        """Tell a task to stop as anybody might."""
        container, task = self._jobs[name]
        self.client.stop_task(cluster=container, task=task)

    def start_application(self, seconds: float = SOON) -> None:
        """Start the application, which takes some seconds."""
        self._aws.emr_serverless.start_seconds = seconds
        self.client.start_application(applicationId=self._containers[0])

    def lag(self) -> None:
        """Start an execution that the next listing does not show."""
        self._aws.step_functions.stale_looks = 1
        self.start(Job("late"))

    def end(self, name: str) -> None:
        """Let a job end by itself."""
        container, job = self._jobs[name]
        if self._row.kind == "EcsTasks":
            self._aws.ecs.settle(job, "STOPPED")
        elif self._row.kind == "StateMachineExecutions":
            self._aws.step_functions.settle(job, "SUCCEEDED")
        else:
            self._aws.emr_serverless.settle(container, job, "SUCCESS")

    def refactor(self) -> None:
        """Move the container to another stack."""
        other = f"{self._row.id}-other"
        self._change("CREATE", other, {"Resources": {"Anchor": ANCHOR}})
        refactor(self.cloudformation, f"{self._row.id}Container", self._row.id, other)

    def retain(self) -> None:
        """Write Retain into the template, and the container's id where the template refers to it: `cdk orphan` does."""
        template = template_of(self.cloudformation, self._row.id)
        _refer_to(self._containers[0], template)
        template["Resources"][f"{self._row.id}Container"].update(DeletionPolicy="Retain", UpdateReplacePolicy="Retain")
        self._change("UPDATE", self._row.id, template, as_yaml=True)

    def orphan(self) -> None:
        """Let the container leave the template after that, as `cdk orphan` does."""
        self.retain()
        template = template_of(self.cloudformation, self._row.id)
        del template["Resources"][f"{self._row.id}Container"]
        self._change("UPDATE", self._row.id, template, as_yaml=True)

    def import_another(self) -> None:
        """Import another cluster."""
        name = f"{self._row.id}-imported"
        self.client.create_cluster(clusterName=name)
        template = template_of(self.cloudformation, self._row.id)
        cluster = {"Type": "AWS::ECS::Cluster", "DeletionPolicy": "Delete", "Properties": {"ClusterName": name}}
        template["Resources"]["Imported"] = cluster
        identifier = {"ResourceType": "AWS::ECS::Cluster", "LogicalResourceId": "Imported"}
        resources = [{**identifier, "ResourceIdentifier": {"ClusterName": name}}]
        self._change("IMPORT", self._row.id, template, as_yaml=True, ResourcesToImport=resources)

    @cached_property
    def cloudformation(self) -> Any:
        """A client of CloudFormation."""
        return self._aws.client("cloudformation")

    def relieve(self) -> None:
        """Let the job end, and another one start."""
        self.end("job")
        self.start(Job("late"))

    @property
    def unfinished(self) -> set[str]:
        """The names of the jobs that have not ended."""
        return {name for name in self._jobs if self._status(name) not in _ENDED}

    @cached_property
    def client(self) -> Any:
        """A client of the kind's service."""
        return self._aws.client(_SERVICES[self._row.kind])

    def _status(self, name: str) -> str:
        container, job = self._jobs[name]
        if self._row.kind == "EcsTasks":
            return self._aws.ecs.status(job)
        if self._row.kind == "EmrServerlessJobRuns":
            return self._aws.emr_serverless.state(container, job)
        try:
            return str(self.client.describe_execution(executionArn=job)["status"])
        except ClientError:
            return "ABORTED"  # with its state machine, which goes when none runs any more


def refactor(cloudformation: Any, container: str, source: str, target: str) -> None:
    """Move a container, by its logical id, to another stack. What refers to it in its old one imports its value."""
    templates = {stack: template_of(cloudformation, stack) for stack in (source, target)}
    templates[target]["Resources"][container] = templates[source]["Resources"].pop(container)
    reference = _refer_to({"Fn::ImportValue": container}, templates[source])
    templates[target]["Outputs"] = {"Container": {"Value": reference, "Export": {"Name": container}}}
    there, here = ({"StackName": stack, "LogicalResourceId": container} for stack in (source, target))
    plan = cloudformation.create_stack_refactor(
        StackDefinitions=[{"StackName": name, "TemplateBody": json.dumps(body)} for name, body in templates.items()],
        ResourceMappings=[{"Source": there, "Destination": here}],
    )["StackRefactorId"]
    cloudformation.get_waiter("stack_refactor_create_complete").wait(StackRefactorId=plan)
    cloudformation.execute_stack_refactor(StackRefactorId=plan)
    cloudformation.get_waiter("stack_refactor_execute_complete").wait(StackRefactorId=plan)


def template_of(cloudformation: Any, stack: str) -> Any:
    """Read a stack's template, in JSON or in the YAML of these tests."""
    body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    return json.loads(body.removeprefix(YAML) if isinstance(body, str) else json.dumps(body))


def _refer_to(container: Any, template: dict[str, Any]) -> Any:
    """Let a template's StopOnDelete refer to its container by something else, and give by what it did."""
    [stop] = [resource for resource in template["Resources"].values() if resource["Type"] == RESOURCE_TYPE]
    reference, stop["Properties"]["Container"] = stop["Properties"]["Container"], container
    return reference


_SHORT = {"EcsTasks": "Ecs", "StateMachineExecutions": "Sfn", "EmrServerlessJobRuns": "Emr"}
_FILLERS = ("a", "an", "and", "be", "can", "in", "is", "of", "that", "the", "with")
_SERVICES = {"EcsTasks": "ecs", "StateMachineExecutions": "stepfunctions", "EmrServerlessJobRuns": "emr-serverless"}
_NOUNS = {"EcsTasks": "tasks", "StateMachineExecutions": "executions", "EmrServerlessJobRuns": "job runs"}
_ENDED = ("STOPPED", "SUCCEEDED", "ABORTED", "SUCCESS", "CANCELLED", "TERMINATED")
# What looks at the container once, lists its jobs, and stops one.
_CHECKS = {
    "EcsTasks": "DescribeClusters",
    "StateMachineExecutions": "ListExecutions",
    "EmrServerlessJobRuns": "GetApplication",
}
_LISTS = {"EcsTasks": "ListTasks", "StateMachineExecutions": "ListExecutions", "EmrServerlessJobRuns": "ListJobRuns"}
_STOPS = {"EcsTasks": "StopTask", "StateMachineExecutions": "StopExecution", "EmrServerlessJobRuns": "CancelJobRun"}
# More jobs than are on a page (API references: ListTasks, ListJobRuns). A page of ListExecutions has 1,000, too many to
# start: the test in one process asks for pages of two.
_TWO_PAGES = {"EcsTasks": 101, "StateMachineExecutions": 3, "EmrServerlessJobRuns": 51}
# How a service refuses to stop a job that has ended. Of ECS this is in public code; the other two are among the
# operations' errors (API references, StopExecution and CancelJobRun).
_HAS_ENDED = {
    "EcsTasks": Fault("InvalidParameterException", "The referenced task was not found."),
    "StateMachineExecutions": Fault("ExecutionDoesNotExist", "Execution Does Not Exist"),
    "EmrServerlessJobRuns": Fault("ValidationException", "The job run has ended."),
}

ELSEWHERE = {
    "EcsTasks": f"arn:aws:ecs:{REGION}:999999999999:cluster/prod",
    "StateMachineExecutions": f"arn:aws:states:{REGION}:999999999999:stateMachine:flow",
}

TAKEN_OUT = Declared(stops=())
RENAMED = Declared(stops=(("StopRenamed", {}),))
TWO = Declared(stops=(("Stop", {}), ("StopToo", {})))
GONE = Declared(stops=(), container="")
KEPT = "kept"


# What the handler asks CloudFormation.
_QUESTIONS = ("DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources")


def _at(operation: str, fault: Fault, times: float = NEVER) -> tuple[tuple[Fault, float], ...]:
    return ((replace(fault, operation=operation), times),)


def _what_runs(kind: str) -> Iterator[Row]:
    noun, lists, stops = _NOUNS[kind], _LISTS[kind], _STOPS[kind]
    stays = Job(stop_seconds=NEVER)
    yield Row(kind, "nothing runs", jobs=(), words="nothing ran")
    yield Row(kind, "one runs", words=f"1 {noun} stopped")
    yield Row(
        kind,
        "two pages run",
        jobs=tuple(Job(f"job-{number}") for number in range(_TWO_PAGES[kind])),
        words=f"{_TWO_PAGES[kind]:,} {noun} stopped",
    )
    yield Row(
        kind,
        "another starts meanwhile",
        jobs=(stays,),
        meanwhile=World.relieve,
        words=f"2 {noun} stopped",
    )
    yield Row(
        kind,
        "one of two does not stop",
        jobs=(Job("stops"), Job("stays", NEVER)),
        shared=True,
        wait=1,
        answer="FAILED",
        outcome="failed",
        words="1 of 2 stopped",
        run_on="stays",
    )
    yield Row(
        kind,
        "one does not stop and nobody waits",
        jobs=(stays,),
        shared=True,
        wait=0,
        outcome="not awaited",
        words="0 of 1 stopped",
        run_on="job",
    )
    yield Row(
        kind,
        "one does not stop with best effort",
        jobs=(stays,),
        shared=True,
        wait=1,
        best_effort=True,
        outcome="failed",
        words="0 of 1 stopped",
        run_on="job",
    )
    yield Row(
        kind,
        "a stop is refused because the job has just ended",
        jobs=(stays,),
        faults=_at(stops, _HAS_ENDED[kind], 1),
        meanwhile=lambda world: world.end("job"),
    )
    yield Row(
        kind,
        "a stop is refused for ever",
        jobs=(stays,),
        shared=True,
        faults=_at(stops, _HAS_ENDED[kind]),
        wait=20,
        answer="FAILED",
        outcome="failed",
        words=_HAS_ENDED[kind].message,
        run_on="job",
    )
    yield Row(kind, "everything is throttled for a while", faults=((THROTTLED, 3), *_at(stops, THROTTLED, 3)))
    yield Row(kind, "a listing fails", faults=(*_at(lists, SERVER_ERROR, 2), *_at(lists, CONNECTION_DROPPED, 2)))
    yield Row(
        kind,
        "a listing is throttled for ever",
        shared=True,
        faults=_at(lists, THROTTLED),
        answer="FAILED",
        outcome="failed",
        words=f"{lists} answered ThrottlingException: Rate exceeded",
        run_on="job",
    )
    for operation in (lists, stops):
        yield Row(
            kind,
            f"{operation} is denied for ever",
            shared=True,
            faults=_at(operation, ACCESS_DENIED),
            answer="FAILED",
            outcome="failed",
            words=f":{operation}. Add it",
            run_on="job",
        )
        yield Row(kind, f"{operation} is denied for a while", faults=_at(operation, ACCESS_DENIED, 2))
    yield Row(kind, "the container is gone", jobs=(), prepare=World.delete, outcome="gone", words="There is no such")
    yield Row(kind, "a deletion is delivered twice", again=KEPT)


def _at_a_creation(kind: str) -> Iterator[Row]:
    refused = Row(kind, "", None, Declared(), jobs=(), shared=True, judged="Create", answer="FAILED", outcome="")
    yield replace(refused, name="a missing container", prepare=World.delete, words="There is no ")
    yield replace(
        refused,
        name="a container of the wrong kind",
        given="arn:aws:sqs:us-west-2:123456789012:q",
        words=f"for {kind}, it must be",
    )
    if kind in ELSEWHERE:
        yield replace(
            refused,
            name="a container of another account",
            given=ELSEWHERE[kind],
            words="it is in the account 999999999999",
        )
    for operation in (_CHECKS[kind], *_QUESTIONS):
        yield replace(
            refused,
            name=f"{operation} is denied at a creation",
            faults=_at(operation, ACCESS_DENIED),
            words=f":{operation}. Add it",
        )


def _what_is_kept(kind: str) -> Iterator[Row]:
    kept = Row(kind, "", outcome=KEPT, run_on="job")
    yield replace(kept, name="the construct is taken out", after=TAKEN_OUT, words="it is still in the template")
    yield replace(kept, name="the construct is taken out and that is delivered twice", after=TAKEN_OUT, again=KEPT)
    yield replace(kept, name="the construct is renamed", after=RENAMED)
    yield replace(kept, name="one of two constructs is removed", before=TWO, after=Declared())
    yield replace(
        kept, name="the construct comes in an update that fails", before=TAKEN_OUT, after=Declared(fails=True)
    )
    for policy in ("Retain", "RetainExceptOnCreate"):
        retained, with_policy = Declared(policy=policy), f"with {policy}"
        yield replace(kept, name=f"the stack is deleted {with_policy}", before=retained, words="retains it")
        yield replace(
            kept,
            name=f"the stack is deleted {with_policy} and that is delivered twice",
            before=retained,
            again=KEPT,
        )
        yield replace(
            kept, name=f"the container is removed {with_policy}", before=retained, after=GONE, words="retained it"
        )
        yield replace(
            kept,
            name=f"the container is replaced {with_policy}",
            before=retained,
            after=replace(retained, container="second"),
            jobs=(Job("old"), Job("new", container=1)),
            words="its UpdateReplacePolicy retains it",
            run_on="old new",
        )
    yield replace(
        kept,
        name="the creation fails with Retain",
        before=None,
        after=Declared(policy="Retain", fails=True),
        words="retains it",
    )
    yield replace(
        kept,
        name="the container comes with Retain in an update that fails",
        before=GONE,
        after=Declared(policy="Retain", fails=True),
        words="retained it",
    )
    # A container of another stack.
    shared = replace(kept, shared=True, words="it is not in this stack")
    yield replace(shared, name="the construct of a shared container is taken out", after=TAKEN_OUT)
    yield replace(shared, name="the construct of a shared container is renamed", after=RENAMED)
    yield replace(shared, name="the creation with a shared container fails", before=None, after=Declared(fails=True))
    yield replace(
        shared,
        name="a shared container comes in an update that fails",
        before=TAKEN_OUT,
        after=Declared(fails=True),
    )
    # What can't be asked is never guessed.
    unknown = replace(kept, answer="FAILED", outcome="failed", words="could not ask CloudFormation whether")
    throttling = replace(THROTTLED, code="Throttling")
    yield replace(unknown, name="the status can not be asked", shared=True, faults=_at("DescribeStacks", throttling))
    for operation in ("GetTemplate", "ListStackResources", "DescribeStackResource"):
        yield replace(
            unknown, name=f"{operation} is denied in a cleanup", after=TAKEN_OUT, faults=_at(operation, ACCESS_DENIED)
        )


def _what_goes(kind: str) -> Iterator[Row]:
    yield Row(kind, "the container is removed", after=GONE)
    yield Row(
        kind,
        "the container is replaced",
        after=Declared(container="second"),
        jobs=(Job("old"), Job("new", container=1)),
        run_on="new",
    )
    yield Row(
        kind,
        "the container is replaced in an update that fails",
        after=Declared(container="second", fails=True),
        jobs=(Job("old"), Job("new", container=1)),
        run_on="old",
    )
    yield Row(kind, "the creation fails", None, Declared(fails=True))
    yield Row(
        kind,
        "the creation fails with RetainExceptOnCreate",
        None,
        Declared(policy="RetainExceptOnCreate", fails=True),
    )
    for policy in ("Delete", "RetainExceptOnCreate"):
        yield Row(
            kind,
            f"the container comes with {policy} in an update that fails",
            GONE,
            Declared(policy=policy, fails=True),
        )
    yield Row(kind, "the stack of a shared container is deleted", shared=True)
    asked = (throttled for throttled in _QUESTIONS)
    throttling = replace(THROTTLED, code="Throttling")
    yield Row(
        kind,
        "the questions are throttled for a while",
        after=Declared(container="second"),
        jobs=(Job("old"), Job("new", container=1)),
        faults=tuple(fault for operation in asked for fault in _at(operation, throttling, 2)),
        run_on="new",
    )


# How endpoints answer an operation that they do not know: in JSON, and over REST (AWS protocols).
_UNKNOWN = tuple(Fault("UnknownOperationException", "No such operation.", status) for status in (400, 404))


def _what_cloudformation_does_besides() -> Iterator[Row]:
    """Refactor, orphan and import, one kind each: tests/unit/test_ownership.py has the rest of the decisions."""
    kept = Row("EcsTasks", "", outcome=KEPT, run_on="job")
    left = replace(kept, words="it is no longer in the stack")
    for kind, how, happen in (
        ("EcsTasks", "moved to another stack", World.refactor),
        ("StateMachineExecutions", "orphaned", World.orphan),
    ):
        yield replace(left, kind=kind, name=f"the stack is deleted after its container was {how}", prepare=happen)
        taken_out = f"the construct is taken out after its container was {how}"
        yield replace(left, kind=kind, name=taken_out, prepare=happen, after=GONE)
        yield replace(
            kept,
            kind=kind,
            name=f"another container is declared after it was {how}",
            prepare=happen,
            after=Declared(container="second"),
            jobs=(Job("old"), Job("new", container=1)),
            words="it had left the stack before another one was created",
            run_on="old new",
        )
    yield replace(
        kept,
        kind="StateMachineExecutions",
        name="the stack is deleted amidst an orphaning",
        prepare=World.retain,
        words="is kept: ",  # by its policy, or because it has left: nothing orders the two any more
    )
    yield Row("EcsTasks", "the stack is deleted after an import", prepare=World.import_another)
    second = replace(kept, after=Declared(container="second"), jobs=(Job("old"), Job("new", container=1)))
    yield replace(
        second,
        name="the container is replaced after an import",
        prepare=World.import_another,
        outcome="stopped",
        run_on="new",
    )
    in_yaml = replace(second, name="the container is replaced by a template in YAML", run_on="old new")
    yield replace(in_yaml, after=Declared(container="second", yaml=True), words="the stack's template is not JSON")
    yield replace(
        kept,
        name="the stack is deleted with Retain in a template in YAML",
        before=Declared(policy="Retain", yaml=True),
        words="its DeletionPolicy retains it",
    )
    ref = Declared(written={"Ref": "Policy"})
    retains = replace(kept, words="its DeletionPolicy retains it")
    yield replace(retains, name="the stack is deleted with a policy that is a function", before=ref)
    failed = replace(ref, fails=True)
    yield replace(retains, name="the creation fails with a policy that is a function", before=None, after=failed)
    yield replace(
        second,
        name="the container is replaced with a policy that is a function",
        before=ref,
        after=replace(ref, container="second"),
        words="its UpdateReplacePolicy retains it",
        run_on="old new",
    )
    yield Row(
        "EcsTasks",
        "the container was deleted by the first try of a cleanup",
        after=GONE,
        jobs=(),
        faults=_at("ListTasks", ACCESS_DENIED),
        one_failure=True,
        answer="FAILED SUCCESS",
        outcome="failed, gone",
    )


def _only(**options: str) -> Declared:
    return Declared(stops=(("Stop", options),))


def _of_ecs() -> Iterator[Row]:
    kind = "EcsTasks"
    yield Row(
        kind,
        "tasks of a service run beside",
        jobs=(Job(), Job("kept", task={"group": "service:web"})),
        shared=True,
        words="1 tasks stopped",
        run_on="kept",
    )
    daemons = Row(kind, "", jobs=(Job(), Job("kept", task={"daemon": "agent"})), shared=True, words="1 tasks stopped")
    yield replace(daemons, name="tasks of a managed daemon run beside", run_on="kept")
    unlisted = replace(daemons, jobs=(Job(),))
    for fault in (*_UNKNOWN, ACCESS_DENIED):
        yield replace(unlisted, name=f"ListDaemons is answered with {fault.status}", faults=_at("ListDaemons", fault))
    yield Row(
        kind,
        "tasks of another family run beside",
        _only(Family="nightly"),
        jobs=(Job(), Job("other", task={"family": "hourly"})),
        shared=True,
        words="1 tasks stopped",
        run_on="other",
    )
    yield Row(
        kind,
        "tasks that something else has started run beside",
        _only(StartedBy="a rule"),
        jobs=(Job(task={"started_by": "a rule"}), Job("other"), Job("another", task={"started_by": "us"})),
        shared=True,
        words="1 tasks stopped",
        run_on="another other",
    )
    yield Row(
        kind,
        "the family and what has started the tasks are changed",
        _only(Family="nightly", StartedBy="a rule"),
        _only(Family="hourly", StartedBy="us"),
        jobs=(Job(task={"started_by": "a rule"}),),
        outcome=KEPT,
        run_on="job",
    )
    yield Row(
        kind,
        "the host of a task has died",
        jobs=(Job(task={"host_is_dead": True}),),
        shared=True,
        wait=60,
        answer="FAILED",
        outcome="failed",
        words="(desiredStatus STOPPED, lastStatus RUNNING: has its container instance died?)",
        run_on="job",
    )
    yield Row(
        kind,
        "a task was told to stop and holds on",
        jobs=(Job(stop_seconds=NEVER),),
        shared=True,
        wait=1,
        prepare=lambda world: world.tell_to_stop("job"),
        answer="FAILED",
        outcome="failed",
        words="0 of 1 stopped",
        run_on="job",
    )
    yield Row(
        kind,
        "a task was told to stop and holds on for a while",
        jobs=(Job(stop_seconds=NEVER),),
        prepare=lambda world: world.tell_to_stop("job"),
        meanwhile=lambda world: world.end("job"),
    )


def _of_step_functions() -> Iterator[Row]:
    kind = "StateMachineExecutions"
    yield Row(kind, "an express machine", jobs=(), express=True, words="nothing to stop in an EXPRESS state machine")
    yield Row(kind, "a listing lags behind", jobs=(), prepare=World.lag, words="1 executions stopped")
    yield Row(
        kind,
        "the key can not be used for words",
        faults=_at("StopExecution", Fault("KmsAccessDeniedException", "No key."), 1),
    )


# Among the operation's errors (API reference, StopApplication). Its words are made up.
_NOT_STOPPED = Fault("ValidationException", "Application cannot be STOPPED.")


def _of_emr_serverless() -> Iterator[Row]:
    kind = "EmrServerlessJobRuns"
    yield Row(kind, "the application is starting", jobs=(), prepare=World.start_application, words="nothing ran")
    yield Row(
        kind,
        "the application will not stop for a while",
        faults=_at("StopApplication", _NOT_STOPPED, 2),
    )
    yield Row(
        kind,
        "the application stays in STARTING and is stopped within the wait",
        jobs=(),
        wait=20,
        prepare=lambda world: world.start_application(NEVER),
        words="nothing ran",
    )
    not_awaited = Row(kind, "", jobs=(), shared=True, wait=0, prepare=lambda world: world.start_application(NEVER))
    yield replace(
        not_awaited,
        name="the application is starting and its stop is not awaited",
        outcome="not awaited",
        words="is STARTING",
    )
    yield replace(
        not_awaited,
        name="the application will not stop and its stop is not awaited",
        faults=_at("StopApplication", _NOT_STOPPED),
        answer="FAILED",
        outcome="failed",
        words="StopApplication answered ValidationException",
    )
    session = Job("session", is_session=True)
    yield Row(kind, "a session runs beside", jobs=(Job(), session), words="2 job runs and sessions stopped")
    for fault in (*_UNKNOWN, ACCESS_DENIED):
        unlisted = Row(kind, f"ListSessions is answered with {fault.status}", faults=_at("ListSessions", fault))
        yield replace(unlisted, words="1 job runs stopped")
    yield replace(
        unlisted,
        name="a session that can not be listed runs",
        jobs=(session,),
        shared=True,
        wait=20,
        answer="FAILED",
        outcome="failed",
        words="StopApplication answered ValidationException",
        run_on="session",
    )
    with_grace = _only(ShutdownGracePeriodInSeconds="60")
    yield Row(kind, "a job run is stopped with a grace period", with_grace)
    yield Row(kind, "the grace period is changed", with_grace, Declared(), outcome=KEPT, run_on="job")


ROWS = [
    *(row for kind in _SHORT for rows in (_what_runs, _at_a_creation, _what_is_kept, _what_goes) for row in rows(kind)),
    *_what_cloudformation_does_besides(),
    *_of_ecs(),
    *_of_step_functions(),
    *_of_emr_serverless(),
]

"""The table of cases of StopOnDelete: what happens to a container and its jobs, and what must be true at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sandbox import REGION
from sandbox.faults import ACCESS_DENIED, CONNECTION_DROPPED, SERVER_ERROR, THROTTLED, Fault
from sandbox.services.jobs import NEVER
from tests.histories.world import World

# The calls of the handler to CloudFormation.
QUESTIONS = ("DescribeStacks", "GetTemplate", "DescribeStackResource", "ListStackResources")


@dataclass(frozen=True)
class Job:
    """A task, an execution, a job run or a session.

    Parameters
    ----------
    name : str, default: "job"
        Its name in the row.
    stop_seconds : float, default: 0
        How long it takes to stop. With `NEVER`, it does not stop.
    task : Mapping
        Other arguments of `Ecs.start_task`.
    is_session : bool, default: False
        Whether it is an interactive session, not a job run.
    """

    name: str = "job"
    stop_seconds: float = 0.0
    task: Mapping[str, Any] = field(default_factory=dict)
    is_session: bool = False


@dataclass(frozen=True)
class Declared:
    """What the stack's template declares.

    Parameters
    ----------
    stops : str, default: "Stop"
        The logical ids of the StopOnDeletes of the container.
    options : Mapping
        Their optional properties.
    container : str, default: "first"
        The name of the container. Another name is another container; ``""`` is none.
    policy : str, default: "Delete"
        Its DeletionPolicy and, as in the CDK, its UpdateReplacePolicy.
    written : object, optional
        Another policy in the template than in ContainerDeletionPolicy. ``{"Ref": "Policy"}`` is Retain.
    yaml : bool, default: False
        Whether the template is YAML.
    fails : bool, default: False
        Whether the operation that deploys this fails after all other resources.
    """

    stops: str = "Stop"
    options: Mapping[str, Any] = field(default_factory=dict)
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
        What happens.
    before : Declared or None
        The stack before the change. With None, the change creates it.
    after : Declared or None
        The stack after the change. With None, the change deletes it.
    jobs : tuple of Job
        The jobs that run in the container. In a container that replaces it, a job ``new`` runs.
    shared : bool, default: False
        Whether the container is in another stack.
    express : bool, default: False
        Whether it is an EXPRESS state machine.
    given : str, optional
        The property Container. Default: the container.
    prepare : callable, optional
        Called before the change.
    meanwhile : callable, optional
        Called while the handler pauses for the first time.
    faults : tuple
        The faults of services, each with the number of calls that it answers.
    one_failure : bool, default: False
        Whether the faults end as soon as a Delete has failed.
    again : bool, default: False
        Whether the last request is delivered again at the end. It must then stop nothing.
    outcome : str, default: "stopped"
        The outcomes of the Deletes, separated by commas. ``refused``: the Create is refused, and no Delete is logged.
    answer : str, optional
        The answers. Default: FAILED if the outcome is ``refused`` or ``failed``, otherwise SUCCESS.
    words : str
        A part of the reason, or of the detail in the log.
    run_on : str
        The names of the jobs that have not ended at the end, separated by spaces.
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
    again: bool = False
    outcome: str = "stopped"
    answer: str = ""
    words: str = ""
    run_on: str = ""

    def __str__(self) -> str:
        """Return the name of the test."""
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class Kind:
    """What is different in the rows of each kind.

    Parameters
    ----------
    noun : str
        The name of its jobs in messages.
    looks, lists, stops : str
        The operations that check the container at a Create, list its jobs, and stop a job.
    two_pages : int
        More jobs than are on a page (API references: ListTasks, ListJobRuns). A page of ListExecutions has 1,000, too
        many to start: the test asks for pages of two.
    has_ended : Fault
        The error of the service for a stop of a job that has ended. That of ECS is in public code; the other two are
        among the operations' errors (API references, StopExecution and CancelJobRun).
    elsewhere : str, optional
        A container of another account.
    """

    noun: str
    looks: str
    lists: str
    stops: str
    two_pages: int
    has_ended: Fault
    elsewhere: str = ""


KINDS = {
    "EcsTasks": Kind(
        *("tasks", "DescribeClusters", "ListTasks", "StopTask", 101),
        Fault("InvalidParameterException", "The referenced task was not found."),
        f"arn:aws:ecs:{REGION}:999999999999:cluster/prod",
    ),
    "StateMachineExecutions": Kind(
        *("executions", "ListExecutions", "ListExecutions", "StopExecution", 3),
        Fault("ExecutionDoesNotExist", "Execution Does Not Exist"),
        f"arn:aws:states:{REGION}:999999999999:stateMachine:flow",
    ),
    "EmrServerlessJobRuns": Kind(
        *("job runs", "GetApplication", "ListJobRuns", "CancelJobRun", 51),
        Fault("ValidationException", "The job run has ended."),
    ),
}

# Only the StopOnDelete is removed; it is renamed; the container is removed, too; the container is replaced.
TAKEN_OUT = Declared(stops="")
RENAMED = Declared(stops="StopRenamed")
GONE = Declared(stops="", container="")
SECOND = Declared(container="second")
STAYS = (Job(stop_seconds=NEVER),)
# The errors of an operation that an endpoint does not have, in the JSON and in the REST protocols of AWS.
UNKNOWN = tuple(Fault("UnknownOperationException", "No such operation.", status) for status in (400, 404))
# With CloudFormation's error code.
THROTTLING = replace(THROTTLED, code="Throttling")


def _with(**options: object) -> Declared:
    return Declared(options=options)


def _at(operation: str, fault: Fault, times: float = NEVER) -> tuple[tuple[Fault, float], ...]:
    return ((replace(fault, operation=operation), times),)


def _what_runs(kind: str) -> Iterator[Row]:
    its, row = KINDS[kind], partial(Row, kind)
    fails = partial(row, shared=True, outcome="failed", run_on="job")
    yield row("nothing runs", jobs=(), words="nothing ran")
    yield row("one runs", words=f"1 {its.noun} stopped")
    two_pages = tuple(Job(f"job-{number}") for number in range(its.two_pages))
    yield row("two pages run", jobs=two_pages, words=f"{its.two_pages} {its.noun} stopped")
    yield row("another starts meanwhile", jobs=STAYS, meanwhile=World.relieve, words=f"2 {its.noun} stopped")
    two = (Job("stops"), Job("stays", NEVER))
    yield fails("one of two does not stop", _with(WaitSeconds=1), jobs=two, words="1 of 2 stopped", run_on="stays")
    stays = partial(fails, jobs=STAYS, words="0 of 1 stopped")
    yield stays("one does not stop and nobody waits", _with(WaitSeconds=0), outcome="not awaited")
    yield stays("one does not stop with best effort", _with(WaitSeconds=1, BestEffort=True), answer="SUCCESS")
    once, always = _at(its.stops, its.has_ended, 1), _at(its.stops, its.has_ended)
    yield row("a stop is refused because the job has just ended", jobs=STAYS, faults=once, meanwhile=World.end)
    words = its.has_ended.message
    yield fails("a stop is refused for ever", _with(WaitSeconds=20), jobs=STAYS, faults=always, words=words)
    yield row("everything is throttled for a while", faults=((THROTTLED, 3), *_at(its.stops, THROTTLED, 3)))
    failures = (*_at(its.lists, SERVER_ERROR, 2), *_at(its.lists, CONNECTION_DROPPED, 2))
    yield row("a listing fails", faults=failures)
    words = f"{its.lists} answered ThrottlingException: Rate exceeded"
    yield fails("a listing is throttled for ever", faults=_at(its.lists, THROTTLED), words=words)
    for operation in (its.lists, its.stops):
        words = f":{operation}. Add it"
        yield fails(f"{operation} is denied for ever", faults=_at(operation, ACCESS_DENIED), words=words)
        yield row(f"{operation} is denied for a while", faults=_at(operation, ACCESS_DENIED, 2))
    yield row("the container is gone", jobs=(), prepare=World.delete, outcome="gone", words="There is no such")
    yield row("a deletion is delivered twice", again=True)


def _at_a_creation(kind: str) -> Iterator[Row]:
    its = KINDS[kind]
    refused = partial(Row, kind, before=None, after=Declared(), jobs=(), shared=True, outcome="refused")
    yield refused("a missing container", prepare=World.delete, words="does not exist. Create it first")
    queue = "arn:aws:sqs:us-west-2:123456789012:q"
    yield refused("a container of the wrong kind", given=queue, words=f"for {kind}, it must be")
    if its.elsewhere:
        words = "it is in the account 999999999999"
        yield refused("a container of another account", given=its.elsewhere, words=words)
    for operation in (its.looks, *QUESTIONS):
        words = f":{operation}. Add it"
        yield refused(f"{operation} is denied at a creation", faults=_at(operation, ACCESS_DENIED), words=words)


def _what_is_kept(kind: str) -> Iterator[Row]:
    kept = partial(Row, kind, outcome="kept", run_on="job")
    yield kept("the construct is taken out", after=TAKEN_OUT, words="it is still in the template")
    yield kept("the construct is taken out and that is delivered twice", after=TAKEN_OUT, again=True)
    yield kept("the construct is renamed", after=RENAMED)
    yield kept("one of two constructs is removed", Declared("Stop StopToo"), Declared())
    yield kept("the construct comes in an update that fails", TAKEN_OUT, Declared(fails=True))
    for policy in ("Retain", "RetainExceptOnCreate"):
        retained, second = Declared(policy=policy), replace(SECOND, policy=policy)
        yield kept(f"the stack is deleted with {policy}", retained, words="retains it")
        yield kept(f"the stack is deleted with {policy} and that is delivered twice", retained, again=True)
        yield kept(f"the container is removed with {policy}", retained, GONE, words="retained it")
        words = "its UpdateReplacePolicy retains it"
        yield kept(f"the container is replaced with {policy}", retained, second, words=words, run_on="job new")
    fails = Declared(policy="Retain", fails=True)
    yield kept("the creation fails with Retain", None, fails, words="retains it")
    yield kept("the container comes with Retain in an update that fails", GONE, fails, words="retained it")
    # A container of another stack.
    shared = partial(kept, shared=True, words="it is not in this stack")
    yield shared("the construct of a shared container is taken out", after=TAKEN_OUT)
    yield shared("the construct of a shared container is renamed", after=RENAMED)
    yield shared("the creation with a shared container fails", None, Declared(fails=True))
    yield shared("a shared container comes in an update that fails", TAKEN_OUT, Declared(fails=True))
    # If a call to CloudFormation fails, the Delete fails.
    unknown = partial(kept, outcome="failed", words="could not ask CloudFormation whether")
    yield unknown("the status can not be asked", shared=True, faults=_at("DescribeStacks", THROTTLING))
    for operation in ("GetTemplate", "ListStackResources", "DescribeStackResource"):
        denied = _at(operation, ACCESS_DENIED)
        yield unknown(f"{operation} is denied in a cleanup", after=TAKEN_OUT, faults=denied)


def _what_goes(kind: str) -> Iterator[Row]:
    row, fails = partial(Row, kind), Declared(fails=True)
    except_on_create = replace(fails, policy="RetainExceptOnCreate")
    yield row("the container is removed", after=GONE)
    yield row("the container is replaced", after=SECOND, run_on="new")
    yield row("the container is replaced in an update that fails", after=replace(SECOND, fails=True), run_on="job")
    yield row("the creation fails", None, fails)
    yield row("the creation fails with RetainExceptOnCreate", None, except_on_create)
    yield row("the container comes with Delete in an update that fails", GONE, fails)
    yield row("the container comes with RetainExceptOnCreate in an update that fails", GONE, except_on_create)
    yield row("the stack of a shared container is deleted", shared=True)
    throttled = tuple(fault for operation in QUESTIONS for fault in _at(operation, THROTTLING, 2))
    yield row("the questions are throttled for a while", after=SECOND, faults=throttled, run_on="new")


def _what_cloudformation_does_besides() -> Iterator[Row]:
    """Refactor, orphan and import, one kind each: tests/unit/test_decision.py has the rest of the decisions."""
    kept = partial(Row, "EcsTasks", outcome="kept", run_on="job")
    for kind, how, happen in (
        ("EcsTasks", "moved to another stack", World.refactor),
        ("StateMachineExecutions", "orphaned", World.orphan),
    ):
        left = partial(Row, kind, prepare=happen, outcome="kept", words="it is no longer in the stack", run_on="job")
        yield left(f"the stack is deleted after its container was {how}")
        yield left(f"the construct is taken out after its container was {how}", after=GONE)
        words = "it had left the stack before another one was created"
        yield left(f"another container is declared after it was {how}", after=SECOND, words=words, run_on="job new")
    yield Row(
        *("StateMachineExecutions", "the stack is deleted amidst an orphaning"),
        prepare=World.retain,
        outcome="kept",
        words="is kept: ",  # by its policy, or because it has left: nothing orders the two any more
        run_on="job",
    )
    imported = partial(Row, "EcsTasks", prepare=World.import_another)
    yield imported("the stack is deleted after an import")
    yield imported("the container is replaced after an import", after=SECOND, run_on="new")
    yaml, words = replace(SECOND, yaml=True), "the stack's template is not JSON"
    yield kept("the container is replaced by a template in YAML", after=yaml, words=words, run_on="job new")
    retains = partial(kept, words="its DeletionPolicy retains it")
    yield retains("the stack is deleted with Retain in a template in YAML", Declared(policy="Retain", yaml=True))
    ref, second = Declared(written={"Ref": "Policy"}), replace(SECOND, written={"Ref": "Policy"})
    yield retains("the stack is deleted with a policy that is a function", ref)
    yield retains("the creation fails with a policy that is a function", None, replace(ref, fails=True))
    words = "its UpdateReplacePolicy retains it"
    yield kept("the container is replaced with a policy that is a function", ref, second, words=words, run_on="job new")
    yield Row(
        *("EcsTasks", "the container was deleted by the first try of a cleanup"),
        after=GONE,
        jobs=(),
        faults=_at("ListTasks", ACCESS_DENIED),
        one_failure=True,
        outcome="failed, gone",
    )


def _of_ecs() -> Iterator[Row]:
    row = partial(Row, "EcsTasks")
    beside = partial(row, shared=True, words="1 tasks stopped")
    kept = partial(beside, run_on="kept")
    yield kept("tasks of a service run beside", jobs=(Job(), Job("kept", task={"group": "service:web"})))
    yield kept("tasks of a managed daemon run beside", jobs=(Job(), Job("kept", task={"daemon": "agent"})))
    for fault in (*UNKNOWN, ACCESS_DENIED):
        yield beside(f"ListDaemons is answered with {fault.status}", faults=_at("ListDaemons", fault))
    of_families = (Job(task={"family": "nightly"}), Job("kept", task={"family": "hourly"}))
    yield kept("tasks of another family run beside", _with(Family="nightly"), jobs=of_families)
    of_a_rule, of_us = ({"started_by": who} for who in ("a rule", "us"))
    yield beside(
        "tasks that something else has started run beside",
        _with(StartedBy="a rule"),
        jobs=(Job(task=of_a_rule), Job("other"), Job("another", task=of_us)),
        run_on="another other",
    )
    yield row(
        "the family and what has started the tasks are changed",
        _with(Family="nightly", StartedBy="a rule"),
        _with(Family="hourly", StartedBy="us"),
        jobs=(Job(task={"family": "nightly", **of_a_rule}),),
        outcome="kept",
        run_on="job",
    )
    fails = partial(row, shared=True, outcome="failed", run_on="job")
    on_a_dead_host = (Job(task={"host_is_dead": True}),)
    words = "(desiredStatus STOPPED, lastStatus RUNNING: check whether its container instance has died)"
    yield fails("the host of a task has died", _with(WaitSeconds=60), jobs=on_a_dead_host, words=words)
    name, tell = "a task was told to stop and holds on", World.tell_to_stop
    yield fails(name, _with(WaitSeconds=1), jobs=STAYS, prepare=tell, words="0 of 1 stopped")
    yield row(f"{name} for a while", jobs=STAYS, prepare=tell, meanwhile=World.end)


def _of_step_functions() -> Iterator[Row]:
    row, no_key = partial(Row, "StateMachineExecutions"), Fault("KmsAccessDeniedException", "No key.")
    yield row("an express machine", jobs=(), express=True, words="nothing to stop in an EXPRESS state machine")
    yield row("a listing lags behind", jobs=(), prepare=World.lag, words="1 executions stopped")
    yield row("the key can not be used for words", faults=_at("StopExecution", no_key, 1))


def _of_emr_serverless() -> Iterator[Row]:
    row = partial(Row, "EmrServerlessJobRuns")
    # Among the operation's errors (API reference, StopApplication). Its words are made up.
    not_stopped = Fault("ValidationException", "Application cannot be STOPPED.")
    refused = "StopApplication answered ValidationException"
    yield row("the application is starting", jobs=(), prepare=World.start_soon, words="nothing ran")
    yield row("the application will not stop for a while", faults=_at("StopApplication", not_stopped, 2))
    starting = partial(row, jobs=(), prepare=World.start_without_end)
    name = "the application stays in STARTING and is stopped within the wait"
    yield starting(name, _with(WaitSeconds=20), words="nothing ran")
    not_awaited = partial(starting, before=_with(WaitSeconds=0), shared=True)
    name = "the application is starting and its stop is not awaited"
    yield not_awaited(name, outcome="not awaited", words="is STARTING")
    name = "the application will not stop and its stop is not awaited"
    yield not_awaited(name, faults=_at("StopApplication", not_stopped), outcome="failed", words=refused)
    session = Job("session", is_session=True)
    yield row("a session runs beside", jobs=(Job(), session), words="2 job runs and sessions stopped")
    for fault in (*UNKNOWN, ACCESS_DENIED):
        faults = _at("ListSessions", fault)
        yield row(f"ListSessions is answered with {fault.status}", faults=faults, words="1 job runs stopped")
    yield row(
        "a session that can not be listed runs",
        _with(WaitSeconds=20),
        jobs=(session,),
        shared=True,
        faults=_at("ListSessions", ACCESS_DENIED),
        outcome="failed",
        words=refused,
        run_on="session",
    )
    with_grace = _with(ShutdownGracePeriodInSeconds=60)
    yield row("a job run is stopped with a grace period", with_grace)
    yield row("the grace period is changed", with_grace, Declared(), outcome="kept", run_on="job")


ROWS = [
    *(row for kind in KINDS for rows in (_what_runs, _at_a_creation, _what_is_kept, _what_goes) for row in rows(kind)),
    *_what_cloudformation_does_besides(),
    *_of_ecs(),
    *_of_step_functions(),
    *_of_emr_serverless(),
]

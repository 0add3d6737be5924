"""The jobs of each kind: which are listed and stopped, by what the service answers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from botocore.session import Session

from jobs.emr_serverless_job_runs import _STOPPING_RUNS, _STOPPING_SESSIONS, _UNFINISHED_RUNS, _UNFINISHED_SESSIONS
from jobs.running_jobs import Kind, RunningJob
from properties.container import Container
from stop_on_delete import KINDS
from teardown import Failure, ServiceError, State, Step
from tests.canned import Answer, Canned, denial, error

TRANSIENT, UNKNOWN, REJECTED = Failure.TRANSIENT, Failure.UNKNOWN, Failure.REJECTED

CLUSTER = Container("EcsTasks", "arn:aws:ecs:eu-west-1:123456789012:cluster/prod")
MACHINE = Container("StateMachineExecutions", "arn:aws:states:eu-west-1:123456789012:stateMachine:nightly")
APPLICATION = Container("EmrServerlessJobRuns", "00f")
IT = {"applicationId": "00f"}

THROTTLED, BUSY = error("ThrottlingException"), error("InternalServerException", status=500)
ONE_TASK, EXPRESS = {"taskArns": ["a"]}, error("StateMachineTypeNotSupported")
TERMINATED = {"application": {"state": "TERMINATED"}}
MISSING = error("ResourceNotFoundException", "Application 00f does not exist", 404)


@pytest.fixture(autouse=True)
def _nothing_runs(aws: Canned) -> None:
    aws.answer("ListTasks", {"taskArns": []})
    aws.answer("ListJobRuns", {"jobRuns": []})
    aws.answer("ListSessions", {"sessions": []})
    _application_is(aws, "STARTED")


def _application_is(aws: Canned, state: str) -> None:
    aws.answer("GetApplication", {"application": {"state": state}})


def _jobs(container: Container, **options: str) -> Kind:
    return KINDS[container.kind](Container(container.kind, container.id, options), "Because.")


def _unfinished(jobs: Kind) -> list[RunningJob]:
    return list(chain.from_iterable(jobs.unfinished()))


def _result(call: Callable[[], Any]) -> Any:
    """Return what a call returns or, if it fails, the failure."""
    try:
        return call()
    except ServiceError as error:
        return error.failure


# Kind -> the call that finds out whether the container exists.
LOOKS = {
    "EcsTasks": ("DescribeClusters", {"clusters": [CLUSTER.id]}),
    "StateMachineExecutions": ("ListExecutions", {"stateMachineArn": MACHINE.id, "maxResults": 1}),
    "EmrServerlessJobRuns": ("GetApplication", IT),
}


@pytest.mark.parametrize(
    ("container", "answer", "exists"),
    [
        *((CLUSTER, {"clusters": [{"status": status}]}, True) for status in ("ACTIVE", "FAILED")),
        (CLUSTER, {"clusters": [{"status": "INACTIVE"}]}, False),
        (CLUSTER, {"clusters": [], "failures": [{"reason": "MISSING"}]}, False),
        (CLUSTER, {"clusters": [{}]}, TRANSIENT),
        (MACHINE, {"executions": []}, True),
        (MACHINE, EXPRESS, True),
        (MACHINE, error("StateMachineDoesNotExist"), False),
        (MACHINE, {}, TRANSIENT),
        (MACHINE, THROTTLED, TRANSIENT),
        (MACHINE, error("InvalidArn"), REJECTED),
        *(
            (APPLICATION, {"application": {"state": state}}, True)
            for state in ("CREATING", "STARTED", "STOPPED", "NEW")
        ),
        *((APPLICATION, answer, False) for answer in (TERMINATED, MISSING)),
        (APPLICATION, {}, TRANSIENT),
        (APPLICATION, {"application": {}}, TRANSIENT),
        (APPLICATION, BUSY, TRANSIENT),
    ],
    ids=str,
)
def test_a_container_exists(aws: Canned, container: Container, answer: Answer, exists: bool | Failure) -> None:
    look, jobs = LOOKS[container.kind], _jobs(container)
    aws.answer(look[0], answer)
    assert _result(jobs.exists) is exists
    assert aws.calls == [look]
    assert jobs.service.region == (container.region or "us-west-2")


@pytest.mark.parametrize(
    ("container", "answers", "failure", "ended"),
    [
        (CLUSTER, {"ListTasks": error("ClusterNotFoundException")}, REJECTED, "There is no such cluster"),
        (CLUSTER, {"ListTasks": denial("ecs:ListTasks")}, UNKNOWN, ""),
        (CLUSTER, {"ListTasks": ONE_TASK, "DescribeTasks": {"tasks": [{}]}}, TRANSIENT, ""),
        (CLUSTER, {"ListTasks": ONE_TASK, "DescribeTasks": {"tasks": []}, "ListDaemons": BUSY}, TRANSIENT, ""),
        (MACHINE, {"ListExecutions": error("StateMachineDoesNotExist")}, REJECTED, "There is no such state machine"),
        (MACHINE, {"ListExecutions": EXPRESS}, REJECTED, "nothing to stop in an EXPRESS state machine"),
        (MACHINE, {"ListExecutions": {}}, TRANSIENT, ""),
        (MACHINE, {"ListExecutions": {"executions": [{}]}}, TRANSIENT, ""),
        (MACHINE, {"ListExecutions": THROTTLED}, TRANSIENT, ""),
        (MACHINE, {"ListExecutions": error("InvalidArn")}, REJECTED, ""),
        (APPLICATION, {"ListJobRuns": {}}, TRANSIENT, ""),
        (APPLICATION, {"ListJobRuns": {"jobRuns": [{}]}}, TRANSIENT, ""),
        (APPLICATION, {"ListJobRuns": denial("emr-serverless:ListJobRuns")}, UNKNOWN, ""),
        (APPLICATION, {"ListJobRuns": MISSING}, REJECTED, ""),
        (APPLICATION, {"ListSessions": BUSY}, TRANSIENT, ""),
        *(
            (APPLICATION, {"ListJobRuns": answer, "GetApplication": gone}, REJECTED, "There is no such application")
            for answer in (error("ValidationException"), BUSY)
            for gone in (TERMINATED, MISSING)
        ),
    ],
    ids=str,
)
def test_an_error_of_a_list_may_mean_that_no_job_can_be_running(
    aws: Canned, container: Container, answers: dict[str, Answer], failure: Failure, ended: str
) -> None:
    for action, answer in answers.items():
        aws.answer(action, answer)
    jobs = _jobs(container)
    with pytest.raises(ServiceError, match=f"{[*answers][-1]}|TERMINATED") as raised:
        _unfinished(jobs)
    step = jobs.final_steps.get(raised.value.code)
    assert (raised.value.failure, step.detail if step else "") == (failure, ended)


A, B, C = (f"arn:aws:ecs:eu-west-1:123456789012:task/prod/{name}" for name in "abc")
STOPPED = "desiredStatus STOPPED, lastStatus "
DAEMON = {"daemonSummariesList": [{"daemonArn": "d/prod/agent"}]}


def _task(arn: str, **members: Any) -> dict[str, Any]:
    return {"taskArn": arn, "group": "family:f", "lastStatus": "RUNNING", "desiredStatus": "RUNNING", **members}


def _list(aws: Canned, *running: dict[str, Any], stopped: tuple[dict[str, Any], ...] = ()) -> None:
    """Answer one look: the tasks that are to run, and those that are to stop."""
    aws.answer("ListTasks", *({"taskArns": [task["taskArn"] for task in page]} for page in (running, stopped)))
    aws.answer("DescribeTasks", *({"tasks": list(page)} for page in (running, stopped) if page))


class TestTasks:
    """Those of a cluster."""

    def test_are_listed_as_those_to_run_and_those_to_stop(self, aws: Canned) -> None:
        assert _unfinished(_jobs(CLUSTER, Family="nightly")) == []
        listed = {"cluster": CLUSTER.id, "maxResults": 100, "family": "nightly"}
        assert aws.calls == [("ListTasks", {**listed, "desiredStatus": status}) for status in ("RUNNING", "STOPPED")]

    @pytest.mark.parametrize(
        ("members", "unfinished"),
        [
            ({}, [RunningJob(A)]),
            ({"group": "service:web"}, []),
            ({"startedBy": "other"}, []),
            ({"lastStatus": "STOPPED"}, []),
            ({"desiredStatus": "STOPPED"}, [RunningJob(A, True, f"{STOPPED}RUNNING")]),
            (
                {"desiredStatus": "STOPPED", "containerInstanceArn": "i"},
                [RunningJob(A, True, f"{STOPPED}RUNNING: check whether its container instance has died")],
            ),
            (
                {"desiredStatus": "STOPPED", "containerInstanceArn": "i", "lastStatus": "STOPPING"},
                [RunningJob(A, True, f"{STOPPED}STOPPING")],
            ),
            ({"taskArn": B}, [RunningJob(A, True, "DescribeTasks did not return it")]),
        ],
        ids=str,
    )
    def test_are_read_from_their_description(
        self, aws: Canned, members: dict[str, str], unfinished: list[RunningJob]
    ) -> None:
        _list(aws, _task(A))
        aws.answer("DescribeTasks", {"tasks": [_task(A, startedBy="me") | members]})
        assert _unfinished(_jobs(CLUSTER, StartedBy="me")) == unfinished

    def test_are_described_a_page_at_a_time(self, aws: Canned) -> None:
        pages = [[_task(f"{A}{number}") for number in range(count)] for count in (100, 50)]
        first, second = ({"taskArns": [task["taskArn"] for task in page]} for page in pages)
        aws.answer("ListTasks", {**first, "nextToken": "next"}, second, {"taskArns": []})
        aws.answer("DescribeTasks", *({"tasks": page} for page in pages))
        assert [len(page) for page in _jobs(CLUSTER).unfinished()] == [100, 50, 0]
        described = [{"cluster": CLUSTER.id, "tasks": page["taskArns"]} for page in (first, second)]
        assert aws.asked("DescribeTasks") == described
        assert [asked.get("nextToken") for asked in aws.asked("ListTasks")] == [None, "next", None]

    def test_are_described_again_only_while_they_may_change(self, aws: Canned) -> None:
        tasks, look = _jobs(CLUSTER), (_task(A, lastStatus="STOPPED"), _task(B, group="service:web"))
        _list(aws, stopped=look)
        assert _unfinished(tasks) == []
        _list(aws, _task(C), stopped=look)
        assert _unfinished(tasks) == [RunningJob(C)]
        assert [asked["tasks"] for asked in aws.asked("DescribeTasks")] == [[A, B], [C]]

    def test_are_none_of_a_daemon(self, aws: Canned) -> None:
        aws.answer("ListTasks", {"taskArns": [A, B]}, {"taskArns": [A]}, {"taskArns": []})
        aws.answer("DescribeTasks", {"tasks": [_task(A), _task(B)]})
        aws.answer("ListDaemons", DAEMON)
        assert _unfinished(_jobs(CLUSTER)) == [RunningJob(B)]
        assert aws.asked("ListDaemons") == [{"clusterArn": CLUSTER.id}]
        daemon = {"cluster": CLUSTER.id, "daemonName": "agent", "desiredStatus": "RUNNING"}
        assert aws.asked("ListTasks")[1] == daemon

    @pytest.mark.parametrize("answer", [denial("ecs:ListDaemons"), {"daemonSummariesList": [{}]}], ids=str)
    def test_are_all_tasks_if_daemons_cant_be_listed(self, aws: Canned, answer: Any) -> None:
        tasks = _jobs(CLUSTER)
        aws.answer("ListDaemons", answer)
        for running in ([A], [A, B]):
            _list(aws, *map(_task, running))
            assert _unfinished(tasks) == [RunningJob(task) for task in running]
        assert len(aws.asked("ListDaemons")) == 1

    @pytest.mark.parametrize(
        ("answer", "unfinished"),
        [
            (denial("ecs:ListDaemons"), UNKNOWN),
            ({"daemonSummariesList": [{}]}, TRANSIENT),
            (error("UnknownOperationException"), [RunningJob(A)]),
            (error("UnsupportedFeatureException"), [RunningJob(A)]),
        ],
        ids=str,
    )
    def test_on_managed_instances_are_listed_only_beside_the_daemons(
        self, aws: Canned, answer: Any, unfinished: list[RunningJob] | Failure
    ) -> None:
        tasks = _jobs(CLUSTER)
        aws.answer("ListDaemons", denial("ecs:ListDaemons"), answer)
        _list(aws, _task(B, launchType="FARGATE"))
        assert _unfinished(tasks) == [RunningJob(B)]
        _list(aws, _task(A, launchType="MANAGED_INSTANCES"))
        assert _result(lambda: _unfinished(tasks)) == unfinished

    def test_on_managed_instances_need_one_list_of_daemons(self, aws: Canned) -> None:
        tasks = _jobs(CLUSTER)
        aws.answer("ListDaemons", error("UnknownOperationException"))
        for _ in range(3):
            _list(aws, _task(A, launchType="MANAGED_INSTANCES"))
            assert _unfinished(tasks) == [RunningJob(A)]
        assert len(aws.asked("ListDaemons")) == 1

    def test_are_listed_after_a_daemon_was_deleted_meanwhile(self, aws: Canned) -> None:
        tasks = _jobs(CLUSTER)
        aws.answer("ListDaemons", DAEMON, {"daemonSummariesList": []})
        aws.answer("ListTasks", {"taskArns": [A]}, error("InvalidParameterException", "There is no daemon agent."))
        aws.answer("DescribeTasks", {"tasks": [_task(A)]})
        with pytest.raises(ServiceError, match="agent"):
            _unfinished(tasks)
        _list(aws, _task(A))
        assert _unfinished(tasks) == [RunningJob(A)]
        assert [asked.get("daemonName") for asked in aws.asked("ListTasks")] == [None, "agent", None, None]
        assert len(aws.asked("ListDaemons")) == 2

    def test_are_stopped_with_a_reason_of_at_most_255_characters(self, aws: Canned) -> None:
        for reason in ("Because.", "x" * 256):
            KINDS["EcsTasks"](CLUSTER, reason).stop(RunningJob(A))
        stop = {"cluster": CLUSTER.id, "task": A}
        assert aws.calls == [("StopTask", {**stop, "reason": reason}) for reason in ("Because.", "x" * 255)]


EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:nightly:1"
WITHOUT = {"executionArn": EXECUTION}
WITH_CAUSE = {**WITHOUT, "error": "StackDeleted", "cause": "Because."}


class TestExecutions:
    """Those of a state machine."""

    def test_are_those_that_run_of_every_page(self, aws: Canned) -> None:
        first, second = ([{"executionArn": f"{EXECUTION}{number}"} for number in page] for page in ((1,), (2, 3)))
        aws.answer("ListExecutions", {"executions": first, "nextToken": "next"}, {"executions": second})
        assert _unfinished(_jobs(MACHINE)) == [RunningJob(f"{EXECUTION}{number}") for number in (1, 2, 3)]
        asked = {"stateMachineArn": MACHINE.id, "statusFilter": "RUNNING", "maxResults": 1000}
        assert aws.asked("ListExecutions") == [asked, {**asked, "nextToken": "next"}]

    @pytest.mark.parametrize(
        ("answers", "asked", "failure"),
        [
            ([{}], [WITH_CAUSE], None),
            *(
                ([error(f"Kms{what}Exception"), {}], [WITH_CAUSE, WITHOUT], None)
                for what in ("AccessDenied", "InvalidState", "Throttling")
            ),
            ([error("KmsInvalidStateException")], [WITH_CAUSE, WITHOUT], REJECTED),
            ([error("ExecutionDoesNotExist")], [WITH_CAUSE], REJECTED),
        ],
        ids=str,
    )
    def test_are_stopped_with_a_cause_if_kms_can(
        self, aws: Canned, answers: list[Answer], asked: list[Any], failure: Failure | None
    ) -> None:
        aws.answer("StopExecution", *answers)
        assert _result(lambda: _jobs(MACHINE).stop(RunningJob(EXECUTION))) is failure
        assert aws.asked("StopExecution") == asked


REFUSED = Step(State.REFUSED, "StopApplication answered ValidationException: It has jobs. Application 00f is STARTED")


class TestJobRuns:
    """The job runs and sessions of an application, and its own stop."""

    def test_are_those_to_cancel_and_then_those_that_are_canceled(self, aws: Canned) -> None:
        first, second, third = ({"jobRuns": [{"id": id_}]} for id_ in "123")
        aws.answer("ListJobRuns", {**first, "nextToken": "next"}, second, third)
        aws.answer("ListSessions", *({"sessions": [{"sessionId": id_}]} for id_ in "45"))
        assert _unfinished(_jobs(APPLICATION)) == [
            *(RunningJob(id_) for id_ in "124"),
            *(RunningJob(id_, is_stopping=True) for id_ in "35"),
        ]
        to_cancel = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]
        to_terminate = ["SUBMITTED", "STARTING", "STARTED", "IDLE", "BUSY"]
        asked = {**IT, "maxResults": ["50"]}
        assert aws.calls == [
            ("ListJobRuns", {**asked, "states": to_cancel}),
            ("ListJobRuns", {**asked, "states": to_cancel, "nextToken": ["next"]}),
            ("ListSessions", {**asked, "states": to_terminate}),
            ("ListJobRuns", {**asked, "states": ["CANCELLING"]}),
            ("ListSessions", {**asked, "states": ["TERMINATING"]}),
        ]

    @pytest.mark.parametrize(
        ("shape", "unfinished", "ended"),
        [
            ("JobRunState", {*_UNFINISHED_RUNS, *_STOPPING_RUNS}, {"SUCCESS", "FAILED", "CANCELLED"}),
            ("SessionState", {*_UNFINISHED_SESSIONS, *_STOPPING_SESSIONS}, {"FAILED", "TERMINATED"}),
        ],
    )
    def test_are_in_every_state_of_the_api_but_these(self, shape: str, unfinished: set[str], ended: set[str]) -> None:
        states: Any = Session().get_service_model("emr-serverless").shape_for(shape)
        assert set(states.enum) - unfinished == ended

    @pytest.mark.parametrize("answer", [denial("emr-serverless:ListSessions"), {"sessions": [{}]}], ids=str)
    def test_are_no_sessions_if_those_cant_be_listed(self, aws: Canned, answer: Any) -> None:
        aws.answer("ListJobRuns", {"jobRuns": [{"id": "1"}]}, {"jobRuns": []})
        aws.answer("ListSessions", answer)
        assert _unfinished(_jobs(APPLICATION)) == [RunningJob("1")]

    @pytest.mark.parametrize("period", [None, "60", "0"])
    def test_are_canceled_with_the_grace_period(self, aws: Canned, period: str | None) -> None:
        _jobs(APPLICATION, **({"ShutdownGracePeriodInSeconds": period} if period else {})).stop(RunningJob("1"))
        sent = {"shutdownGracePeriodInSeconds": [period]} if period else {}
        assert aws.calls == [("CancelJobRun", {**IT, "jobRunId": "1", **sent})]

    def test_are_terminated_if_they_are_sessions(self, aws: Canned) -> None:
        runs = _jobs(APPLICATION)
        assert runs.noun == "job runs"
        aws.answer("ListSessions", {"sessions": [{"sessionId": "1"}]}, {"sessions": []})
        [session] = _unfinished(runs)
        assert runs.noun == "job runs and sessions"
        runs.stop(session)
        assert aws.calls[-1] == ("TerminateSession", {**IT, "sessionId": "1"})

    @pytest.mark.parametrize(
        ("state", "stopped", "step"),
        [
            *((state, None, None) for state in ("CREATED", "STOPPED")),
            *((state, {}, Step(State.STOPPING, f"Application 00f is {state}")) for state in ("STARTED", "STARTING")),
            ("STOPPING", None, Step(State.STOPPING, "Application 00f is STOPPING")),
            *(
                (state, None, Step(State.REFUSED, f"Application 00f is {state}, so it can't be stopped yet"))
                for state in ("CREATING", "NEW")
            ),
            *(("STARTED", error("ValidationException", f"It has jobs{end}"), REFUSED) for end in (".", "")),
            ("STARTED", BUSY, TRANSIENT),
            ("TERMINATED", None, REJECTED),
        ],
        ids=str,
    )
    def test_have_an_application_that_is_stopped_after_them(
        self, aws: Canned, state: str, stopped: Answer | None, step: Step | Failure | None
    ) -> None:
        _application_is(aws, state)
        aws.answer("StopApplication", stopped or {})
        assert _result(_jobs(APPLICATION).make_deletable) == step
        assert aws.calls == [
            (action, IT) for action in ("GetApplication", *["StopApplication"] * (stopped is not None))
        ]

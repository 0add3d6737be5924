"""Every command of the pages for a bad day runs with the real AWS CLI, and does what its page says."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto.logs.models import LogsBackend

from sandbox import PROJECT
from sandbox.faults import Fault
from sandbox.local_aws import REGION
from sandbox.robomaker import CANCEL_REFUSED
from tests.containers import Row, World
from tests.e2e.conftest import STACK, Cloud
from tests.pages import blocks

ALARM_STACK = "WorldExportAlarm"


@dataclass(frozen=True)
class Command:
    """A command of a page: the page, the heading that it is under, and its number there."""

    page: str
    heading: str
    number: int = 1


EVENTS = Command("operators.md", "What to do first")
DELETE = Command("operators.md", "Delete the stack again")
RETAIN = Command("operators.md", "Let go of the job", 1)
FORCE = Command("operators.md", "Let go of the job", 2)
SEE_THAT_IT_IS_GONE = Command("operators.md", "See that it is gone")
ADD_MODEL = Command("operators.md", "Cancel a job yourself", 1)
DESCRIBE_JOB = Command("operators.md", "Cancel a job yourself", 2)
CANCEL_JOB = Command("operators.md", "Cancel a job yourself", 3)
LIST_TASKS, STOP_TASK, AWAIT_TASK, LIST_EXECUTIONS, STOP_EXECUTION, LIST_RUNS, CANCEL_RUN, STOP_APPLICATION = (
    Command("operators.md", "Stop jobs yourself", number) for number in range(1, 9)
)
QUERY = Command("alarm.md", "1. Find the stack and the job", 1)
RESULTS = Command("alarm.md", "1. Find the stack and the job", 2)
DESCRIBE_STACK = Command("alarm.md", "3. Look at the stack")
DEPLOY_ALARM = Command("alarm.md", "Have the alarm")


def _commands(page: str) -> dict[Command, str]:
    sections = re.split(r"^#+ (.*)$", (PROJECT / "docs" / page).read_text(), flags=re.MULTILINE)[1:]
    return {
        Command(page, heading, number): block
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
        for number, block in enumerate(blocks(text, "sh"), start=1)
    }


# As moto has it: a test replaces it.
START_QUERY = LogsBackend.start_query

COMMANDS = {**_commands("operators.md"), **_commands("alarm.md")}


class Operator:
    """Somebody with a shell and the AWS CLI who does what the pages say."""

    def __init__(self, cloud: Cloud, home: Path) -> None:
        self._cloud = cloud
        self._environment = {
            "PATH": os.pathsep.join([str(PROJECT / ".awscli" / "bin"), os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "AWS_ENDPOINT_URL": cloud.aws.url,
            "AWS_ENDPOINT_URL_ROBOMAKER": cloud.aws.robomaker.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "localhost,127.0.0.1",
        }

    def read(self, command: Command, **values: str) -> str:
        """Give a command with its words in capitals filled in."""
        filled = COMMANDS[command]
        for word, value in {"REGION": REGION, **values}.items():
            filled = re.sub(rf"\b{word}\b", value, filled)
        return filled

    def attempt(self, command: Command, **values: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's folder."""
        shell = ["sh", "-c", self.read(command, **values)]
        return subprocess.run(shell, cwd=PROJECT, env=self._environment, capture_output=True, text=True, check=False)

    def run(self, command: Command, **values: str) -> str:
        """Run a command, which succeeds, and give what it printed."""
        done = self.attempt(command, **values)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_and_wait(self, command: Command, **values: str) -> str:
        """Run a command that CloudFormation works on, and give the stack's status when it has finished."""
        self.run(command, **values)
        while (status := self._cloud.aws.stacks().get(values["STACK"], "gone")).endswith("_IN_PROGRESS"):
            time.sleep(0.05)
        return status


@pytest.fixture
def operator(cloud: Cloud, tmp_path: Path) -> Operator:
    return Operator(cloud, tmp_path)


def test_every_command_of_the_pages_is_run_here() -> None:
    here = {value for value in globals().values() if isinstance(value, Command)}
    assert here == set(COMMANDS)


def test_a_delete_that_failed_is_found_and_tried_again(cloud: Cloud, operator: Operator) -> None:
    job = cloud.start_job()
    cloud.deploy(job, wait=1)
    cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
    assert operator.run_and_wait(DELETE, STACK=STACK) == "DELETE_FAILED"

    [[logical_id, arn, reason]] = [row for row in json.loads(operator.run(EVENTS, STACK=STACK)) if row[0] != STACK]
    assert (logical_id, arn) == (cloud.exchanges[-1].event["LogicalResourceId"], job)
    assert CANCEL_REFUSED.message in reason
    assert "Delete the stack again" in reason
    assert operator.attempt(SEE_THAT_IT_IS_GONE, STACK=STACK).returncode != 0

    cloud.aws.robomaker.switch_off()
    assert operator.run_and_wait(DELETE, STACK=STACK) == "gone"
    operator.run(SEE_THAT_IT_IS_GONE, STACK=STACK)
    assert cloud.aws.robomaker.status(job) == "Canceled"


@pytest.mark.parametrize("command", [RETAIN, FORCE], ids=["by name", "by force"])
def test_a_stack_whose_function_is_gone_lets_go_of_its_job(cloud: Cloud, operator: Operator, command: Command) -> None:
    job = cloud.start_job()
    cloud.deploy(job, wait=1, in_stack=1)
    cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
    assert operator.run_and_wait(DELETE, STACK=STACK) == "DELETE_FAILED"
    assert "let go of the job" in operator.run(EVENTS, STACK=STACK)

    cloud.aws.robomaker.switch_off()
    logical_id = cloud.exchanges[-1].event["LogicalResourceId"]
    assert operator.run_and_wait(command, STACK=STACK, LOGICAL_ID=logical_id) == "gone"
    assert cloud.aws.robomaker.status(job) == "Running"


def test_a_job_is_canceled_without_a_stack(cloud: Cloud, operator: Operator) -> None:
    job = cloud.start_job()
    operator.run(ADD_MODEL)
    assert json.loads(operator.run(DESCRIBE_JOB, ARN=job)) == "Running"
    operator.run(CANCEL_JOB, ARN=job)
    assert json.loads(operator.run(DESCRIBE_JOB, ARN=job)) == "Canceled"


def test_tasks_are_stopped_and_what_failed_because_of_them_is_deleted(cloud: Cloud, operator: Operator) -> None:
    cloud.deploy_app(cloud.synthesized("{}", "tests.e2e.stuck_tasks_app"))
    [stack] = cloud.cloudformation.describe_stacks(StackName="StuckTasks")["Stacks"]
    cluster = stack["Outputs"][0]["OutputValue"]
    task = cloud.aws.ecs.start_task(cluster)
    cloud.aws.front.switch_on(Fault("InvalidParameterException", "Not now.", operation="StopTask"))
    assert operator.run_and_wait(DELETE, STACK="StuckTasks") == "DELETE_FAILED"
    failed = dict(row[::2] for row in json.loads(operator.run(EVENTS, STACK="StuckTasks")))
    [stop] = [logical_id for logical_id in failed if logical_id.startswith("Stop")]
    assert "stop them yourself, and then let go of this resource" in failed[stop]
    assert "Cluster" in failed

    cloud.aws.front.switch_off()
    assert json.loads(operator.run(LIST_TASKS, CONTAINER=cluster)) == [task]
    operator.run(STOP_TASK, CONTAINER=cluster, JOB=task)
    operator.run(AWAIT_TASK, CONTAINER=cluster, JOB=task)
    assert operator.run_and_wait(RETAIN, STACK="StuckTasks", LOGICAL_ID=stop) == "gone"
    assert cloud.aws.ecs.status(task) == "STOPPED"


def test_executions_are_stopped_without_a_stack(cloud: Cloud, operator: Operator) -> None:
    machine = World(cloud.aws, Row("StateMachineExecutions", "stopped by hand")).make()
    execution = cloud.aws.step_functions.start_execution(machine)
    assert json.loads(operator.run(LIST_EXECUTIONS, CONTAINER=machine)) == [execution]
    operator.run(STOP_EXECUTION, JOB=execution)
    assert cloud.aws.step_functions.status(execution) == "ABORTED"


def test_job_runs_and_their_application_are_stopped_without_a_stack(cloud: Cloud, operator: Operator) -> None:
    world = World(cloud.aws, Row("EmrServerlessJobRuns", "stopped by hand"))
    application = world.make()
    run = cloud.aws.emr_serverless.start_job_run(application)
    assert json.loads(operator.run(LIST_RUNS, CONTAINER=application)) == [run]
    operator.run(CANCEL_RUN, CONTAINER=application, JOB=run)
    assert json.loads(operator.run(LIST_RUNS, CONTAINER=application)) == []
    assert cloud.aws.emr_serverless.state(application, run) == "CANCELLED"
    operator.run(STOP_APPLICATION, CONTAINER=application)
    assert world.client.get_application(applicationId=application)["application"]["state"] == "STOPPED"


def test_a_job_that_best_effort_left_running_is_found_with_its_stack(cloud: Cloud, operator: Operator) -> None:
    job = cloud.start_job()
    cloud.deploy(job, wait=1, best_effort=True)
    cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
    assert operator.run_and_wait(DELETE, STACK=STACK) == "gone"

    [row] = _select(operator.read(QUERY), cloud.log)
    assert (row["job"], row["outcome"], row["logical_id"]) == (
        job,
        "failed",
        cloud.exchanges[-1].event["LogicalResourceId"],
    )
    assert CANCEL_REFUSED.message in row["detail"]
    assert [field for field, value in row.items() if value is None] == ["@timestamp"], "which CloudWatch Logs adds"
    described = operator.run(DESCRIBE_STACK, STACK_ID=row["stack"])
    assert json.loads(described)[:2] == [STACK, "DELETE_COMPLETE"]


def test_the_query_shows_how_each_job_ended_last() -> None:
    failed = {"Service": "RoboMaker", "job": "job-1", "outcome": "failed"}
    stopped = {**failed, "outcome": "stopped"}
    other = {"Service": "other", "job": "job-2", "outcome": "failed"}
    rows = _select(COMMANDS[QUERY], [json.dumps(line) for line in (failed, stopped, other)])
    assert [row["outcome"] for row in rows] == ["stopped"]


def test_the_query_is_started_and_its_result_fetched(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start_query(self: LogsBackend, names: list[str] | None, start: int, end: int, query: str) -> str:
        started.append((names, end - start, query))
        return START_QUERY(self, [], start, end, query)

    # moto needs the names of log groups, and knows no SOURCE.
    monkeypatch.setattr(LogsBackend, "start_query", start_query)
    query_id = json.loads(operator.run(QUERY))["queryId"]
    [(names, seconds, query)] = started
    assert names is None
    assert query.split()[:2] == ["SOURCE", "logGroups()"]
    assert seconds >= 3 * 60 * 60
    assert json.loads(operator.run(RESULTS, QUERY_ID=query_id))["status"] == "Complete"


def test_the_ready_alarm_is_deployed(cloud: Cloud, operator: Operator) -> None:
    cdk, *arguments = shlex.split(operator.read(DEPLOY_ALARM, EMAIL="on-call@example.com"))
    assert cdk == "cdk"
    deployed = cloud.cli.run(*arguments, "--require-approval", "never")
    try:
        assert deployed.status == 0, deployed.output
        assert cloud.aws.stacks()[ALARM_STACK] == "CREATE_COMPLETE"
    finally:
        cloud.cloudformation.delete_stack(StackName=ALARM_STACK)
        cloud.cloudformation.get_waiter("stack_delete_complete").wait(StackName=ALARM_STACK)


def _select(command: str, log: list[str]) -> list[dict[str, Any]]:
    """Do to a log what the page's query says. Of its language, only what that query uses is known here."""
    [query] = re.findall(r"logGroups\(\)\s*\|(.*)\"", command, re.DOTALL)
    filtered, fields, *order = [part.strip() for part in query.split("|")]
    condition = re.fullmatch(r"filter (\w+) = '(\w+)'", filtered)
    assert condition is not None
    assert order == ["sort @timestamp desc", "dedup job"]
    # A line that is not JSON, such as the local Lambda's own, has no fields.
    parsed = [json.loads(line) for line in log if line.startswith("{")]
    lines = [line for line in parsed if line.get(condition[1]) == condition[2]]
    shown = fields.removeprefix("fields ").split(", ")
    newest = {line["job"]: {field: line.get(field) for field in shown} for line in lines}
    return list(newest.values())

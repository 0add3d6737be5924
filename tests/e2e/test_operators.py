"""Each command of the pages for operators does what its page says."""

from __future__ import annotations

import json
import re

import pytest
from moto.logs.models import LogsBackend

from sandbox import ACCOUNT, PROJECT, REGION
from sandbox.faults import Fault
from sandbox.robomaker import CANCEL_REFUSED
from tests.assemblies import Assemblies
from tests.e2e.conftest import Cloud, Run
from tests.pages import blocks

pytestmark = pytest.mark.xdist_group("stories")

# The commands, by something that only this one has.
EVENTS = "describe-stack-events"
DELETE = "delete-stack --region REGION --stack-name STACK$"
RETAIN = "--retain-resources"
FORCE = "FORCE_DELETE_STACK"
WAIT_UNTIL_GONE = "wait stack-delete-complete"
DESCRIBE_STACK = "describe-stacks"
ADD_MODEL = "configure add-model"
DESCRIBE_JOB = "describe-world-export-job"
CANCEL_JOB = "cancel-world-export-job"
DISABLE_RULE = "disable-rule"
LIST_TASKS = "ecs list-tasks"
STOP_TASK = "ecs stop-task"
AWAIT_TASK = "ecs wait tasks-stopped"
LIST_EXECUTIONS = "list-executions"
STOP_EXECUTION = "stop-execution"
LIST_RUNS = "list-job-runs"
CANCEL_RUN = "cancel-job-run"
LIST_SESSIONS = "list-sessions"
TERMINATE_SESSION = "terminate-session"
STOP_APPLICATION = "stop-application"
QUERY = "start-query"
RESULTS = "get-query-results"
DEPLOY_ALARM = "cdk deploy"

COMMANDS = [block.strip() for block in blocks((PROJECT / "docs" / "operators.md").read_text(), "sh")]


class Operator:
    """Somebody with the AWS CLI who does what the pages say.

    Parameters
    ----------
    cloud : Cloud
        The cloud.
    run : callable
        Runs a command, and gives its exit status and what it prints.
    """

    def __init__(self, cloud: Cloud, run: Run) -> None:
        self._cloud = cloud
        self._run = run

    def attempt(self, command: str, **values: str) -> tuple[int, str]:
        """Run a command with its words in capitals filled in."""
        return self._run(command_with(command, REGION=REGION, **values))

    def run(self, command: str, **values: str) -> str:
        """Run a command, which succeeds, and give what it prints."""
        status, output = self.attempt(command, **values)
        assert status == 0, output
        return output

    def delete(self, command: str, stack: str, **values: str) -> str:
        """Run a command that deletes a stack, and give the status that the stack ends in."""
        self.run(command, STACK=stack, **values)
        return self._cloud.settled(stack)


def command_with(command: str, **values: str) -> str:
    """Return a command of the pages with its words in capitals filled in."""
    [text] = [found for found in COMMANDS if re.search(command, found)]
    for word, value in values.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return text


@pytest.fixture
def operator(cloud: Cloud, run: Run) -> Operator:
    return Operator(cloud, run)


def test_each_command_of_the_pages_is_run_here() -> None:
    names = [value for name, value in globals().items() if name.isupper() and isinstance(value, str)]
    names.remove(REGION)
    names.remove(ACCOUNT)
    assert all(sum(bool(re.search(name, command)) for name in names) == 1 for command in COMMANDS)


def test_a_deletion_that_failed_is_found_and_tried_again(
    cloud: Cloud, assemblies: Assemblies, operator: Operator
) -> None:
    job = cloud.start_job()
    cloud.deploy(assemblies.of("tests.apps.job"), "JobProvider", "Job", JobArn=job)
    cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
    assert operator.delete(DELETE, "Job") == "DELETE_FAILED"

    [[logical_id, _, arn, reason]] = [row for row in json.loads(operator.run(EVENTS, STACK="Job")) if row[0] != "Job"]
    assert (logical_id, arn) == (cloud.exchanges[-1].event["LogicalResourceId"], job)
    assert CANCEL_REFUSED.message in reason
    assert operator.attempt(WAIT_UNTIL_GONE, STACK="Job")[0] != 0
    # The query after an alarm shows fields that the line of the Delete has.
    [line] = [json.loads(line) for line in cloud.log if '"outcome": "failed"' in line]
    query = command_with(QUERY)
    for name, value in re.findall(r"(\w+) = '(\w+)'", query):
        assert line[name] == value
    [fields] = re.findall(r"\| fields @timestamp, (.*)", query)
    assert set(fields.split(", ")) <= line.keys()
    assert json.loads(operator.run(DESCRIBE_STACK, STACK_ID=line["stack"]))[:2] == ["Job", "DELETE_FAILED"]

    cloud.aws.robomaker.switch_off()
    assert operator.delete(DELETE, "Job") == "gone"
    operator.run(WAIT_UNTIL_GONE, STACK="Job")
    assert cloud.aws.robomaker.status(job) == "Canceled"


def test_a_stack_is_deleted_without_a_job_that_its_function_can_no_longer_cancel(
    cloud: Cloud, assemblies: Assemblies, operator: Operator
) -> None:
    job = cloud.start_job()
    cloud.deploy(assemblies.of("tests.apps.job"), "JobInStack", JobArn=job)
    cloud.aws.robomaker.switch_on(CANCEL_REFUSED)
    assert operator.delete(DELETE, "JobInStack") == "DELETE_FAILED"
    cloud.aws.robomaker.switch_off()
    # The reason has the command for this stack.
    logical_id = cloud.exchanges[-1].event["LogicalResourceId"]
    command = command_with(RETAIN, REGION=REGION, STACK="JobInStack", LOGICAL_ID=logical_id)
    assert command.removeprefix("aws cloudformation ") in operator.run(EVENTS, STACK="JobInStack")
    assert operator.delete(FORCE, "JobInStack") == "gone"
    assert cloud.aws.robomaker.status(job) == "Running"

    # Then the job is canceled.
    operator.run(ADD_MODEL)
    assert json.loads(operator.run(DESCRIBE_JOB, ARN=job)) == "Running"
    operator.run(CANCEL_JOB, ARN=job)
    assert json.loads(operator.run(DESCRIBE_JOB, ARN=job)) == "Canceled"


def test_tasks_are_stopped_and_the_stack_is_deleted_without_its_stop_on_delete(
    cloud: Cloud, assemblies: Assemblies, operator: Operator
) -> None:
    cloud.deploy(assemblies.of("tests.apps.stop"), "StopInStack")
    task = cloud.aws.ecs.start_task("stuck")
    cloud.aws.front.switch_on(Fault("InvalidParameterException", "Not now.", operation="StopTask"))
    assert operator.delete(DELETE, "StopInStack") == "DELETE_FAILED"
    failed = [row[0] for row in json.loads(operator.run(EVENTS, STACK="StopInStack"))]
    [stop] = [logical_id for logical_id in failed if re.fullmatch("Stop[0-9A-F]{8}", logical_id)]
    assert "Cluster" in failed

    cloud.aws.front.switch_off()
    cluster = cloud.exchanges[-1].event["PhysicalResourceId"].removeprefix("EcsTasks(").removesuffix(")")
    assert json.loads(operator.run(LIST_TASKS, CONTAINER=cluster)) == [task]
    operator.run(STOP_TASK, CONTAINER=cluster, JOB=task)
    operator.run(AWAIT_TASK, CONTAINER=cluster, JOB=task)
    assert operator.delete(RETAIN, "StopInStack", LOGICAL_ID=stop) == "gone"
    assert cloud.aws.ecs.status(task) == "STOPPED"


def test_a_rule_that_starts_jobs_is_disabled(cloud: Cloud, operator: Operator) -> None:
    events = cloud.aws.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    operator.run(DISABLE_RULE, RULE="nightly")
    assert events.describe_rule(Name="nightly")["State"] == "DISABLED"


def test_executions_are_stopped(cloud: Cloud, operator: Operator) -> None:
    client = cloud.aws.client("stepfunctions")
    role = f"arn:aws:iam::{ACCOUNT}:role/role"
    machine = client.create_state_machine(name="by-hand", definition="{}", roleArn=role)["stateMachineArn"]
    execution = cloud.aws.step_functions.start_execution(machine)
    assert json.loads(operator.run(LIST_EXECUTIONS, CONTAINER=machine)) == [execution]
    operator.run(STOP_EXECUTION, JOB=execution)
    assert cloud.aws.step_functions.status(execution) == "ABORTED"


def test_job_runs_and_sessions_and_their_application_are_stopped(cloud: Cloud, operator: Operator) -> None:
    client = cloud.aws.client("emr-serverless")
    made = client.create_application(name="by-hand", releaseLabel="emr-7.10.0", type="SPARK")
    application = made["applicationId"]
    job_run = cloud.aws.emr_serverless.start_job_run(application)
    assert json.loads(operator.run(LIST_RUNS, CONTAINER=application)) == [job_run]
    operator.run(CANCEL_RUN, CONTAINER=application, JOB=job_run)
    assert json.loads(operator.run(LIST_RUNS, CONTAINER=application)) == []
    session = cloud.aws.emr_serverless.start_session(application)
    assert json.loads(operator.run(LIST_SESSIONS, CONTAINER=application)) == [session]
    operator.run(TERMINATE_SESSION, CONTAINER=application, JOB=session)
    operator.run(STOP_APPLICATION, CONTAINER=application)
    assert client.get_application(applicationId=application)["application"]["state"] == "STOPPED"


def test_the_query_is_started_and_its_result_fetched(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    start, queries = LogsBackend.start_query, []

    def start_query(self: LogsBackend, _: object, since: int, until: int, query: str) -> str:
        queries.append((until - since, query.split()[:2]))
        return start(self, [], since, until, query)

    # moto needs the names of log groups, and knows no SOURCE.
    monkeypatch.setattr(LogsBackend, "start_query", start_query)
    query_id = json.loads(operator.run(QUERY))["queryId"]
    [(seconds, query)] = queries
    assert seconds >= 3 * 60 * 60
    assert query == ["SOURCE", "logGroups()"]
    assert json.loads(operator.run(RESULTS, QUERY_ID=query_id))["status"] == "Complete"

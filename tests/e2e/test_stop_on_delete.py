"""StopOnDelete in whole deployments: the rows of the table that can be played beside others, and an example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

from sandbox.cloudformation.custom_resources import Exchange, invalidity
from sandbox.cloudformation.lifecycle import Event
from sandbox.local_aws import ACCOUNT
from sandbox.services.front import ServiceCall
from tests.containers import RESOURCE_TYPE, Row, World
from tests.e2e.changes import (
    CHANGES,
    CREATED_IN_VAIN,
    DELETED,
    DELETED_IN_VAIN,
    DEPLOYED,
    UPDATED,
    UPDATED_IN_VAIN,
)
from tests.e2e.conftest import Cloud

# One story for all tests.
pytestmark = pytest.mark.xdist_group("stop_on_delete")

STACKS = ("StopProvider", "StopShared", DELETED, DELETED_IN_VAIN, UPDATED, UPDATED_IN_VAIN)
# How IAM names what botocore calls stepfunctions (Service Authorization Reference, list_awsstepfunctions).
PREFIXES = {"stepfunctions": "states"}


@dataclass(frozen=True)
class End:
    """What a row came to: its jobs that have not ended, and every answer and line of the log of its Deletes."""

    unfinished: set[str]
    answers: Sequence[Mapping[str, Any]]
    lines: Sequence[Mapping[str, Any]]


class Story:
    """Deployments of every row, played once."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._worlds = {row: World(cloud.aws, row) for row in DEPLOYED}
        self.ends: dict[str, End] = {}
        self.statuses: dict[str, str] = {}
        self.calls: list[ServiceCall] = []
        self.granted: list[dict[str, Any]] = []

    def play(self) -> None:
        """Deploy, change what was deployed, and delete it."""
        cloud = self.cloud
        cloud.begin()
        cloud.aws.front.calls.clear()
        cloud.listeners += [world.heard for world in self._worlds.values()]
        before, after = (
            cloud.synthesized(json.dumps(context), "tests.e2e.containers_app") for context in ({}, {"after": True})
        )
        self._run(True, "deploy", "--app", before, *STACKS)
        self.granted = cloud.granted("StopProvider")
        self._change(UPDATED, True, "deploy", "--app", after)
        self._change(UPDATED_IN_VAIN, False, "deploy", "--app", after)
        self._change(CREATED_IN_VAIN, False, "deploy", "--app", after)
        self._change(DELETED, True, "destroy", "--app", before, "--force")
        self.complaint = self._change(DELETED_IN_VAIN, False, "destroy", "--app", before, "--force")
        for row in CHANGES[DELETED_IN_VAIN]:
            for name in row.run_on.split():
                self._worlds[row].end(name)
        self._run(True, "destroy", "--app", before, "--force", "--exclusively", DELETED_IN_VAIN)
        self.calls += cloud.aws.front.calls

    def _change(self, stack: str, succeeds: bool, *command: str) -> str:
        output = self._run(succeeds, *command, "--exclusively", stack)
        self.statuses[stack] = self.cloud.aws.stacks().get(stack, "")
        # Before what the test itself asks.
        self.calls += self.cloud.aws.front.calls
        for row in CHANGES[stack]:
            self.ends[row.id] = self._end(row)
        self.cloud.aws.front.calls.clear()
        return output

    def _run(self, succeeds: bool, command: str, *arguments: str) -> str:
        approval = ["--require-approval", "never"] if command == "deploy" else []
        finished = self.cloud.cli.run(command, *arguments, *approval)
        assert (finished.status == 0) is succeeds, finished.output
        return finished.output

    def _end(self, row: Row) -> End:
        answers = [exchange.answer for exchange in self.deletes(row)]
        lines = [line for line in log_lines(self.cloud) if line.get("logical_id", "").startswith(f"{row.id}Stop")]
        return End(self._worlds[row].unfinished, answers, [line for line in lines if "outcome" in line])

    def deletes(self, row: Row) -> list[Exchange]:
        """Every Delete that was sent to the row's StopOnDeletes."""
        return [
            exchange
            for exchange in self.cloud.exchanges
            if exchange.event["LogicalResourceId"].startswith(f"{row.id}Stop")
            and exchange.event["RequestType"] == "Delete"
        ]


def log_lines(cloud: Cloud) -> Iterator[Mapping[str, Any]]:
    """Read the lines of the functions' log that are JSON."""
    for line in cloud.log:
        if line.startswith("{"):
            yield json.loads(line)


@pytest.fixture(scope="module")
def story(_cloud: Cloud) -> Story:
    story = Story(_cloud)
    story.play()
    return story


@pytest.mark.parametrize("row", DEPLOYED, ids=str)
def test_a_row_of_the_table(row: Row, story: Story) -> None:
    end = story.ends[row.id]
    assert end.unfinished == set(row.run_on.split())
    assert {answer["Status"] for answer in end.answers} == {row.answer}
    assert {line["outcome"] for line in end.lines} == {row.outcome}
    assert all(row.words in line["detail"] for line in end.lines)


@pytest.mark.parametrize(
    ("stack", "status"),
    [
        (UPDATED, "UPDATE_COMPLETE"),
        (UPDATED_IN_VAIN, "UPDATE_ROLLBACK_COMPLETE"),
        (CREATED_IN_VAIN, "ROLLBACK_COMPLETE"),
        (DELETED, ""),
        (DELETED_IN_VAIN, "DELETE_FAILED"),
    ],
)
def test_a_stack_ends_as_it_would_if_nothing_ran(stack: str, status: str, story: Story) -> None:
    assert story.statuses[stack] == status


def test_a_deletion_that_failed_says_why_and_can_be_tried_again(story: Story) -> None:
    assert "is still running (1 of 2 tasks stopped, but not " in story.complaint
    assert "Delete the stack again to try again" in story.complaint
    assert DELETED_IN_VAIN not in story.cloud.aws.stacks()


def test_every_answer_is_the_only_one_and_valid(story: Story) -> None:
    for exchange in story.cloud.exchanges:
        [body] = exchange.bodies
        assert invalidity(exchange.event, body) == ""


def _subjects(call: ServiceCall) -> list[str]:
    """Give the ARN of each resource that a call needs a permission for (Service Authorization Reference)."""
    asked = call.parameters
    if call.service == "emr-serverless":
        arn = f"arn:aws:emr-serverless:{call.region}:{ACCOUNT}:/applications/{asked['applicationId']}"
        return [f"{arn}/jobruns/{asked['jobRunId']}" if "jobRunId" in asked else arn]
    keys = {
        "DescribeClusters": "clusters",
        "ListTasks": "cluster",
        "DescribeTasks": "tasks",
        "StopTask": "task",
        "ListExecutions": "stateMachineArn",
        "StopExecution": "executionArn",
    }
    subject = asked[keys.get(call.operation, "StackName")]
    return [subject] if isinstance(subject, str) else list(subject)


def _check(calls: list[ServiceCall], granted: Sequence[Mapping[str, Any]]) -> None:
    """Hold that what is called is granted, and what is granted is called."""
    patterns: dict[str, str] = {}
    for statement in granted:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        # Only ListTasks has a condition, on the cluster, and no resource.
        pattern = statement.get("Condition", {}).get("ArnLike", {}).get("ecs:cluster", statement["Resource"])
        patterns.update(dict.fromkeys(actions, pattern))
    del patterns["logs:CreateLogStream"], patterns["logs:PutLogEvents"]
    called = {f"{PREFIXES.get(call.service, call.service)}:{call.operation}": call for call in calls}
    assert called.keys() == patterns.keys()
    for call in calls:
        action = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
        for subject in _subjects(call):
            assert fnmatchcase(subject, patterns[action]), action


def test_what_is_called_is_granted_and_what_is_granted_is_called(story: Story) -> None:
    _check([call for call in story.calls if "00nonsense" not in call.parameters.values()], story.granted)


class Example:
    """The example that stops the tasks of a cluster, deployed and destroyed as it is."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._task = ""
        self._known = len(cloud.events)
        self.seen: list[tuple[Event, str]] = []
        cloud.begin()
        cloud.aws.front.calls.clear()
        # Without the flag by which the CDK adds a function of its own to a VPC, in another language than Python.
        app = cloud.synthesized("{}", "examples.stop_ecs_tasks")
        cloud.deploy_app(app)
        self.granted = cloud.granted("StopEcsTasks")
        resources = cloud.cloudformation.describe_stack_resources(StackName="StopEcsTasks")["StackResources"]
        [cluster] = [found for found in resources if found["ResourceType"] == "AWS::ECS::Cluster"]
        self._task = cloud.aws.ecs.start_task(cluster["PhysicalResourceId"], stop_seconds=2)
        cloud.listeners.append(self._hear)
        destroyed = cloud.cli.run("destroy", "--app", app, "--force")
        assert destroyed.status == 0, destroyed.output
        self.calls = list(cloud.aws.front.calls)

    def _hear(self, event: Event) -> None:
        self.seen.append((event, self.cloud.aws.ecs.status(self._task)))


@pytest.fixture(scope="module")
def example(_cloud: Cloud, story: Story) -> Example:  # noqa: ARG001 - it is played after the story, whose log it clears
    return Example(_cloud)


class TestTheExampleOfEcsTasks:
    def test_is_deleted_although_a_task_runs(self, example: Example) -> None:
        assert "StopEcsTasks" not in example.cloud.aws.stacks()
        assert [status for event, status in example.seen if event.type == RESOURCE_TYPE] == ["RUNNING", "STOPPED"]

    @pytest.mark.parametrize(
        "kind", ["AWS::ECS::Cluster", "AWS::EC2::NatGateway", "AWS::EC2::Subnet", "AWS::IAM::Policy"]
    )
    def test_deletes_what_the_task_needs_after_it_has_stopped(self, example: Example, kind: str) -> None:
        seen = {status for event, status in example.seen if event.type == kind}
        assert seen == {"STOPPED"}

    def test_may_call_for_its_kind_what_it_calls_and_nothing_else(self, example: Example) -> None:
        _check(example.calls, example.granted)

"""Every case of the table, met by the real handler at the services and the CloudFormation of the local AWS."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

import index
from jobs import aws, state_machine_executions
from sandbox.cloudformation.backend import LifecycleBackend
from sandbox.cloudformation.custom_resources import Exchange, invalidity
from sandbox.cloudformation.lifecycle import Event
from sandbox.local_aws import ACCOUNT, REGION, LocalAws
from tests.containers import ANCHOR, DEFINITION, NO_APPLICATION, RESOURCE_TYPE, ROWS, YAML, Declared, Row, World
from tests.requests import Context, HurriedClock

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/role"


class Clock(HurriedClock):
    """A clock whose pauses take no time, but for a moment of the services', and something that happens in the first."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.002)
        happen, self.meanwhile = self.meanwhile, None
        if happen:
            happen()


class Stage:
    """The local AWS, where the handler in this process serves the stacks."""

    def __init__(self) -> None:
        self._listen: Callable[[Event], None] = lambda _: None
        self.aws = LocalAws(lambda _, event: self._listen(event))
        self.cloudformation = self.aws.client("cloudformation")
        # As in Lambda, where a process has one invocation at a time.
        self._one_at_a_time = threading.Lock()

    def invoke(self, _: str, event: dict[str, Any]) -> None:
        """Let the handler take a request."""
        with self._one_at_a_time:
            index.handler(event, Context(900))

    def play(self, row: Row, clock: Clock) -> World:
        """Play a row to its end."""
        world = World(self.aws, row, self._change)
        self._listen = world.heard
        container = row.given
        if row.shared and not container:
            container = world.make()
        if row.before:
            self._declare("CREATE", row, row.before, container)
        elif container:
            world.take(container)
        if row.prepare:
            row.prepare(world)
        for fault, times in row.faults:
            self.aws.front.switch_on(fault, times)
        if row.meanwhile:
            meanwhile = row.meanwhile
            clock.meanwhile = lambda: meanwhile(world)
        if row.after:
            self._declare("UPDATE" if row.before else "CREATE", row, row.after, container)
        else:
            self.cloudformation.delete_stack(StackName=row.id)
            self._settle(row.id)
        if row.again:
            last = self.exchanges(row)[-1].event
            self.invoke("", last)
        return world

    def exchanges(self, row: Row) -> list[Exchange]:
        """Every request for the row's StopOnDeletes of the type that is judged."""
        return [
            exchange
            for exchange in self.aws.exchanges
            if f"/{row.id}/" in exchange.event["StackId"]
            and exchange.event["RequestType"] == row.judged
            and exchange.event["LogicalResourceId"].startswith(f"{row.id}Stop")
        ]

    def reset(self) -> None:
        """Take back what rows do to the services themselves."""
        self.aws.front.switch_off()
        self.aws.emr_serverless.start_seconds = 0
        self.aws.step_functions.stale_looks = 0

    def _declare(self, kind: str, row: Row, declared: Declared, container: str) -> None:
        self._change(kind, row.id, _template(row, declared, container), as_yaml=declared.yaml)

    def _change(
        self, kind: str, stack: str, template: dict[str, Any], *, as_yaml: bool = False, **more: object
    ) -> None:
        change = {"StackName": stack, "ChangeSetName": "change"}
        body = (YAML if as_yaml else "") + json.dumps(template)
        self.cloudformation.create_change_set(**change, ChangeSetType=kind, TemplateBody=body, **more)
        self.cloudformation.execute_change_set(**change)
        self._settle(stack)

    def _settle(self, stack: str) -> None:
        while "IN_PROGRESS" in self.aws.stacks().get(stack, ""):
            time.sleep(0.005)


def _template(row: Row, declared: Declared, container: str) -> dict[str, Any]:
    resources: dict[str, Any] = {"Anchor": ANCHOR}
    owner = f"{row.id}Container"
    given: Any = container
    ownership = {}
    if declared.container and not container:
        # There is no RetainExceptOnCreate for what is replaced (User Guide, aws-attribute-updatereplacepolicy).
        replaced = "Delete" if declared.policy == "Delete" else "Retain"
        policies = {
            "DeletionPolicy": declared.written or declared.policy,
            "UpdateReplacePolicy": declared.written or replaced,
        }
        resources[owner] = {**_container(row, f"{row.id}-{declared.container}"), **policies}
        given = {"Fn::GetAtt": [owner, "Arn"]} if row.kind == "EcsTasks" else {"Ref": owner}
        ownership = {"ContainerLogicalId": owner, "ContainerDeletionPolicy": declared.policy}
    stops = [f"{row.id}{name}" for name, _ in declared.stops]
    for name, (_, options) in zip(stops, declared.stops, strict=True):
        choices = {"WaitSeconds": row.wait, "BestEffort": row.best_effort, **options}
        resources[name] = _stop({"Kind": row.kind, "Container": given, **ownership, **choices})
    if declared.fails:
        fails = _stop({"Kind": "EmrServerlessJobRuns", "Container": NO_APPLICATION})
        resources["Fails"] = {**fails, "DependsOn": stops}
    parameters = {"Policy": {"Type": "String", "Default": "Retain"}}
    return {"Parameters": parameters, "Resources": resources}


def _stop(properties: dict[str, Any]) -> dict[str, Any]:
    return {"Type": RESOURCE_TYPE, "Properties": {"ServiceToken": "arn:function", **properties}}


def _container(row: Row, name: str) -> dict[str, Any]:
    if row.kind == "EcsTasks":
        return {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": name}}
    if row.kind == "StateMachineExecutions":
        machine_type = "EXPRESS" if row.express else "STANDARD"
        properties = {"StateMachineName": name, "RoleArn": _ROLE, "StateMachineType": machine_type}
        return {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {**properties, "DefinitionString": DEFINITION},
        }
    properties = {"Name": name, "ReleaseLabel": "emr-7.10.0", "Type": "Spark"}
    return {"Type": "AWS::EMRServerless::Application", "Properties": properties}


@pytest.fixture(scope="module")
def _stage() -> Iterator[Stage]:
    stage = Stage()
    with closing(stage.aws), pytest.MonkeyPatch.context() as patch:
        for service in ("ECS", "SFN", "EMR_SERVERLESS", "CLOUDFORMATION"):
            patch.setenv(f"AWS_ENDPOINT_URL_{service}", stage.aws.url)
        patch.setenv("AWS_REGION", REGION)
        # By this the local AWS tells what functions ask of CloudFormation from what others do.
        patch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
        _forget_clients()
        yield stage
        _forget_clients()


def _forget_clients() -> None:
    """Let clients be made anew, by a session that reads anew where it runs."""
    aws._session.cache_clear()
    aws._client.cache_clear()


@pytest.fixture
def stage(_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(LifecycleBackend, "_invoke", staticmethod(_stage.invoke))
    monkeypatch.setattr(state_machine_executions, "_PAGE", 2)
    yield _stage
    _stage.reset()


def test_no_two_rows_have_the_same_id() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_of_the_table(
    row: Row, stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    monkeypatch.setattr(index, "clock", clock)
    with caplog.at_level(logging.INFO, "cdk_world_export_job"):
        world = stage.play(row, clock)

    assert world.unfinished == set(row.run_on.split())
    exchanges = stage.exchanges(row)
    answers = [(exchange.event, body) for exchange in exchanges for body in exchange.bodies]
    assert {json.loads(body)["Status"] for _, body in answers} == set(row.answer.split())
    assert {invalidity(event, body) for event, body in answers} == {""}
    assert [len(exchange.bodies) for exchange in exchanges] == [1] * (len(exchanges) - 1) + [2 if row.again else 1]
    if row.answer == "FAILED":
        assert all(row.words in json.loads(body)["Reason"] for _, body in answers)
    lines = [record.__dict__ for record in caplog.records if "outcome" in record.__dict__]
    lines = [line for line in lines if line["logical_id"].startswith(f"{row.id}Stop")]
    if row.again:
        assert lines.pop()["outcome"] == row.again
    assert {line["outcome"] for line in lines} == set(filter(None, row.outcome.split(", ")))
    assert all(row.words in line["detail"] for line in lines)

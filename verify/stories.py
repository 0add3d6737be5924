"""The stories: what is done in the account, and which result is expected."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from . import AFTER, BASE, BEFORE, DENY, FAILING, PREFIX, TAG
from .account import Account, StoryError, error_of
from .report import Report

# Kind of job -> how the stacks name its container.
_KINDS = {"EcsTasks": "Cluster", "StateMachineExecutions": "Machine"}
_HASH = re.compile(r"[0-9A-F]{8}$")  # what the CDK appends to a construct's id
_CLEANUP, _ROLLBACK_CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
# How many times in succession a role must get the new answer before a change of its permissions counts as effective.
_IN_SUCCESSION = 5

# Claims of the sandbox, written as in sandbox/README.md.
_ORDER = "Dependencies are created first, dependents deleted first"
_LISTED = "A resource that has left the template is described and listed until it is deleted, in the cleanup too"


class _Events(list[Mapping[str, Any]]):
    """The events of a stack in one operation, the oldest first."""

    def of(self, construct: str, status: str) -> list[int]:
        """Return the positions of a construct's events with a status."""
        its = [(_HASH.sub("", one["LogicalResourceId"]), one["ResourceStatus"]) for one in self]
        return [place for place, one in enumerate(its) if one == (construct, status)]

    def in_order(self, *events: tuple[str, str]) -> bool:
        """Return whether the first events of these constructs and statuses exist, in this order."""
        places = [(self.of(*event) or [-1])[0] for event in events]
        return places == sorted(places) and -1 not in places

    def __str__(self) -> str:
        return ", ".join(f"{one['LogicalResourceId']} {one['ResourceStatus']}" for one in self)


class _Watch(threading.Thread):
    """Calls `look` once a second, as long as its context is entered, and collects what it returns."""

    def __init__(self, look: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__(daemon=True)
        self.looks: list[Mapping[str, Any]] = []
        self._look, self._over = look, threading.Event()

    def __enter__(self) -> _Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        # Not more often, because CloudFormation throttles these calls (aws/aws-cdk 5637).
        while not self._over.wait(1):
            with suppress(BotoCoreError, ClientError):
                self.looks.append(self._look())


class Stories:
    """Runs the stories, one after the other.

    Parameters
    ----------
    account : Account
        The account.
    report : Report
        The report that gets the results.
    assemblies : Path
        The folder with the cloud assemblies.
    run_id : str
        The value of the run's tag.
    say : callable
        Prints the progress.
    """

    def __init__(
        self, account: Account, report: Report, assemblies: Path, run_id: str, say: Callable[[str], None]
    ) -> None:
        self._account, self._report, self._assemblies = account, report, assemblies
        self._run_id, self._say = run_id, say
        self._claim = report.claim
        self._aws, self._cloudformation = account.client, account.client("cloudformation")
        self._base: dict[str, str] = {}  # the outputs of the base stack
        self._ids: dict[str, str] = {}  # stack -> its ARN
        self._read: dict[str, int] = {}  # stack -> how many of its events were read
        self._jobs: dict[str, tuple[str, str]] = {}  # logical id of a container -> its physical id, and its job

    def run(self, *, emr: bool) -> None:
        """Run all stories, with EMR Serverless or without."""
        self._look_for_daemons()
        self._create("Deleted", "Updated", "Failed", "World")
        self._roll_back()
        self._deny()
        self._update()
        if emr:
            self._start_session()
        self._delete()
        if emr:
            line = self._outcome("Deleted", "DeletedStopEmrServerlessJobRuns", "stopped")
            story = "A deletion terminates a session and stops its application"
            self._report.story(story, line["outcome"] == "stopped", f"{line['outcome']}: {line['detail']}")
        self._delete_again()

    def _create(self, *stacks: str) -> None:
        self._deploy(BEFORE, "Base")
        outputs = self._cloudformation.describe_stacks(StackName=BASE)["Stacks"][0]["Outputs"]
        self._base = {one["OutputKey"]: one["OutputValue"] for one in outputs}
        self._deploy(BEFORE, *stacks)
        events = self._events(stacks[0])
        for kind, container in _KINDS.items():
            created = (f"{stacks[0]}{container}", "CREATE_COMPLETE"), (f"{stacks[0]}Stop{kind}", "CREATE_IN_PROGRESS")
            self._claim(_ORDER, events.in_order(*created), events)
        self._start(*stacks)

    def _roll_back(self) -> None:
        look = partial(self._look, "ReplacedCluster", "NewCluster")
        with _Watch(look) as watch:
            self._deploy(FAILING, "Updated", fails=True)
        statuses = {name: self._status(name) for name in self._jobs}
        well = set(statuses.values()) == {"RUNNING"}
        self._report.story("An update that is rolled back stops no job that ran before it", well, statuses)

        after, old = look(), self._jobs["ReplacedCluster"][0]
        self._claim("After a rollback GetTemplate gives the old template", after["template"] == BEFORE, after)
        gone = after["NewCluster"][0] == "ValidationError"
        self._claim("A resource that has left the stack is a ValidationError of DescribeStackResource", gone, after)
        kept = after["ReplacedCluster"][0] == old
        self._claim("A rollback does not delete the resource that the update replaced", kept, after)
        templates = {"UPDATE_IN_PROGRESS": FAILING, "UPDATE_ROLLBACK_IN_PROGRESS": BEFORE, _ROLLBACK_CLEANUP: BEFORE}
        self._compare(watch, "a rollback", templates, leaving="NewCluster")

    def _deny(self) -> None:
        """Deny the function the permission to stop tasks of one stack."""
        tasks = f"arn:aws:ecs:*:*:task/{PREFIX}-failed*/*"
        statement = {"Effect": "Deny", "Action": "ecs:StopTask", "Resource": tasks}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._aws("iam").put_role_policy(RoleName=self._base["Role"], PolicyName=DENY, PolicyDocument=policy)
        self._measure("a denial", denied=True)

    def _update(self) -> None:
        with _Watch(partial(self._look, "ReplacedCluster", "LeftCluster")) as watch:
            self._deploy(AFTER, "Updated", "Failed")
        self._stopped("An update stops the jobs in what it replaces", "Updated", "Replaced")
        self._stopped("An update stops the jobs in what it removes", "Updated", "Left")
        self._stopped("If only the construct is removed, the jobs keep running", "Updated", "Kept", outcome="kept")

        events, stop = self._events("Updated"), "ReplacedStopEcsTasks"
        deleted = [str(events[place]["PhysicalResourceId"]) for place in events.of(stop, "DELETE_COMPLETE")]
        replaced = len(deleted) == 1 and self._jobs["ReplacedCluster"][0] in deleted[0]
        self._claim("Another physical id from an Update is a replacement", replaced, events)
        in_cleanup = events.in_order((f"{PREFIX}-updated", _CLEANUP), (stop, "DELETE_IN_PROGRESS"))
        self._claim("A cleanup deletes resources in UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", in_cleanup, events)
        self._compare(watch, "an update", {"UPDATE_IN_PROGRESS": AFTER, _CLEANUP: AFTER}, leaving="LeftCluster")
        new = self._account.resources(self._ids["Updated"])["ReplacedCluster"]["PhysicalResourceId"]
        for look in [look for look in watch.looks if look["status"] == _CLEANUP]:
            described = look["ReplacedCluster"][0] == new
            self._claim(
                "A replaced resource is described as the new one from the start of the cleanup", described, look
            )

        events = self._events("Failed")
        tries = len(events.of("FailedStopEcsTasks", "DELETE_FAILED"))
        three = (tries, events[-1]["ResourceStatus"]) == (3, "UPDATE_COMPLETE")
        self._claim("A cleanup tries a Delete three times, then the stack is complete", three, events)
        goes_on = events.in_order(("FailedStopEcsTasks", "DELETE_FAILED"), ("FailedCluster", "DELETE_IN_PROGRESS"))
        self._claim("The same in a cleanup", goes_on, events)
        status = self._status("FailedCluster")
        self._report.story("A cleanup that fails leaves the tasks running", status == "RUNNING", status)

    def _delete(self) -> None:
        self._start("Failed")
        asked = {"StackName": self._ids["Deleted"], "RetainResources": ["DeletedCluster"]}
        words = "only when the stack is in the DELETE_FAILED state"
        self._refused("RetainResources only in DELETE_FAILED", words, self._cloudformation.delete_stack, **asked)
        self._destroy({"Deleted": False, "Failed": True, "World": None})
        self._stopped("A deletion stops the jobs before it deletes what they run in", "Deleted", "Deleted")
        events = self._events("Deleted")
        for kind, container in _KINDS.items():
            deleted = (f"DeletedStop{kind}", "DELETE_COMPLETE"), (f"Deleted{container}", "DELETE_IN_PROGRESS")
            self._claim(_ORDER, events.in_order(*deleted), events)
        [stack] = self._cloudformation.describe_stacks(StackName=self._ids["Deleted"])["Stacks"]
        status = stack["StackStatus"]
        self._claim("A deleted stack is found by its id", status == "DELETE_COMPLETE", status)

        line = self._outcome("World", "Job", "")
        answered = f"{line['outcome']}: {line['detail']}"
        self._report.seen["What RoboMaker's endpoint answered the function"] = answered
        self._claim("What a retired service answers", line["outcome"] == "retired", answered)
        well = line["outcome"] in ("gone", "retired")
        self._report.story("The stack of a world export job that does not exist is deleted", well, answered)

        self._first = events = self._events("Failed")
        self._report.seen["The events of a deletion that failed"] = str(events)
        goes_on = events.in_order(("FailedStopEcsTasks", "DELETE_FAILED"), ("FailedCluster", "DELETE_IN_PROGRESS"))
        claim = "After a failed Delete, CloudFormation deletes the resources that the failed one depends on"
        self._claim(claim, goes_on, events)
        for place in events.of("FailedStopEcsTasks", "DELETE_FAILED"):
            reason = events[place]["ResourceStatusReason"]
            self._report.seen["The reason of a Delete that failed"] = reason
            has_id = re.search(r"\(RequestId: [\w-]+\)$", reason) is not None
            self._claim("A reason ends with the request's id", has_id, reason)
        name = f"{PREFIX}-failed"
        template = json.dumps(self._cloudformation.get_template(StackName=name)["TemplateBody"])
        asked = {"StackName": name, "ChangeSetName": PREFIX, "TemplateBody": template}
        claim, words = "A stack that can only be deleted can't be updated", "is in DELETE_FAILED state and can not be"
        self._refused(claim, words, self._cloudformation.create_change_set, **asked)

    def _delete_again(self) -> None:
        self._account.allow()
        self._measure("the end of a denial", denied=False)
        self._stop_an_execution()
        self._destroy({"Failed": False, "Updated": True}, meanwhile=self._stop_while_deleting)
        self._stopped("A deletion that failed succeeds when it is tried again", "Failed", "Failed")
        again, stack = self._events("Failed"), f"{PREFIX}-failed"
        tried = {one["LogicalResourceId"] for one in again if one["ResourceStatus"] == "DELETE_IN_PROGRESS"}
        failed = {one["LogicalResourceId"] for one in self._first if one["ResourceStatus"] == "DELETE_FAILED"}
        only = tried - {stack} == failed - {stack}
        self._claim("A second Delete finds only what failed, and tries it again", only, again)

        # Nothing stops the task in the cluster whose construct was removed.
        events = self._events("Updated")
        self._claim("CloudFormation waits for it", events.of("KeptMachine", "DELETE_COMPLETE") != [], events)
        reasons = [events[place]["ResourceStatusReason"] for place in events.of("KeptCluster", "DELETE_FAILED")]
        self._claim("So the deletion of its stack fails", reasons != [], events)
        active = any("cannot be deleted while Tasks are active" in reason for reason in reasons)
        self._claim("A cluster with tasks is not deleted", active, reasons)
        cluster, task = self._jobs["KeptCluster"]
        ecs = self._aws("ecs")
        for claim in (
            "StopTask sets the desired status STOPPED at once; the task stops later",
            "StopTask may be called again for a task that is stopping",
        ):
            stopped = ecs.stop_task(cluster=cluster, task=task)["task"]
            later = stopped["desiredStatus"] == "STOPPED" != stopped["lastStatus"]
            self._claim(claim, later, f"{stopped['desiredStatus']}, {stopped['lastStatus']}")
        listed = ecs.list_tasks(cluster=cluster)["taskArns"]
        self._claim("By default, tasks with the desired status RUNNING are listed", listed == [], listed)
        self._account.until(lambda: self._status("KeptCluster") == "STOPPED", "a task to stop")
        self._destroy({"Updated": False})
        statuses = [one["status"] for one in ecs.describe_clusters(clusters=[cluster])["clusters"]]
        self._claim("A deleted cluster stays visible, and INACTIVE", statuses == ["INACTIVE"], statuses)
        claim = "It has no tasks any more: ClusterNotFoundException"
        self._refused(claim, "ClusterNotFoundException", ecs.list_tasks, cluster=cluster)

    def _stop_an_execution(self) -> None:
        states = self._aws("stepfunctions")
        execution = states.start_execution(stateMachineArn=self._jobs["KeptMachine"][0])["executionArn"]
        for claim in (
            "A stopped execution is ABORTED, and has an error and a cause",
            "The stop of an execution that has ended changes nothing",
        ):
            states.stop_execution(executionArn=execution, error=claim[:9], cause=claim)
            found = states.describe_execution(executionArn=execution)
            seen = found["status"], found.get("error"), found.get("cause", "")[:9]
            self._claim(claim, seen == ("ABORTED", "A stopped", "A stopped"), seen)

    def _stop_while_deleting(self) -> None:
        """Stop the execution of the state machine whose construct was removed, while CloudFormation deletes it."""
        states, (machine, execution) = self._aws("stepfunctions"), self._jobs["KeptMachine"]

        def is_deleting() -> bool:
            return bool(states.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING")

        with suppress(StoryError):
            self._account.until(is_deleting, "the state machine", pause=0.5, seconds=180)
        self._claim("A machine is DELETING until its executions have ended", is_deleting(), "it is not")
        found = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
        listed = [one["executionArn"] for one in found]
        states.stop_execution(executionArn=execution)
        self._claim("They can be listed and stopped meanwhile", listed == [execution], listed)

    def _look_for_daemons(self) -> None:
        """Record the `group` of the tasks of managed daemons, if the account has any."""
        ecs, groups = self._aws("ecs"), set()
        try:
            for cluster in self._account.pages("ecs", "list_clusters", "clusterArns"):
                for daemon in ecs.list_daemons(clusterArn=cluster)["daemonSummariesList"]:
                    name = daemon["daemonArn"].rpartition("/")[2]
                    tasks = ecs.list_tasks(cluster=cluster, daemonName=name)["taskArns"]
                    found = ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"] if tasks else []
                    groups |= {task.get("group", "").partition(":")[0] for task in found}
            seen = ", ".join(sorted(groups)) or "the account has no such task"
        except (BotoCoreError, ClientError) as error:
            seen = f"not seen: {error_of(error)}"
        self._report.seen["What the group of a managed daemon's task begins with"] = seen

    def _start_session(self) -> None:
        """Start a session of the EMR Serverless application, and try to stop the application."""
        emr, application = self._aws("emr-serverless"), self._physical_id("Deleted", "DeletedApplication")
        role = f"arn:aws:iam::{self._account.id}:role/{PREFIX}-emr-serverless-{self._run_id}"

        def asked(call: Callable[..., Any], what: str, **more: Any) -> None:
            try:
                call(applicationId=application, **more)
                self._report.seen[what] = "accepted"
            except ClientError as error:
                self._report.seen[what] = error_of(error)

        def state() -> str:
            return str(emr.get_application(applicationId=application)["application"]["state"])

        claim, words = (
            "Only a started application can be stopped; the text of the error",
            "in one of the following statuses",
        )
        self._refused(claim, words, emr.stop_application, applicationId=application)
        emr.start_application(applicationId=application)
        self._account.until(lambda: state() == "STARTED", "the application to start")
        asked(emr.start_session, "StartSession", executionRoleArn=role, tags={TAG: self._run_id})
        asked(emr.stop_application, "StopApplication of an application with a live session")
        seen = list(self._report.seen.values())[-2:]
        if seen[0] == "accepted":  # the session
            self._claim("And only without sessions that have not ended", seen[1] != "accepted", seen[1])

    def _deploy(self, variant: str, *stacks: str, fails: bool = False) -> None:
        commands = [
            ["deploy", one, "--change-set-name", f"{PREFIX}-{one}", "--require-approval", "never"] for one in stacks
        ]
        self._cdk(variant, commands, dict.fromkeys(stacks, fails))
        for one in stacks:
            [stack] = self._cloudformation.describe_stacks(StackName=f"{PREFIX}-{one.lower()}")["Stacks"]
            self._ids[one] = stack["StackId"]

    def _destroy(self, fails: Mapping[str, bool | None], meanwhile: Callable[[], None] = lambda: None) -> None:
        self._cdk(AFTER, [["destroy", stack, "--force"] for stack in fails], fails, meanwhile)

    def _cdk(
        self,
        variant: str,
        commands: Sequence[Sequence[str]],
        fails: Mapping[str, bool | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Run one command for each stack. `fails` says whether it must fail; None: it may fail."""
        for stack in fails.keys() & self._ids.keys():
            self._events(stack)  # skips the events of earlier operations
        self._say(f"cdk {commands[0][0]} {' '.join(fails)} (the app {variant} the update)")
        app = ("--exclusively", "--app", str(self._assemblies / variant))
        done = self._account.cdk([[*command, *app] for command in commands], meanwhile)
        for (stack, expected), (status, output) in zip(fails.items(), done, strict=True):
            if expected is not None and (status != 0) is not expected:
                raise StoryError(f"cdk {commands[0][0]} {stack} ended with status {status}: {output[-3000:]}")

    def _physical_id(self, stack: str, logical_id: str) -> str:
        return str(self._account.resources(self._ids[stack])[logical_id]["PhysicalResourceId"])

    def _start(self, *stacks: str) -> None:
        """Start a task or an execution in each container of stacks, and wait until they run."""
        network = {"subnets": [self._base["Subnet"]], "assignPublicIp": "ENABLED"}
        fargate = {
            "taskDefinition": self._base["TaskDefinition"],
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": network},
            "tags": [{"key": TAG, "value": self._run_id}],
        }
        started: list[str] = []
        for stack in stacks:
            for name, one in self._account.resources(self._ids[stack]).items():
                container = one["PhysicalResourceId"]
                if one["ResourceType"] == "AWS::ECS::Cluster":
                    ran = self._aws("ecs").run_task(cluster=container, **fargate)
                    if ran["failures"]:
                        raise StoryError(f"Fargate runs no task: {ran['failures']}")
                    job = ran["tasks"][0]["taskArn"]
                elif one["ResourceType"] == "AWS::StepFunctions::StateMachine":
                    job = self._aws("stepfunctions").start_execution(stateMachineArn=container)["executionArn"]
                else:
                    continue
                self._jobs[name] = (container, job)
                started.append(name)
        self._say(f"waiting until {len(started)} tasks and executions are running")
        self._account.until(lambda: {self._status(name) for name in started} == {"RUNNING"}, "tasks to run")

    def _status(self, name: str) -> str:
        """Return the status of the job in a container, or "gone"."""
        container, job = self._jobs[name]
        with suppress(ClientError):
            if name.endswith("Machine"):
                return str(self._aws("stepfunctions").describe_execution(executionArn=job)["status"])
            for task in self._aws("ecs").describe_tasks(cluster=container, tasks=[job])["tasks"]:
                return str(task["lastStatus"])
        return "gone"

    def _stopped(self, story: str, stack: str, role: str, outcome: str = "stopped") -> None:
        """Record whether the jobs were stopped, or kept, by the function's log and by their present status."""
        statuses = ("RUNNING",) if outcome == "kept" else ("STOPPED", "ABORTED", "gone")
        seen = {}
        for kind, container in _KINDS.items():
            name = f"{role}{container}"
            line = self._outcome(stack, f"{role}Stop{kind}", outcome, self._jobs[name][0])
            seen[name] = (line["outcome"], self._status(name))
        well = all(found == outcome and status in statuses for found, status in seen.values())
        self._report.story(story, well, seen)

    def _outcome(self, stack: str, construct: str, expected: str, container: str = "") -> Mapping[str, str]:
        """Return the log line of a construct's last Delete. Wait up to a minute for the expected outcome."""
        lines: list[Mapping[str, str]] = []

        def is_logged() -> bool:
            lines[:] = [{"outcome": "no line in the log", "detail": ""}]
            group = f"{PREFIX}-{self._run_id}"
            for event in self._account.pages("logs", "filter_log_events", "events", logGroupName=group):
                with suppress(ValueError):  # not every line is JSON
                    line = json.loads(event["message"])
                    its = line.get("stack") == self._ids[stack] and _HASH.sub("", line["logical_id"]) == construct
                    if its and "outcome" in line and container in line["physical_id"]:
                        lines.append(line)
            return len(lines) > 1 and expected in ("", lines[-1]["outcome"])

        with suppress(StoryError):
            self._account.until(is_logged, "the log", seconds=60)
        return lines[-1]

    def _events(self, stack: str) -> _Events:
        """Return the events of a stack since the last call, the oldest first."""
        asked = {"StackName": self._ids[stack]}
        events = list(self._account.pages("cloudformation", "describe_stack_events", "StackEvents", **asked))[::-1]
        read, self._read[stack] = self._read.get(stack, 0), len(events)
        return _Events(events[read:])

    def _look(self, *resources: str) -> Mapping[str, Any]:
        """Return what CloudFormation answers about the stack Updated, and about some of its resources."""
        stack = self._ids["Updated"]
        look: dict[str, Any] = {
            "status": self._cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        }
        look["template"] = self._cloudformation.get_template(StackName=stack)["TemplateBody"]["Description"]
        listed = self._account.resources(stack)
        for name in resources:
            asked = {"StackName": stack, "LogicalResourceId": name}
            try:
                detail = self._cloudformation.describe_stack_resource(**asked)["StackResourceDetail"]
                described = detail.get("PhysicalResourceId", "")
            except ClientError as error:
                described = error.response["Error"]["Code"]
            look[name] = (described, listed[name]["ResourceStatus"] if name in listed else "not listed")
        return look

    def _compare(self, watch: _Watch, what: str, templates: Mapping[str, str], leaving: str) -> None:
        """Compare what was seen during an operation with the claims about it."""
        # The stack may change between the calls of one look. So use a look only if the next one agrees with it.
        pairs = zip(watch.looks, watch.looks[1:], strict=False)
        sure = [one for one, later in pairs if all(one[key] == later[key] for key in ("status", leaving))]
        for look in [look for look in sure if look["status"] in templates]:
            claim = "The same during the rollback; during an update and its cleanup, the new template"
            self._claim(claim, look["template"] == templates[look["status"]], look)
            described, listed = look[leaving]
            there = described != "ValidationError", listed not in ("not listed", "DELETE_COMPLETE")
            if look["status"] in (_CLEANUP, _ROLLBACK_CLEANUP) and any(there):
                self._claim(_LISTED, all(there), look)
        shown = dict.fromkeys(", ".join(f"{name} {said}" for name, said in look.items()) for look in watch.looks)
        self._report.seen[f"What CloudFormation answered during {what}"] = " / ".join(shown)

    def _measure(self, change: str, *, denied: bool) -> None:
        """Measure how long a change of the role's permissions takes to be effective, and wait for it."""
        role = f"arn:aws:iam::{self._account.id}:role/{self._base['Role']}"
        given = self._aws("sts").assume_role(RoleArn=role, RoleSessionName=PREFIX)["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        ecs = boto3.Session(*keys, region_name=self._account.region).client("ecs")
        answers: list[float] = []
        began = time.monotonic()

        def is_effective() -> bool:
            try:
                ecs.stop_task(cluster=self._jobs["FailedCluster"][0], task="0" * 32)  # there is no such task
                answer = "accepted"
            except ClientError as error:
                answer = error_of(error)
            if answer.startswith("AccessDeniedException") is not denied:
                answers.clear()
                return False
            if not denied:
                self._claim(
                    '"The referenced task was not found."', "The referenced task was not found" in answer, answer
                )
            answers.append(time.monotonic() - began)
            return len(answers) >= _IN_SUCCESSION

        self._say(f"waiting until {change} is effective")
        self._account.until(is_effective, change, pause=0.5)
        self._report.seen[f"How long it takes until {change} is effective"] = f"{answers[0]:.1f} s"

    def _refused(self, claim: str, words: str, call: Callable[..., Any], **asked: Any) -> None:
        """Record whether a call is refused with an error that has these words."""
        try:
            call(**asked)
            self._claim(claim, False, "it was accepted")
        except ClientError as error:
            self._claim(claim, words in error_of(error), error_of(error))

"""The stories: what is done in the account, and which result is expected."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from itertools import pairwise, takewhile
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from . import AFTER, BASE, BEFORE, FAILING, PREFIX
from .account import Account, answer_of
from .report import AS_PROMISED, Report

_HASH = re.compile(r"[0-9A-F]{8}$")  # what the CDK appends to a construct's id
_STOPPED = ("STOPPED", "ABORTED", "gone")
_CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
_GOES_ON = ("FailedStopEcsTasks", "DELETE_FAILED"), ("FailedCluster", "DELETE_IN_PROGRESS")
_NO_TASK = "0" * 32
_AT_ONCE = ("--exclusively", "--concurrency", "4")


class Stories:
    """Runs the stories, one after the other.

    Parameters
    ----------
    account : Account
        The account.
    report : Report
        The report that gets the results. Claims of the sandbox are written as in sandbox/README.md.
    assembly : str
        A folder for the cloud assembly.
    say : callable
        Prints the progress.
    """

    def __init__(self, account: Account, report: Report, assembly: str, say: Callable[[str], None]) -> None:
        self._account, self._report, self._assembly, self._say = account, report, assembly, say
        self._claim, self._seen = report.claim, report.seen
        self._aws, self._cloudformation = account.client, account.client("cloudformation")
        self._ids: dict[str, str] = {}  # stack -> its ARN
        self._jobs: dict[str, tuple[str, str]] = {}  # logical id of a container -> its physical id, and its job
        self._looks: list[Mapping[str, str]] = []

    def run(self, *, emr: bool) -> None:
        """Run all stories, with EMR Serverless or without."""
        self._look_for_daemons()
        # Without the paths of the constructs, which differ between the stages, so that only what changes is updated.
        app = ("--app", "python -m verify.stacks", "--output", self._assembly, "--context", f"emr={int(emr)}")
        self._cdk("synth", "--quiet", "--no-path-metadata", *app)
        self._create()
        self._roll_back()
        self._update()
        if emr:
            self._start_session()
        self._delete()
        self._read_log()
        self._delete_again()
        self._read_log()

    def _create(self) -> None:
        self._deploy(BEFORE, "Base")
        self._role = self._aws("iam").get_role(RoleName=PREFIX)["Role"]["Arn"]
        self._deploy(BEFORE, "Deleted", "Updated", "Failed", "World")
        order = ("DeletedCluster", "CREATE_COMPLETE"), ("DeletedStopEcsTasks", "CREATE_IN_PROGRESS")
        self._in_order("Dependencies are created first, dependents deleted first", "Deleted", *order)
        self._start("Deleted", "Updated", "Failed")

    def _roll_back(self) -> None:
        self._deploy(FAILING, "Updated", meanwhile=partial(self._look, "NewCluster"))
        story = "An update that is rolled back stops no job that ran before it"
        self._story(story, "", "RUNNING", Updated="UPDATE_ROLLBACK_COMPLETE")
        self._compare("a rollback", FAILING, "NewCluster")
        asked = {"StackName": self._ids["Updated"]}
        template = self._cloudformation.get_template(**asked)["TemplateBody"]["Description"]
        self._claim("After a rollback GetTemplate gives the old template", template == BEFORE, template)
        claim = "A resource that has left the stack is a ValidationError of DescribeStackResource"
        describe = partial(self._cloudformation.describe_stack_resource, **asked)
        self._answers(claim, "ValidationError", describe, LogicalResourceId="NewCluster")
        kept = describe(LogicalResourceId="ReplacedCluster")["StackResourceDetail"]["PhysicalResourceId"]
        claim = "A rollback does not delete the resource that the update replaced"
        self._claim(claim, kept == self._jobs["ReplacedCluster"][0], kept)

    def _update(self) -> None:
        # The function may not stop the tasks of one stack.
        place, _, _ = self._jobs["FailedCluster"][1].partition(":task/")
        statement = {"Effect": "Deny", "Action": "ecs:StopTask", "Resource": f"{place}:task/{PREFIX}-failed-*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._aws("iam").put_role_policy(RoleName=PREFIX, PolicyName=PREFIX, PolicyDocument=policy)
        self._measure("a denial", denied=True)
        self._deploy(AFTER, "Updated", "Failed", meanwhile=partial(self._look, "LeftCluster"))
        updated = {"Updated": "UPDATE_COMPLETE"}
        story = "An update stops the jobs in what it replaces"
        self._story(story, "Replaced", *_STOPPED, **updated)
        # Otherwise the function would have kept them.
        claim = "A replaced resource is described as the new one from the start of the cleanup"
        self._claim(claim, self._report.stories[story] == AS_PROMISED, self._report.stories[story])
        self._story("An update stops the jobs in what it removes", "Left", *_STOPPED, **updated)
        self._story("If only the construct is removed, the jobs keep running", "Kept", "RUNNING", **updated)
        self._compare("an update", AFTER, "LeftCluster")
        story = "A cleanup that fails leaves the tasks running"
        self._story(story, "FailedCluster", "RUNNING", Failed="UPDATE_COMPLETE")
        order = (f"{PREFIX}-updated", _CLEANUP), ("ReplacedStopEcsTasks", "DELETE_IN_PROGRESS")
        self._in_order(f"A cleanup deletes resources in {_CLEANUP}", "Updated", *order)
        self._in_order("In a cleanup, too, CloudFormation continues after a failed Delete", "Failed", *_GOES_ON)
        reasons = self._reasons("Failed", "FailedStopEcsTasks")
        self._claim("A cleanup tries a Delete three times, then the stack is complete", len(reasons) == 3, reasons)

    def _delete(self) -> None:
        self._start("Failed")
        self._destroy("Deleted", "Failed", "World")
        deleted = {"Deleted": "DELETE_COMPLETE"}
        story = "A deletion stops the jobs before it deletes what they run in"
        self._story(story, "Deleted", *_STOPPED, **deleted)
        order = ("DeletedStopEcsTasks", "DELETE_COMPLETE"), ("DeletedCluster", "DELETE_IN_PROGRESS")
        self._in_order("Dependencies are created first, dependents deleted first", "Deleted", *order)
        if self._seen.get("StartSession") == "accepted":
            self._story("A deletion terminates a session and stops its application", "Application", **deleted)
        story = "The stack of a world export job that does not exist is deleted"
        self._story(story, "World", World="DELETE_COMPLETE")

        story = "A deletion that may not stop the tasks fails, and leaves them running"
        self._story(story, "FailedCluster", "RUNNING", Failed="DELETE_FAILED")
        self._failed = self._events("Failed")
        self._seen["The events of a deletion that failed"] = ", ".join(" ".join(event[:2]) for event in self._failed)
        claim = "After a failed Delete, CloudFormation deletes the resources that the failed one depends on"
        self._in_order(claim, "Failed", *_GOES_ON)
        for reason in self._reasons("Failed", "FailedStopEcsTasks"):
            self._seen["The reason of a Delete that failed"] = reason
            self._claim("A reason ends with the request's id", bool(re.search(r"\(RequestId: \S+\)$", reason)), reason)
        reasons = self._reasons("Failed", "FailedCluster")
        self._claim("The deletion of a stack fails if its cluster has tasks", bool(reasons), reasons)
        active = any("cannot be deleted while Tasks are active" in reason for reason in reasons)
        self._claim("A cluster with tasks is not deleted", active, reasons)

    def _delete_again(self) -> None:
        self._check_calls()
        self._account.allow()
        self._measure("the end of a denial", denied=False)
        self._destroy("Failed")
        story = "A deletion that failed succeeds when it is tried again"
        self._story(story, "Failed", *_STOPPED, Failed="DELETE_COMPLETE")
        again = self._events("Failed")
        tried = {construct for construct, status, _ in again if status == "DELETE_IN_PROGRESS"}
        failed = {construct for construct, status, _ in self._failed if status == "DELETE_FAILED"}
        only = tried == failed | {f"{PREFIX}-failed"}
        self._claim("A second Delete finds only what failed, and tries it again", only, again)

    def _check_calls(self) -> None:
        """Check what the sandbox claims about single calls, with the jobs whose construct was removed."""
        ecs, states = self._aws("ecs"), self._aws("stepfunctions")
        (cluster, task), (_, execution) = self._jobs["KeptCluster"], self._jobs["KeptMachine"]
        stopped = ecs.stop_task(cluster=cluster, task=task)["task"]
        claim, last = "StopTask sets the desired status STOPPED at once; the task stops later", stopped["lastStatus"]
        self._claim(claim, stopped["desiredStatus"] == "STOPPED" != last, f"{stopped['desiredStatus']}, {last}")
        claim = "StopTask may be called again for a task that is stopping"
        self._answers(claim, "accepted", ecs.stop_task, cluster=cluster, task=task)
        claim = "ListTasks of a deleted cluster answers ClusterNotFoundException"
        self._answers(claim, "ClusterNotFoundException", ecs.list_tasks, cluster=self._jobs["DeletedCluster"][0])
        for words in ("first", "second"):
            states.stop_execution(executionArn=execution, error=words, cause=words)
            self._account.until(lambda: self._status("KeptMachine") in _STOPPED, "an execution to stop")
        found = states.describe_execution(executionArn=execution)
        seen = found["status"], found.get("error"), found.get("cause")
        claim = "A stopped execution is ABORTED, and has an error and a cause"
        self._claim(claim, seen[0] == "ABORTED" and None not in seen, seen)
        claim = "The stop of an execution that has ended changes nothing"
        self._claim(claim, seen[1:] == ("first", "first"), seen)

    def _look_for_daemons(self) -> None:
        """Record the `group` of the tasks of managed daemons, if the account has any."""
        ecs, groups = self._aws("ecs"), {}
        with suppress(BotoCoreError, ClientError):  # the region has no daemons
            for cluster in self._account.pages("ecs", "list_clusters", "clusterArns"):
                for daemon in ecs.list_daemons(clusterArn=cluster)["daemonSummariesList"]:
                    name = daemon["daemonArn"].rpartition("/")[2]
                    if tasks := ecs.list_tasks(cluster=cluster, daemonName=name)["taskArns"]:
                        for task in ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]:
                            groups[str(task.get("group")).partition(":")[0]] = True
        seen = ", ".join(groups) or "not seen: the account has no such task"
        self._seen["What the group of a managed daemon's task begins with"] = seen

    def _start_session(self) -> None:
        """Start a session of the EMR Serverless application, and try to stop the application."""
        application = self._account.resources(self._ids["Deleted"])["DeletedApplication"]["PhysicalResourceId"]
        emr, asked = self._aws("emr-serverless"), {"applicationId": application}
        claim = "Only a started application can be stopped; the text of the error"
        self._answers(claim, "in one of the following statuses", emr.stop_application, **asked)
        emr.start_application(**asked)
        self._account.until(lambda: emr.get_application(**asked)["application"]["state"] == "STARTED", "an application")
        session = {"executionRoleArn": self._role, "idleTimeoutMinutes": 15, "tags": {PREFIX: "true"}}
        self._seen["StartSession"] = started = answer_of(emr.start_session, **asked, **session)
        answer = answer_of(emr.stop_application, **asked)
        self._seen["StopApplication of an application with a live session"] = answer
        if started == "accepted":
            self._claim(
                "An application with sessions that have not ended can't be stopped", answer != "accepted", answer
            )

    def _deploy(self, stage: str, *stacks: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        named = [f"{stage}/{stack}" for stack in stacks]
        options = ("--require-approval", "never", *_AT_ONCE, "--app", self._assembly)
        self._cdk("deploy", *named, *options, fails=stage == FAILING, meanwhile=meanwhile)
        for stack in stacks:
            self._ids[stack] = f"{PREFIX}-{stack.lower()}"
            self._ids[stack] = self._stack(stack)["StackId"]

    def _destroy(self, *stacks: str) -> None:
        named = [f"{AFTER}/{stack}" for stack in stacks]
        self._cdk("destroy", *named, "--force", *_AT_ONCE, "--app", self._assembly, fails=True)

    def _cdk(self, *command: str, fails: bool = False, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Run a command of the CDK CLI, and `meanwhile` once a second. The command may fail if `fails`."""
        self._say(" ".join(["cdk", *takewhile(lambda word: not word.startswith("-"), command)]))
        with ThreadPoolExecutor() as pool:
            running = pool.submit(self._account.cdk, *command)
            while wait([running], timeout=1).not_done:
                with suppress(BotoCoreError, ClientError):  # such as throttling
                    meanwhile()
        status, output = running.result()
        if status and not fails:
            raise RuntimeError(f"The CDK CLI failed: {output[-3000:]}")

    def _stack(self, stack: str) -> Mapping[str, str]:
        found: Mapping[str, str] = self._cloudformation.describe_stacks(StackName=self._ids[stack])["Stacks"][0]
        return found

    def _start(self, *stacks: str) -> None:
        """Start a task or an execution in each container of stacks, and wait until they run."""
        base = self._account.resources(BASE).values()
        subnets = [one["PhysicalResourceId"] for one in base if one["ResourceType"] == "AWS::EC2::Subnet"]
        fargate = {
            "taskDefinition": PREFIX,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets, "assignPublicIp": "ENABLED"}},
            "tags": [{"key": PREFIX, "value": "true"}],
        }
        started = {}
        for name, one in [item for stack in stacks for item in self._account.resources(self._ids[stack]).items()]:
            container = one["PhysicalResourceId"]
            if one["ResourceType"] == "AWS::ECS::Cluster":
                ran = self._aws("ecs").run_task(cluster=container, **fargate)
                if ran["failures"]:
                    raise RuntimeError(f"Fargate runs no task: {ran['failures']}")
                started[name] = (container, ran["tasks"][0]["taskArn"])
            elif one["ResourceType"] == "AWS::StepFunctions::StateMachine":
                execution = self._aws("stepfunctions").start_execution(stateMachineArn=container)
                started[name] = (container, execution["executionArn"])
        self._jobs.update(started)
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

    def _story(self, story: str, part: str, *expected: str, **stacks: str) -> None:
        """Record whether the jobs of a part of the stacks have one of these statuses, and stacks have theirs."""
        jobs = {name: self._status(name) for name in self._jobs if name.startswith(part)}
        seen = {stack: self._stack(stack)["StackStatus"] for stack in stacks}
        self._report.story(story, seen == stacks and set(jobs.values()) <= set(expected), {**seen, **jobs})

    def _answers(self, claim: str, words: str, call: Callable[..., object], **asked: Any) -> None:
        """Record whether a call is refused with an error that has these words."""
        answer = answer_of(call, **asked)
        self._claim(claim, words in answer, answer)

    def _in_order(self, claim: str, stack: str, *steps: tuple[str, str]) -> None:
        """Record whether the first events of these constructs and statuses were in this order."""
        seen = [event[:2] for event in self._events(stack)]
        places = [seen.index(step) if step in seen else -1 for step in steps]
        self._claim(claim, places == sorted(places) and -1 not in places, seen)

    def _reasons(self, stack: str, construct: str) -> list[str]:
        """Return why the deletion of a resource failed, each time in the stack's last operation."""
        return [reason for *event, reason in self._events(stack) if event == [construct, "DELETE_FAILED"]]

    def _events(self, stack: str) -> list[tuple[str, str, str]]:
        """Return the events of a stack's last operation, the oldest first: construct, status and reason."""
        events, asked = [], {"StackName": self._ids[stack]}
        for one in self._account.pages("cloudformation", "describe_stack_events", "StackEvents", **asked):
            construct, reason = _HASH.sub("", one["LogicalResourceId"]), one.get("ResourceStatusReason", "")
            events.append((construct, one["ResourceStatus"], reason))
            if reason == "User Initiated":  # the operation began here
                break
        return events[::-1]

    def _read_log(self) -> None:
        """Record how the last Delete of each construct ended, by the function's log."""
        outcomes = {}
        for event in self._account.pages("logs", "filter_log_events", "events", logGroupName=PREFIX):
            with suppress(ValueError):  # not every line is JSON
                line = json.loads(event["message"])
                if "outcome" in line:
                    outcomes[_HASH.sub("", line["logical_id"])] = f"{line['outcome']}: {line['detail']}"
        said = [f"{construct} {outcome}" for construct, outcome in outcomes.items()]
        self._seen["How each Delete ended, by the function's log"] = " / ".join(said)
        if answer := outcomes.get("Job"):
            self._seen["What RoboMaker answered the function, or which sign of retirement there was"] = answer
            self._claim("What a retired service answers", answer.startswith("retired"), answer)

    def _look(self, leaving: str) -> None:
        """Note what CloudFormation answers about the stack Updated, and about a cluster that leaves it."""
        asked = {"StackName": self._ids["Updated"], "LogicalResourceId": leaving}
        status = self._stack("Updated")["StackStatus"]
        template = self._cloudformation.get_template(StackName=asked["StackName"])["TemplateBody"]["Description"]
        listed = self._account.resources(asked["StackName"]).get(leaving, {}).get("ResourceStatus", "not listed")
        described = answer_of(self._cloudformation.describe_stack_resource, **asked)
        look = {"the stack is": status, "its template": template, leaving: listed, "DescribeStackResource": described}
        self._looks.append(look)

    def _compare(self, what: str, new: str, leaving: str) -> None:
        """Compare what was seen during an operation with the claims about it."""
        # The stack may change between the calls of one look. So use a look only if the next one is the same.
        for look in [one for one, later in pairwise(self._looks) if one == later]:
            status = look["the stack is"]
            if "IN_PROGRESS" in status:
                claim = "In a rollback, GetTemplate gives the old template; in an update and its cleanup, the new one"
                self._claim(claim, look["its template"] == (BEFORE if "ROLLBACK" in status else new), look)
            there = (
                look[leaving] not in ("not listed", "DELETE_COMPLETE"),
                "ValidationError" not in look["DescribeStackResource"],
            )
            if "CLEANUP" in status and any(there):
                claim = "A resource that has left the template is described and listed until it is deleted"
                self._claim(f"{claim}, in the cleanup too", all(there), look)
        shown = dict.fromkeys(", ".join(f"{name} {said}" for name, said in look.items()) for look in self._looks)
        self._seen[f"What CloudFormation answered during {what}"] = " / ".join(shown)
        self._looks.clear()

    def _measure(self, change: str, *, denied: bool) -> None:
        """Measure how long a change of the role's permissions takes to be effective, and wait for it."""
        given = self._aws("sts").assume_role(RoleArn=self._role, RoleSessionName=PREFIX)["Credentials"]
        keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        stop = boto3.Session(*keys, region_name=self._account.region).client("ecs").stop_task
        began = time.monotonic()
        effective: list[float] = []

        def is_effective() -> bool:
            """Return whether five answers in succession were as they should be."""
            answer = answer_of(stop, cluster=self._jobs["FailedCluster"][0], task=_NO_TASK)
            if ("AccessDenied" in answer) is not denied:
                effective.clear()
                return False
            effective.append(time.monotonic() - began)
            return len(effective) == 5

        self._say(f"waiting until {change} is effective")
        self._account.until(is_effective, change, pause=0.5)
        self._seen[f"How long it takes until {change} is effective"] = f"{effective[0]:.1f} s"

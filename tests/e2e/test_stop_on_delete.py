"""The life of a stack with StopOnDelete, for each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from sandbox.local_aws import ACCOUNT
from sandbox.services.front import ServiceCall
from sandbox.services.jobs import NEVER
from tests.assemblies import Assemblies
from tests.containers import refactor
from tests.e2e.conftest import Cloud

pytestmark = pytest.mark.xdist_group("stories")

RUNNING = ["RUNNING", "RUNNING", "RUNNING", "IDLE"]


@pytest.fixture(scope="module")
def app(assemblies: Assemblies) -> Path:
    return assemblies.of("tests.apps.stop")


@pytest.fixture(scope="module")
def app_after(assemblies: Assemblies) -> Path:
    return assemblies.of("tests.apps.stop", after="yes")


class Jobs:
    """A task, an execution, a job run and a session, in the containers of a stack.

    Parameters
    ----------
    cloud : Cloud
        The cloud.
    stack : str
        The stack.
    """

    def __init__(self, cloud: Cloud, stack: str, stop_seconds: float = 0.0) -> None:
        self._aws = cloud.aws
        cluster, machine, self._application = (
            cloud.physical_id(stack, kind)
            for kind in ("AWS::ECS::Cluster", "AWS::StepFunctions::StateMachine", "AWS::EMRServerless::Application")
        )
        self._task = cloud.aws.ecs.start_task(cluster, stop_seconds=stop_seconds)
        self._execution = cloud.aws.step_functions.start_execution(machine)
        self._run = cloud.aws.emr_serverless.start_job_run(self._application)
        self._session = cloud.aws.emr_serverless.start_session(self._application)

    @property
    def statuses(self) -> list[str]:
        """The status of each, as it was last heard of."""
        found = self._aws.living_jobs
        by_id = {arn.rpartition("/")[2]: status for arn, status in found.items()}
        return [found[self._task], found[self._execution], by_id[self._run], by_id[self._session]]

    def end(self) -> None:
        """Let all of them end, and stop the application."""
        self._aws.ecs.settle(self._task, "STOPPED")
        self._aws.step_functions.settle(self._execution, "SUCCEEDED")
        self._aws.emr_serverless.settle(self._application, self._run, "SUCCESS")
        self._aws.emr_serverless.settle(self._application, self._session, "TERMINATED")
        self._aws.client("emr-serverless").stop_application(applicationId=self._application)


STOPPED = ["STOPPED", "ABORTED", "CANCELLED", "TERMINATED"]


def test_a_stack_of_each_kind_that_is_updated_and_deleted(cloud: Cloud, app: Path, app_after: Path) -> None:
    cloud.deploy(app, "StopProvider", "StopReplaced", "StopTakenOut")
    old, kept = Jobs(cloud, "StopReplaced"), Jobs(cloud, "StopTakenOut")

    # Where the containers are replaced, the cleanup stops what runs in the old ones. Where only the constructs are
    # taken out, the containers stay, and so does what runs in them.
    cloud.deploy(app_after, "StopReplaced", "StopTakenOut")
    assert (old.statuses, kept.statuses) == (STOPPED, RUNNING)
    assert cloud.requests.count("Delete") == 6

    # The first deletion fails, because a task does not stop in time. Another one succeeds.
    new = Jobs(cloud, "StopReplaced", stop_seconds=NEVER)
    failed = cloud.destroy(app_after, "StopReplaced", fails=True)
    assert re.search(r"are still running: .*\. 0 of 1 stopped", failed)
    assert "Delete the stack again to try again" in failed
    assert new.statuses == ["STOPPING", *STOPPED[1:]]
    cloud.aws.ecs.settle(
        next(task for task, status in cloud.aws.living_jobs.items() if status == "STOPPING"), "STOPPED"
    )
    granted = cloud.granted("StopProvider")
    cloud.destroy(app_after, "StopReplaced")
    _check(cloud.aws.front.calls, granted)

    kept.end()
    cloud.destroy(app_after, "StopTakenOut", "StopProvider")
    assert not {"StopReplaced", "StopTakenOut", "StopProvider"} & cloud.aws.stacks().keys()


def test_clusters_that_leave_their_stack_without_a_deletion(cloud: Cloud, assemblies: Assemblies) -> None:
    app, after = assemblies.of("tests.apps.moves"), assemblies.of("tests.apps.moves", after="yes")
    stacks = ("MovesOrphaned", "MovesRefactored", "MovesJoined")
    cloud.deploy(app, "MovesProvider", "MovesOther", *stacks, "--express")
    orphaned, moved, joined = (cloud.aws.ecs.start_task(stack) for stack in stacks)

    cloud.run("orphan", "MovesOrphaned/Nightly", "--unstable=orphan", "--yes", app=app)

    # The construct in the old stack does not name the cluster's logical id any more, which is a change.
    refused = cloud.run("refactor", "MovesRefactored", "MovesOther", "--unstable=refactor", "--force", app=after)
    assert "A refactor operation cannot add, remove or update resources" in refused
    assert "[~] MovesRefactored.Stop" in refused
    refactor(cloud.cloudformation, "NightlyClusterF847CB1B", "MovesRefactored", "MovesOther")

    # From here on, the template of this stack is not JSON.
    cloud.aws.client("ecs").create_cluster(clusterName="Imported")
    identifier = '{"Imported": {"ClusterName": "Imported"}}'
    cloud.run("import", "MovesJoined", f"--resource-mapping-inline={identifier}", app=after)
    assert isinstance(cloud.cloudformation.get_template(StackName="MovesJoined")["TemplateBody"], str)

    cloud.destroy(app, *stacks, "--express")
    assert [cloud.aws.ecs.status(task) for task in (orphaned, moved, joined)] == ["RUNNING", "RUNNING", "STOPPED"]
    for task in (orphaned, moved):
        cloud.aws.ecs.settle(task, "STOPPED")
    cloud.destroy(app, "MovesOther", "MovesProvider")


def _subjects(call: ServiceCall) -> list[str]:
    """Give the ARN of each resource that a call needs a permission for (Service Authorization Reference)."""
    asked = call.parameters
    if call.service == "emr-serverless":
        arn = f"arn:aws:emr-serverless:{call.region}:{ACCOUNT}:/applications/{asked['applicationId']}"
        parts = {"jobRunId": "jobruns", "sessionId": "sessions"}
        return [next((f"{arn}/{parts[key]}/{asked[key]}" for key in parts if key in asked), arn)]
    keys = {
        "DescribeClusters": "clusters",
        "ListDaemons": "clusterArn",
        "ListTasks": "cluster",
        "DescribeTasks": "tasks",
        "StopTask": "task",
        "ListExecutions": "stateMachineArn",
        "StopExecution": "executionArn",
    }
    subject = asked[keys.get(call.operation, "StackName")]
    return [subject] if isinstance(subject, str) else list(subject)


def _check(calls: Sequence[ServiceCall], granted: Sequence[Mapping[str, Any]]) -> None:
    """Check that whatever was called is granted, and that whatever is granted was called."""
    patterns: dict[str, str] = {}
    for statement in granted:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        # Only ListDaemons and ListTasks have a condition, on the cluster, and no resource.
        pattern = statement.get("Condition", {}).get("ArnLike", {}).get("ecs:cluster", statement["Resource"])
        patterns.update(dict.fromkeys(actions, pattern))
    # IAM has another name for Step Functions than botocore (Service Authorization Reference, list_awsstepfunctions).
    called = [(f"{call.service.replace('stepfunctions', 'states')}:{call.operation}", call) for call in calls]
    assert {action for action, _ in called} == patterns.keys()
    for action, call in called:
        assert all(fnmatchcase(subject, patterns[action]) for subject in _subjects(call)), action

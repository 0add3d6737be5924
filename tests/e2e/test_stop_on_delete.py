"""The life of a stack with StopOnDelete, for each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import pytest

from sandbox.local_aws import ACCOUNT
from sandbox.services.front import ServiceCall
from tests.assemblies import Assemblies
from tests.e2e.conftest import Cloud
from tests.histories.world import refactor

pytestmark = pytest.mark.xdist_group("stories")


def _start_jobs(cloud: Cloud, stack: str) -> list[str]:
    """Start a task, an execution, a job run and a session in the containers of a stack."""
    cluster, machine, application = (
        cloud.physical_id(stack, kind)
        for kind in ("AWS::ECS::Cluster", "AWS::StepFunctions::StateMachine", "AWS::EMRServerless::Application")
    )
    emr = cloud.aws.emr_serverless
    task, execution = cloud.aws.ecs.start_task(cluster), cloud.aws.step_functions.start_execution(machine)
    return [task, execution, emr.start_job_run(application), emr.start_session(application)]


def _statuses(cloud: Cloud, jobs: Sequence[str]) -> list[str]:
    return [status for job in jobs for arn, status in cloud.aws.job_statuses.items() if arn.endswith(job)]


def test_a_stack_of_each_kind_that_is_updated_and_deleted(cloud: Cloud, assemblies: Assemblies) -> None:
    stopped = ["STOPPED", "ABORTED", "CANCELLED", "TERMINATED"]
    cloud.deploy(assemblies.of("tests.apps.stop"), "StopProvider", "StopReplaced")
    old = _start_jobs(cloud, "StopReplaced")
    # The containers are replaced, and the cleanup stops what runs in the old ones.
    app = assemblies.of("tests.apps.stop", after="yes")
    cloud.deploy(app, "StopReplaced")
    assert _statuses(cloud, old) == stopped

    new = _start_jobs(cloud, "StopReplaced")
    assert _statuses(cloud, new) == ["RUNNING", "RUNNING", "RUNNING", "IDLE"]
    granted = cloud.granted("StopProvider")
    cloud.destroy(app, "StopReplaced")
    assert _statuses(cloud, new) == stopped
    _check(cloud.aws.front.calls, granted)
    cloud.destroy(app, "StopProvider")
    assert not {"StopReplaced", "StopProvider"} & cloud.aws.stacks().keys()


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
    refactor(cloud.aws, "NightlyClusterF847CB1B", "MovesRefactored", "MovesOther")

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
    """Return the ARN of each resource that a call needs a permission for (Service Authorization Reference)."""
    asked = call.parameters
    if call.service == "emr-serverless":
        arn = f"arn:aws:emr-serverless:{call.region}:{ACCOUNT}:/applications/{asked['applicationId']}"
        parts = {"jobRunId": "jobruns", "sessionId": "sessions"}
        return [next((f"{arn}/{parts[key]}/{asked[key]}" for key in parts if key in asked), arn)]
    of_a_part = ("tasks", "task", "executionArn")
    keys = (*of_a_part, "clusters", "clusterArn", "cluster", "stateMachineArn", "StackName")
    subject = next(asked[key] for key in keys if key in asked)
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

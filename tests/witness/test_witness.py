"""Scenarios, from nothing to nothing, by the real CDK CLI, which must go alike on each cloud.

What ministack is known to get wrong shows in no outcome here, and so nothing is said of it: a cleanup that tries once
and not three times, and has no status of its own; no Delete for a Create that failed; answers that nobody judges; a
state machine that is deleted without waiting for its executions.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.robomaker import CANCEL_REFUSED, RETIRED
from tests.assemblies import Assemblies

from .clouds import LocalCloud
from .stage import Stage, arn_of

Open = Callable[..., Stage]


@pytest.fixture
def open_stage(cloud: LocalCloud, assemblies: Assemblies) -> Open:
    return lambda app, *stacks: Stage(cloud, assemblies, app, *stacks)


def test_the_example_app(open_stage: Open) -> None:
    stage = open_stage("app", "WorldExportProvider", "WorldExport")
    there = "WorldExportProvider:CREATE_COMPLETE functions:1 roles:2 buckets:1"
    stage.deploy(job_arn=stage.start_job("first"))
    stage.expect(f"first:Running WorldExport:CREATE_COMPLETE {there}")
    stage.deploy(job_arn=stage.start_job("second"))
    stage.expect(f"first:Canceled second:Running WorldExport:UPDATE_COMPLETE {there}")
    stage.destroy()
    stage.expect("first:Canceled second:Canceled buckets:1")  # which is kept


def test_a_later_resource_that_fails(open_stage: Open) -> None:
    stage = open_stage("tests.apps.job", "JobProvider", "Job")
    there = "JobProvider:CREATE_COMPLETE functions:1"
    # The later ARN is refused once the first job's resource is there. A bucket whose name is taken would not do:
    # CloudFormation refuses that before it begins (aws-cloudformation/rain 744). The rollback cancels the job.
    stage.deploy_job("first", later="no-arn", fails=True)
    stage.expect(f"first:Canceled Job:ROLLBACK_COMPLETE {there} roles:1")
    # The CDK CLI first deletes the stack that was rolled back.
    stage.deploy_job("second")
    stage.expect(f"first:Canceled second:Running Job:CREATE_COMPLETE {there} roles:2")
    # The rollback leaves the old job and cancels the new one.
    stage.deploy_job("third", later="no-arn", fails=True)
    stage.expect(f"first:Canceled second:Running third:Canceled Job:UPDATE_ROLLBACK_COMPLETE {there} roles:2")
    stage.destroy()
    stage.expect("first:Canceled second:Canceled third:Canceled")


def test_a_refusal_with_the_provider_in_its_own_stack(open_stage: Open) -> None:
    stage = open_stage("tests.apps.job", "JobProvider", "Job")
    stage.deploy_job("first")
    stage.expect("first:Running JobProvider:CREATE_COMPLETE Job:CREATE_COMPLETE functions:1 roles:2")
    # What the job depends on in its stack is gone, and the function stays.
    stage.robomaker.switch_on(CANCEL_REFUSED)
    stage.destroy(fails=True)
    stage.expect("first:Running JobProvider:CREATE_COMPLETE Job:DELETE_FAILED functions:1 roles:1")
    stage.robomaker.switch_off()
    stage.destroy()
    stage.expect("first:Canceled")


def test_a_refusal_with_the_provider_in_the_stack(open_stage: Open) -> None:
    stage = open_stage("tests.apps.job", "JobInStack")
    stage.deploy_job("first")
    stage.expect("first:Running JobInStack:CREATE_COMPLETE functions:1 roles:2")
    # The function is gone.
    stage.robomaker.switch_on(CANCEL_REFUSED)
    stage.destroy(fails=True)
    stage.expect("first:Running JobInStack:DELETE_FAILED")
    stage.robomaker.switch_off()
    stage.destroy(fails=True)
    stage.expect("first:Running JobInStack:DELETE_FAILED")
    stage.delete_retaining_what_failed()
    stage.expect("first:Running")


def test_a_retired_service(open_stage: Open) -> None:
    stage = open_stage("tests.apps.job", "JobInStack")
    stage.deploy_job("first")
    stage.expect("first:Running JobInStack:CREATE_COMPLETE functions:1 roles:2")
    stage.robomaker.forget_job(arn_of("first"))
    stage.robomaker.switch_on(RETIRED)
    stage.destroy()
    stage.expect("first:")


def test_a_stop_on_delete(open_stage: Open) -> None:
    stage = open_stage("tests.apps.machine", "Machine", "MachineUser")
    there = "functions:1 roles:2"
    stage.deploy()
    stage.start_execution("first")
    stage.expect(f"first:RUNNING Machine:CREATE_COMPLETE MachineUser:CREATE_COMPLETE {there}")
    # The StopOnDelete leaves the machine's stack; the machine stays, and so does the execution.
    stage.deploy(stop_in_stack="no")
    stage.expect(f"first:RUNNING Machine:UPDATE_COMPLETE MachineUser:CREATE_COMPLETE {there}")
    # The StopOnDelete of the other stack stops the execution.
    stage.destroy("MachineUser")
    stage.expect(f"first:ended Machine:UPDATE_COMPLETE {there}")
    stage.deploy()
    stage.start_execution("second")
    stage.expect(f"first:ended second:RUNNING Machine:UPDATE_COMPLETE MachineUser:CREATE_COMPLETE {there}")
    # The execution is stopped before its machine is deleted.
    stage.destroy()
    stage.expect("first:ended second:ended")

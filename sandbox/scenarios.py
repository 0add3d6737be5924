"""The scenarios of the demo: what is done to a stack and its jobs, and what must be true at the end.

Each returns what it has checked, and the page of `docs` that says more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import ACCOUNT, PROJECT, REGION
from .robomaker import CANCEL_REFUSED, RETIRED, SERVER_ERROR, THROTTLED
from .timeline import Timeline

if TYPE_CHECKING:  # so that the scenarios can be named before anything is installed
    from .cdk_cli import CdkCli
    from .local_aws import LocalAws

STACK = "WorldExport"
PROVIDER_STACK = "WorldExportProvider"
WITH_STOP, WITHOUT_STOP = "WithStop", "WithoutStop"
COLUMNS = "The columns on the right show the status of each job."


class ScenarioError(Exception):
    """The result of a step is not the one that the scenario expects."""


@dataclass(frozen=True)
class Stage:
    """The local AWS, the CDK CLI and the app of a scenario. By default, the app is the project's example."""

    aws: LocalAws
    cli: CdkCli
    timeline: Timeline
    app: tuple[str, ...] = ()
    job_1: str = f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/job-1"
    job_2: str = f"arn:aws:robomaker:{REGION}:{ACCOUNT}:world-export-job/job-2"

    def with_app(self, name: str) -> Stage:
        """Return the same stage with an app of `sandbox.apps`."""
        return replace(self, app=("--app", f"python3 -m sandbox.apps.{name}"))

    def start(self, *jobs: str, cancel_seconds: float = 3) -> None:
        """Run ``cdk bootstrap``, start jobs that take some seconds to cancel, and deploy with the first."""
        self.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        if jobs:
            names = " and ".join(job.rpartition("/")[2] for job in jobs)
            self.timeline.note(f"The local AWS starts {names}. {COLUMNS}")
        for job in jobs:
            self.aws.robomaker.start_job(job, cancel_seconds=cancel_seconds)
        self.deploy(*jobs[:1])

    def deploy(self, job: str = "") -> None:
        """Run ``cdk deploy``, perhaps with a job."""
        context = ("-c", f"job_arn={job}") if job else ()
        self.cdk("deploy", "--all", *self.app, "--require-approval", "never", *context)

    def destroy(self, stack: str = "--all", *, fails: str = "") -> None:
        """Run ``cdk destroy`` with the last deployed app. With `fails`, it must fail with this text in its output."""
        self.cdk("destroy", stack, "--app", str(self.cli.assembly), "--force", fails=fails)

    def cdk(self, *arguments: str, fails: str = "") -> None:
        """Run a command, which must succeed. With `fails`, it must fail with this text in its output."""
        self.timeline.command("cdk", *arguments)
        if arguments[0] == "deploy" and not (PROJECT / ".jsii-cache").exists():
            self.timeline.note("The first synthesis takes longer: jsii unpacks the CDK, and Python compiles it.")
        with self.timeline.busy(
            "synthesizing the app" if arguments[0] == "deploy" else "starting the CDK CLI"
        ) as doing:

            def show(line: str) -> None:
                # Not the events of stacks, which are shown as they happen, and nothing of the synthesis before its end.
                if line and " | " not in line and not line.startswith("Bundling"):
                    doing(f"cdk: {line}")

            finished = self.cli.run(*arguments, show=show)
        if (finished.status != 0) is not bool(fails) or fails not in finished.output:
            raise ScenarioError(f"cdk {arguments[0]} ended with status {finished.status}:\n\n{finished.output}")
        if fails:
            self.timeline.note(f"It failed, as it should: exit status {finished.status}.")

    def delete_without_failed_resources(self) -> None:
        """Delete the stack without the resources that failed, as the AWS CLI's delete-stack does."""
        cloudformation = self.aws.client("cloudformation")
        resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        left = [resource["LogicalResourceId"] for resource in resources]
        options = ("--region", REGION, "--stack-name", STACK, "--retain-resources", *left)
        self.timeline.command("aws", "cloudformation", "delete-stack", *options)
        cloudformation.delete_stack(StackName=STACK, RetainResources=left)
        while self.aws.stacks().get(STACK) == "DELETE_IN_PROGRESS":
            time.sleep(0.05)

    def start_in_both(self, noun: str, start: Callable[[str, str], str]) -> list[str]:
        """Start two jobs for the stack with StopOnDelete, then one for the stack without, and give their ARNs.

        Parameters
        ----------
        noun : str
            What they are.
        start : callable
            Starts one: takes the name of its stack, which its cluster or state machine has, too, and its own.
        """
        self.timeline.note(
            f"The local AWS starts the {noun} nightly-1 and nightly-2 in the stack {WITH_STOP}, and hourly-1 in the"
            f" stack {WITHOUT_STOP}. {COLUMNS}"
        )
        jobs = []
        for stack, name in ((WITH_STOP, "nightly-1"), (WITH_STOP, "nightly-2"), (WITHOUT_STOP, "hourly-1")):
            jobs.append(start(stack, name))
            self.timeline.name(jobs[-1], name, stack)
        return jobs

    def end_while_deleting(self, machine: str, execution: str, seconds: float) -> None:
        """Let an execution end by itself some seconds after the deletion of its state machine has begun."""

        def wait() -> None:
            while not self.aws.step_functions.is_deleting(machine):
                time.sleep(0.1)
            self.timeline.note(
                "The state machine is DELETING until its execution leaves its present state, which takes a day."
            )
            time.sleep(seconds)
            self.timeline.note("Here, it leaves that state now.")
            self.aws.step_functions.settle(execution, "SUCCEEDED")

        threading.Thread(target=wait, daemon=True).start()

    def expect_job(self, job: str, status: str) -> None:
        """Check the status of a job."""
        if (found := self.aws.job_statuses[job]) != status:
            raise ScenarioError(f"{job} is {found}, not {status}.")

    def expect_stack(self, stack: str, status: str) -> None:
        """Check the status of a stack."""
        if (found := self.aws.stacks().get(stack, "gone")) != status:
            raise ScenarioError(f"The stack {stack} is {found}, not {status}.")

    def expect_no_stack(self) -> None:
        """Check that the job's stack and its provider's have gone."""
        self.expect_stack(STACK, "gone")
        self.expect_stack(PROVIDER_STACK, "gone")


def lifecycle(stage: Stage) -> tuple[str, str]:
    """The main job: deploy job-1, deploy job-2 in its place, destroy."""
    stage.start(stage.job_1, stage.job_2)
    stage.expect_job(stage.job_1, "Running")
    stage.deploy(stage.job_2)
    stage.expect_job(stage.job_1, "Canceled")
    stage.expect_job(stage.job_2, "Running")
    stage.destroy()
    stage.expect_job(stage.job_2, "Canceled")
    stage.expect_no_stack()
    return "The update canceled job-1, the deletion canceled job-2, and both stacks are deleted.", "world-export-job"


def retired(stage: Stage) -> tuple[str, str]:
    """RoboMaker ends while a stack holds a job: the stack is deleted at once."""
    stage.start(stage.job_1)
    stage.timeline.note("RoboMaker ends, and its jobs with it.")
    stage.aws.robomaker.forget_job(stage.job_1)
    stage.aws.robomaker.switch_on(RETIRED)
    stage.destroy()
    stage.expect_no_stack()
    return "RoboMaker has ended, and both stacks were deleted all the same.", "world-export-job"


def throttled(stage: Stage) -> tuple[str, str]:
    """RoboMaker is overloaded: the cancel is repeated until it is taken."""
    stage.start(stage.job_1)
    stage.aws.robomaker.switch_on(THROTTLED, times=3)
    stage.aws.robomaker.switch_on(SERVER_ERROR, times=1)
    stage.timeline.note("RoboMaker answers the next three calls with ThrottlingException, then one with a 500.")
    stage.destroy()
    stage.expect_job(stage.job_1, "Canceled")
    stage.expect_no_stack()
    return "job-1 was canceled after four failed calls, and both stacks are deleted.", "world-export-job"


def gone(stage: Stage) -> tuple[str, str]:
    """The job is already gone when the stack is deleted: that counts as done."""
    stage.start(stage.job_1)
    stage.aws.robomaker.forget_job(stage.job_1)
    stage.destroy()
    stage.expect_no_stack()
    return "job-1 did not exist, and both stacks were deleted.", "world-export-job"


def _refuse(stage: Stage, app: str) -> Stage:
    stage = stage.with_app(app)
    stage.start(stage.job_1)
    stage.aws.robomaker.switch_on(CANCEL_REFUSED)
    stage.timeline.note("RoboMaker refuses to cancel. The job's wait is 5 seconds here.")
    stage.destroy(fails=CANCEL_REFUSED.message)
    stage.expect_stack(STACK, "DELETE_FAILED")
    return stage


def refused(stage: Stage) -> tuple[str, str]:
    """RoboMaker refuses the cancel: DELETE_FAILED, the provider's stack stays, and a second destroy succeeds."""
    stage = _refuse(stage, "refused")
    stage.expect_job(stage.job_1, "Running")
    stage.expect_stack(PROVIDER_STACK, "CREATE_COMPLETE")
    stage.timeline.note("The job ends by itself.")
    stage.aws.robomaker.settle(stage.job_1, "Completed")
    stage.destroy()
    stage.expect_no_stack()
    return "While job-1 ran, the deletion failed and the provider's stack stayed. Then both were deleted.", "operators"


def stuck(stage: Stage) -> tuple[str, str]:
    """RoboMaker refuses to cancel, and the function goes with the job's stack: no destroy succeeds. The way out."""
    stage = _refuse(stage, "in_stack")
    stage.timeline.note("CloudFormation went on after the failure: the function is gone. The job ends by itself.")
    stage.aws.robomaker.settle(stage.job_1, "Completed")
    stage.destroy(fails="Function not found")
    stage.expect_stack(STACK, "DELETE_FAILED")
    stage.delete_without_failed_resources()
    stage.expect_no_stack()
    return "Without its function, the stack could only be deleted with --retain-resources.", "operators"


def tasks(stage: Stage) -> tuple[str, str]:
    """Tasks run in a cluster: its stack fails to be deleted, and the same one with StopOnDelete stops them."""
    stage = stage.with_app("tasks")
    stage.aws.ecs.stop_seconds = 3
    stage.start()
    *stopped, left = stage.start_in_both("tasks", lambda cluster, _: stage.aws.ecs.start_task(cluster))
    # What ECS answers (gruntwork-io/cloud-nuke 368), and what becomes of the stack (aws/aws-cdk 8654).
    stage.destroy(WITHOUT_STOP, fails="The Cluster cannot be deleted while Tasks are active.")
    stage.expect_stack(WITHOUT_STOP, "DELETE_FAILED")
    stage.expect_job(left, "RUNNING")
    stage.destroy(WITH_STOP)
    stage.expect_stack(WITH_STOP, "gone")
    for task in stopped:
        stage.expect_job(task, "STOPPED")
    stage.timeline.note("The other task ends by itself.")
    stage.aws.ecs.settle(left, "STOPPED")
    stage.destroy(WITHOUT_STOP)
    stage.expect_stack(WITHOUT_STOP, "gone")
    return "A task blocked the deletion of WithoutStop. WithStop stopped its tasks and was deleted.", "stop-on-delete"


def executions(stage: Stage) -> tuple[str, str]:
    """Executions run: the stack waits for as long as they take, and the same one with StopOnDelete stops them."""
    stage = stage.with_app("executions")
    stage.start()
    machines = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:"
    start = stage.aws.step_functions.start_execution
    *stopped, left = stage.start_in_both("executions", lambda machine, name: start(machines + machine, name))
    # At the latest the next state transition ends an execution (Step Functions API Reference, DeleteStateMachine), and
    # CloudFormation waits for it (aws/copilot-cli 5607).
    stage.end_while_deleting(machines + WITHOUT_STOP, left, seconds=6)
    stage.destroy(WITHOUT_STOP)
    stage.expect_stack(WITHOUT_STOP, "gone")
    stage.expect_job(left, "SUCCEEDED")
    stage.destroy(WITH_STOP)
    stage.expect_stack(WITH_STOP, "gone")
    for execution in stopped:
        stage.expect_job(execution, "ABORTED")
    return "WithoutStop was deleted when its execution had ended. WithStop stopped its executions.", "stop-on-delete"


SCENARIOS: dict[str, Callable[[Stage], tuple[str, str]]] = {
    scenario.__name__: scenario for scenario in (lifecycle, retired, throttled, gone, refused, stuck, tasks, executions)
}

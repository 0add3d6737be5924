"""The table: what is done to a stack and its jobs, and how both clouds must stand after each step.

What ministack is known to get wrong shows in no outcome here, and so nothing is said of it: a cleanup that tries once
and not three times, and has no status of its own; no Delete for a Create that failed; answers that nobody judges; a
state machine that is deleted without waiting for its executions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.robomaker import CANCEL_REFUSED, RETIRED

from .stage import EXAMPLE, EXECUTIONS, IN_STACK, OWN_STACK, App, Outcome, Stage, arn_of


@dataclass(frozen=True)
class Step:
    """One step of a scenario.

    Parameters
    ----------
    title : str
        What happens.
    act : callable
        Does it.
    then : Outcome
        How each cloud must stand afterwards.
    """

    title: str
    act: Callable[[Stage], None]
    then: Outcome


@dataclass(frozen=True)
class Scenario:
    """A story of one app, from nothing to nothing."""

    name: str
    app: App
    steps: tuple[Step, ...]


def _deploy(job: str) -> Callable[[Stage], None]:
    return lambda stage: stage.deploy(job)


def _deploy_and_fail_later(job: str) -> Callable[[Stage], None]:
    # The second ARN is refused once the first job's resource is there. A bucket whose name is taken would not do:
    # CloudFormation refuses that before it begins (aws-cloudformation/rain 744).
    return lambda stage: stage.deploy(job, later="no-arn", fails=True)


def _destroy(stage: Stage) -> None:
    stage.destroy()


def _destroy_while_refused(stage: Stage) -> None:
    stage.robomaker.switch_on(CANCEL_REFUSED)
    stage.destroy(fails=True)
    stage.robomaker.switch_off()


def _destroy_in_vain(stage: Stage) -> None:
    stage.destroy(fails=True)


def _retain(stage: Stage) -> None:
    stage.delete_retaining_what_failed()


def _destroy_after_retirement(stage: Stage) -> None:
    stage.robomaker.forget_job(arn_of("first"))
    stage.robomaker.switch_on(RETIRED)
    stage.destroy()
    stage.robomaker.switch_off()


def _deploy_and_start(execution: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        stage.deploy_with()
        stage.start_execution(execution)

    return act


def _take_out(stage: Stage) -> None:
    stage.deploy_with(stop_in_stack="no")


def _destroy_other_stack(stage: Stage) -> None:
    stage.destroy("MachineUser")


def _then(jobs: str, stacks: str = "", **left: int) -> Outcome:
    """Write an outcome in short: ``first:Running``, and the same for stacks."""

    def read(text: str) -> dict[str, str]:
        return dict(part.split(":") for part in text.split())

    return Outcome(read(jobs), read(stacks), left)


_PROVIDER = "JobProvider:CREATE_COMPLETE"
_EXAMPLE_PROVIDER = "WorldExportProvider:CREATE_COMPLETE"

SCENARIOS = (
    Scenario(
        "example-app",
        EXAMPLE,
        (
            Step(
                "deploy",
                _deploy("first"),
                _then(
                    "first:Running", f"{_EXAMPLE_PROVIDER} WorldExport:CREATE_COMPLETE", functions=1, roles=2, buckets=1
                ),
            ),
            Step(
                "deploy another job",
                _deploy("second"),
                _then(
                    "first:Canceled second:Running",
                    f"{_EXAMPLE_PROVIDER} WorldExport:UPDATE_COMPLETE",
                    functions=1,
                    roles=2,
                    buckets=1,
                ),
            ),
            Step("destroy; the bucket is kept", _destroy, _then("first:Canceled second:Canceled", buckets=1)),
        ),
    ),
    Scenario(
        "later-resource-fails",
        OWN_STACK,
        (
            Step(
                "fail to deploy; the rollback cancels the job",
                _deploy_and_fail_later("first"),
                _then("first:Canceled", f"{_PROVIDER} Job:ROLLBACK_COMPLETE", functions=1, roles=1),
            ),
            Step(
                "deploy; the CDK CLI first deletes the stack that was rolled back",
                _deploy("second"),
                _then("first:Canceled second:Running", f"{_PROVIDER} Job:CREATE_COMPLETE", functions=1, roles=2),
            ),
            Step(
                "fail to deploy another job; the rollback leaves the old one and cancels the new one",
                _deploy_and_fail_later("third"),
                _then(
                    "first:Canceled second:Running third:Canceled",
                    f"{_PROVIDER} Job:UPDATE_ROLLBACK_COMPLETE",
                    functions=1,
                    roles=2,
                ),
            ),
            Step("destroy", _destroy, _then("first:Canceled second:Canceled third:Canceled")),
        ),
    ),
    Scenario(
        "refused-with-provider-in-own-stack",
        OWN_STACK,
        (
            Step(
                "deploy",
                _deploy("first"),
                _then("first:Running", f"{_PROVIDER} Job:CREATE_COMPLETE", functions=1, roles=2),
            ),
            Step(
                "fail to destroy; what the job depends on in its stack is gone, and the function stays",
                _destroy_while_refused,
                _then("first:Running", f"{_PROVIDER} Job:DELETE_FAILED", functions=1, roles=1),
            ),
            Step("destroy again", _destroy, _then("first:Canceled")),
        ),
    ),
    Scenario(
        "refused-with-provider-in-stack",
        IN_STACK,
        (
            Step(
                "deploy",
                _deploy("first"),
                _then("first:Running", "JobInStack:CREATE_COMPLETE", functions=1, roles=2),
            ),
            Step(
                "fail to destroy; the function is gone",
                _destroy_while_refused,
                _then("first:Running", "JobInStack:DELETE_FAILED"),
            ),
            Step("fail to destroy again", _destroy_in_vain, _then("first:Running", "JobInStack:DELETE_FAILED")),
            Step("delete, and retain the resource that failed", _retain, _then("first:Running")),
        ),
    ),
    Scenario(
        "retired",
        IN_STACK,
        (
            Step(
                "deploy",
                _deploy("first"),
                _then("first:Running", "JobInStack:CREATE_COMPLETE", functions=1, roles=2),
            ),
            Step("destroy after RoboMaker was retired", _destroy_after_retirement, Outcome({"first": ""})),
        ),
    ),
    Scenario(
        "stop-on-delete",
        EXECUTIONS,
        (
            Step(
                "deploy, and start an execution",
                _deploy_and_start("first"),
                _then("first:RUNNING", "Machine:CREATE_COMPLETE MachineUser:CREATE_COMPLETE", functions=1, roles=2),
            ),
            Step(
                "take the StopOnDelete out of the machine's stack; the machine stays, and so does the execution",
                _take_out,
                _then("first:RUNNING", "Machine:UPDATE_COMPLETE MachineUser:CREATE_COMPLETE", functions=1, roles=2),
            ),
            Step(
                "destroy the other stack; its StopOnDelete stops the execution",
                _destroy_other_stack,
                _then("first:ended", "Machine:UPDATE_COMPLETE", functions=1, roles=2),
            ),
            Step(
                "deploy again, and start another execution",
                _deploy_and_start("second"),
                _then(
                    "first:ended second:RUNNING",
                    "Machine:UPDATE_COMPLETE MachineUser:CREATE_COMPLETE",
                    functions=1,
                    roles=2,
                ),
            ),
            Step(
                "destroy; the execution is stopped before its machine is deleted",
                _destroy,
                _then("first:ended second:ended"),
            ),
        ),
    ),
)

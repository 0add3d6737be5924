"""Lists and stops the running Step Functions executions of a state machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jobs.aws import AwsService
from jobs.running_jobs import Pace, RunningJob
from properties.container import Container
from protocol.outcome import Result
from teardown import ServiceError, State, Step

# The most executions that ListExecutions returns in a page (Step Functions API reference).
_PAGE = 1000
_EXPRESS = "StateMachineTypeNotSupported"


class StateMachineExecutions:
    """The running executions of a state machine.

    Parameters
    ----------
    container : Container
        The state machine.
    reason : str
        The cause that Step Functions stores for each stop.
    """

    noun = "executions"
    # Step Functions Developer Guide, quotas: StopExecution, in the regions where it is lowest.
    pace = Pace(burst=500, rate=25)
    # ListExecutions is eventually consistent (API reference); no source says for how long.
    list_again_after = 2.0
    final_steps: Mapping[str, Step] = {
        "StateMachineDoesNotExist": Step(State.ENDED, "There is no such state machine", Result.GONE),
        # Executions of an EXPRESS state machine can't be stopped, and end within minutes (Developer Guide, quotas).
        _EXPRESS: Step(State.ENDED, "nothing to stop in an EXPRESS state machine"),
    }

    def __init__(self, container: Container, reason: str) -> None:
        self.service = AwsService("stepfunctions", container.region)
        self._state_machine = container.id
        self._reason = reason

    def exists(self) -> bool:
        """Call ListExecutions. DescribeStateMachine would also need a KMS permission."""
        try:
            self.service.ask("ListExecutions", "executions", stateMachineArn=self._state_machine, maxResults=1)
        except ServiceError as error:
            if error.code not in self.final_steps:
                raise
            return error.code == _EXPRESS
        return True

    def unfinished(self) -> Iterator[list[RunningJob]]:
        """Call ListExecutions."""
        for page in self.service.pages(
            "ListExecutions",
            "executions",
            each="executionArn",
            stateMachineArn=self._state_machine,
            statusFilter="RUNNING",
            maxResults=_PAGE,
        ):
            yield [RunningJob(execution["executionArn"]) for execution in page]

    def stop(self, job: RunningJob) -> None:
        """Call StopExecution. If it can't use the KMS key that encrypts the error and the cause, leave both out."""
        try:
            self.service.call("StopExecution", executionArn=job.id, error="StackDeleted", cause=self._reason)
        except ServiceError as error:
            if not error.code.startswith("Kms"):
                raise
            self.service.call("StopExecution", executionArn=job.id)

    def make_deletable(self) -> None:
        """Do nothing: a state machine without executions can be deleted."""

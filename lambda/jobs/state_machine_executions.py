"""All that is known of Step Functions executions: the running ones of a state machine."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.container import Job, Pace
from jobs.living_service import LivingService, TroubleError
from properties import Container
from teardown import Reply, Verdict

# Step Functions API reference, ListExecutions.
_PAGE = 1000
_GONE = {
    "StateMachineDoesNotExist": Reply(Verdict.GONE, "There is no such state machine"),
    # An EXPRESS one, whose executions nobody can stop, and which end within minutes (Developer Guide, quotas).
    "StateMachineTypeNotSupported": Reply(Verdict.STOPPED, "nothing to stop in an EXPRESS state machine"),
}


class StateMachineExecutions:
    """The running executions of a state machine.

    Parameters
    ----------
    container : Container
        The state machine.
    reason : str
        What Step Functions keeps as the cause of each stop.
    """

    noun = "executions"
    # Step Functions Developer Guide, quotas: StopExecution, in the regions where it is least.
    pace = Pace(burst=500, rate=25)
    # ListExecutions is eventually consistent (API reference); no source says for how long.
    settles_after = 2.0

    def __init__(self, container: Container, reason: str) -> None:
        self.service = LivingService("stepfunctions", container.region)
        self._state_machine = container.id
        self._reason = reason

    def check(self) -> Reply:
        """Call ListExecutions, which tells what DescribeStateMachine would, without its need of a KMS permission."""
        try:
            self.service.ask("ListExecutions", "executions", stateMachineArn=self._state_machine, maxResults=1)
        except TroubleError as trouble:
            if trouble.code not in _GONE:
                raise
            reply = _GONE[trouble.code]
            return reply if reply.verdict is Verdict.GONE else Reply(Verdict.ACCEPTED, reply.words)
        return Reply(Verdict.ACCEPTED, "")

    def unfinished(self) -> Iterator[list[Job]]:
        """Call ListExecutions."""
        try:
            for page in self.service.pages(
                "ListExecutions",
                "executions",
                each="executionArn",
                stateMachineArn=self._state_machine,
                statusFilter="RUNNING",
                maxResults=_PAGE,
            ):
                yield [Job(execution["executionArn"]) for execution in page]
        except TroubleError as trouble:
            if trouble.code not in _GONE:
                raise
            raise TroubleError(_GONE[trouble.code]) from trouble

    def stop(self, job: Job) -> None:
        """Call StopExecution. The words of a stop are encrypted, so they are left out where KMS refuses."""
        try:
            self.service.call("StopExecution", executionArn=job.id, error="StackDeleted", cause=self._reason)
        except TroubleError as trouble:
            if not trouble.code.startswith("Kms"):
                raise
            self.service.call("StopExecution", executionArn=job.id)

    def close(self) -> Reply:
        """Do nothing: a state machine without executions can be deleted."""
        return Reply(Verdict.STOPPED, "")

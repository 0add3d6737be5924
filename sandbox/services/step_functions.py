"""moto's Step Functions, with state machines whose deletion waits for their executions, and lists that lag behind."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.stepfunctions import urls
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.models import Execution, StateMachine, StepFunctionBackend, stepfunctions_backends
from moto.stepfunctions.responses import StepFunctionResponse

from .jobs import Jobs, page, replace_model

# On a page of ListExecutions (Step Functions API Reference).
DEFAULT_EXECUTIONS, MAX_EXECUTIONS = 100, 1000


class StateMachineDeleting(AWSError):  # noqa: N818 - the name that the API gives it
    """The state machine waits for its executions."""

    TYPE = "StateMachineDeleting"


class StateMachineTypeNotSupported(AWSError):  # noqa: N818 - the name that the API gives it
    """The state machine is EXPRESS."""

    TYPE = "StateMachineTypeNotSupported"


class StepFunctionsBackend(StepFunctionBackend):
    """moto's backend, with the life of executions and state machines."""

    jobs: ClassVar[StepFunctions]
    _url_module: Any = urls  # moto would look for it beside this module

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.deletions: dict[str, Future[bytes]] = {}
        # An execution's ARN -> the status that lists still show, or "" if they do not show it; and in how many lists.
        self._seen: dict[str, tuple[str, int]] = {}

    def create_state_machine(self, name: str, *args: Any, **kwargs: Any) -> StateMachine:
        """Create a state machine, unless one of this name is being deleted."""
        self._refuse_while_deleting(f"arn:aws:states:{self.region_name}:{self.account_id}:stateMachine:{name}")
        return super().create_state_machine(name, *args, **kwargs)

    def delete_state_machine(self, arn: str) -> None:
        """Delete a state machine as soon as no execution of it runs."""
        for machine in self.state_machines:
            if machine.arn == arn and machine.type != "EXPRESS":
                self.deletions.setdefault(arn, Future())
                self._delete_if_idle(machine)
                return
        super().delete_state_machine(arn)

    def start_execution(self, state_machine_arn: str, name: str, execution_input: str) -> Execution:
        """Start an execution, which runs until it is stopped or settled."""
        self._refuse_while_deleting(state_machine_arn)
        execution = super().start_execution(state_machine_arn, name, execution_input)
        self._lag(execution, "")
        self.jobs.changed(execution.execution_arn, execution.status)
        return execution

    def stop_execution(self, execution_arn: str, error: str | None = None, cause: str | None = None) -> Execution:
        """Stop an execution. One that has ended stays as it is."""
        execution = self.describe_execution(execution_arn)
        if execution.status == "RUNNING" and execution.stop_date is None:
            execution.stop_date, execution.error, execution.cause = utcnow(), error, cause
            self.jobs.stop(execution.execution_arn, lambda: self.settle(execution, "ABORTED"))
        return execution

    def settle(self, execution: Execution, status: str) -> None:
        """End an execution, unless it has ended."""
        if execution.status == "RUNNING":
            self._lag(execution, "RUNNING")
            execution.status, execution.stop_date = status, execution.stop_date or utcnow()
            self.jobs.changed(execution.execution_arn, status)
            for machine in list(self.state_machines):
                if machine.arn == execution.state_machine_arn:
                    self._delete_if_idle(machine)

    def _lag(self, execution: Execution, was: str) -> None:
        if self.jobs.stale_looks:
            self._seen[execution.execution_arn] = (was, self.jobs.stale_looks)

    def look(self, execution: Execution) -> str:
        """Return the status that a list shows now, which may be an older one, or "" if it shows no execution."""
        was, looks = self._seen.pop(execution.execution_arn, ("", 0))
        if looks == 0:
            return str(execution.status)
        self._seen[execution.execution_arn] = (was, looks - 1)
        return was

    def _refuse_while_deleting(self, arn: str) -> None:
        if arn in self.deletions:
            raise StateMachineDeleting(f"State Machine is being deleted: '{arn}'")

    def _delete_if_idle(self, machine: StateMachine) -> None:
        deletion = self.deletions.get(machine.arn)
        if deletion and all(execution.status != "RUNNING" for execution in machine.executions):
            super().delete_state_machine(machine.arn)
            del self.deletions[machine.arn]
            deletion.set_result(b"")


class StepFunctionsResponses(StepFunctionResponse):
    """moto's operations, with listings that lag behind, reasons of stops, and machines that are being deleted."""

    stepfunction_backend: StepFunctionsBackend

    def list_executions(self) -> ActionResult:
        """List a state machine's executions, some of them as they were a while ago."""
        machine = self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
        status = self._get_param("statusFilter")
        if machine.type == "EXPRESS":
            raise StateMachineTypeNotSupported(
                f"This operation is not supported by this type of state machine: '{machine.arn}'"
            )
        if status == "PENDING_REDRIVE":
            raise ValidationException("PENDING_REDRIVE is a status of the executions of a Map Run only.")
        seen = {execution.execution_arn: self.stepfunction_backend.look(execution) for execution in machine.executions}

        def is_listed(execution: Execution) -> bool:
            shown = seen[execution.execution_arn]
            return shown != "" and status in (None, shown)

        found, token = page(self, machine.executions, is_listed, DEFAULT_EXECUTIONS, MAX_EXECUTIONS)
        executions = [{**vars(execution), "status": seen[execution.execution_arn]} for execution in found]
        return ActionResult({"executions": executions, "nextToken": token})

    def stop_execution(self) -> ActionResult:
        """Stop an execution, with the error and the cause, which moto ignores."""
        arn, error, cause = (self._get_param(name) for name in ("executionArn", "error", "cause"))
        return ActionResult(self.stepfunction_backend.stop_execution(arn, error, cause))

    def _describe_state_machine(self, state_machine_arn: str) -> ActionResult:
        described = super()._describe_state_machine(state_machine_arn)
        if state_machine_arn in self.stepfunction_backend.deletions:
            described.result["status"] = "DELETING"  # type: ignore[index]  # moto: an object
        return described


class StateMachineResource(StateMachine):
    """AWS::StepFunctions::StateMachine. moto's model lacks the type of the state machine and the attribute Arn."""

    backend: StepFunctionsBackend

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return whether Fn::GetAtt finds an attribute."""
        return attr in ("Arn", "Name")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """Return the value of an attribute for Fn::GetAtt."""
        return str(self.arn if attribute_name == "Arn" else self.name)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> StateMachine:
        """Create a state machine."""
        properties = cloudformation_json["Properties"]
        made = stepfunctions_backends[account_id][region_name].create_state_machine(
            properties.get("StateMachineName", resource_name),
            properties.get("DefinitionString", "{}"),
            properties["RoleArn"],
            sm_type=properties.get("StateMachineType"),
        )
        made.__class__ = cls
        return made


class StepFunctions(Jobs):
    """The executions of the local Step Functions.

    Attributes
    ----------
    stale_looks : int
        How many lists do not show a start or an end of an execution that happens from now on.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        super().__init__(stepfunctions_backends, StepFunctionsBackend, StepFunctionsResponses, changed)
        self.stale_looks = 0
        replace_model(StateMachineResource)

    def start_execution(self, state_machine: str, name: str = "", *, stop_seconds: float | None = None) -> str:
        """Start an execution of a state machine, and return its ARN.

        Parameters
        ----------
        state_machine : str
            The state machine's ARN.
        name : str, optional
            The execution's name. Default: an id.
        stop_seconds : float, optional
            How long it takes to stop. Default: `stop_seconds` of this service.
        """
        arn = self.backend.start_execution(state_machine, name, "{}").execution_arn
        self.take(arn, stop_seconds)
        return str(arn)

    def status(self, execution: str) -> str:
        """Return an execution's status."""
        return str(self.backend.describe_execution(execution).status)

    def settle(self, execution: str, status: str) -> None:
        """End an execution."""
        self.backend.settle(self.backend.describe_execution(execution), status)

    def is_deleting(self, state_machine: str) -> bool:
        """Return whether the deletion of a state machine, by its ARN, waits for its executions."""
        return state_machine in self.backend.deletions


def deletion_of(resource: object) -> Future[bytes] | None:
    """Return a future that ends when a state machine that waits for its executions is deleted; otherwise None."""
    return resource.backend.deletions.get(resource.arn) if isinstance(resource, StateMachineResource) else None

"""moto's Step Functions, with state machines whose deletion waits for their executions, and lists that lag behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.stepfunctions import urls
from moto.stepfunctions.models import Execution, StateMachine, StepFunctionBackend, stepfunctions_backends
from moto.stepfunctions.responses import StepFunctionResponse

from .jobs import Jobs, page, replace_model

# On a page of ListExecutions (Step Functions API Reference).
DEFAULT_EXECUTIONS, MAX_EXECUTIONS = 100, 1000


class StateMachineTypeNotSupported(AWSError):  # noqa: N818 - the name that the API gives it
    """The state machine is EXPRESS."""

    TYPE = "StateMachineTypeNotSupported"


class StepFunctionsBackend(StepFunctionBackend):
    """moto's backend, with the life of executions and state machines."""

    jobs: ClassVar[StepFunctions]
    _url_module: Any = urls  # moto would look for it beside this module

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.deleting: set[str] = set()
        # What the last list of a state machine found: the status of each execution, by its ARN.
        self.found: dict[str, dict[str, str]] = {}

    def delete_state_machine(self, arn: str) -> None:
        """Delete a state machine as soon as no execution of it runs."""
        machines = [machine for machine in self.state_machines if machine.arn == arn]
        if any(execution.status == "RUNNING" for machine in machines for execution in machine.executions):
            self.deleting.add(arn)
        else:
            super().delete_state_machine(arn)
            self.deleting.discard(arn)

    def start_execution(self, state_machine_arn: str, name: str, execution_input: str) -> Execution:
        """Start an execution, which runs until it is stopped or settled."""
        execution = super().start_execution(state_machine_arn, name, execution_input)
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
            execution.status, execution.stop_date = status, execution.stop_date or utcnow()
            self.jobs.changed(execution.execution_arn, status)
            if execution.state_machine_arn in self.deleting:
                self.delete_state_machine(execution.state_machine_arn)


class StepFunctionsResponses(StepFunctionResponse):
    """moto's operations, with listings that lag behind, and reasons of stops."""

    stepfunction_backend: StepFunctionsBackend

    def list_executions(self) -> ActionResult:
        """List a state machine's executions, or those that the last list would have found."""
        backend = self.stepfunction_backend
        machine = backend.describe_state_machine(self._get_param("stateMachineArn"))
        status = self._get_param("statusFilter")
        if machine.type == "EXPRESS":
            raise StateMachineTypeNotSupported(
                f"This operation is not supported by this type of state machine: '{machine.arn}'"
            )
        now = {execution.execution_arn: execution.status for execution in machine.executions}
        seen = backend.found.get(machine.arn, {}) if backend.jobs.lags else now
        backend.found[machine.arn] = now

        def is_listed(execution: Execution) -> bool:
            return execution.execution_arn in seen and status in (None, seen[execution.execution_arn])

        found, token = page(self, machine.executions, is_listed, DEFAULT_EXECUTIONS, MAX_EXECUTIONS)
        executions = [{**vars(execution), "status": seen[execution.execution_arn]} for execution in found]
        return ActionResult({"executions": executions, "nextToken": token})

    def stop_execution(self) -> ActionResult:
        """Stop an execution, with the error and the cause, which moto ignores."""
        arn, error, cause = (self._get_param(name) for name in ("executionArn", "error", "cause"))
        return ActionResult(self.stepfunction_backend.stop_execution(arn, error, cause))


class StateMachineResource(StateMachine):
    """AWS::StepFunctions::StateMachine. moto's model lacks the type of the state machine and the attribute Arn."""

    backend: StepFunctionsBackend

    @property
    def is_deleting(self) -> bool:
        """Whether its deletion waits for its executions."""
        return self.arn in self.backend.deleting

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """Return the value of an attribute for Fn::GetAtt."""
        return self.arn if attribute_name == "Arn" else super().get_cfn_attribute(attribute_name)

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> StateMachine:
        """Create a state machine."""
        made = super().create_from_cloudformation_json(resource_name, cloudformation_json, account_id, region_name)
        made.__class__, made.type = cls, cloudformation_json["Properties"].get("StateMachineType", "STANDARD")
        return made


class StepFunctions(Jobs):
    """The executions of the local Step Functions.

    Attributes
    ----------
    lags : bool
        Whether each list shows what there was at the list before it.
    """

    def __init__(self, changed: Callable[[str, str], None] = lambda *_: None) -> None:
        super().__init__(stepfunctions_backends, StepFunctionsBackend, StepFunctionsResponses, changed)
        self.lags = False
        replace_model(StateMachineResource)

    def start_execution(self, state_machine: str, name: str = "") -> str:
        """Start an execution of a state machine, by its ARN, and return the execution's ARN. Default name: an id."""
        return str(self.backend.start_execution(state_machine, name, "{}").execution_arn)

    def status(self, execution: str) -> str:
        """Return an execution's status."""
        return str(self.backend.describe_execution(execution).status)

    def settle(self, execution: str, status: str) -> None:
        """End an execution."""
        self.backend.settle(self.backend.describe_execution(execution), status)

    def is_deleting(self, state_machine: str) -> bool:
        """Return whether the deletion of a state machine, by its ARN, waits for its executions."""
        return state_machine in self.backend.deleting

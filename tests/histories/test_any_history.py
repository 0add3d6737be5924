"""Whatever happens to a stack: it never cancels a job that it owns, and never leaves one running in silence."""

from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from jobs import world_export_job
from protocol.outcome import Result
from sandbox.cloudformation.lifecycle import Declaration
from sandbox.robomaker import RoboMaker
from tests.faults import FAULTS
from tests.histories.history import SETTLED, Resources, StackHistory, numbers

JOB_TYPE = "Custom::ManagedWorldExportJob"

faults = st.sampled_from([row.fault for row in FAULTS if row.may_pass])
ends_of_the_service = st.sampled_from([row.fault for row in FAULTS if row.means is Result.RETIRED])
jobs = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["Pending", "Running", "Running", "Completed", "Canceling"]),
        "cancel_seconds": st.sampled_from([0, 0, 3600]),
    }
)
declarations = st.fixed_dictionaries(
    {
        "WaitSeconds": st.sampled_from([0, 60, 840]),
        "BestEffort": st.sampled_from([False, False, True]),
        "valid": st.sampled_from([True] * 5 + [False]),
        "job": jobs,
    }
)


class History(StackHistory[Resources]):
    """One stack with up to two jobs, a resource that depends on them, and everything that may go wrong."""

    # What an update does to each of two jobs of the stack: keep it, replace it by a new one, or remove it.
    changes = st.tuples(*[st.one_of(st.just("keep"), st.just("remove"), declarations)] * 2)

    def __init__(self) -> None:
        world_export_job._client.cache_clear()
        self.robomaker = RoboMaker()
        super().__init__(Resources, mock.patch.dict("os.environ", {"AWS_ENDPOINT_URL_ROBOMAKER": self.robomaker.url}))
        self.retired = False
        self.owned_once: set[str] = set()
        self.best_effort: set[str] = set()

    def declare(self, name: str, wanted: dict[str, Any]) -> Declaration:
        arn = f"arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-{next(numbers)}"
        if not self.retired:
            self.robomaker.start_job(arn, **wanted["job"])
        if wanted["BestEffort"]:
            self.best_effort.add(arn)
        properties = {
            "ServiceToken": "arn:aws:lambda:us-west-2:123456789012:function:handler",
            "JobArn": arn if wanted["valid"] else "not-an-arn",
            **{name: wanted[name] for name in ("WaitSeconds", "BestEffort")},
        }
        return Declaration(name, JOB_TYPE, {"Properties": properties})

    def changed(self, change: tuple[Any, Any]) -> dict[str, Declaration]:
        template = {}
        for name, wanted in zip("AB", change, strict=True):
            if isinstance(wanted, dict):
                template[name] = self.declare(name, wanted)
            elif wanted == "keep" and name in self.template:
                template[name] = self.template[name]
        return template

    @precondition(lambda self: not self.retired)
    @rule(fault=faults, times=st.sampled_from([1, 2, 3, float("inf")]))
    def switch_a_fault_on(self, fault: Any, times: float) -> None:
        self.robomaker.switch_on(fault, times)

    @rule()
    @precondition(lambda self: not self.retired)
    def switch_faults_off(self) -> None:
        self.robomaker.switch_off()

    @rule(fault=ends_of_the_service)
    def retire_the_service(self, fault: Any) -> None:
        self.retired = True
        for arn in self.owned_once:
            if self.robomaker.status(arn):
                self.robomaker.forget_job(arn)
        self.robomaker.switch_off()
        self.robomaker.switch_on(fault)

    @rule()
    def lose_a_job(self) -> None:
        for arn in sorted(self.owned_once):
            if self.robomaker.status(arn):
                self.robomaker.forget_job(arn)
                return

    @rule(times=st.integers(1, 2))
    def let_answers_meet_a_503(self, times: int) -> None:
        self.urls.fail(times)

    @invariant()
    def no_job_that_the_stack_owns_was_ever_canceled(self) -> None:
        if self.status in SETTLED:
            canceled = {call.job for call in self.robomaker.calls if call.operation == "CancelWorldExportJob"}
            assert canceled.isdisjoint(self.owned())

    @invariant()
    def no_job_that_the_stack_gave_up_runs_on_in_silence(self) -> None:
        self.owned_once |= self.owned() | {
            exchange.answer["PhysicalResourceId"]
            for exchange in self.custom.exchanges
            if exchange.event["RequestType"] != "Delete" and exchange.answer["Status"] == "SUCCESS"
        }
        for arn in self.owned_once - self.owned():
            if self.robomaker.status(arn) in ("Pending", "Running"):
                assert arn in self.failed_in_the_log & (self.best_effort | self.answered_failed)

    def owned(self) -> set[str]:
        ids = {physical.physical_id for physical in self.lifecycle.live.values()}
        return {physical_id for physical_id in ids if physical_id.startswith("arn:aws:robomaker:")}

    def teardown(self) -> None:
        """End every history with a teardown that nothing disturbs, which must succeed."""
        self.robomaker.switch_off()
        self.urls.fail(0)
        for arn in self.owned():
            if self.robomaker.status(arn) == "Canceling":
                self.robomaker.settle(arn, "Canceled")
            elif self.robomaker.status(arn):
                self.robomaker.start_job(arn)  # one that takes no time to cancel
        if self.exists:
            self.lifecycle.delete()
            assert self.status == "DELETE_COMPLETE"
        super().teardown()
        self.robomaker.close()


TestAnyHistory = History.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)

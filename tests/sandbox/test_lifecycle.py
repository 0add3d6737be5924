"""The stand-in for CloudFormation does what the User Guide says, as far as a custom resource can notice."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from sandbox.cloudformation.lifecycle import (
    CanceledError,
    Declaration,
    Event,
    Patience,
    Physical,
    ResourceError,
    StackLifecycle,
    Template,
)

FOREVER = 3600.0


class Provisioner:
    """Makes resources whose property ``id`` is their physical id, and keeps a list of what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing: set[str] = set()
        # What never ends by itself, and what must have been asked before anything fails.
        self.endless: set[str] = set()
        self.before_failing: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def use(self, template: Template) -> None:
        pass

    def resolve(self, declaration: Declaration) -> Mapping[str, Any]:
        return dict(declaration.body.get("Properties", {}))

    def create(self, declaration: Declaration, properties: Mapping[str, Any], patience: Patience) -> Physical:
        self._ask(f"create {properties['id']}", properties["id"], patience)
        return Physical(declaration, properties["id"], properties)

    def update(
        self, current: Physical, declaration: Declaration, properties: Mapping[str, Any], patience: Patience
    ) -> Physical:
        self._ask(f"update {current.physical_id} to {properties['id']}", properties["id"], patience)
        return Physical(declaration, properties["id"], properties)

    def delete(self, resource: Physical, patience: Patience) -> None:
        self._ask(f"delete {resource.physical_id}", "", patience)

    def _ask(self, what: str, physical_id: str, patience: Patience) -> None:
        with self._lock:
            self.asked.append(what)
        if what in self.before_failing:
            self.before_failing[what].set()
        if what in self.failing:
            for begun in self.before_failing.values():
                begun.wait()
            raise ResourceError(f"{what} failed", physical_id and f"{physical_id}-failed")
        if what in self.endless:
            try:
                patience.wait_for(Future(), FOREVER)
            except CanceledError:
                raise ResourceError(f"{what} was canceled", physical_id and f"{physical_id}-canceled") from None

    def hold(self, what: str) -> threading.Event:
        """Let a step go on for ever, and nothing fail before it has begun."""
        self.endless.add(what)
        return self.before_failing.setdefault(what, threading.Event())


class Stack:
    """A stack, what was asked of its provisioner, and its events."""

    def __init__(self) -> None:
        self.provisioner = Provisioner()
        self.events: list[Event] = []
        self.lifecycle = StackLifecycle(self.provisioner, self.events.append)

    def asked(self) -> list[str]:
        """Give what was asked since the last time."""
        asked, self.provisioner.asked = self.provisioner.asked, []
        return asked

    def created(self, **names: str) -> Stack:
        self.lifecycle.create(_template(**names))
        self.asked()
        return self


@pytest.fixture
def stack() -> Stack:
    return Stack()


def _template(**names: str) -> Template:
    """Declare resources as ``B="b1 A"``: B with the physical id b1, depending on A."""
    template = {}
    for name, text in names.items():
        physical_id, *needs = text.split()
        policy = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"} if "retained" in needs else {}
        body = {"Type": "T", "Properties": {"id": physical_id}, **policy}
        template[name] = Declaration(name, "T", body, frozenset(needs) - {"retained"})
    return template


class TestCreate:
    def test_that_fails_deletes_everything_the_failed_one_included(self, stack: Stack) -> None:
        stack.provisioner.failing = {"create b1"}
        stack.lifecycle.create(_template(C="c1 B", B="b1 A", A="a1"))
        assert stack.asked() == ["create a1", "create b1", "delete b1-failed", "delete a1"]
        assert stack.lifecycle.status == "ROLLBACK_COMPLETE"

    def test_cancels_what_is_under_way_when_another_resource_fails_and_deletes_it(self, stack: Stack) -> None:
        stack.provisioner.failing = {"create b1"}
        stack.provisioner.hold("create a1")
        stack.lifecycle.create(_template(A="a1", B="b1"))
        assert sorted(stack.asked()) == ["create a1", "create b1", "delete a1-canceled", "delete b1-failed"]
        rollback = next(event for event in stack.events if event.status == "ROLLBACK_IN_PROGRESS")
        assert rollback.reason == "The following resource(s) failed to create: [A, B]."
        assert stack.lifecycle.status == "ROLLBACK_COMPLETE"


class TestUpdate:
    def test_that_replaces_deletes_the_old_once_all_others_have_succeeded(self, stack: Stack) -> None:
        stack.created(A="a1", B="b1 A").lifecycle.update(_template(A="a2", B="b2 A"))
        assert stack.asked() == ["update a1 to a2", "update b1 to b2", "delete b1", "delete a1"]

    def test_tries_a_cleanup_three_times_and_succeeds_although_it_fails(self, stack: Stack) -> None:
        stack.created(A="a1").provisioner.failing = {"delete a1"}
        stack.lifecycle.update(_template(A="a2"))
        assert stack.asked() == ["update a1 to a2", "delete a1", "delete a1", "delete a1"]
        assert stack.lifecycle.status == "UPDATE_COMPLETE"
        assert stack.events[-1].reason == "One or more resources could not be deleted."
        assert [event.status for event in stack.events if event.reason == "delete a1 failed"] == ["DELETE_FAILED"] * 3

    def test_goes_on_after_a_failure_in_a_cleanup_to_what_the_failed_one_depends_on(self, stack: Stack) -> None:
        stack.created(A="a1", B="b1 A", C="c1").provisioner.failing = {"delete b1"}
        stack.lifecycle.update(_template(C="c1"))
        assert stack.asked() == ["delete b1", "delete a1", "delete b1", "delete b1"]


class TestUpdateThatFails:
    def test_spares_the_old_and_deletes_the_new(self, stack: Stack) -> None:
        stack.created(A="a1", B="b1 A").provisioner.failing = {"update b1 to b2"}
        stack.lifecycle.update(_template(A="a2", B="b2 A"))
        assert stack.asked() == [
            "update a1 to a2",
            "update b1 to b2",
            "update a2 to a1",
            "update b2-failed to b1",
            "delete b2-failed",
            "delete a2",
        ]
        assert stack.lifecycle.status == "UPDATE_ROLLBACK_COMPLETE"
        assert {name: physical.physical_id for name, physical in stack.lifecycle.live.items()} == {"A": "a1", "B": "b1"}

    def test_cancels_what_is_under_way_when_another_resource_fails_and_rolls_it_back(self, stack: Stack) -> None:
        stack.created(A="a1", B="b1").provisioner.failing = {"update b1 to b2"}
        stack.provisioner.hold("update a1 to a2")
        stack.lifecycle.update(_template(A="a2", B="b2"))
        assert "update a2-canceled to a1" in stack.asked()
        assert stack.lifecycle.status == "UPDATE_ROLLBACK_COMPLETE"

    def test_whose_rollback_fails_keeps_everything(self, stack: Stack) -> None:
        stack.created(A="a1", B="b1 A").provisioner.failing = {"update b1 to b2", "update a2 to a1"}
        stack.lifecycle.update(_template(A="a2", B="b2 A"))
        assert stack.lifecycle.status == "UPDATE_ROLLBACK_FAILED"
        assert [asked for asked in stack.asked() if asked.startswith("delete")] == []


class TestDelete:
    def test_that_fails_goes_on_with_what_the_failed_one_depends_on(self, stack: Stack) -> None:
        stack.created(B="b1 A", A="a1 C", C="c1").provisioner.failing = {"delete b1"}
        stack.lifecycle.delete()
        assert stack.asked() == ["delete b1", "delete a1", "delete c1"]
        assert set(stack.lifecycle.live) == {"B"}
        assert stack.lifecycle.status == "DELETE_FAILED"
        assert stack.events[-1].reason == "The following resource(s) failed to delete: [B]."

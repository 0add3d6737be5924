"""How everything is measured: in turns, as medians, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    runs : int
        How often each time is taken, of which the median counts.
    cancel_seconds : sequence of float
        How long jobs take to cancel.
    fleet : int
        How many teardowns are made at once.
    crowd : int
        How many jobs run in one container.
    """

    runs: int
    cancel_seconds: Sequence[float]
    fleet: int
    crowd: int


FULL = Size(runs=21, cancel_seconds=(0, 1, 5, 30), fleet=400, crowd=1000)
# To see that everything runs. The figures mean nothing.
QUICK = Size(runs=1, cancel_seconds=(0, 1), fleet=10, crowd=60)


def row(*cells: str) -> None:
    """Print a row of a table in Markdown, as soon as it is known."""
    print(f"| {' | '.join(cells)} |", flush=True)


def head(*cells: str) -> None:
    """Print the head of a table."""
    print()
    row(*cells)
    print("|---" * len(cells) + "|")


def in_turns(things: Sequence[T], run: int, measure: Callable[[T], R]) -> list[R]:
    """Measure each thing, from the first on or from the last, so that a slow moment of the machine meets all alike."""
    order = range(len(things)) if run % 2 == 0 else reversed(range(len(things)))
    measured = {index: measure(things[index]) for index in order}
    return [measured[index] for index in range(len(things))]

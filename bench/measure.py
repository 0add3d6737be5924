"""How everything is measured: in turns, as medians, as rows of tables."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# What a measurement gives that failed. Calculations with it give the same.
FAILED = math.nan


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


FULL = Size(runs=21, cancel_seconds=(0, 1, 5), fleet=400, crowd=1000)
# To see that everything runs. The figures mean nothing.
QUICK = Size(runs=1, cancel_seconds=(0, 1), fleet=10, crowd=60)


@dataclass(frozen=True)
class Table:
    """A table in Markdown, as docs/limits.md has it.

    Parameters
    ----------
    head : sequence of str
        Its first row.
    rows : Mapping
        The title of each further row, and what measures its other cells.
    """

    head: Sequence[str]
    rows: Mapping[str, Callable[[], Sequence[str]]]

    def show(self) -> None:
        """Measure, and print each row as soon as it is known."""
        print()
        _print_row(*self.head)
        print("|---" * len(self.head) + "|")
        for title, measure in self.rows.items():
            _print_row(title, *measure())


def in_turns(things: Sequence[T], run: int, measure: Callable[[T], R]) -> list[R]:
    """Measure each thing, from the first on or from the last, so that a slow moment of the machine meets all alike."""
    order = range(len(things)) if run % 2 == 0 else reversed(range(len(things)))
    measured = {index: measure(things[index]) for index in order}
    return [measured[index] for index in range(len(things))]


def failed(what: str, why: object) -> float:
    """Tell why a measurement failed, and give what it gives, so that the run goes on."""
    print(f"{what}: {why}", file=sys.stderr)
    return FAILED


def median(figures: Sequence[float], form: Callable[[float], str]) -> str:
    """Write the median of the measurements, and how many of them failed."""
    taken = [figure for figure in figures if not math.isnan(figure)]
    written = [form(statistics.median(taken))] if taken else []
    if len(taken) < len(figures):
        written.append(f"(failed {len(figures) - len(taken)} of {len(figures)})")
    return " ".join(written)


def milliseconds(seconds: float) -> str:
    """Write a time."""
    return f"{seconds * 1000:.0f} ms"


def _print_row(*cells: str) -> None:
    print("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|", flush=True)

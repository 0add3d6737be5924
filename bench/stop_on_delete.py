"""Measures StopOnDelete beside the other ways of stopping what runs in a container."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bench.cases import CASES, Play, holds
from bench.contenders import Contender
from bench.contenders.stop_on_delete import CONTENDERS, LIMIT, OURS
from bench.endpoints import Endpoints, limited
from bench.kinds import KINDS, Container
from bench.measure import FAILED, Size, Table, failed, in_turns, median, milliseconds

CALL_SECONDS = 0.05


@dataclass(frozen=True)
class Crowd:
    """What a Delete of many jobs took.

    Parameters
    ----------
    last_stop, answered : float
        Seconds until the last stop was accepted, and until the answer.
    calls : float
        How many calls were made for each job.
    memory : float
        The peak, in MiB.
    """

    last_stop: float = FAILED
    answered: float = FAILED
    calls: float = FAILED
    memory: float = FAILED


def tables(endpoints: Endpoints, size: Size) -> list[Table]:
    """Return the tables. Nothing is measured before they are shown."""

    @cache
    def crowds() -> list[Crowd]:
        return [measure_crowd(endpoints, kind, size.crowd) for kind in KINDS]

    @cache
    def colds() -> list[list[list[float]]]:
        return [measure_cold(endpoints, kind, size.runs) for kind in KINDS]

    def memory() -> list[str]:
        ones = [measure_crowd(endpoints, kind, 1).memory for kind in KINDS]
        form = "{:.1f}".format
        return [
            f"{median([crowd.memory], form)} ({median([one], form)}) MiB"
            for crowd, one in zip(crowds(), ones, strict=True)
        ]

    def held(case: str) -> list[str]:
        return [_held(case, endpoints, contender) for contender in CONTENDERS]

    nouns, form = [kind.noun for kind in KINDS], "{:.1f} s".format
    return [
        Table(
            (f"{size.crowd:,} jobs at {CALL_SECONDS * 1000:.0f} ms a call, wall time", *nouns),
            {
                "until the last stop is accepted": lambda: [median([crowd.last_stop], form) for crowd in crowds()],
                "the least time that the function's own limit allows": lambda: [
                    form(max(0, size.crowd - kind.pace.burst) / kind.pace.rate) for kind in KINDS
                ],
                "until the answer": lambda: [median([crowd.answered], form) for crowd in crowds()],
                "calls for each job": lambda: [median([crowd.calls], "{:.2f}".format) for crowd in crowds()],
                "peak memory (with one job)": memory,
            },
        ),
        Table(
            ("no job, wall time", *nouns),
            {
                "cold Delete, minus the 2 s between two listings": lambda: [
                    median([ours for ours, _ in pairs], milliseconds) for pairs in colds()
                ],
                LIMIT.title: lambda: [median([limit for _, limit in pairs], milliseconds) for pairs in colds()],
                "the first divided by the second, median of the pairs": lambda: [
                    median([ours / limit for ours, limit in pairs], "{:.2f}".format) for pairs in colds()
                ],
            },
        ),
        Table(
            ("case", *(contender.title for contender in CONTENDERS)),
            {case: partial(held, case) for case in CASES},
        ),
    ]


def measure_cold(endpoints: Endpoints, kind: type[Container], runs: int) -> list[list[float]]:
    """Measure pairs of Deletes of a container without jobs, from the start of the process to the answer.

    The pause between two looks is left out.
    """
    container = kind.make(endpoints.aws)
    contenders = (OURS, LIMIT)
    calls: dict[str, list[str]] = {}

    def delete(contender: Contender) -> float:
        contender.package()
        endpoints.aws.front.calls.clear()
        started = time.monotonic()
        with endpoints.process(contender) as environment:
            answer = endpoints.delete(environment, container.physical_id, container.properties(), container.stack)
        calls[contender.title] = [call.operation for call in endpoints.aws.front.calls]
        if not answer.is_success:
            return failed(f"{contender.title}, {kind.noun}", answer)
        return answer.at - started - kind.pause

    pairs = [in_turns(contenders, run, delete) for run in range(runs)]
    if calls[OURS.title] != calls[LIMIT.title]:
        failed(kind.noun, f"these are not the same calls: {calls}")
    return pairs


def _peak_memory(pid: int) -> float:
    """Return the most memory that a living process has had at once, in MiB (Linux only: proc(5), VmHWM)."""
    [kib] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kib) / 1024


def measure_crowd(endpoints: Endpoints, kind: type[Container], jobs: int) -> Crowd:
    """Measure the Delete of a container with many jobs, at an endpoint that holds to the service's limit."""
    play = Play(endpoints, OURS, kind)
    play.start(jobs)
    front = endpoints.aws.front
    front.calls.clear()
    endpoints.call_seconds = CALL_SECONDS
    properties = {**play.container.properties(), "WaitSeconds": "840"}
    with endpoints.process(OURS) as environment, limited(front, kind.limit, kind.operation):
        started = time.monotonic()
        answer = endpoints.delete(environment, play.container.physical_id, properties, play.container.stack)
        memory = _peak_memory(environment.process.pid) if answer.is_success else FAILED
    endpoints.call_seconds = 0.0
    play.close()
    if not answer.is_success or not play.all_ended():
        failed(f"{jobs:,} {kind.noun}", answer)
        return Crowd()
    return Crowd(endpoints.last_end - started, answer.at - started, len(front.calls) / jobs, memory)


def _held(case: str, endpoints: Endpoints, contender: Contender) -> str:
    held = {kind.noun: found for kind in KINDS if (found := holds(case, endpoints, contender, kind)) is not None}
    if len(set(held.values())) == 1:
        return "yes" if all(held.values()) else "no"
    return "only " + ", ".join(noun for noun, found in held.items() if found)

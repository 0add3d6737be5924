"""Measures StopOnDelete beside the other ways of stopping what runs in a container."""

from __future__ import annotations

import statistics
import time

from bench.cases import CASES, Play, holds
from bench.contenders import Contender
from bench.contenders.stop_on_delete import CONTENDERS, LIMIT, OURS
from bench.endpoints import Endpoints
from bench.kinds import KINDS, Container
from bench.measure import Size, head, in_turns, row


def measure(endpoints: Endpoints, size: Size) -> None:
    """Print the tables."""
    head("StopOnDelete", "measured", "beside it")
    for kind in KINDS:
        measure_cold(endpoints, kind, size.runs)
    for kind in KINDS:
        measure_crowd(endpoints, kind, size.crowd)

    head("Case", *(contender.title for contender in CONTENDERS))
    for case in CASES:
        row(case, *(_held(case, endpoints, contender) for contender in CONTENDERS))


def measure_cold(endpoints: Endpoints, kind: type[Container], runs: int) -> None:
    """Measure a Delete of a container without jobs, from the start of the process to the answer, without its pause."""
    container = kind.make(endpoints.aws)
    contenders = (OURS, LIMIT)
    calls: dict[str, list[str]] = {}

    def delete(contender: Contender) -> float:
        contender.package()
        endpoints.aws.front.calls.clear()
        started = time.monotonic()
        with endpoints.process(contender) as environment:
            answer = endpoints.delete(environment, container.physical_id, container.properties(), container.stack)
        if not answer.is_success:
            raise SystemExit(f"{contender.title} answered {answer}")
        calls[contender.title] = [call.operation for call in endpoints.aws.front.calls]
        return answer.at - started - kind.pause

    pairs = [in_turns(contenders, run, delete) for run in range(runs)]
    if calls[OURS.title] != calls[LIMIT.title]:
        raise SystemExit(f"These are not the same calls: {calls}")
    ours, limit = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    times_as_long = statistics.median(ours / limit for ours, limit in pairs)
    but = f", but for the {kind.pause:.0f} s between two looks" if kind.pause else ""
    title = f"Delete, cold, no {kind.noun}{but} ({times_as_long:.2f} times as long, pair by pair)"
    row(title, f"{ours:.0f} ms", f"{limit:.0f} ms: {LIMIT.title}")


def measure_crowd(endpoints: Endpoints, kind: type[Container], crowd: int) -> None:
    """Measure the Delete of a container with many jobs, at an endpoint that holds to the service's limit."""
    _, _, _, one = _stop(endpoints, kind, 1)
    last_stop, answered, calls, memory = _stop(endpoints, kind, crowd)
    burst, rate = kind.limit
    title = f"{crowd:,} {kind.noun}, {kind.operation} limited to {burst:.0f} at once and {rate:.0f} a second"
    row(
        f"{title}: until the last stop is accepted",
        f"{last_stop:.1f} s",
        f"{max(0, crowd - burst) / rate:.1f} s at the least",
    )
    row(f"{title}: until the answer", f"{answered:.1f} s", "840 s at the most")
    row(f"{title}: calls for each", f"{calls / crowd:.2f}", "1 at the least, and the listing")
    row(f"{title}: peak memory", f"{memory:.1f} MiB", f"{one:.1f} MiB: with one")


def _stop(endpoints: Endpoints, kind: type[Container], jobs: int) -> tuple[float, float, int, float]:
    """Stop that many jobs: seconds until the last stop and until the answer, the number of calls, the peak in MiB."""
    play = Play(endpoints, OURS, kind)
    play.start(jobs)
    front = endpoints.aws.front
    front.calls.clear()
    front.limit({kind.operation: kind.limit})
    properties = {**play.container.properties(), "WaitSeconds": "840"}
    with endpoints.process(OURS) as environment:
        started = time.monotonic()
        answer = endpoints.delete(environment, play.container.physical_id, properties, play.container.stack)
        memory = environment.peak_memory / 1024
    play.close()
    if not answer.is_success or not play.all_ended():
        raise SystemExit(f"Not all {jobs} {kind.noun} were stopped: {answer}")
    return endpoints.last_end - started, answer.at - started, len(front.calls), memory


def _held(case: str, endpoints: Endpoints, contender: Contender) -> str:
    held = {kind.noun: found for kind in KINDS if (found := holds(case, endpoints, contender, kind)) is not None}
    if len(set(held.values())) == 1:
        return "yes" if all(held.values()) else "no"
    return "only " + ", ".join(noun for noun, found in held.items() if found)

"""Measures ManagedWorldExportJob beside the other ways of canceling a job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial

from bench.contenders import Contender
from bench.contenders.world_export_job import AWS_CUSTOM_RESOURCE, CONTENDERS, JOB, OURS
from bench.endpoints import Endpoints, limited
from bench.measure import Size, Table, failed, in_turns, median, milliseconds
from jobs.world_export_job import WorldExportJob
from properties.job_arn import JobArn
from sandbox import PROJECT
from sandbox.lambda_service import ExecutionEnvironment
from sandbox.robomaker import RoboMaker
from teardown import tear_down

CALLS_A_SECOND = 5.0

PLAIN_APP = """
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
app = App()
lambda_.Function(
    Stack(app, "Plain"), "Function",
    code=lambda_.Code.from_inline("def handler(event, context): pass"),
    handler="index.handler", runtime=lambda_.Runtime.PYTHON_3_13,
)
app.synth()
"""


@dataclass(frozen=True)
class Times:
    """Seconds that the Deletes of one process took."""

    cold: float
    warm: float


def tables(endpoints: Endpoints, size: Size) -> list[Table]:
    """Return the tables. Nothing is measured before they are shown."""

    @cache
    def deletes() -> list[list[Times]]:
        return _deletes(endpoints, size.runs)

    @cache
    def fleet() -> tuple[float, float]:
        return _fleet(endpoints.aws.robomaker, size.fleet)

    def cells(contender: Contender) -> list[str]:
        times = [run[CONTENDERS.index(contender)] for run in deletes()]
        return [median([run.cold for run in times], milliseconds), median([run.warm for run in times], milliseconds)]

    def ratios() -> list[str]:
        pairs = [(run[CONTENDERS.index(OURS)], run[CONTENDERS.index(AWS_CUSTOM_RESOURCE)]) for run in deletes()]
        return [
            median([ours.cold / theirs.cold for ours, theirs in pairs], "{:.2f}".format),
            median([ours.warm / theirs.warm for ours, theirs in pairs], "{:.2f}".format),
        ]

    *some, longest = (str(seconds) for seconds in size.cancel_seconds)
    crowd = f"{size.fleet} Deletes at once, where {CALLS_A_SECOND:.0f} calls a second are allowed"
    least = (2 * size.fleet - CALLS_A_SECOND) / CALLS_A_SECOND  # a second's calls may come at once
    return [
        Table(
            ("wall time", "cold Delete", "warm Delete"),
            {
                **{contender.title: partial(cells, contender) for contender in CONTENDERS},
                "this library divided by AwsCustomResource, median of the pairs": ratios,
            },
        ),
        Table(
            ("wall time, where it is a time", "measured", "for comparison"),
            {
                f"From the end of a job to the answer, if its cancel takes {', '.join(some)} or {longest} s": lambda: (
                    ", ".join(f"{late:.2f}" for late in _late(endpoints, size.cancel_seconds)) + " s",
                    f"aim: {', '.join(f'{seconds / 10 + 1:.1f}' for seconds in size.cancel_seconds)} s",
                ),
                f"{crowd}: until the last one is done": lambda: (
                    median([fleet()[0]], "{:.0f} s".format),
                    f"{least:.0f} s at least",
                ),
                "The same: calls for each job": lambda: (
                    median([fleet()[1]], "{:.1f}".format),
                    "2 without throttling",
                ),
                "Size of the asset, zipped": lambda: (f"{len(OURS.package()) / 1024:.0f} KiB", ""),
                "Synthesis of an app with one job": lambda: _syntheses(size.runs),
            },
        ),
    ]


def delete(
    endpoints: Endpoints, environment: ExecutionEnvironment, contender: Contender, cancel_seconds: float = 0
) -> float:
    """Send a Delete, and give the moment at which its answer arrived."""
    endpoints.aws.robomaker.start_job(JOB, cancel_seconds=cancel_seconds)
    answer = endpoints.delete(environment, JOB, contender.properties)
    return answer.at if answer.is_success else failed(contender.title, answer)


def _deletes(endpoints: Endpoints, runs: int) -> list[list[Times]]:
    """Measure a Delete of each contender, by a new process and by one that has had its first."""

    def both(contender: Contender) -> Times:
        started = time.monotonic()
        with endpoints.process(contender) as environment:
            cold = delete(endpoints, environment, contender) - started
            started = time.monotonic()
            return Times(cold, delete(endpoints, environment, contender) - started)

    for contender in CONTENDERS:
        contender.package()  # before any time counts
    return [in_turns(CONTENDERS, run, both) for run in range(runs)]


def _late(endpoints: Endpoints, cancel_seconds: Sequence[float]) -> list[float]:
    """Measure how long after the end of a job a warm process answers."""
    with endpoints.process(OURS) as environment:
        delete(endpoints, environment, OURS)
        return [delete(endpoints, environment, OURS, seconds) - endpoints.last_end for seconds in cancel_seconds]


def _fleet(robomaker: RoboMaker, fleet: int) -> tuple[float, float]:
    """Tear down a fleet of jobs in this process, all at once: seconds until the last one is done, calls for each."""
    os.environ.update(AWS_ENDPOINT_URL=robomaker.url, AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")
    arns = [f"{JOB}-{number}" for number in range(fleet)]
    for arn in arns:
        robomaker.start_job(arn)
    robomaker.calls.clear()
    started = time.monotonic()
    with ThreadPoolExecutor(fleet) as pool, limited(robomaker, (CALLS_A_SECOND, CALLS_A_SECOND)):
        jobs = [WorldExportJob(JobArn.parse(arn)) for arn in arns]
        list(pool.map(lambda job: tear_down(job, wait=300, time_left=880, clock=time), jobs))
    took = time.monotonic() - started
    if {robomaker.status(arn) for arn in arns} != {"Canceled"}:
        took = failed(f"{fleet} Deletes at once", "not every job was canceled")
    return took, len(robomaker.calls) / fleet


def _syntheses(runs: int) -> tuple[str, str]:
    apps = (PLAIN_APP, (PROJECT / "examples" / "retained_job.py").read_text())
    pairs = [in_turns(apps, run, _synthesize) for run in range(runs)]
    plain, ours = (median(times, "{:.2f} s".format) for times in zip(*pairs, strict=True))
    return ours, f"{plain} with a plain function"


def _synthesize(app: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        environment = {**os.environ, "CDK_OUTDIR": out, "PYTHONPATH": str(PROJECT), "CDK_CONTEXT_JSON": json.dumps({})}
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", app], env=environment, check=True, capture_output=True)
        return time.monotonic() - started

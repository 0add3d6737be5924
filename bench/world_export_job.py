"""Measures ManagedWorldExportJob beside the other ways of canceling a job."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from bench.contenders import Contender
from bench.contenders.world_export_job import CONTENDERS, JOB, LIMIT, OURS
from bench.endpoints import Endpoints
from bench.measure import Size, head, in_turns, row
from jobs.world_export_job import WorldExportJob
from properties import JobArn
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

Times = dict[str, list[float]]


def measure(endpoints: Endpoints, size: Size) -> None:
    """Print the table."""
    head("ManagedWorldExportJob", "measured", "beside it")
    for name, times in _deletes(endpoints, size.runs).items():
        limit = f"{statistics.median(times.pop(LIMIT.title)) * 1000:.0f} ms: {LIMIT.title}"
        for title, measured in times.items():
            row(f"Delete, {name}: {title}", f"{statistics.median(measured) * 1000:.0f} ms", limit)

    with endpoints.process(OURS) as environment:
        delete(endpoints, environment, OURS)
        for seconds in size.cancel_seconds:
            late = delete(endpoints, environment, OURS, seconds) - endpoints.last_end
            title = f"From the end of a job that takes {seconds} s to cancel to the answer"
            row(title, f"{late:.2f} s", f"{seconds / 10 + 1:.1f} s is the aim")

    calls, took = _fleet(endpoints.aws.robomaker, size.fleet)
    title = f"{size.fleet} teardowns at once, of {CALLS_A_SECOND:.0f} calls a second that are let through"
    least = (2 * size.fleet - CALLS_A_SECOND) / CALLS_A_SECOND  # a second's calls may come at once
    row(f"{title}: until the last one is done", f"{took:.0f} s", f"{least:.0f} s at the least")
    row(f"{title}: calls for each job", f"{calls / size.fleet:.1f}", "2, if none is refused")
    row("Size of the asset, zipped", f"{len(OURS.package()) / 1024:.0f} KiB", "")

    apps = (PLAIN_APP, (PROJECT / "examples" / "retained_job.py").read_text())
    pairs = [in_turns(apps, run, _synthesize) for run in range(size.runs)]
    plain, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(ours / plain - 1 for plain, ours in pairs)
    title = f"Synthesis of an app with one job ({more * 100:+.0f} %, pair by pair)"
    row(title, f"{ours:.2f} s", f"{plain:.2f} s: with one plain function")


def delete(
    endpoints: Endpoints, environment: ExecutionEnvironment, contender: Contender, cancel_seconds: float = 0
) -> float:
    """Send a Delete, and give the moment at which its answer arrived."""
    endpoints.aws.robomaker.start_job(JOB, cancel_seconds=cancel_seconds)
    answer = endpoints.delete(environment, JOB, contender.properties)
    if not answer.is_success:
        raise SystemExit(f"{contender.title} answered {answer}")
    return answer.at


def _deletes(endpoints: Endpoints, runs: int) -> dict[str, Times]:
    """Measure a Delete of each contender, by a new process and by one that has had its first."""

    def both(contender: Contender) -> tuple[float, float]:
        started = time.monotonic()
        with endpoints.process(contender) as environment:
            cold = delete(endpoints, environment, contender) - started
            started = time.monotonic()
            return cold, delete(endpoints, environment, contender) - started

    for contender in CONTENDERS:
        contender.package()  # before any time counts
    measured = [in_turns(CONTENDERS, run, both) for run in range(runs)]
    by_contender = {
        contender.title: times for contender, times in zip(CONTENDERS, zip(*measured, strict=True), strict=True)
    }
    return {
        name: {title: [pair[index] for pair in times] for title, times in by_contender.items()}
        for index, name in enumerate(("cold", "warm"))
    }


def _fleet(robomaker: RoboMaker, fleet: int) -> tuple[int, float]:
    """Tear down a fleet of jobs in this process, all at once."""
    os.environ.update(AWS_ENDPOINT_URL=robomaker.url, AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")
    arns = [f"{JOB}-{number}" for number in range(fleet)]
    for arn in arns:
        robomaker.start_job(arn)
    robomaker.calls.clear()
    robomaker.limit(CALLS_A_SECOND)
    started = time.monotonic()
    with ThreadPoolExecutor(fleet) as pool:
        jobs = [WorldExportJob(JobArn.parse(arn)) for arn in arns]
        list(pool.map(lambda job: tear_down(job, wait=300, time_left=880), jobs))
    took = time.monotonic() - started
    if {robomaker.status(arn) for arn in arns} != {"Canceled"}:
        raise SystemExit("Not every job of the fleet was canceled")
    return len(robomaker.calls), took


def _synthesize(app: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        environment = {**os.environ, "CDK_OUTDIR": out, "PYTHONPATH": str(PROJECT), "CDK_CONTEXT_JSON": json.dumps({})}
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", app], env=environment, check=True, capture_output=True)
        return time.monotonic() - started

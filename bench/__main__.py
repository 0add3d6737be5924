"""Prints every measurement in one table, from one run: `make bench`."""

from __future__ import annotations

import json
import os
import platform
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import trustme

from bench.contenders import CONTENDERS, JOB, LIMIT, OURS, Contender
from jobs.robomaker import WorldExportJob
from properties import JobArn
from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls
from sandbox.lambda_service import ExecutionEnvironment, Function
from sandbox.robomaker import Job, RoboMaker
from teardown import tear_down

T = TypeVar("T")
R = TypeVar("R")

RUNS = 21
CANCEL_SECONDS = (0, 1, 5, 30)
FLEET, CALLS_A_SECOND = 400, 5.0

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


class Bench:
    """The endpoints that every contender talks to."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self._trusted = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self._trusted))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self.stopped_at: dict[str, float] = {}
        self.robomaker = RoboMaker(self._job_changed)
        self.urls = ResponseUrls(tls)

    def close(self) -> None:
        """Stop listening."""
        self.urls.close()
        self.robomaker.close()

    @contextmanager
    def process(self, contender: Contender, package: bytes) -> Iterator[ExecutionEnvironment]:
        """Start a process of a contender's."""
        variables = {
            "AWS_ENDPOINT_URL": self.robomaker.url,
            "SSL_CERT_FILE": str(self._trusted),
            "NODE_EXTRA_CA_CERTS": str(self._trusted),
            **contender.variables,
        }
        arn = "arn:aws:lambda:us-west-2:123456789012:function:bench"
        function = Function(arn, package, "index.handler", 300, log_format="JSON")
        with closing(ExecutionEnvironment(function, variables, lambda _: None, contender.runtime)) as environment:
            yield environment

    def delete(self, environment: ExecutionEnvironment, contender: Contender, cancel_seconds: float = 0) -> float:
        """Send a Delete, and give the moment at which its answer arrived."""
        self.robomaker.start_job(JOB, cancel_seconds=cancel_seconds)
        exchange = Exchange(
            {
                "RequestType": "Delete",
                "StackId": "arn:aws:cloudformation:us-west-2:123456789012:stack/Bench/1",
                "RequestId": "request-1",
                "LogicalResourceId": "Job",
                "ResourceType": "Custom::Job",
                "PhysicalResourceId": JOB,
                "ResourceProperties": {"ServiceToken": "arn", **contender.properties},
            }
        )
        arrived: list[float] = []
        exchange.first.add_done_callback(lambda _: arrived.append(time.monotonic()))
        environment.invoke({**exchange.event, "ResponseURL": self.urls.open(exchange)})
        if not exchange.bodies or exchange.answer["Status"] != "SUCCESS":
            raise SystemExit(f"{contender.title} answered {exchange.bodies}")
        return arrived[0]

    def _job_changed(self, job: Job) -> None:
        if job.status == "Canceled":
            self.stopped_at[job.arn] = time.monotonic()


def main() -> None:
    """Measure and print."""

    def row(title: str, value: str, beside: str = "") -> None:
        print(f"| {title} | {value} | {beside} |", flush=True)

    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    print("| | measured | beside it |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, closing(Bench(Path(folder))) as bench:
        packages = {contender.title: contender.package() for contender in CONTENDERS}
        for name, times in _deletes(bench, packages).items():
            limit = f"{statistics.median(times.pop(LIMIT.title)) * 1000:.0f} ms: {LIMIT.title}"
            for title, measured in times.items():
                row(f"Delete, {name}: {title}", f"{statistics.median(measured) * 1000:.0f} ms", limit)

        with bench.process(OURS, packages[OURS.title]) as environment:
            bench.delete(environment, OURS)
            for seconds in CANCEL_SECONDS:
                late = bench.delete(environment, OURS, seconds) - bench.stopped_at[JOB]
                title = f"From the end of a job that takes {seconds} s to cancel to the answer"
                row(title, f"{late:.2f} s", f"{seconds / 10 + 1:.1f} s is the aim")

        calls, took = _fleet(bench.robomaker)
        title = f"{FLEET} teardowns at once, of {CALLS_A_SECOND:.0f} calls a second that are let through"
        row(f"{title}: until the last one is done", f"{took:.0f} s", f"{2 * FLEET / CALLS_A_SECOND:.0f} s at the least")
        row(f"{title}: calls for each job", f"{calls / FLEET:.1f}", "2, if none is refused")
        row("Size of the asset, zipped", f"{len(packages[OURS.title]) / 1024:.0f} KiB")

        apps = (PLAIN_APP, (PROJECT / "examples" / "retained_job.py").read_text())
        pairs = [_in_turns(apps, run, _synthesize) for run in range(RUNS)]
        plain, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
        more = statistics.median(ours / plain - 1 for plain, ours in pairs)
        title = f"Synthesis of an app with one job ({more * 100:+.0f} %, pair by pair)"
        row(title, f"{ours:.2f} s", f"{plain:.2f} s: with one plain function")


Times = dict[str, list[float]]


def _deletes(bench: Bench, packages: dict[str, bytes]) -> dict[str, Times]:
    """Measure a Delete of each contender, by a new process and by one that has had its first."""

    def delete(contender: Contender) -> tuple[float, float]:
        started = time.monotonic()
        with bench.process(contender, packages[contender.title]) as environment:
            cold = bench.delete(environment, contender) - started
            started = time.monotonic()
            return cold, bench.delete(environment, contender) - started

    runs = [_in_turns(CONTENDERS, run, delete) for run in range(RUNS)]
    by_contender = {
        contender.title: times for contender, times in zip(CONTENDERS, zip(*runs, strict=True), strict=True)
    }
    return {
        name: {title: [pair[index] for pair in times] for title, times in by_contender.items()}
        for index, name in enumerate(("cold", "warm"))
    }


def _in_turns(things: Sequence[T], run: int, measure: Callable[[T], R]) -> list[R]:
    """Measure each thing, from the first on or from the last, so that a slow moment of the machine meets all alike."""
    order = range(len(things)) if run % 2 == 0 else reversed(range(len(things)))
    measured = {index: measure(things[index]) for index in order}
    return [measured[index] for index in range(len(things))]


def _fleet(robomaker: RoboMaker) -> tuple[int, float]:
    """Tear down a fleet of jobs in this process, all at once."""
    os.environ.update(AWS_ENDPOINT_URL=robomaker.url, AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench")
    fleet = [f"{JOB}-{number}" for number in range(FLEET)]
    for arn in fleet:
        robomaker.start_job(arn)
    robomaker.calls.clear()
    robomaker.limit(CALLS_A_SECOND)
    started = time.monotonic()
    with ThreadPoolExecutor(FLEET) as pool:
        jobs = [WorldExportJob(JobArn.parse(arn)) for arn in fleet]
        list(pool.map(lambda job: tear_down(job, wait=300, time_left=880), jobs))
    took = time.monotonic() - started
    if {robomaker.status(arn) for arn in fleet} != {"Canceled"}:
        raise SystemExit("Not every job of the fleet was canceled")
    return len(robomaker.calls), took


def _synthesize(app: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        environment = {**os.environ, "CDK_OUTDIR": out, "PYTHONPATH": str(PROJECT), "CDK_CONTEXT_JSON": json.dumps({})}
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", app], env=environment, check=True, capture_output=True)
        return time.monotonic() - started


if __name__ == "__main__":
    main()

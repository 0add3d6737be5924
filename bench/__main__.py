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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import trustme

from bench.contenders import CONTENDERS, JOB, OURS, Contender
from properties import JobArn
from robomaker import WorldExportJob
from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls
from sandbox.lambda_service import ExecutionEnvironment, Function
from sandbox.robomaker import Job, RoboMaker
from teardown import tear_down

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
        if exchange.answer["Status"] != "SUCCESS":
            raise SystemExit(f"{contender.title} answered {exchange.answer}")
        return arrived[0]

    def _job_changed(self, job: Job) -> None:
        if job.status == "Canceled":
            self.stopped_at[job.arn] = time.monotonic()


def main() -> None:
    """Measure and print."""
    rows: list[tuple[str, str]] = []

    def row(title: str, value: str) -> None:
        rows.append((title, value))
        print(f"| {title} | {value} |", flush=True)

    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n\n| | |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder, closing(Bench(Path(folder))) as bench:
        packages = {contender.title: contender.package() for contender in CONTENDERS}
        cold: dict[str, list[float]] = {contender.title: [] for contender in CONTENDERS}
        warm: dict[str, list[float]] = {contender.title: [] for contender in CONTENDERS}
        for _ in range(RUNS):  # in turns, so that a slow moment of the machine's meets all of them
            for contender in CONTENDERS:
                started = time.monotonic()
                with bench.process(contender, packages[contender.title]) as environment:
                    cold[contender.title].append(bench.delete(environment, contender) - started)
                    started = time.monotonic()
                    warm[contender.title].append(bench.delete(environment, contender) - started)
        for name, measured in (("cold", cold), ("warm", warm)):
            for title, times in measured.items():
                row(f"Delete, {name}: {title}", f"{statistics.median(times) * 1000:.0f} ms")

        with bench.process(OURS, packages[OURS.title]) as environment:
            bench.delete(environment, OURS)
            for seconds in CANCEL_SECONDS:
                late = bench.delete(environment, OURS, seconds) - bench.stopped_at[JOB]
                row(f"From the end of a job that took {seconds} s to cancel to the answer", f"{late:.2f} s")

        calls, took = _fleet(bench.robomaker)
        row(
            f"{FLEET} Deletes at once, {CALLS_A_SECOND:.0f} calls a second let through: the last one is done after",
            f"{took:.0f} s; two calls each take {2 * FLEET / CALLS_A_SECOND:.0f} s at the least",
        )
        row("Calls per job in that, the refused ones included", f"{calls / FLEET:.1f}")
        row("Size of the asset, zipped", f"{len(packages[OURS.title]) / 1024:.0f} KiB")

        apps = (PLAIN_APP, (PROJECT / "examples" / "retained_job.py").read_text())
        pairs = [[_synthesize(app) for app in apps] for _ in range(RUNS)]
        plain, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
        more = statistics.median(ours / plain - 1 for plain, ours in pairs)
        row("Synthesis of an app with one plain function", f"{plain:.2f} s")
        row("Synthesis of an app with one job", f"{ours:.2f} s ({more * 100:+.0f} %, pair by pair)")


def _fleet(robomaker: RoboMaker) -> tuple[int, float]:
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

"""Runs the stories in the AWS account of the usual settings: `python -m verify`. `python -m verify clean` cleans up."""

from __future__ import annotations

import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from . import PREFIX, PROJECT
from .account import Account
from .report import AS_PROMISED, Report
from .stories import Stories

# When the stories are aborted, in seconds. Then everything is deleted.
_TIME_LIMIT = 20 * 60
# The most of each that a run uses, in USD at the prices of us-east-1. What is not stopped ends by itself after an hour.
# AWS's pages show most prices only to a browser, so where the number was read is added.
_COSTS = {
    # vCPU and GB: aws.amazon.com/fargate/pricing; read at vantage.sh/blog/fargate-pricing
    "6 Fargate tasks for an hour": 6 * (0.25 * 0.04048 + 0.5 * 0.004445),
    # aws.amazon.com/vpc/pricing, Public IPv4 Address; read in trailofbits/algo 14644
    "their public IPv4 addresses": 6 * 0.005,
    # state transitions: aws.amazon.com/step-functions/pricing; read there
    "6 executions": 6 * 2 * 0.000025,
    # seconds and GB on arm64, and requests: aws.amazon.com/lambda/pricing; read in artillery's prices.js (npm, 2.0.28)
    # and in api-evangelist/aws-lambda
    "60 invocations of 15 minutes of the function": 60 * (900 * 0.25 * 0.0000133334 + 0.0000002),
    # for two hours of a month: aws.amazon.com/cloudwatch/pricing; read in nishinoshake/aws-rough 37
    "27 metrics": 27 * 0.30 * 2 / 720,
    # GB ingested, and stored for a month: the same page; read in vreutova/infracost-idem-support pull request 2
    "10 MB of logs": 0.01 * (0.50 + 0.03),
    # GB stored for a year, and PUT requests: aws.amazon.com/s3/pricing; the first was read in gists only, for the
    # second no source was found, so it is ten times what is remembered
    "10 MB in the bootstrap bucket for a year": 0.01 * 0.023 * 12 + 50 * 0.00005,
}
# vCPU and GB, the application's maximum for an hour: aws.amazon.com/emr/pricing; read in aws/aws-emr-best-practices,
# benchmarking_variables.md. The session ends when it has been idle for 15 minutes.
_EMR_COSTS = {"16 vCPU and 64 GB of EMR Serverless for an hour": 16 * 0.052624 + 64 * 0.0057785}
# In other regions, prices are higher: 1.5 times for a state transition in São Paulo (aws.amazon.com/step-functions/
# pricing). For most others no source was found, so it is rounded up.
_OTHER_REGIONS = 2


def main(arguments: list[str]) -> int:
    """Run the stories, or only clean up, and return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    emr = os.environ.get("EMR") == "1"
    account = Account()
    if arguments == ["clean"]:
        return _clean(account, print)
    if left := account.left():
        sys.exit(f"An earlier run has left {', '.join(left)}: run `make verify-clean`.")
    _announce(account.region, {**_COSTS, **(_EMR_COSTS if emr else {})})
    try:
        agreed = os.environ.get("YES") == "1" or input("Continue? [y/N] ").strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        agreed = False
    return _run(account, emr=emr) if agreed else sys.exit("Nothing was created.")


def _run(account: Account, *, emr: bool) -> int:
    began = time.monotonic()
    account.deadline = began + _TIME_LIMIT
    # The library is not imported, because that starts Node.js, which Ctrl-C would end with an error.
    version = (PROJECT / "cdk_stop_on_delete" / "__init__.py").read_text().partition('__version__ = "')[2].split('"')[0]
    about = {
        "where": os.environ.get("AWS_ENDPOINT_URL", "AWS"),
        "region": account.region,
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "library": version,
    }
    report = Report(about)

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="cdk-") as folder:
            Stories(account, report, folder, say).run(emr=emr)
    except (KeyboardInterrupt, Exception) as error:
        # Whatever happened, delete what was created, and report what was seen.
        report.seen["The run"] = f"It was aborted: {type(error).__name__} {error}"
        say(report.seen["The run"])
    status = _clean(account, say)
    about["minutes"] = f"{(time.monotonic() - began) / 60:.1f}"
    print(f"\n{report.write(Path.cwd())}\nThis report is in verify-report.md. verify-report.json has every claim.")
    return int(status or "The run" in report.seen or set(report.stories.values()) != {AS_PROMISED})


def _clean(account: Account, say: Callable[[str], None]) -> int:
    try:
        left = account.clean(say)
    except (KeyboardInterrupt, Exception) as error:
        left = [f"perhaps everything, because the deletion was aborted: {type(error).__name__} {error}"]
    say(f"Not deleted: {', '.join(left)}. Run `make verify-clean`." if left else "Everything is deleted.")
    return int(bool(left))


def _announce(region: str, costs: dict[str, float]) -> None:
    most = math.ceil(sum(costs.values()) * _OTHER_REGIONS * 10) / 10
    print(f"""\
This runs the library's stories in the account of your credentials, in {region}.
It creates     five stacks: a function with its role and log group, a VPC with a public subnet and without a NAT
               gateway, clusters, state machines, and with EMR=1 an EMR Serverless application. In them, it runs tasks
               on Fargate and executions, and with EMR=1 a session.
It takes       at most {_TIME_LIMIT // 60} minutes, and a few more to delete everything.
It costs       at most {most:.2f} USD: {_OTHER_REGIONS} times the prices of us-east-1, because other regions cost more.
{"".join(f"               {usd:.4f} {what}{chr(10)}" for what, usd in costs.items())}\
               What your account records of changes, for example with AWS Config, may cost extra.
It changes     only its own stacks, and resources whose names begin with {PREFIX}. They have the tag
               {PREFIX} if they can have tags. It lists the stacks, clusters, state machines, applications
               and managed daemons of the account.
At the end, after an error and after Ctrl-C, it deletes everything that it created. Four things stay: what the CDK CLI
uploads to the bootstrap bucket, the metrics, the task definition, which is INACTIVE, and the service-linked roles that
AWS creates at the first use of a service.""")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

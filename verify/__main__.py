"""Runs the stories in the AWS account of the usual settings: `python -m verify`. `python -m verify clean` cleans up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3

from . import PREFIX, PROJECT, TAG
from .account import Account, RefusedError, StoryError, error_of
from .report import AS_PROMISED, Report, mask
from .stories import Stories

# When the stories are aborted, in seconds. Then everything is deleted.
_TIME_LIMIT = 20 * 60
# The most that a run may cost, in USD: an hour of everything, because what is not stopped ends by itself after an hour.
# The prices are those of us-east-1 (the pricing pages of AWS Fargate, Amazon VPC, AWS Lambda, Amazon CloudWatch and
# Amazon EMR).
_COSTS = {
    "7 Fargate tasks": 7 * (0.25 * 0.04048 + 0.5 * 0.004445),  # vCPU and GB
    "their public IPv4 addresses": 7 * 0.005,
    "40 invocations of 15 minutes": 40 * 900 * 0.25 * 0.0000133334,  # seconds and GB
    "24 metrics": 24 * 0.30 / 720,  # hours of a month
}
_EMR_COSTS = {"EMR Serverless": 16 * 0.052624 + 64 * 0.0057785}  # vCPU and GB, the application's maximum


def main(arguments: list[str]) -> int:
    """Run the stories, or only clean up, and return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    emr = os.environ.get("EMR") == "1"
    try:
        account = Account()
        if arguments == ["clean"]:
            return _clean(account, print)
        _announce(account.region, {**_COSTS, **(_EMR_COSTS if emr else {})})
        if left := account.left():
            raise RefusedError(f"An earlier run has left {', '.join(left)}: run `make verify-clean`.")
        if os.environ.get("YES") != "1" and input("Continue? [y/N] ").strip().lower() not in ("y", "yes"):
            raise RefusedError("Nothing was created.")
    except RefusedError as error:
        print(mask(str(error)), file=sys.stderr)
        return 2
    except (EOFError, KeyboardInterrupt):
        print("Nothing was created.", file=sys.stderr)
        return 2
    return _run(account, emr=emr)


def _run(account: Account, *, emr: bool) -> int:
    began = time.monotonic()
    account.deadline = began + _TIME_LIMIT
    report = Report(_about(account, emr=emr))

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {mask(text)}", flush=True)

    status = 1
    try:
        _run_stories(account, report, say, emr=emr)
        status = int(set(report.stories.values()) != {AS_PROMISED})
    except KeyboardInterrupt:
        status = 130
        report.seen["The run"] = "It was interrupted."
    except Exception as error:
        # After any error, delete what was created, and report what was seen.
        report.seen["The run"] = f"It was aborted: {type(error).__name__}: {error_of(error)}"
    if problem := report.seen.get("The run"):
        say(problem)
    cleaned = _clean(account, say)
    report.about["minutes"] = f"{(time.monotonic() - began) / 60:.1f}"
    print(f"\n{report.write(Path.cwd())}\nThis report is in verify-report.md. verify-report.json has every claim.")
    return status or cleaned


def _run_stories(account: Account, report: Report, say: Callable[[str], None], *, emr: bool) -> None:
    run = datetime.now(UTC).strftime("%m%d%H%M%S")
    with tempfile.TemporaryDirectory(prefix="cdk-") as folder:
        say("synthesizing the stacks")
        # In a session of its own, which Ctrl-C does not interrupt. Otherwise jsii would print an error.
        command = [sys.executable, "-m", "verify.stacks", folder, account.id, run, "emr" if emr else "-"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, start_new_session=True)
        if done.returncode:
            raise StoryError(f"The stacks can't be synthesized: {done.stderr[-2000:]}")
        Stories(account, report, Path(folder), run, say).run(emr=emr)


def _clean(account: Account, say: Callable[[str], None]) -> int:
    try:
        left = account.clean(say)
    except (KeyboardInterrupt, Exception) as error:
        left = [f"perhaps everything, because the deletion was aborted: {type(error).__name__} {error_of(error)}"]
    say(f"Not deleted: {mask(', '.join(left))}. Run `make verify-clean`." if left else "Everything is deleted.")
    return int(bool(left))


def _announce(region: str, costs: dict[str, float]) -> None:
    print(f"""\
This runs the library's stories in the account of your credentials, in {region}.
It creates     five stacks: a function, its log group, roles, a VPC with a public subnet and without a NAT gateway,
               clusters, state machines{", an EMR Serverless application" if len(costs) > len(_COSTS) else ""}. In \
them, it runs tasks on Fargate and executions.
It takes       at most {_TIME_LIMIT // 60} minutes, and a few more to delete everything.
It costs       at most {sum(costs.values()):.2f} USD at the prices of us-east-1: an hour of {", ".join(costs)}.
It changes     only resources whose names begin with {PREFIX}. They have the tag {TAG} if they can have tags.
               It lists the stacks, clusters, state machines, applications and managed daemons of the account.
At the end, after an error and after Ctrl-C, it deletes everything that it created. Three things stay: what the CDK CLI
uploads to the bootstrap bucket, the metrics, and the service-linked roles that AWS creates at the first use of a
service.""")


def _about(account: Account, *, emr: bool) -> dict[str, str]:
    from cdk_stop_on_delete import __version__

    return {
        "where": "not AWS, but the endpoint in AWS_ENDPOINT_URL" if os.environ.get("AWS_ENDPOINT_URL") else "AWS",
        "region": account.region,
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "library": __version__,
        "boto3": boto3.__version__,
        "EMR Serverless": "yes" if emr else "no",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

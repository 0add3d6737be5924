"""Each command of the pages for operators, by the real AWS CLI."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from sandbox import PROJECT, REGION
from tests.e2e.conftest import Cloud, Run, _cloud, cloud  # noqa: F401 - fixtures
from tests.e2e.test_operators import *  # noqa: F403 - the same tests, with another fixture
from tests.e2e.test_operators import DEPLOY_ALARM, command_with
from tests.pages import blocks


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path) -> Run:  # noqa: F811 - the fixture
    """Return what runs the commands: a shell with the AWS CLI."""
    environment = {
        "PATH": os.pathsep.join([str(PROJECT / ".awscli" / "bin"), os.environ.get("PATH", os.defpath)]),
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": cloud.aws.url,
        "AWS_ENDPOINT_URL_ROBOMAKER": cloud.aws.robomaker.url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "localhost,127.0.0.1",
    }

    def run(command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", command], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout or done.stderr

    return run


def test_the_loop_stops_every_task_but_those_of_services(cloud: Cloud, run: Run) -> None:  # noqa: F811 - the fixture
    cluster = cloud.aws.client("ecs").create_cluster(clusterName="by-hand")["cluster"]["clusterArn"]
    tasks = [cloud.aws.ecs.start_task(cluster) for _ in range(2)]
    served = cloud.aws.ecs.start_task(cluster, group="service:web")
    [loop] = blocks((PROJECT / "docs" / "operators.md").read_text(), "bash")
    assert run(loop.replace("REGION", REGION).replace("CONTAINER", cluster))[0] == 0
    cloud.aws.client("ecs").get_waiter("tasks_stopped").wait(cluster=cluster, tasks=tasks)
    assert cloud.aws.ecs.status(served) == "RUNNING"


def test_the_example_of_the_alarm_is_deployed(cloud: Cloud) -> None:  # noqa: F811 - the fixture
    cdk, *arguments = shlex.split(command_with(DEPLOY_ALARM, EMAIL="on-call@example.com"))
    assert cdk == "cdk"
    deployed = cloud.cli.run(*arguments, "--require-approval", "never")
    assert deployed.status == 0, deployed.output
    assert cloud.aws.stacks()["WorldExportAlarm"] == "CREATE_COMPLETE"

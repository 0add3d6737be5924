"""A botocore that lacks what the handler imports: every request is answered, and a Create of a job still works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import pytest

import index
from sandbox import PROJECT
from sandbox.cloudformation.custom_resources import Exchange, ResponseUrls
from tests.requests import JOB_1, request

RUN = """
import json, sys
import index
from tests.requests import Context
index.handler(json.load(sys.stdin), Context(900))
"""
CLUSTER = "arn:aws:ecs:us-west-2:123456789012:cluster/prod"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy botocore, and rename in it a class that the handler imports."""
    folder = tmp_path_factory.mktemp("moved")
    [source] = botocore.__path__
    shutil.copytree(source, folder / "botocore", ignore=shutil.ignore_patterns("data", "__pycache__"))
    credentials = folder / "botocore" / "credentials.py"
    credentials.write_text(credentials.read_text().replace("EnvProvider", "EnvironmentProvider"))
    return folder


def _send(moved: Path, urls: ResponseUrls, event: dict[str, Any]) -> dict[str, Any]:
    """Send a request to a handler that finds the moved botocore, and give its answer."""
    exchange = Exchange(event)
    sent = {**event, "ResponseURL": urls.open(exchange)}
    handler = Path(index.__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (moved, handler, PROJECT)))}
    run = [sys.executable, "-c", RUN]
    subprocess.run(run, input=json.dumps(sent), env=environment, text=True, check=True)
    return exchange.answer


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (request("Create", {"JobArn": JOB_1}), "SUCCESS"),
        (request("Delete", {"JobArn": JOB_1}, PhysicalResourceId=JOB_1), "FAILED"),
        (request("Create", {"Kind": "EcsTasks", "Container": CLUSTER}), "FAILED"),
    ],
    ids=["Create of a job", "Delete of a job", "Create for a cluster"],
)
def test_every_request_is_answered(moved: Path, urls: ResponseUrls, event: dict[str, Any], status: str) -> None:
    answer = _send(moved, urls, event)
    assert answer["Status"] == status
    assert status == "SUCCESS" or "can't load the AWS SDK" in answer["Reason"]
    assert status == "SUCCESS" or "EnvProvider" in answer["Reason"]

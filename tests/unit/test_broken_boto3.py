"""A boto3 that Lambda has moved on from what the handler imports: no Create fails, and every Delete is answered.

Of StopOnDelete a Create fails, too, because it has to look.
"""

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
import importlib, json, sys
from tests.requests import Context
importlib.import_module(sys.argv[1]).handler(json.load(sys.stdin), Context(900))
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


def _send(moved: Path, urls: ResponseUrls, module: str, event: dict[str, Any]) -> dict[str, Any]:
    """Send a request to a handler that finds the moved botocore, and give its answer."""
    exchange = Exchange(event)
    sent = {**event, "ResponseURL": urls.open(exchange)}
    handler = Path(index.__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (moved, handler, PROJECT)))}
    run = [sys.executable, "-c", RUN, module]
    subprocess.run(run, input=json.dumps(sent), env=environment, text=True, check=True)
    return exchange.answer


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_every_request_is_answered(moved: Path, urls: ResponseUrls, request_type: str) -> None:
    answer = _send(moved, urls, "index", request(request_type, {"JobArn": JOB_1}, PhysicalResourceId=JOB_1))
    if request_type == "Delete":
        assert answer["Status"] == "FAILED"
        assert "can't load what it calls RoboMaker with: ImportError(" in answer["Reason"]
        assert "EnvProvider" in answer["Reason"]
    else:
        assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)


@pytest.mark.parametrize(
    ("request_type", "known"), [("Create", {}), ("Delete", {"PhysicalResourceId": f"EcsTasks({CLUSTER})"})]
)
def test_every_request_of_stop_on_delete_is_answered(
    moved: Path, urls: ResponseUrls, request_type: str, known: dict[str, str]
) -> None:
    event = request(request_type, {"Kind": "EcsTasks", "Container": CLUSTER}, **known)
    answer = _send(moved, urls, "stop_on_delete", event)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("The handler can't load what it calls AWS with: ImportError(")
    assert "EnvProvider" in answer["Reason"]

"""A boto3 that Lambda has moved on from what the handler imports: no Create fails, and every Delete is answered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy botocore, and rename in it a class that the handler imports."""
    folder = tmp_path_factory.mktemp("moved")
    [source] = botocore.__path__
    shutil.copytree(source, folder / "botocore", ignore=shutil.ignore_patterns("data", "__pycache__"))
    credentials = folder / "botocore" / "credentials.py"
    credentials.write_text(credentials.read_text().replace("EnvProvider", "EnvironmentProvider"))
    return folder


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_every_request_is_answered(moved: Path, urls: ResponseUrls, request_type: str) -> None:
    exchange = Exchange(request(request_type, {"JobArn": JOB_1}, PhysicalResourceId=JOB_1))
    event = {**exchange.event, "ResponseURL": urls.open(exchange)}
    handler = Path(index.__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (moved, handler, PROJECT)))}
    subprocess.run([sys.executable, "-c", RUN], input=json.dumps(event), env=environment, text=True, check=True)
    if request_type == "Delete":
        assert exchange.answer["Status"] == "FAILED"
        assert "can't load what it calls RoboMaker with: ImportError(" in exchange.answer["Reason"]
        assert "EnvProvider" in exchange.answer["Reason"]
    else:
        assert (exchange.answer["Status"], exchange.answer["PhysicalResourceId"]) == ("SUCCESS", JOB_1)

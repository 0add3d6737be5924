"""A botocore that lacks what the handler imports: every request is answered, and a Create of a job still works."""

from __future__ import annotations

import json
import os
import re
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


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy botocore, and rename in it a class that the handler imports."""
    folder = tmp_path_factory.mktemp("moved")
    [source] = botocore.__path__
    shutil.copytree(source, folder / "botocore", ignore=shutil.ignore_patterns("data", "__pycache__"))
    credentials = folder / "botocore" / "credentials.py"
    credentials.write_text(credentials.read_text().replace("EnvProvider", "EnvironmentProvider"))
    return folder


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (request("Create", {"JobArn": JOB_1}), "SUCCESS"),
        (request("Delete", {"JobArn": JOB_1}, PhysicalResourceId=JOB_1), "FAILED"),
    ],
    ids=["Create of a job", "Delete of a job"],
)
def test_every_request_is_answered(moved: Path, urls: ResponseUrls, event: dict[str, Any], status: str) -> None:
    exchange = Exchange(event)
    sent = json.dumps({**event, "ResponseURL": urls.open(exchange)})
    path = os.pathsep.join(map(str, (moved, Path(index.__file__).parent, PROJECT)))
    subprocess.run(
        [sys.executable, "-c", RUN], input=sent, env={**os.environ, "PYTHONPATH": path}, text=True, check=True
    )
    answer = exchange.answer
    assert answer["Status"] == status
    assert status == "SUCCESS" or re.search("can't load the AWS SDK.*EnvProvider", answer["Reason"])

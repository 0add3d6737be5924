"""Does what a command of the AWS CLI does, by boto3's calls, in a hundredth of the time.

It knows the forms of commands that the pages use. `make release-check` runs the same commands with the real AWS CLI.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]
from botocore import xform_name
from botocore.exceptions import ClientError, WaiterError
from botocore.model import Shape

from sandbox import PROJECT


class AwsCli:
    """An AWS CLI for one local AWS.

    Parameters
    ----------
    home : Path
        A folder for the models that commands add.
    endpoint_urls : dict
        Where the services are, by boto3's names. ``""`` is for all others.
    """

    def __init__(self, home: Path, endpoint_urls: dict[str, str]) -> None:
        self._models = home / "models"
        self._endpoint_urls = endpoint_urls

    def __call__(self, command: str) -> tuple[int, str]:
        """Run a command, as a shell reads it, and give its exit status and what it prints."""
        listed = subprocess.run(
            ["sh", "-c", f"aws() {{ printf '%s\\0' \"$@\"; }}; {command}"], capture_output=True, text=True, check=True
        )
        service, operation, *words = listed.stdout.split("\0")[:-1]
        if operation == "wait":
            operation = f"wait {words.pop(0)}"
        options: dict[str, list[str]] = {}
        for word in words:
            if word.startswith("--"):
                values = options[word] = []
            else:
                values.append(word)
        try:
            answer = self._run(service, operation, options)
        except (ClientError, WaiterError) as error:
            return 255, str(error)
        return 0, json.dumps(answer, default=str)

    def _run(self, service: str, operation: str, options: dict[str, list[str]]) -> Any:
        if (service, operation) == ("configure", "add-model"):
            [name], [model] = options["--service-name"], options["--service-model"]
            folder = self._models / name / "2018-06-29"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / model.removeprefix("file://"), folder / "service-2.json")
            return ""
        [region] = options.pop("--region")
        query = options.pop("--query", ["@"])[0]
        url = self._endpoint_urls.get(service, self._endpoint_urls[""])
        session = botocore.session.get_session()
        session.set_config_variable("data_path", str(self._models))
        client = session.create_client(
            service, region, endpoint_url=url, aws_access_key_id="sandbox", aws_secret_access_key="sandbox"
        )
        method = operation.replace("wait ", "").replace("-", "_")
        call: Any
        if operation.startswith("wait "):
            waiter: Any = client.get_waiter(method)
            call, name = waiter.wait, waiter.config.operation
        else:
            call, name = getattr(client, method), client.meta.method_to_api_mapping[method]
        shape: Any = client.meta.service_model.operation_model(name).input_shape
        members = {f"--{xform_name(member, '-')}": member for member in shape.members}
        parameters = {
            members[option]: _value(values, shape.members[members[option]]) for option, values in options.items()
        }
        return jmespath.search(query, call(**parameters))


def _value(words: list[str], shape: Shape) -> Any:
    if shape.type_name == "list":
        return words
    [word] = words
    return int(word) if shape.type_name in ("integer", "long") else word

"""`make verify` runs on the sandbox as in an account, deletes what it has created, and masks the account's number."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from moto.cloudformation import parsing
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.emrserverless.responses import EMRServerlessResponse
from moto.iam.models import iam_backends

from sandbox import ACCOUNT, REGION
from sandbox.services.ecs import EcsBackend
from tests.e2e.conftest import Cloud
from verify import PREFIX
from verify import __main__ as verify
from verify.stories import Stories

pytestmark = pytest.mark.xdist_group("stories")

# A minute in which the function retries takes three seconds.
FAST = """
import time
monotonic, sleep = time.monotonic, time.sleep
time.monotonic = lambda: monotonic() * 20
time.sleep = lambda seconds: sleep(seconds / 20)
"""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the usual variables, and none of the machine's."""
    nothing = str(tmp_path / "nothing")
    files = {"AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing, "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in {**files, **CREDENTIALS, "AWS_REGION": REGION, "HOME": str(tmp_path), "YES": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CDK_VALIDATION", "false")  # as in sandbox/cdk_cli.py
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _like_aws(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add to the local AWS what only these stories need: denials, logs, tasks that take time to stop, and haste."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.aws.url)
    monkeypatch.setattr(cloud.aws.ecs, "stop_seconds", 2)
    (tmp_path / "sitecustomize.py").write_text(FAST)
    monkeypatch.setitem(cloud.aws.variables, "PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(EcsBackend, "stop_task", _unless_denied(EcsBackend.stop_task))
    monkeypatch.setattr(cloud.aws.functions, "_log", lambda line: _put_into_the_log(cloud.aws.client("logs"), line))
    monkeypatch.setattr(EMRServerlessResponse, "start_session", _start_session, raising=False)
    # moto's CloudFormation does not delete the route tables that it creates, and so no VPC.
    for name in [name for name in parsing.get_model_map() if name.startswith("AWS::EC2::")]:
        monkeypatch.delitem(parsing.get_model_map(), name)


def _unless_denied(stop_task: Callable[..., Any]) -> Callable[..., Any]:
    def stop(backend: Any, cluster: str, task: str, reason: str) -> Any:
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{cluster.rpartition('/')[2]}/{task.rpartition('/')[2]}"
        policy = iam_backends[ACCOUNT]["aws"].get_role(PREFIX).policies.get(PREFIX)
        if policy and fnmatchcase(arn, json.loads(policy)["Statement"][0]["Resource"]):
            raise JsonRESTError("AccessDeniedException", "It is not authorized to perform: ecs:StopTask")
        return stop_task(backend, cluster, task, reason)

    return stop


def _start_session(response: Any) -> ActionResult:
    application = response._get_param("applicationId")
    session = response.emrserverless_backend.start_session(application, response._get_param("executionRoleArn"))
    return ActionResult({"applicationId": application, "sessionId": session.id})


def _put_into_the_log(logs: Any, line: str) -> None:
    its = {"logGroupName": PREFIX, "logStreamName": "stream"}
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(**its)
    logs.put_log_events(**its, logEvents=[{"timestamp": int(time.time() * 1000), "message": line}])


def _statuses(cloud: Cloud) -> set[str]:
    return {status for arn, status in cloud.aws.job_statuses.items() if PREFIX in arn}


@pytest.mark.usefixtures("_like_aws")
def test_the_stories_go_well_on_the_sandbox_and_leave_nothing(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMR", "1")
    status = verify.main([])
    report = json.loads((tmp_path / "verify-report.json").read_text())
    assert status == 0, report
    assert set(report["Stories"].values()) == {"as promised"}
    # There, RoboMaker has not been retired.
    claims: Mapping[str, str] = report["Claims"]
    assert [claim for claim, seen in claims.items() if "differs" in seen] == ["What a retired service answers"]
    # Two more need looks at the right moments.
    assert list(claims.values()).count("as claimed") >= 20
    for file in ("verify-report.json", "verify-report.md"):
        assert ACCOUNT not in (tmp_path / file).read_text()
    assert not [name for name in cloud.aws.stacks() if name.startswith(PREFIX)]
    assert _statuses(cloud) == {"STOPPED", "ABORTED"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_REGION": None}, "Set AWS_PROFILE and AWS_REGION .*: You must specify a region"),
        (dict.fromkeys(CREDENTIALS), "Set AWS_PROFILE and AWS_REGION .*: Unable to locate credentials"),
        ({"AWS_REGION": "eu-west-1"}, "The account is not bootstrapped: run `cdk bootstrap aws://ACCOUNT/eu-west-1`"),
        ({"YES": None}, "Nothing was created"),
    ],
)
def test_a_run_that_can_not_begin_is_refused_in_one_sentence(
    cloud: Cloud, variables: Mapping[str, str | None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.aws.url)
    monkeypatch.setattr("builtins.input", lambda _: "")
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(SystemExit, match=said):
        verify.main([])


def _fail() -> None:
    raise ValueError("a bug")


@pytest.mark.parametrize(
    ("end", "said"),
    [(_fail, "ValueError a bug"), (lambda: signal.raise_signal(signal.SIGTERM), "KeyboardInterrupt")],
)
def test_a_run_that_does_not_end_deletes_what_it_has_created_and_reports_why(
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    end: Callable[[], None],
    said: str,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.aws.url)
    ecs, clusters = cloud.aws.client("ecs"), [f"{PREFIX}-left", "of-others"]
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    change = {"StackName": f"{PREFIX}-failed", "ChangeSetName": "change"}

    def run(*_: object, **__: object) -> None:
        for name in clusters:
            ecs.create_cluster(clusterName=name)
        cloud.cloudformation.create_change_set(**change, ChangeSetType="CREATE", TemplateBody=json.dumps(topic))
        cloud.cloudformation.execute_change_set(**change)
        end()

    monkeypatch.setattr(Stories, "run", run)
    assert verify.main([]) == 1
    assert [one["status"] for one in ecs.describe_clusters(clusters=clusters)["clusters"]] == ["INACTIVE", "ACTIVE"]
    assert cloud.aws.stacks().get(f"{PREFIX}-failed") is None
    assert said in (tmp_path / "verify-report.md").read_text()
    ecs.delete_cluster(cluster="of-others")

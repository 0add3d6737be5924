"""The timeline fits the terminal, and tells each thing once."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable

import pytest

from sandbox import timeline as module
from sandbox.cloudformation.lifecycle import Event
from sandbox.robomaker import FORGOTTEN, Call, Job
from sandbox.timeline import Timeline

ARN = "arn:aws:robomaker:us-west-2:123456789012:world-export-job/job-1"
OTHER_ARN = ARN.replace("job-1", "job-2")

Lines = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def timeline() -> Timeline:
    timeline = Timeline()
    timeline.job_changed(Job(ARN))
    timeline.job_changed(Job(OTHER_ARN))
    return timeline


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return lambda: capsys.readouterr().out.splitlines()


def _event(status: str, reason: str = "", logical_id: str = "WorldExportJob9F8FED21") -> Event:
    return Event(logical_id, ARN, "Custom::ManagedWorldExportJob", status, reason)


def _everything(timeline: Timeline) -> None:
    timeline.heading("A heading that has a lot to say of what is going to be shown, and so goes on in a second line")
    timeline.command("cdk", "deploy", "--all", "--app", "python3 -m some.app", "-c", f"job_arn={ARN}", "--force", "-v")
    timeline.note("a note with an ARN in the middle of it, " + ARN + ", and what follows " * 5)
    timeline.stack_event("WorldExport", Event("", "", "AWS::CloudFormation::Stack", "UPDATE_ROLLBACK_IN_PROGRESS", ARN))
    timeline.stack_event("WorldExport", _event("DELETE_FAILED", "a reason " * 30, "AnEndlesslyLongName" * 5))
    timeline.call_answered(Call("DescribeWorldExportJob", ARN, "us-west-2"), "InternalServerException")
    timeline.job_changed(Job(ARN, "Canceling"))


@pytest.mark.parametrize("columns", [60, 80, 99, 300])
def test_no_line_is_wider_than_the_terminal(
    timeline: Timeline, lines: Lines, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    _everything(timeline)
    assert max(map(len, lines())) <= columns


def test_a_row_ends_with_the_status_of_each_job(timeline: Timeline, lines: Lines) -> None:
    timeline.job_changed(Job(ARN, "Canceling"))
    timeline.stack_event("WorldExport", _event("DELETE_IN_PROGRESS"))
    assert re.search(r"WorldExportJob \(job-1\) DELETE_IN_PROGRESS +Canceling +Running$", lines()[-1])


def test_below_a_command_each_job_is_named_above_its_status(timeline: Timeline, lines: Lines) -> None:
    timeline.command("cdk", "destroy")
    timeline.job_changed(Job(OTHER_ARN, "Canceling"))
    _, _, names, row = lines()
    assert names.index("job-1") == row.index("Running")
    assert names.index("job-2") == row.rindex("Canceling")


def test_whatever_is_said_has_a_time(timeline: Timeline, lines: Lines) -> None:
    timeline.note("a note")
    timeline.log("a log line")
    for line in lines():
        assert re.match(r" +\d+\.\d s ", line)


def test_a_command_shows_no_long_arn_and_no_folder(timeline: Timeline, lines: Lines) -> None:
    timeline.command("cdk", "deploy", "--app", "/tmp/cdk-1/cdk.out", "-c", f"job_arn={ARN}")  # noqa: S108 - never opened
    assert lines()[1].endswith("$ cdk deploy --app cdk.out -c job_arn=…/job-1")


def test_a_long_command_goes_on_with_another_option(timeline: Timeline, lines: Lines) -> None:
    options = ("--region", "us-west-2", "--stack-name", "WorldExport", "--retain-resources", "WorldExportJob9F8FED21")
    timeline.command("aws", "cloudformation", "delete-stack", *options)
    _, first, *more, _ = lines()
    assert first.endswith(" --region us-west-2 \\")
    assert [line.strip() for line in more] == [
        "--stack-name WorldExport \\",
        "--retain-resources WorldExportJob9F8FED21",
    ]


def test_a_log_line_leaves_why_it_failed_to_the_event_of_the_stack(timeline: Timeline, lines: Lines) -> None:
    timeline.log(json.dumps({"message": "Teardown: failed: the reason", "outcome": "failed", "detail": "the reason"}))
    timeline.stack_event("WorldExport", _event("DELETE_FAILED", "FAILED: the reason"))
    assert "\n".join(lines()).count("the reason") == 1


def test_a_log_line_shows_no_long_arn(timeline: Timeline, lines: Lines) -> None:
    timeline.log(f"Teardown of {ARN}: gone; EcsTasks(arn:aws:ecs:us-west-2:123456789012:cluster/prod): stopped")
    assert lines()[0].endswith("log: Teardown of …/job-1: gone; EcsTasks(…/prod): stopped")


def test_a_long_logical_id_keeps_its_end(timeline: Timeline, lines: Lines) -> None:
    timeline.stack_event("Stack", _event("DELETE_COMPLETE", logical_id=f"{'AnEndlesslyLongName' * 3}WithAnEnd9F8FED21"))
    assert re.search(r"  …\w+WithAnEnd \(job-1\) DELETE_COMPLETE Running +Running$", lines()[0])


def test_a_job_without_a_name_has_the_beginning_of_its_id(lines: Lines) -> None:
    task = "arn:aws:ecs:us-west-2:123456789012:task/prod/0123456789abcdef0123456789abcdef"
    execution = "arn:aws:states:us-west-2:123456789012:execution:nightly:monday"
    timeline = Timeline()
    for arn in (task, execution):
        timeline.job_changed(Job(arn, "RUNNING"))
    timeline.command("cdk", "destroy")
    assert lines()[-1].split() == ["01234567", "monday"]


def test_a_container_is_named_as_its_arn_ends(timeline: Timeline, lines: Lines) -> None:
    cluster = "EcsTasks(arn:aws:ecs:us-west-2:123456789012:cluster/prod)"
    timeline.stack_event("Stack", Event("Stop9F8FED21", cluster, "Custom::StopOnDelete", "DELETE_COMPLETE"))
    assert "  Stop (prod) DELETE_COMPLETE " in lines()[0]


def test_a_forgotten_job_was_forgotten_by_the_service(timeline: Timeline, lines: Lines) -> None:
    timeline.job_changed(Job(ARN, FORGOTTEN))
    assert "RoboMaker has forgotten job-1" in lines()[-1]


def test_a_refused_call_is_shown_and_any_other_is_not(timeline: Timeline, lines: Lines) -> None:
    timeline.call_answered(Call("CancelWorldExportJob", ARN, "us-west-2"), "")
    timeline.call_answered(Call("CancelWorldExportJob", ARN, "us-west-2"), "ThrottlingException")
    [line] = lines()
    assert "CancelWorldExportJob: ThrottlingException" in line


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_a_terminal_has_colors_unless_no_color_is_set(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, no_color: str, *, colored: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _everything(Timeline())
    assert any("\033[" in line for line in lines()) is colored


def test_what_goes_on_is_said_while_there_is_nothing_to_show(
    timeline: Timeline, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENCE", 0)
    shown = ""
    with timeline.busy("synthesizing") as doing:
        while "… synthesizing" not in shown:
            time.sleep(0.01)
            shown += "\n".join(lines())
        doing("deploying")
        while "… deploying" not in shown:
            time.sleep(0.01)
            shown += "\n".join(lines())


def test_nothing_is_said_of_it_once_it_has_ended(
    timeline: Timeline, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENCE", 3600)
    with timeline.busy("synthesizing"):
        pass
    assert lines() == []

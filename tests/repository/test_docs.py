"""Every code block of the documentation runs, and every link in it leads somewhere."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk.assertions import Template

import teardown
from cdk_stop_on_delete import StopOnDeleteProvider, __version__
from docs import api
from jobs import running_jobs
from properties.container import Container
from protocol.outcome import Result
from sandbox import PROJECT
from tests.builds import KINDS
from tests.construct.names import ENVIRONMENT
from tests.pages import blocks, quoted, section

IN_THE_SITE_ONLY = ("index.md", "changelog.md", "contributing.md")
PAGES = [
    *sorted(PROJECT.glob("*.md")),
    *sorted(page for page in (PROJECT / "docs").glob("*.md") if page.name not in IN_THE_SITE_ONLY),
]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(), "python"), start=1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_code_block_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aws_cdk.App", functools.partial(App, outdir=str(tmp_path)))
    exec(block, {"__name__": "__main__"})  # noqa: S102 - the project's own pages
    assert list(tmp_path.glob("*.template.json"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_a_page_that_the_code_names_exists() -> None:
    folders = ("cdk_stop_on_delete", "cdk_world_export_job", "examples", "lambda", "package", "sandbox", "stacks")
    files = [file for folder in folders for file in (PROJECT / folder).rglob("*.py")]
    named = {name for file in files for name in re.findall(r"docs/([\w-]+\.md)", file.read_text())}
    assert named
    assert [name for name in named if not (PROJECT / "docs" / name).exists()] == []


def test_the_policy_for_a_role_that_can_not_be_changed_is_what_the_provider_attaches_to_others() -> None:
    context = {"@aws-cdk/core:enablePartitionLiterals": True, "aws:cdk:bundling-stacks": []}
    stack = Stack(App(context=context), "Stack", env=ENVIRONMENT)
    StopOnDeleteProvider(stack, "Provider", kinds=KINDS, vpc=ec2.Vpc(stack, "Vpc"))
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    attached = [item for policy in policies for item in policy["Properties"]["PolicyDocument"]["Statement"]]
    for statement in attached:
        if "logs:PutLogEvents" in statement["Action"]:
            statement["Resource"] = "arn:aws:logs:us-west-2:123456789012:log-group:NAME:*"  # the page has no real name
    [documented] = blocks((PROJECT / "docs" / "provider.md").read_text(), "json")
    # Sets, because each kind has a policy of its own, and some have a statement in common.
    written, made = (
        {json.dumps(statement, sort_keys=True) for statement in statements}
        for statements in (json.loads(documented)["Statement"], attached)
    )
    assert written == made


def test_the_kind_of_the_example_for_contributors_has_all_that_a_kind_must_have() -> None:
    [block] = blocks((PROJECT / "CONTRIBUTING.md").read_text(), "py")
    names = {**vars(teardown), **vars(running_jobs), "Container": Container}
    exec(f"from __future__ import annotations\n{block}", names)  # noqa: S102 - the project's own page
    members = {*vars(running_jobs.Kind), *running_jobs.Kind.__annotations__}
    members = {name for name in members if not name.startswith("_")}
    assert [name for name in members - {"service"} if not hasattr(names["BatchJobs"], name)] == []


def test_every_outcome_of_the_log_is_on_the_page_for_operators() -> None:
    page = (PROJECT / "docs" / "operators.md").read_text()
    assert set(quoted(section(page, "Read the line"))) - {"outcome"} == {str(result) for result in Result}


def test_the_page_of_examples_lists_each_with_its_question() -> None:
    page = (PROJECT / "docs" / "examples.md").read_text()
    files = (PROJECT / "examples").glob("*.py")
    questions = {(file.read_text().partition("?")[0].removeprefix('"""'), file.stem) for file in files}
    assert set(re.findall(r"^\| (.+)\? \| \[(\w+)\]\(\.\./examples/\2\.py\) \|$", page, re.MULTILINE)) == questions


def test_the_page_of_the_api_is_what_the_docstrings_say() -> None:
    assert api.PAGE.read_text() == api.page(), "python -m docs.api writes it anew"


def test_the_page_for_upgrades_keeps_the_function_and_the_resource_of_0_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aws_cdk.App", functools.partial(App, outdir=str(tmp_path)))
    [block] = blocks((PROJECT / "docs" / "upgrade.md").read_text(), "python")
    exec(block, {"__name__": "__main__"})  # noqa: S102 - the project's own page
    resources = json.loads((tmp_path / "Simulation.template.json").read_text())["Resources"]
    # The logical ids that version 0.2 wrote.
    assert resources["JobB9D00F9F"]["Properties"]["ServiceToken"] == {
        "Fn::GetAtt": ["WorldExportJobProviderFunctionDC3EF343", "Arn"]
    }


def test_the_changelog_begins_with_the_version_of_the_project() -> None:
    newest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__

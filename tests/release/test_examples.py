"""cfn-lint finds nothing in the templates of the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.construct.test_examples import SHOWN, synthesize
from tests.linting import OF_THE_CDK, findings


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_cfn_lint_finds_nothing_in_an_example(name: str, tmp_path: Path) -> None:
    assert [finding for text in synthesize(name, tmp_path) for finding in findings(text, OF_THE_CDK)] == []

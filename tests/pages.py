"""What the tests read from the pages."""

from __future__ import annotations

import re


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks in a page, or in a part of one, that are in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def section(text: str, heading: str) -> str:
    """Return the part of a page under a heading, with the headings below it."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^(?!\1#)#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return found[2]


def quoted(text: str) -> list[str]:
    """Return what is quoted alone in the first column of the tables in a part of a page."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)

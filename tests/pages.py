"""What the tests read from the pages."""

from __future__ import annotations

import re

from sandbox import PROJECT


def blocks(page: str, language: str) -> list[str]:
    """Give the code blocks of a page in ``docs``, in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (PROJECT / "docs" / page).read_text(), re.DOTALL)

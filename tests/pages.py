"""What the tests read from the pages."""

from __future__ import annotations

import re


def blocks(text: str, language: str) -> list[str]:
    """Give the code blocks in a page, or in a part of one, that are in a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)

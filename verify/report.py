"""The report of a run: text for the terminal, and two files for the project, without the account's number."""

from __future__ import annotations

import json
import re
from pathlib import Path

from . import PROJECT

AS_PROMISED, AS_CLAIMED, NOT_SEEN = "as promised", "as claimed", "not seen"


class Report:
    """The results of a run.

    Parameters
    ----------
    about : dict
        When, where and with which versions it ran.

    Attributes
    ----------
    stories, seen, claims : dict
        Story -> "as promised" or how it differs, question -> answer, claim of `sandbox/README.md` -> "as claimed", how
        it differs, or "not seen".
    """

    def __init__(self, about: dict[str, str]) -> None:
        self.about = about
        self.stories: dict[str, str] = {}
        self.seen: dict[str, str] = {}
        rows = [line for line in (PROJECT / "sandbox" / "README.md").read_text().splitlines() if line.startswith("| ")]
        claims = [row.split(" | ")[0].removeprefix("| ") for row in rows if not row.endswith("| source |")]
        self.claims = dict.fromkeys(claims, NOT_SEEN)

    def story(self, name: str, went_well: bool, seen: object) -> None:
        """Record whether a story had the result that the library's pages promise."""
        self.stories[name] = AS_PROMISED if went_well else f"differs: {seen}"

    def claim(self, claim: str, holds: bool, seen: object) -> None:
        """Record whether a claim holds. It is written as in `sandbox/README.md`, and must hold each time."""
        if self.claims[claim] in (NOT_SEEN, AS_CLAIMED):
            self.claims[claim] = AS_CLAIMED if holds else f"differs: {seen}"

    def write(self, folder: Path) -> str:
        """Write `verify-report.md` and `verify-report.json`, and return the text of the first."""
        checked = {claim: result for claim, result in self.claims.items() if result != NOT_SEEN}
        others = {"all other claims": NOT_SEEN}
        tables = {"About": self.about, "Stories": self.stories, "Seen": self.seen, "Claims": {**checked, **others}}
        lines = ["# What `make verify` saw"]
        for title, table in tables.items():
            lines += ["", f"## {title}", "", "| | |", "|---|---|"]
            lines += [f"| {name} | {' '.join(cell.split()).replace('|', ' ')} |" for name, cell in table.items()]
        text = _mask("\n".join(lines) + "\n")
        (folder / "verify-report.md").write_text(text)
        (folder / "verify-report.json").write_text(
            _mask(json.dumps({**tables, "Claims": self.claims}, indent=2)) + "\n"
        )
        return text


def _mask(text: str) -> str:
    """Replace the account's number."""
    return re.sub(r"(?<!\d)\d{12}(?!\d)", "ACCOUNT", text)

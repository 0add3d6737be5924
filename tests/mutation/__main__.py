"""Runs mutmut on the handler and its unit tests, and holds what survives against survivors.toml."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENT = PROJECT / ".mutation"
WORK = ENVIRONMENT / "work"
HERE = Path(__file__).parent
MUTMUT = ENVIRONMENT / "bin" / "mutmut"

# The part of the mutants that are not equivalent which must die.
GOAL = 0.95
# Many tests wait for a clock rather than for a processor.
WORKERS = 6
DIED = ("killed", "timeout", "segfault", "caught by type check")
# What mutmut keeps of a mutant that survived, that no test came by, and whose tests could not be started. The last it
# counts as a timeout.
SURVIVED, NO_TESTS, NOT_STARTED = 0, 33, 255


@dataclass(frozen=True)
class Change:
    """What a mutant changes: a line of a function, as ``module.Class.function``."""

    where: str
    was: str
    becomes: str

    def __str__(self) -> str:
        """Show it like a difference."""
        return f"  {self.where}\n    - {self.was}\n    + {self.becomes}"


def main() -> int:
    """Make the mutants, run the tests on each, and print the score and what survived without an explanation."""
    _lay_out()
    _forget_survivors()
    if status := subprocess.run([MUTMUT, "run", "--max-children", str(WORKERS)], cwd=WORK, check=False).returncode:
        return status
    if unstarted := [name for results in _results() for name, code in _codes(results).items() if code == NOT_STARTED]:
        print(f"The tests of {len(unstarted)} mutants could not be started, such as those of {unstarted[0]}.")
        return 1
    outcomes = dict(re.findall(r"^ *(\S+): (.+)$", _mutmut("results", "--all", "true"), re.MULTILINE))
    lived = [name for name, outcome in outcomes.items() if outcome not in DIED]
    with ThreadPoolExecutor() as pool:
        changes = list(pool.map(_change, lived))

    survivors = tomllib.loads((HERE / "survivors.toml").read_text())["survivor"]
    explained = {change: survivor for change in changes for survivor in survivors if _is_meant(survivor, change)}
    equivalent = sum(explained.get(change, {}).get("equivalent", False) for change in changes)
    unexplained = [change for change in changes if change not in explained]
    stale = [survivor for survivor in survivors if survivor not in explained.values()]

    for change in unexplained:
        print(change)
    for survivor in stale:
        print(f"  survivors.toml explains what does not survive: {survivor['where']}: {survivor['was']}")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes.values()).most_common())
    score = 1 - (len(lived) - equivalent) / (len(outcomes) - equivalent)
    print(f"{len(outcomes)} mutants: {counts}. {len(unexplained)} of those that live are not explained.")
    print(f"{score:.1%} of those that are not equivalent died; the goal is {GOAL:.0%}.")
    return 0 if score >= GOAL and not stale else 1


def _lay_out() -> None:
    """Copy what mutmut works on, and keep its results, which it takes again for every function that is the same."""
    WORK.mkdir(exist_ok=True)
    # Which test comes by which function may be another since, though the test has its name still.
    (WORK / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    shutil.copy(HERE / "pyproject.toml", WORK)
    shutil.copy(PROJECT / "README.md", WORK)
    for source, target in {"lambda": "src", "tests": "tests", "sandbox": "sandbox", "docs": "docs"}.items():
        shutil.rmtree(WORK / target, ignore_errors=True)
        shutil.copytree(PROJECT / source, WORK / target, ignore=shutil.ignore_patterns("__pycache__"))


def _forget_survivors() -> None:
    """Have what lived tried again: mutmut would not, though a test may notice it by now."""
    for results in _results():
        again = (SURVIVED, NO_TESTS, NOT_STARTED)
        codes = {name: None if code in again else code for name, code in _codes(results).items()}
        results.write_text(json.dumps({**json.loads(results.read_text()), "exit_code_by_key": codes}))


def _results() -> list[Path]:
    return sorted(WORK.glob("mutants/**/*.meta"))


def _codes(results: Path) -> dict[str, int | None]:
    codes: dict[str, int | None] = json.loads(results.read_text())["exit_code_by_key"]
    return codes


def _mutmut(*arguments: str) -> str:
    return subprocess.run([MUTMUT, *arguments], cwd=WORK, capture_output=True, text=True, check=True).stdout


def _change(name: str) -> Change:
    """Read a mutant's change from its difference; where a statement has several lines, they become one."""
    lines = [line for line in _mutmut("show", name).splitlines() if not line.startswith(("+++", "---"))]
    was, becomes = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    module, _, mutant = name.rpartition(".")
    function = re.sub(r"__mutmut_\d+$", "", mutant).removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return Change(f"{module}.{function}", was, becomes)


def _is_meant(survivor: Mapping[str, Any], change: Change) -> bool:
    return (survivor["where"], survivor["was"]) == (change.where, change.was) and (
        "becomes" not in survivor or change.becomes in survivor["becomes"]
    )


if __name__ == "__main__":
    sys.exit(main())

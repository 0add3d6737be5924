"""Runs mutmut on the handler and its unit tests, and compares what survives with survivors.toml."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

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
# What mutmut notes of a mutant whose tests could not be started. It counts it as a timeout.
NOT_STARTED = 255


def main() -> int:
    """Make the mutants, run the tests on each, and print the score and what survived without an explanation."""
    _lay_out()
    if status := subprocess.run([MUTMUT, "run", "--max-children", str(WORKERS)], cwd=WORK, check=False).returncode:
        return status
    noted = [json.loads(file.read_text())["exit_code_by_key"] for file in WORK.glob("mutants/**/*.meta")]
    if unstarted := [name for codes in noted for name, code in codes.items() if code == NOT_STARTED]:
        print(f"The tests of {len(unstarted)} mutants could not be started, such as those of {unstarted[0]}.")
        print("mutmut collects the tests twice; pytest then escapes the backslashes of an id that `ids=` gives twice.")
        return 1
    outcomes = dict(re.findall(r"^ *(\S+): (.+)$", _mutmut("results", "--all", "true"), re.MULTILINE))
    lived = Counter(_function(name) for name, outcome in outcomes.items() if outcome not in DIED)
    explained = tomllib.loads((HERE / "survivors.toml").read_text())
    equivalent = sum(min(count, explained[where]["mutants"]) for where, count in lived.items() if where in explained)
    unexplained = {where: count for where, count in lived.items() if count > explained.get(where, {}).get("mutants", 0)}
    stale = [where for where, survivor in explained.items() if lived[where] < survivor["mutants"]]

    for name, outcome in outcomes.items():
        if outcome not in DIED and _function(name) in unexplained:
            print(_mutmut("show", name))
    for where in stale:
        print(f"  survivors.toml explains more than survives: {where}")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes.values()).most_common())
    score = 1 - (lived.total() - equivalent) / (len(outcomes) - equivalent)
    print(f"{len(outcomes)} mutants: {counts}. Functions with more survivors than explained: {len(unexplained)}.")
    print(f"{score:.1%} of those that are not equivalent died; the goal is {GOAL:.0%}.")
    return 0 if score >= GOAL and not stale else 1


def _lay_out() -> None:
    """Copy what mutmut works on, and nothing of an earlier run, in which a test may have failed that is gone since."""
    shutil.rmtree(WORK, ignore_errors=True)
    for source, target in {"lambda": "src", "tests": "tests", "sandbox": "sandbox", "docs": "docs"}.items():
        shutil.copytree(PROJECT / source, WORK / target, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (HERE / "pyproject.toml", PROJECT / "README.md"):
        shutil.copy(file, WORK)


def _mutmut(*arguments: str) -> str:
    return subprocess.run([MUTMUT, *arguments], cwd=WORK, capture_output=True, text=True, check=True).stdout


def _function(mutant: str) -> str:
    """Return the function that a mutant changes, as ``module.Class.function``."""
    module, _, name = mutant.rpartition(".")
    function = re.sub(r"__mutmut_\d+$", "", name).removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return f"{module}.{function}"


if __name__ == "__main__":
    sys.exit(main())

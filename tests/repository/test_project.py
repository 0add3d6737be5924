"""What the project declares for those who install it. The wheel itself is built and installed in tests/release."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement

from sandbox import PROJECT


def test_the_oldest_versions_that_it_claims_are_tested() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    claims = map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["handler"]])
    oldest = {
        claim.name: next(part.version for part in claim.specifier if part.operator in (">=", "==")) for claim in claims
    }
    tested = {**_pins("cdk-oldest"), **_pins("runtime-oldest")}
    assert oldest == {name: tested[name] for name in oldest}


def _pins(environment: str) -> dict[str, str]:
    lines = (PROJECT / "requirements" / f"{environment}.txt").read_text()
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", lines, re.MULTILINE))

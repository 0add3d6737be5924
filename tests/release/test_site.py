"""The pages are one site, in which every link leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from sandbox import PROJECT

# What Sphinx writes besides the pages.
GENERATED = ("genindex", "search")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Build the site, which fails if a page is missing from it, and give the text of each page."""
    folder = tmp_path_factory.mktemp("site")
    sphinx = str(PROJECT / ".docs" / "bin" / "sphinx-build")
    command = [sphinx, "--quiet", "--fail-on-warning", "--builder", "html", "docs", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return {page.relative_to(folder): page.read_text() for page in folder.rglob("*.html")}


def test_every_link_of_the_site_leads_somewhere(site: dict[Path, str]) -> None:
    anchors = {page: set(re.findall(r'id="([^"]+)"', text)) for page, text in site.items()}
    for page, text in site.items():
        for target in re.findall(r'<a [^>]*href="(?!https?:)([^"]+)"', text) if page.stem not in GENERATED else ():
            path, _, anchor = target.partition("#")
            linked = Path(os.path.normpath(page.parent / path)) if path else page
            is_page = linked in anchors
            assert is_page or "_downloads" in linked.parts or "_sources" in linked.parts, (page, target)
            assert not (anchor and is_page) or anchor in anchors[linked], (page, target)

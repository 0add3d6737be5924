"""The pages and the examples as one site: `make docs`."""

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

project = "cdk-world-export-job"
author = "The maintainers"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
html_static_path = ["site.css"]
html_css_files = ["site.css"]

myst_heading_anchors = 4
# A link to a file of the repository, such as a stack of the example app, becomes a download.
suppress_warnings = ["myst.xref_missing"]

# Page of the site -> file of the repository that it begins with.
FROM_THE_REPOSITORY = {"index": "README.md", "changelog": "CHANGELOG.md", "contributing": "CONTRIBUTING.md"}
# Link in the repository -> link in the site.
LINKS = {
    r"examples/(\w+)\.py": r"#\1",
    r"examples": "examples.md",
    r"README\.md": "index.md",
    r"CONTRIBUTING\.md": "contributing.md",
    r"CHANGELOG\.md": "changelog.md",
}


def read_page(_app: object, page: str, source: list[str]) -> None:
    """Add what a page takes from the repository, and let its links lead to pages of the site."""
    text = source[0]
    if page == "examples":
        text += "".join(example(file) for file in sorted((ROOT / "examples").glob("*.py")))
    if page in FROM_THE_REPOSITORY:
        text = (ROOT / FROM_THE_REPOSITORY[page]).read_text().replace("](docs/", "](") + "\n" + text
    for pattern, target in LINKS.items():
        text = re.sub(rf"\]\((?:\.\./)?{pattern}(?=[)#])", rf"]({target}", text)
    source[0] = text


def example(file: Path) -> str:
    """Return the section of an example, whose docstring has a question and its answer."""
    code = file.read_text()
    question, _, answer = (ast.get_docstring(ast.parse(code)) or file.stem).partition("? ")
    return f"\n({file.stem})=\n## {question}?\n\n{answer}\n\n```python\n{code}```\n"


def setup(app: Any) -> None:
    """Register the reader of pages."""
    app.connect("source-read", read_page)

"""Writes docs/api.md, the API reference, from the docstrings of both packages: `python -m docs.api`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import cdk_stop_on_delete
import cdk_world_export_job
from cdk_stop_on_delete import Jobs

PAGE = Path(__file__).with_suffix(".md")

_SECTION = re.compile(r"^(Parameters|Returns|Raises)\n-+\n", re.MULTILINE)
# An entry of a section, with what is indented below it.
_ENTRY = re.compile(r"^(\S.*)\n((?: .*\n?|\n)*)", re.MULTILINE)
_LITERAL_BLOCK = re.compile(r"::\n\n((?: {4}.*\n?)+)")


def page() -> str:
    """Return the page as it should be."""
    about = "`make docs` writes this page from the docstrings. `help()` shows the same."
    documented: dict[object, str] = {}
    packages = (cdk_stop_on_delete, cdk_world_export_job)
    sections = [section for package in packages for section in _package(package, documented)]
    return "\n\n".join(["# API reference", about, *sections]) + "\n"


def _package(package: ModuleType, documented: dict[object, str]) -> Iterator[str]:
    """Describe a package, and add each class and member to those that are documented, with the name of its class."""
    yield f"## {package.__name__}"
    yield _markdown(package)
    elsewhere = []
    for name in package.__all__:
        value = getattr(package, name)
        if value in documented:
            elsewhere.append(f"`{name}` ({_link(documented[value])})")
        elif isinstance(value, type):
            documented[value] = name
            yield from _class(value, documented)
    if elsewhere:
        yield _filled(f"Names from above: {', '.join(elsewhere)}.")


def _class(cls: type, documented: dict[object, str]) -> Iterator[str]:
    yield f"### {cls.__name__}"
    init = inspect.getattr_static(cls, "__init__")
    if inspect.isfunction(init) and init.__module__.startswith("cdk_"):
        yield f"```py\n{cls.__name__}{_signature(init, bound=True)}\n```"
    yield _markdown(cls)
    inherited: dict[str, list[str]] = {}
    for name, member in _members(cls):
        if member in documented:
            inherited.setdefault(documented[member], []).append(f"`{name}`")
            continue
        documented[member] = cls.__name__
        shown = getattr(cls, name)
        called = "" if isinstance(member, property) else _signature(shown, bound=inspect.isfunction(member))
        yield f"#### `{name}{called}`"
        yield _markdown(shown)
    for owner, names in inherited.items():
        yield _filled(f"As in {_link(owner)}: {', '.join(names)}.")


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    # The methods of a kind of jobs are for the constructs.
    bases = () if issubclass(cls, Jobs) and cls is not Jobs else inspect.getmro(cls)
    members = {}
    for base in reversed([base for base in bases if base.__module__.startswith("cdk_")]):
        members.update({name: member for name, member in vars(base).items() if not name.startswith("_")})
    for name, member in members.items():
        if isinstance(member, (property, classmethod, staticmethod)) or inspect.isfunction(member):
            yield name, member


def _signature(function: Any, *, bound: bool = False) -> str:
    """Write a signature without types, which are beside the parameters."""
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_Default.of(parameter.default))
        for parameter in list(signature.parameters.values())[bound:]
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


class _Default:
    """A default that a signature shows as it is written in code."""

    def __init__(self, written: str) -> None:
        self._written = written

    def __repr__(self) -> str:
        return self._written

    @classmethod
    def of(cls, value: Any) -> Any:
        if isinstance(value, Enum):
            return cls(str(value))
        return cls(value.__name__) if isinstance(value, type) and value is not inspect.Parameter.empty else value


def _markdown(documented: Any) -> str:
    """Turn a docstring into Markdown."""
    text, *sections = _SECTION.split(inspect.getdoc(documented) or "")
    parts = [
        _LITERAL_BLOCK.sub(lambda block: f":\n\n~~~text\n{textwrap.dedent(block[1]).strip()}\n~~~\n", text).strip()
    ]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        parts += [f"{title}:", "\n".join(_entry(*entry) for entry in _ENTRY.findall(f"{body}\n"))]
    return "\n\n".join(parts).replace("``", "`")


def _entry(entry: str, text: str) -> str:
    name, separator, kind = entry.partition(" : ")
    shown = _link(kind) if kind in cdk_stop_on_delete.__all__ else kind
    return _filled(f"- `{name}`{f' ({shown})' if separator else ''}: {' '.join(text.split())}")


def _filled(text: str) -> str:
    return textwrap.fill(
        text, 140, subsequent_indent="  " * text.startswith("- "), break_on_hyphens=False, break_long_words=False
    )


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


if __name__ == "__main__":
    PAGE.write_text(page())

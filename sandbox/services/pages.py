"""Pages of a listing, the newest first, which hold still while things are stopped and started between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def page(
    everything: Sequence[T], is_listed: Callable[[T], bool], token: str | None, size: int
) -> tuple[list[T], str | None]:
    """Give a page and the token of the next one, if there is more to look through: that page may be empty."""
    left = int(token or len(everything))
    found: list[T] = []
    while left and len(found) < size:
        left -= 1
        if is_listed(everything[left]):
            found.append(everything[left])
    return found, str(left) if left else None

"""Texts of BVars, which must not become keys of a table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..errors import ConversionError

__all__ = ["printed", "printing"]


class _Printed(threading.local):
    texts: set[str] | None = None


_printed: Final = _Printed()


class _Text(str):
    """What a BVar was printed into: no key, since a cache would return another tape's value."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise ConversionError(
            "A table was asked for the text that a BVar was printed into.",
            "Key a table by a text of value_of(v).",
        )


def printed(text: str) -> str:
    """A text of a BVar; noted while somebody wants to know."""
    if _printed.texts is None:
        return text
    _printed.texts.add(text)
    return _Text(text)


@contextmanager
def printing() -> Iterator[set[str]]:
    """The texts that BVars are printed into in this thread from here on."""
    outer, _printed.texts = _printed.texts, set()
    try:
        yield _printed.texts
    finally:
        _printed.texts = outer

"""Texts and bytes of BVars, which must not become keys of a table, nor numbers again."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from ..errors import ConversionError

__all__ = ["any_written", "bytes_of", "may_come_from_bvars", "printed", "printing"]


class _Printed(threading.local):
    texts: set[str | bytes] | None = None


_printed: Final = _Printed()


def _no_key(self: object) -> int:
    raise ConversionError(
        "A table was asked for the text or the bytes of a BVar.",
        "Key a table by those of value_of(v).",
    )


class _Text(str):
    """What a BVar was printed into: no key, since a cache would return another tape's value."""

    __slots__ = ()
    __hash__ = _no_key


class _Bytes(bytes):
    """The bytes of a BVar's value: no key either."""

    __slots__ = ()
    __hash__ = _no_key


def printed(text: str) -> str:
    """A text of a BVar; noted while somebody wants to know."""
    if _printed.texts is None:
        return text
    _printed.texts.add(text)
    return _Text(text)


def bytes_of(data: bytes) -> bytes:
    """The bytes of a BVar's value; noted while somebody wants to know."""
    if _printed.texts is None:
        return data
    _printed.texts.add(data)
    return _Bytes(data)


def any_written(kinds: Any) -> bool:
    """Has any BVar been written into a text, or into bytes, since somebody wants to know?"""
    return any(isinstance(text, kinds) for text in _printed.texts or ())


def may_come_from_bvars(text: object) -> bool:
    """May a text have been cut out of those that BVars were printed into?

    It may where they have digits in common, since texts are split and put together in many ways.
    """
    if not _printed.texts:
        return False
    if isinstance(text, (bytes, bytearray)):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        return False
    digits = ["".join(_DIGITS.findall(p)) for p in _printed.texts if isinstance(p, str)]
    return any(run in row for run in _DIGITS.findall(text) for row in digits)


_DIGITS: Final = re.compile(r"\d+")


@contextmanager
def printing() -> Iterator[None]:
    """Note the texts that BVars are printed into in this thread from here on, and their bytes."""
    outer, _printed.texts = _printed.texts, set()
    try:
        yield
    finally:
        _printed.texts = outer

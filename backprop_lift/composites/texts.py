"""Stand-ins for what writes and reads numbers as texts or bytes.

A number that was printed and read again has lost its tape.
"""

from __future__ import annotations

import ast
import json
import struct
from typing import Any, Final

import numpy as np

from .._bvar import BVar, has_bvar
from .._bvar.printing import any_written, may_come_from_bvars, printed
from ..errors import ConversionError
from .buffer import contents_of, fresh
from .standing_in import representative, stands_in

__all__ = ["refuse_printed", "refuse_text_of", "refuse_texts"]

_original: Any  # of the families below, each registered in a loop


# Written


@stands_in(repr)
def _repr(value: Any) -> str:
    if value.__class__ is BVar:
        return printed(repr(representative(value)))
    return repr(value)


def _array_writer(original: Any) -> None:
    @stands_in(original)
    def write(a: Any, *args: Any, **kwargs: Any) -> str:
        text: str = original(representative(a), *args, **kwargs)
        return printed(text) if has_bvar(contents_of(a)) else text


for _original in (np.array2string, np.array_repr, np.array_str):
    _array_writer(_original)


# Read


def refuse_printed(text: Any) -> None:
    """Refuse to read a number from a text that a BVar was printed into."""
    if may_come_from_bvars(text):
        raise _read(repr(text)[:60])


def _read(what: str) -> ConversionError:
    return ConversionError(
        "A number was read from a text that a BVar had been printed into.",
        "Compute with the number itself.",
        text=what,
    )


def refuse_texts(value: Any) -> None:
    """Refuse to make an array of texts among which are some of BVars."""
    if any_written(str):
        if isinstance(value, (list, tuple)):
            for part in value:
                refuse_texts(part)
        else:
            refuse_printed(value)


def refuse_text_of(args: Any) -> None:
    """Refuse BVars, and texts of BVars, as arguments of what makes another kind of number."""
    for value in args:
        refuse_printed(value)
        if has_bvar(contents_of(value)):
            raise ConversionError(
                "A number of another kind was to be made of a BVar, which has no gradient there.",
                "Work on the float itself.",
            )


def _reader(original: Any) -> None:
    """Let a function read texts, but for those of BVars."""

    @stands_in(original)
    def read(text: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_printed(text)
        return original(text, *args, **kwargs)


for _original in (ast.literal_eval, json.loads):
    _reader(_original)


def _blind_reader(original: Any, kinds: Any) -> None:
    """Let a function read what nobody can look into, while no BVar was written anywhere."""

    @stands_in(original)
    def read(*args: Any, **kwargs: Any) -> Any:
        if any_written(kinds):
            raise _read(original.__name__)
        if has_bvar(contents_of(args)):
            raise ConversionError(
                f"{original.__name__} would read the bytes of a BVar.",
                "Compute with the number itself.",
            )
        return fresh(original(*args, **kwargs))


_IN_FILES: Final = (json.load, np.loadtxt, np.genfromtxt, np.fromstring, np.fromfile)
_IN_BYTES: Final = (np.frombuffer, struct.unpack, struct.unpack_from, struct.iter_unpack)
for _original in _IN_FILES:
    _blind_reader(_original, (str, bytes))
for _original in _IN_BYTES:
    _blind_reader(_original, bytes)

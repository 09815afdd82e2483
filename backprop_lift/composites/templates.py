"""Texts made with ``%``: no name stands there, so the template itself looks through BVars.

A template is a constant of the code; in rebound code it is a `Template` in its place. Numbers in a
text that BVars were printed into are noted, as elsewhere: who reads one again is refused.
"""

from __future__ import annotations

import dis
import re
import types
from typing import Any, Final

from .._bvar import has_bvar
from .._bvar.printing import printed
from .buffer import contents_of
from .numbers import rooted

__all__ = ["Template", "with_templates"]

_NUMBER: Final = re.compile(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?")


class Template(str):
    """A text that BVars may be printed into with ``%``."""

    __slots__ = ()

    def __mod__(self, values: Any) -> str:
        """The text with the values of BVars."""
        values = contents_of(values)
        if not has_bvar(values):
            return str.__mod__(self, values)
        text = str.__mod__(self, rooted(values))
        for number in _NUMBER.findall(text):
            printed(number)
        return printed(text)


def with_templates(code: types.CodeType) -> types.CodeType:
    """Code whose constant texts before a ``%`` are templates; the same where there are none."""
    formats = any(_is_text(constant) for constant in code.co_consts) and any(
        instruction.opname == "BINARY_MODULO"
        or (instruction.opname == "BINARY_OP" and instruction.argrepr == "%")
        for instruction in dis.get_instructions(code)
    )
    constants = tuple(_constant(constant, formats) for constant in code.co_consts)
    if all(new is old for new, old in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_consts=constants)


def _is_text(constant: Any) -> bool:
    return constant.__class__ is str and "%" in constant


def _constant(constant: Any, formats: bool) -> Any:
    if isinstance(constant, types.CodeType):
        return with_templates(constant)
    return Template(constant) if formats and _is_text(constant) else constant

"""What docstrings in numpydoc's form say of parameters and results."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, Final

__all__ = ["Documented", "documented"]

_SECTION: Final = re.compile(r"^(\w[\w ]*)\n-{3,}\s*$", re.M)
_ENTRY: Final = re.compile(r"^(\*{0,2}\w+(?:, *\w+)*) *: *(.*)$")
_SHAPE: Final = re.compile(r"shape *[=:]? *[(\[]([^)\]]*)[)\]]")
_CHOICE: Final = re.compile(r"[{(\[]\s*(['\"][^})\]]*)[})\]]")
_QUOTED: Final = re.compile(r"(?:``|['\"])+([\w-]+)(?:``|['\"])+")
_FEW: Final = 8
# Dimensions that docstrings give names to.
_MANY: Final = 4


@dataclasses.dataclass(frozen=True)
class Documented:
    """What a docstring says of one parameter or result.

    Attributes
    ----------
    name : str
    kind : str
        ``"number"``, ``"int"``, ``"bool"``, ``"array"``, ``"choice"``, or empty.
    shape : tuple of int
        Of an array.
    choices : tuple of str
    """

    name: str
    kind: str = ""
    shape: tuple[int, ...] = ()
    choices: tuple[str, ...] = ()


def documented(function: Any) -> tuple[dict[str, Documented], list[Documented]]:
    """The documented parameters of a function, by name, and its results.

    Parameters
    ----------
    function : callable
    """
    docs = inspect.getdoc(function) or ""
    pieces = _SECTION.split(docs)
    sections = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    parameters = _entries(sections.get("Parameters", ""))
    return {entry.name: entry for entry in parameters}, _entries(sections.get("Returns", ""))


def _entries(section: str) -> list[Documented]:
    found: list[tuple[str, str, list[str]]] = []
    for line in section.split("\n"):
        entry = _ENTRY.match(line)
        if entry is not None:
            found.append((entry.group(1), entry.group(2), []))
        elif found and line.startswith(" "):
            found[-1][2].append(line)
    return [
        _said(name.strip(" *"), text, "\n".join(more))
        for names, text, more in found
        for name in names.split(",")
    ]


def _said(name: str, text: str, more: str) -> Documented:
    """What the type of an entry says, and the choices that its description names."""
    shape = _SHAPE.search(text)
    if shape is not None:
        return Documented(name, "array", _dimensions(shape.group(1)))
    choice = _CHOICE.search(text)
    words = text.lower()
    if choice is not None:
        choices = re.findall(r"['\"]([^'\"]+)", choice.group(1))
        return Documented(name, "choice", choices=tuple(choices))
    if re.search(r"\bstr(ing)?\b", words):
        choices = list(dict.fromkeys(_QUOTED.findall(more)))[:_FEW]
        return Documented(name, "choice" if choices else "", choices=tuple(choices))
    for kind, names in _KINDS.items():
        if any(re.search(rf"\b{word}", words) for word in names):
            return Documented(name, kind)
    return Documented(name)


_KINDS: Final = {
    "bool": ("bool",),
    "int": ("int",),
    "number": ("float", "numeric", "scalar", "number", "real"),
}


def _dimensions(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    parts = [part for part in parts if part and part not in ("...", "*")]
    numbers = [re.search(r"\d+", part) for part in parts]  # the first of "3 or 4"
    return tuple(int(number.group()) if number else _MANY + 1 for number in numbers)

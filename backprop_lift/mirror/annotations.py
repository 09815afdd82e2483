"""Annotations as source text: those that a stub can say without importing the package."""

from __future__ import annotations

import collections.abc
import datetime
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "ANY", "Imports", "accepts", "annotation_text", "annotations_of", "bvar_of", "hints_of", "is_numeric", "widened",
]  # fmt: skip

ANY: Final = "Any"


class Imports(set[str]):
    """The imports that a stub needs, and what classes are called in it.

    Parameters
    ----------
    named : callable, optional
        What a class of the mirror is called; empty for others.
    """

    def __init__(self, named: Callable[[type], str] = lambda cls: "") -> None:
        super().__init__()
        self.named = named


_SIMPLE: Final = {
    float: "float", int: "int", complex: "complex", bool: "bool", str: "str", bytes: "bytes",
    object: "object", type(None): "None", None: "None",
}  # fmt: skip
_DATES: Final = (datetime.datetime, datetime.date, datetime.timedelta)
_NUMERIC: Final = frozenset({"float", "int", "complex", "NDArray[Any]", "ArrayLike"})
_NUMBER: Final = r"\b(?:float|int|complex|NDArray\[Any\]|ArrayLike(?!\w))"
_NUMBERS: Final = re.compile(rf"{_NUMBER}(?: \| {_NUMBER})*")


def hints_of(function: Any) -> dict[str, Any]:
    """The annotations of a function; empty where they cannot be evaluated."""
    try:
        return typing.get_type_hints(inspect.unwrap(function))
    except Exception:
        return {}


def annotation_text(annotation: Any, imports: Imports) -> str:
    """An annotation as source, ``Any`` where it cannot be said.

    Parameters
    ----------
    annotation : object
    imports : set of str
        The imports that the text needs are added.
    """
    found = _text(annotation, imports)
    if found is None:
        imports.add("from typing import Any")
        return ANY
    return found


def _text(annotation: Any, imports: Imports) -> str | None:
    if _is_array_like(annotation):
        imports.add("from numpy.typing import ArrayLike")
        return "ArrayLike"
    if isinstance(annotation, type(None)) or (
        isinstance(annotation, type) and annotation in _SIMPLE
    ):
        return _SIMPLE[annotation]
    if isinstance(annotation, type) and (name := imports.named(annotation)):
        return name
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is np.ndarray or origin is np.ndarray:
        imports.update({"from numpy.typing import NDArray", "from typing import Any"})
        return "NDArray[Any]"
    if isinstance(annotation, type) and issubclass(annotation, np.generic):
        imports.add("import numpy as np")
        return f"np.{annotation.__name__}"
    if annotation in _DATES:
        imports.add("import datetime")
        return f"datetime.{annotation.__name__}"
    if origin is typing.Union or isinstance(annotation, types.UnionType):
        parts = [_text(part, imports) for part in inner]
        return None if None in parts else " | ".join(dict.fromkeys(filter(None, parts)))
    if origin is Literal and all(isinstance(v, (str, int, bool)) for v in inner):
        imports.add("from typing import Literal")
        return f"Literal[{', '.join(_literal(v) for v in inner)}]"
    return _generic(annotation, origin, inner, imports)


def _generic(annotation: Any, origin: Any, inner: tuple[Any, ...], imports: Imports) -> str | None:
    """A container, with what it holds."""
    container = origin or annotation
    if container not in (list, tuple, dict, set, frozenset) and container not in _ABSTRACT:
        return None
    name = container.__name__
    if container in _ABSTRACT:
        imports.add(f"from collections.abc import {name}")
    if not inner:
        imports.add("from typing import Any")
        count = {"dict": 2, "Mapping": 2}.get(name, 1)
        return f"{name}[{', '.join(['Any'] * count)}{', ...' * (name == 'tuple')}]"
    parts = ["..." if part is Ellipsis else _text(part, imports) for part in inner]
    return None if None in parts else f"{name}[{', '.join(filter(None, parts))}]"


_ABSTRACT: Final = (
    collections.abc.Sequence, collections.abc.Iterable, collections.abc.Mapping,
    collections.abc.Collection, collections.abc.Iterator,
)  # fmt: skip


def _literal(value: Any) -> str:
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and '"' not in text else text


def _is_array_like(annotation: Any) -> bool:
    try:
        return bool(annotation == npt.ArrayLike)
    except Exception:
        return False


def accepts(text: str, default: Any) -> bool:
    """May a parameter of this annotation have this default: None, a number or a string?"""
    parts = set(_alternatives(text)) | {text}
    if not text or parts & {ANY, "object"}:
        return True
    if "Literal[" in text and isinstance(default, (str, int)) and _literal(default) in text:
        return True
    return bool(parts & _ACCEPTING.get(type(default), frozenset()))


_ACCEPTING: Final[dict[type, frozenset[str]]] = {
    type(None): frozenset({"None"}),
    bool: frozenset({"bool", "int", "float", "complex", "ArrayLike"}),
    int: frozenset({"int", "float", "complex", "ArrayLike"}),
    float: frozenset({"float", "complex", "ArrayLike"}),
    str: frozenset({"str", "ArrayLike"}),
}


def annotations_of(
    signature: inspect.Signature, hints: Mapping[str, Any], imports: Imports
) -> dict[str, str]:
    """The annotations of parameters; one whose default is None may be None, whatever was written."""
    found = {}
    for name, p in signature.parameters.items():
        text = annotation_text(hints.get(name, Any), imports)
        found[name] = f"{text} | None" if p.default is None and not accepts(text, None) else text
    return found


def is_numeric(text: str) -> bool:
    """Does an annotation speak of numbers or arrays, and of nothing that is neither?"""
    parts = set(_alternatives(text)) - {"None"}
    return bool(parts) and parts <= _NUMERIC


def _alternatives(text: str) -> list[str]:
    """The parts of a union; what stands inside brackets stays whole."""
    found, depth = [""], 0
    for piece in text.split(" | "):
        found[-1] += f" | {piece}" if depth else piece
        depth += piece.count("[") - piece.count("]")
        if not depth:
            found.append("")
    return found[:-1]


def bvar_of(text: str, imports: Imports) -> str:
    """The annotation of a BVar of what another annotation speaks of."""
    imports.add("from backprop_lift import BVar")
    return f"BVar[{text}]"


def widened(text: str, imports: Imports) -> str:
    """An annotation, and a BVar of what it says of numbers, arrays and containers of these.

    A container may hold BVars, too: what it holds is then left open.
    """
    parts = _alternatives(text)
    numeric = [part for part in parts if _NUMBERS.search(part)]
    if not numeric:
        return text
    opened = []
    for part in parts:
        if part in numeric and part not in _NUMERIC:
            imports.add("from typing import Any")
            part = _NUMBERS.sub(ANY, part)
        opened.append(part)
    place = opened.index("None") if opened[-1] == "None" else len(opened)
    opened.insert(place, bvar_of(" | ".join(numeric), imports))
    return " | ".join(opened)

"""The stubs of classes: what editors and type checkers see of them. Pure."""

from __future__ import annotations

import builtins
import dataclasses
import enum
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from .._space import is_namedtuple
from .annotations import Imports, annotation_text, annotations_of, hints_of, is_numeric, widened
from .members import members_of
from .plan import Line

__all__ = ["Style", "class_stub", "joined"]


@dataclasses.dataclass(frozen=True)
class Style:
    """How the stubs of a module are written.

    Attributes
    ----------
    imports : set of str
        The imports that a text needs are added.
    definition : callable
        A method: ``definition(name, signature, annotations, result, docs)``.
    docs_of : callable
        A docstring as source, indented: ``docs_of(value, reason)``, with the reason why it is not
        differentiable, or none.
    base_name : callable
        What a class is called in this module; empty where the mirror does not have it.
    """

    imports: Imports
    definition: Callable[[str, inspect.Signature, dict[str, str], str, str], str]
    docs_of: Callable[[Any, str], str]
    base_name: Callable[[type], str]


# What every object has, with the same signature.
_INHERITED: Final = frozenset(dir(object)) | {"__getattr__", "__class_getitem__", "__post_init__"}


def class_stub(line: Line, style: Style) -> str:
    """The entry of a class."""
    cls = line.value
    docs = style.docs_of(cls, line.reason if line.status == "noGrad" else "")
    if issubclass(cls, enum.Enum):
        return _enumeration(line.name, cls, docs, style.imports)
    if is_namedtuple(cls):
        return _named_tuple(line.name, cls, docs, style.imports)
    bases = ", ".join(_bases(cls, style))
    head = f"class {line.name}({bases}):" if bases else f"class {line.name}:"
    body = [docs] if docs else []
    if not issubclass(cls, BaseException):
        style.imports.add("from typing import Any")
        rest = "def __getattr__(self, name: str) -> Any: ..."
        body.append(_indented(joined([*_methods(line, style), rest])))
    return f"{head} ..." if not body else "\n".join([head, "\n\n".join(body)])


def _bases(cls: type, style: Style) -> Iterator[str]:
    """The bases of a class that can be named: those of the mirror, and one of Python's own."""
    known = [base for base in cls.__bases__ if style.base_name(base)]
    yield from map(style.base_name, known)
    base = next((b for b in cls.__mro__[1:] if _is_builtin(b)), None)
    if base is not None and not any(issubclass(other, base) for other in known):
        if base in _GENERIC:
            style.imports.add("from typing import Any")
        yield _GENERIC.get(base, base.__name__)


def joined(entries: Iterable[str]) -> str:
    """Entries of a stub, apart from each other where one has a body, as formatters have it."""
    text = last = ""
    for entry in entries:
        close = last.endswith("...") and _is_function(last) and _is_function(entry)
        text += ("" if not last else "\n" if close else "\n\n") + entry
        last = entry
    return text


def _is_function(entry: str) -> bool:
    return entry.startswith(("def ", "async def ", "@"))


_GENERIC: Final[dict[Any, str]] = {
    dict: "dict[Any, Any]",
    list: "list[Any]",
    set: "set[Any]",
    frozenset: "frozenset[Any]",
    tuple: "tuple[Any, ...]",
}


def _is_builtin(cls: type) -> bool:
    return cls is not object and getattr(builtins, cls.__name__, None) is cls


def _indented(text: str) -> str:
    return "\n".join(f"    {part}" if part else "" for part in text.split("\n"))


def _methods(line: Line, style: Style) -> Iterator[str]:
    cls, refused = line.value, dict(line.refused) if line.status == "composite" else {}
    wide = line.status != "noGrad"
    try:
        signature = inspect.signature(cls)
    except (ValueError, TypeError):
        yield "def __init__(self, *args: Any, **kwargs: Any) -> None: ..."
    else:
        itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        if all(p.kind is not p.POSITIONAL_ONLY for p in signature.parameters.values()):
            itself = itself.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
        with_self = signature.replace(parameters=[itself, *signature.parameters.values()])
        annotations = _annotations(with_self, cls.__init__, style, bare=True, wide=wide)
        yield style.definition("__init__", with_self, annotations, "None", "")
    for name, function in _shown(cls).items():
        member = inspect.getattr_static(cls, name)
        docs = style.docs_of(function, refused.get(name, ""))
        result = _result(function, style, wide=wide)
        if isinstance(member, property):
            yield f"@property\ndef {name}(self) -> {result}:" + (f"\n{docs}" if docs else " ...")
            continue
        kind = type(member).__name__ if isinstance(member, (staticmethod, classmethod)) else ""
        signature = inspect.signature(function)
        annotations = _annotations(
            signature, function, style, bare=kind != "staticmethod", wide=wide
        )
        text = style.definition(name, signature, annotations, result, docs)
        text = f"async {text}" if inspect.iscoroutinefunction(function) else text
        yield f"@{kind}\n{text}" if kind else text


def _result(function: Any, style: Style, *, wide: bool) -> str:
    """What a method gives; of an object that holds BVars it may be one."""
    result = annotation_text(hints_of(function).get("return", Any), style.imports)
    return f"{result} | Any" if wide and is_numeric(result) else result


def _shown(cls: type) -> dict[str, Any]:
    """Members that type checkers must know of: public ones, and what operators and loops call."""
    found = members_of(cls)
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != cls.__module__.partition(".")[0]:
            continue
        for name, member in vars(base).items():
            special = name.startswith("__") and name.endswith("__") and name not in _INHERITED
            if special and isinstance(member, types.FunctionType):
                found.setdefault(name, member)
    return found


def _annotations(
    signature: inspect.Signature, function: Any, style: Style, *, bare: bool, wide: bool
) -> dict[str, str]:
    """The annotations of a method; `bare` says that its first parameter is the object or class."""
    hints = hints_of(function)
    found = annotations_of(signature, hints, style.imports)
    if wide:
        found = {name: widened(text, style.imports) for name, text in found.items()}
    first = next(iter(signature.parameters), "")
    if bare and first and signature.parameters[first].kind is not inspect.Parameter.VAR_POSITIONAL:
        found[first] = ""
    return found


def _enumeration(name: str, cls: Any, docs: str, imports: Imports) -> str:
    imports.add("from enum import Enum")
    members = [f"    {member.name} = {_value(member.value)}" for member in cls]
    return "\n".join([f"class {name}(Enum):", *([docs, ""] if docs else []), *members])


def _value(value: Any) -> str:
    if type(value) is str and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return repr(value) if type(value) in (int, float, bool) else "..."


def _named_tuple(name: str, cls: Any, docs: str, imports: Imports) -> str:
    imports.add("from typing import NamedTuple")
    hints = getattr(cls, "__annotations__", {})
    fields = [
        f"    {field}: {annotation_text(hints.get(field, Any), imports)}" for field in cls._fields
    ]
    return "\n".join([f"class {name}(NamedTuple):", *([docs, ""] if docs else []), *fields])

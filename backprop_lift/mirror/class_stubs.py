"""The stubs of classes: what editors and type checkers see of them. Pure."""

from __future__ import annotations

import builtins
import enum
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, Final

from .._space import is_namedtuple
from .annotations import Imports, annotation_text, hints_of
from .members import members_of
from .plan import Line

__all__ = ["class_stub"]

Definition = Callable[[str, inspect.Signature, dict[str, str], str, str], str]
Docs = Callable[[Any, str], str]

# What every object has, with the same signature.
_INHERITED: Final = frozenset(dir(object)) | {"__getattr__", "__class_getitem__", "__post_init__"}


def class_stub(line: Line, docs_of: Docs, imports: Imports, definition: Definition) -> str:
    """The entry of a class.

    Parameters
    ----------
    line : Line
    docs_of : callable
        Writes a docstring as source, indented: ``docs_of(value, reason)``, with the reason why it
        is not differentiable, or none.
    imports : set of str
        The imports that the text needs are added.
    definition : callable
        Writes a method: ``definition(name, signature, annotations, result, docs)``.
    """
    cls = line.value
    docs = docs_of(cls, line.reason if line.status == "noGrad" else "")
    if issubclass(cls, enum.Enum):
        return _enumeration(line.name, cls, docs, imports)
    if is_namedtuple(cls):
        return _named_tuple(line.name, cls, docs, imports)
    base = next((b for b in cls.__mro__[1:] if _is_builtin(b)), object)
    head = f"class {line.name}:"
    if base is not object:
        if base in _GENERIC:
            imports.add("from typing import Any")
        head = f"class {line.name}({_GENERIC.get(base, base.__name__)}):"
    body = [docs] if docs else []
    if not issubclass(cls, BaseException):
        imports.add("from typing import Any")
        methods = "\n".join(
            _indented(text) for text in _methods(line, docs_of, imports, definition)
        )
        body.append(methods + "\n    def __getattr__(self, name: str) -> Any: ...")
    return f"{head} ..." if not body else "\n".join([head, "\n\n".join(body)])


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


def _methods(line: Line, docs_of: Docs, imports: Imports, definition: Definition) -> Iterator[str]:
    cls, refused = line.value, dict(line.refused)
    try:
        signature = inspect.signature(cls)
    except (ValueError, TypeError):
        yield "def __init__(self, *args: Any, **kwargs: Any) -> None: ..."
    else:
        itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        if all(p.kind is not p.POSITIONAL_ONLY for p in signature.parameters.values()):
            itself = itself.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
        with_self = signature.replace(parameters=[itself, *signature.parameters.values()])
        hints = hints_of(cls.__init__)
        yield _method("__init__", with_self, hints, "None", "", imports, definition)
    for name, function in _shown(cls).items():
        member = inspect.getattr_static(cls, name)
        docs = docs_of(function, refused.get(name, ""))
        result = annotation_text(hints_of(function).get("return", Any), imports)
        if isinstance(member, property):
            body = f"\n{docs}" if docs else " ..."
            yield f"@property\ndef {name}(self) -> {result}:{body}"
            continue
        kind = type(member).__name__ if isinstance(member, (staticmethod, classmethod)) else ""
        text = _method(
            name, inspect.signature(function), hints_of(function), result, docs, imports,
            definition, bare=kind != "staticmethod",
        )  # fmt: skip
        yield f"@{kind}\n{text}" if kind else text


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


def _method(
    name: str,
    signature: inspect.Signature,
    hints: dict[str, Any],
    result: str,
    docs: str,
    imports: Imports,
    definition: Definition,
    *,
    bare: bool = True,
) -> str:
    """A method; `bare` says that its first parameter is the object, without an annotation."""
    annotations = {p: annotation_text(hints.get(p, Any), imports) for p in signature.parameters}
    first = next(iter(signature.parameters), "")
    if bare and signature.parameters[first].kind is not inspect.Parameter.VAR_POSITIONAL:
        annotations[first] = ""
    return definition(name, signature, annotations, result, docs)


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

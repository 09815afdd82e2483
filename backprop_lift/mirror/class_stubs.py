"""The stubs of classes: what editors and type checkers see of them. Pure."""

from __future__ import annotations

import builtins
import enum
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Final

from .._space import is_namedtuple
from .annotations import Imports, annotation_text, hints_of
from .members import members_of
from .plan import Line

__all__ = ["class_stub"]

Definition = Callable[[str, inspect.Signature, dict[str, str], str], str]


def class_stub(line: Line, docs: str, imports: Imports, definition: Definition) -> str:
    """The entry of a class.

    Parameters
    ----------
    line : Line
    docs : str
        Its docstring as source, indented.
    imports : set of str
        The imports that the text needs are added.
    definition : callable
        Writes a method: ``definition(name, signature, annotations, result)``.
    """
    cls = line.value
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
        methods = "\n".join(_indented(text) for text in _methods(line, imports, definition))
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


def _methods(line: Line, imports: Imports, definition: Definition) -> Iterator[str]:
    cls = line.value
    try:
        signature = inspect.signature(cls)
    except (ValueError, TypeError):
        yield "def __init__(self, *args: Any, **kwargs: Any) -> None: ..."
    else:
        itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        if all(p.kind is not p.POSITIONAL_ONLY for p in signature.parameters.values()):
            itself = itself.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
        with_self = signature.replace(parameters=[itself, *signature.parameters.values()])
        yield _method("__init__", with_self, hints_of(cls.__init__), "None", imports, definition)
    for name, function in members_of(cls).items():
        if isinstance(inspect.getattr_static(cls, name), property):
            yield f"@property\ndef {name}(self) -> {_result(function, imports)}: ..."
        elif not name.startswith("__"):
            signature = inspect.signature(function)
            result = _result(function, imports)
            yield _method(name, signature, hints_of(function), result, imports, definition)


def _result(function: Any, imports: Imports) -> str:
    return annotation_text(hints_of(function).get("return", Any), imports)


def _method(
    name: str,
    signature: inspect.Signature,
    hints: dict[str, Any],
    result: str,
    imports: Imports,
    definition: Definition,
) -> str:
    """A method; its first parameter has no annotation."""
    annotations = {p: annotation_text(hints.get(p, Any), imports) for p in signature.parameters}
    first = next(iter(signature.parameters), "")
    annotations[first] = ""
    return definition(name, signature, annotations, result)


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
